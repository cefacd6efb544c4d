"""``poseaug-gen convert``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from poseaug_gen.commands.grouped_help import GroupedCommand
from poseaug_gen.consumers.convert.registry import FORMATS

if TYPE_CHECKING:
    from poseaug_gen.consumers.convert.conversion import Summary

GROUPS = {"Which pairs": ("split", "rows"), "Which files": ("to", "out", "rows_per_file", "skeleton", "overwrite")}


@click.command(name="convert", cls=GroupedCommand, groups=GROUPS)
@click.argument("export", type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Choice(list(FORMATS)), help="What the files are to be (see below).")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="[default: the export's name and the format's]"
)
@click.option("--split", type=click.Choice(["training", "validation"]), help="Only rows of this split.")
@click.option("--rows", type=int, metavar="N", help="At most so many rows; of each split, where files keep them apart.")
@click.option("--rows-per-file", type=int, metavar="N", help="Of coco, tfrecord, webdataset and parquet.")
@click.option(
    "--skeleton",
    metavar="NAME",
    help="Joints of the files, such as h36m17: those that the export lacks are derived from others.",
)
@click.option("--overwrite", is_flag=True, help="Begin again, whatever conversion is there.")
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(
    export: Path,
    to: str,
    out: Path | None,
    split: str | None,
    rows: int | None,
    rows_per_file: int | None,
    skeleton: str | None,
    overwrite: bool,
    log_json: bool,
) -> None:
    from poseaug_gen.commands.progress import progress, sayer
    from poseaug_gen.consumers.convert.conversion import prepare

    say = sayer(log_json)
    conversion = prepare(export, to, out, split, rows, rows_per_file, skeleton)
    say(f"{conversion.task.rows:,} pairs of {export}")
    with progress("convert", conversion.work, log_json) as advance:
        summary = conversion.run(overwrite, advance, say)
    if log_json:
        click.echo(json.dumps({"event": "done", **dataclasses.asdict(summary)}, default=str))
    else:
        _tell(summary)


command.help = (
    """Write an export as the files that other tools read.

    What those files have no place for is said, and stays in the export. Memory does not grow with the rows. The same
    command writes the same bytes, and goes on where it was stopped: files that are there and whole are kept.

    \b
    """
    + "\n    ".join(f"{name:<13}{what}" for name, what in FORMATS.items())
    + """

    \b
    poseaug-gen convert aug.h5 --to videopose3d
    poseaug-gen convert aug.h5 --to parquet --split training --out train.parquet
    poseaug-gen convert aug.h5 --to motionbert --skeleton h36m17
    """
)


def _tell(summary: Summary) -> None:
    """What there is now, and what comes next."""
    rows = " and ".join(f"{count:,} {name + ' ' if name != 'all' else ''}pairs" for name, count in summary.rows.items())
    if not summary.made:
        click.echo(f"{summary.path}: all {summary.files} files are there and as they were written: nothing to do")
    else:
        kept = summary.files - summary.made
        files = _counted(summary.files) + (f" ({kept} of them were there already)" if kept else "")
        click.echo(f"{summary.path}: {rows} in {files}, {summary.bytes / 1e6:,.1f} MB")
        for joint, made_of in summary.derived.items():
            click.echo(f"{joint} was derived: {made_of}")
        if summary.left_out:
            click.echo(f"these files have no place for {', '.join(summary.left_out)}")
    click.echo(f"Next: {summary.next_step}")


def _counted(files: int) -> str:
    return "one file" if files == 1 else f"{files} files"
