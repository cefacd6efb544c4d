"""``poseaug-gen sources``, and ``poseaug-gen sources convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseaug_gen.commands.completing import files
from poseaug_gen.commands.source_options import request_from, source_options
from poseaug_gen.errors import PoseAugError

if TYPE_CHECKING:
    from rich.table import Table

    from poseaug_gen.poses import PoseSet

Entry = dict[str, str]

# What a list says of each thing, with the words that stand before it.
SAID = {"description": "", "needs": "needs", "owner": "from", "licence": "licence", "citation": "cite"}
CREDITS = ("licence", "citation")
TITLES = {
    "built_in": "Built in: name it where a file would stand",
    "formats": "Files and folders of 3D poses, recognised by their content",
    "extra_2d": "Files of 2D poses, for train --extra-2d (files of 3D poses serve too)",
    "rigs": "Virtual cameras for poses in a world frame (--rig)",
}
BUILT_IN: list[Entry] = [
    {
        "name": "anatomy",
        "description": "bodies, joint limits and activities from published tables; no recording, so no licence",
        "needs": "nothing; train takes it where data/ is empty, train and convert by its name",
    }
]
RIGS: list[Entry] = [
    {
        "name": "studio",
        "description": "the four cameras of Human3.6M as published; the default",
        "citation": "Ionescu et al., Human3.6M, TPAMI 2014",
    },
    {
        "name": "ring",
        "description": "cameras around the person, drawn at random; ring:height=0.5-3,fov=40-80 and so on",
    },
    {"name": "FILE:NAME", "description": "a rig from a JSON file of yours (docs/sources.md says how it is written)"},
]


@click.group(name="sources", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List what poses can be read: formats, what each needs, and where its owners publish it.

    \b
    poseaug-gen sources
    poseaug-gen sources convert data/ --out poses.h5
    """
    if context.invoked_subcommand is not None:
        return
    lists = listed()
    if as_json:
        import json

        click.echo(json.dumps(lists, indent=2, ensure_ascii=False))
    else:
        _print(lists)


@command.command(name="convert", short_help="Read poses once, and write them in our own form.")
@click.argument("paths", nargs=-1, required=True, metavar="IN...", shell_complete=files)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("poses.h5"),
    show_default=True,
    metavar="FILE",
    help="HDF5 file to write; train, info and convert read it.",
)
@source_options
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="N",
    help="Poses that anatomy, the built-in source, makes. [default: 200000]",
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Keep so many of all poses, drawn at random.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")
def convert(
    paths: tuple[str, ...], out: Path, rows: int | None, sample: int | None, overwrite: bool, **options: Any
) -> None:
    """Read files and folders of poses (or anatomy, the built-in source) once, and write them in our own form.

    \b
    poseaug-gen sources convert data/ --out poses.h5
    poseaug-gen sources convert anatomy --rows 200000 --out anatomy.h5
    """
    from poseaug_gen.sources import read_sources
    from poseaug_gen.sources.canonical import write_poses

    if out.exists() and not overwrite:
        raise PoseAugError(f"{out}: is there already; choose another name, or replace it with --overwrite")
    request = request_from(rows=rows, **options)
    poses = read_sources(paths, request)
    if sample is not None:
        poses = poses.subsample(sample, request.seed)
    write_poses(out, poses)
    click.echo(_written(out, poses))
    click.echo(f"Next: poseaug-gen info {out}")


def listed() -> dict[str, list[Entry]]:
    """Everything that poses can come from, under the keys of :data:`TITLES`."""
    from poseaug_gen.sources import FORMATS
    from poseaug_gen.sources.extra_2d import FORMATS_2D

    return {
        "built_in": BUILT_IN,
        "formats": [_entry(format) for format in FORMATS],
        "extra_2d": [_entry(format) for format in FORMATS_2D],
        "rigs": RIGS,
    }


def _entry(format: Any) -> Entry:
    """What a format says of itself."""
    return {key: said for key in ("name", *SAID) if (said := getattr(format, key))}


def _print(lists: dict[str, list[Entry]]) -> None:
    """Tables on a terminal; elsewhere a paragraph an entry, for grep and a pager."""
    from rich.console import Console

    console = Console()
    for key, entries in lists.items():
        if console.is_terminal:
            console.print(_table(TITLES[key], entries))
            continue
        click.echo(f"{TITLES[key]}\n")
        for entry in entries:
            said = [f"{words}: {entry[key]}" if words else entry[key] for key, words in SAID.items() if key in entry]
            click.echo("\n    ".join([entry["name"], *said]) + "\n")


def _table(title: str, entries: list[Entry]) -> Table:
    """What there is, what it holds and needs, and where its owners publish it."""
    from rich.markup import escape
    from rich.table import Table

    columns: dict[str, list[str]] = {"holds": [], "needs": [], "published by": []}
    for entry in entries:
        published = [entry.get("owner", ""), *(f"{SAID[key]}: {entry[key]}" for key in CREDITS if key in entry)]
        columns["holds"].append(entry["description"])
        columns["needs"].append(entry.get("needs", ""))
        columns["published by"].append("\n".join(filter(None, published)))
    filled = {title: texts for title, texts in columns.items() if any(texts)}
    table = Table("name", *filled, title=title, title_justify="left", show_lines=True)
    for row in zip([entry["name"] for entry in entries], *filled.values(), strict=True):
        table.add_row(*map(escape, row))
    return table


def _written(path: Path, poses: PoseSet) -> str:
    return (
        f"{path}: {len(poses):,} poses of {len(poses.subject.counts()):,} subject(s) doing "
        f"{len(poses.action.counts()):,} thing(s), seen by {len(poses.camera.counts()):,} camera(s), "
        f"{path.stat().st_size / 1e6:,.1f} MB"
    )
