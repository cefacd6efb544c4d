"""``poseaug-gen export``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseaug_gen.commands.completing import files
from poseaug_gen.commands.export_options import GROUPS, TWO_WORDS, settings_from, settings_options
from poseaug_gen.commands.grouped_help import GroupedCommand, ShardType
from poseaug_gen.commands.run_options import finished_run, run_options
from poseaug_gen.config import ExportSettings

if TYPE_CHECKING:
    from poseaug_gen.export.dataset import Summary
    from poseaug_gen.training.run_folder import RunFolder


@click.command(name="export", cls=GroupedCommand, groups=GROUPS, two_words=TWO_WORDS)
@click.option(
    "--out",
    default="aug.h5",
    show_default=True,
    shell_complete=files,
    metavar="FILE",
    help="HDF5 file to write, or a URL such as s3://bucket/aug.h5; of more pairs than --shard-rows it is a virtual "
    "dataset over the shards in FILE's .shards folder.",
)
@run_options
@settings_options
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="K",
    help="Processes that make a shard each and share the cores.",
)
@click.option(
    "--shard",
    type=ShardType(),
    metavar="i/n",
    help="Make shard i of n alone, counted from 0; when all are made: poseaug-gen merge.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: on the Ray cluster that is there, else on one of --workers cores.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be made, how large it is and how long it takes.")
@click.option("--overwrite", is_flag=True, help="Begin again, whatever is there already; with --shard, its shard.")
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(
    out: str,
    run_path: Path | None,
    outputs: Path,
    workers: int,
    shard: tuple[int, int] | None,
    engine: str,
    dry_run: bool,
    overwrite: bool,
    log_json: bool,
    **options: Any,
) -> None:
    """Freeze a run's augmentor and write 2D-3D pairs to HDF5.

    The same command writes the same bytes, and goes on where it was stopped: shards that are there and whole are kept.
    Pairs that no camera could have taken are drawn again; how many, and why, is said at the end and in the file.

    \b
    poseaug-gen export --n 200000 --out aug.h5
    poseaug-gen export --n 5_000_000 --workers 2 --run outputs/mine --scores
    poseaug-gen export --n 1_000_000_000 --shard $SLURM_ARRAY_TASK_ID/1000
    """
    settings = settings_from(options)
    if shard is not None:
        _check_alone(workers, engine)
        settings = _settings_of_shard(settings, shard[1], given=options["shard_rows"] is not None)
    run = finished_run(run_path, outputs)
    if dry_run:
        _tell_plan(run, settings, out, shard, workers, overwrite, log_json)
        return
    _export(run, settings, out, shard, workers, engine, overwrite, log_json)


def _check_alone(workers: int, engine: str) -> None:
    if workers > 1 or engine != "local":
        raise click.UsageError("--shard makes one shard, in this process: leave out --workers and --engine.")


def _settings_of_shard(settings: ExportSettings, shards: int, given: bool) -> ExportSettings:
    """The same, with as many rows a shard as so many shards have."""
    from poseaug_gen.export.layout import shard_layout

    layout = shard_layout(Path("aug.h5"), settings.n, settings.shard_rows, shards, given)
    return dataclasses.replace(settings, shard_rows=layout.shard_rows)


def _export(
    run: RunFolder,
    settings: ExportSettings,
    out: str,
    shard: tuple[int, int] | None,
    workers: int,
    engine: str,
    overwrite: bool,
    log_json: bool,
) -> None:
    """Do the work, and say what was done."""
    from poseaug_gen.commands.progress import progress, sayer
    from poseaug_gen.export.dataset import export, export_shard

    say = sayer(log_json)
    rows = settings.n if shard is None else min(settings.shard_rows, settings.n - shard[0] * settings.shard_rows)
    say(f"{rows:,} pairs from {run.path}")
    with progress("export", rows, log_json) as advance:
        if shard is None:
            summary = export(run, settings, out, overwrite, advance, workers, engine, say)
        else:
            summary = export_shard(run, settings, out, shard[0], overwrite, advance, say)
    if log_json:
        click.echo(json.dumps({"event": "done", **dataclasses.asdict(summary)}))
    else:
        _tell(summary, out, shard)


def _tell(summary: Summary, out: str, shard: tuple[int, int] | None) -> None:
    """What there is now, and what comes next."""
    if summary.made == 0:
        click.echo(f"{summary.path}: all {summary.rows:,} pairs are there and as they were written: nothing to do")
        return
    redrawn = ", ".join(f"{n:,} {cause}" for cause, n in summary.redrawn.items() if n and cause != "candidates")
    files = "one file" if summary.shards == 1 else f"{summary.shards} shards"
    kept = summary.shards - summary.made
    files += f" ({kept} of them were there already)" if kept else ""
    size = f"{summary.bytes / 1e6:,.1f} MB"
    click.echo(f"{summary.path}: {summary.rows:,} pairs in {files}, {size}; redrawn: {redrawn or 'none'}")
    if shard is not None and shard[1] > 1:
        click.echo(f"Next, when all {shard[1]} shards are made: poseaug-gen merge {out}")
    elif "://" not in out:
        click.echo(f"Next: poseaug-gen verify {out}")


def _tell_plan(
    run: RunFolder,
    settings: ExportSettings,
    out: str,
    shard: tuple[int, int] | None,
    workers: int,
    overwrite: bool,
    log_json: bool,
) -> None:
    """What the same command would do without --dry-run."""
    from poseaug_gen.export.dataset import in_bytes
    from poseaug_gen.export.estimate import estimate

    plan = estimate(run, settings, out, None if shard is None else shard[0], overwrite)
    if log_json:
        click.echo(json.dumps({"event": "plan", "workers": workers, **dataclasses.asdict(plan)}))
        return
    there = f", {plan.shards - plan.to_make} of them finished" if plan.to_make < plan.shards else ""
    what = f"{settings.n:,} pairs" if shard is None else f"shard {shard[0]} of {shard[1]}"
    click.echo(f"{out}: {what} in {plan.shards} file(s) with pairs{there}")
    free = "" if plan.free_bytes is None else f", {in_bytes(plan.free_bytes)} free"
    click.echo(f"to make: {plan.rows:,} pairs in {plan.to_make} file(s), {in_bytes(plan.bytes)}{free}")
    if plan.rows:
        click.echo(
            f"about {_in_time(plan.seconds)} on this machine: {plan.rows_per_second:,.0f} pairs a second, measured on "
            f"{plan.measured_rows:,} of them that were made in memory; nothing was written"
        )
    click.echo("settings that the files would record:")
    for name, value in dataclasses.asdict(plan.settings).items():
        click.echo(f"  {name} = {json.dumps(value)}")


def _in_time(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
