"""``poseaug-gen info``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseaug_gen.commands.completing import files
from poseaug_gen.commands.run_options import outputs_option, run_option
from poseaug_gen.commands.source_options import request_from, source_options
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export.json_schemas import SCHEMAS

if TYPE_CHECKING:
    from rich.table import Table
    from rich.tree import Tree

    from poseaug_gen.export.info import Description

DRAWN = 8  # poses in a picture
LONGEST = 12  # of a table of counts: more people or actions are only counted
# What is printed as a table, or is too long to print.
_APART = ("columns", "config", "bone_length_m", "pose_files", "realism")


def _print_schema(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    """Print a schema and end, as --version does; no PATH is needed."""
    if name is None or context.resilient_parsing:
        return
    from poseaug_gen.export.json_schemas import json_schema

    click.echo(json_schema(name), nl=False)
    context.exit()


@click.command(name="info")
@click.argument("path", type=click.Path(path_type=Path), shell_complete=files)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.option(
    "--draw",
    "picture",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help=f"Draw {DRAWN} poses, in 3D and as their cameras see them.",
)
@click.option(
    "--realism/--no-realism",
    "with_realism",
    default=True,
    help="Of an export, measure how plausible and how diverse its poses are, beside the source's.  [default: realism]",
)
@run_option("The run that an export was made of, which has its source poses. [default: found under --outputs]")
@outputs_option
@click.option(
    "--schema",
    type=click.Choice(SCHEMAS),
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of exports' attributes, or of their manifest, and end.",
)
@source_options
def command(
    path: Path,
    as_json: bool,
    picture: Path | None,
    with_realism: bool,
    run_path: Path | None,
    outputs: Path,
    skeleton: str | None,
    **options: Any,
) -> None:
    """Say what an export, a run folder, a pose file or a folder of these holds.

    \b
    poseaug-gen info aug.h5
    poseaug-gen info walk.bvh --rig ring --draw walk.png

    The options from --skeleton on say how pose files are read, as in train. A file of ours that names its skeleton is
    shown with that one.
    """
    if picture is not None and picture.suffix.lower() != ".png":
        raise BadConfigError(f"--draw {picture}: a picture is a PNG; give it a name that ends in .png")
    import json
    from dataclasses import replace

    from poseaug_gen.export.info import describe
    from poseaug_gen.export.schema import to_json
    from poseaug_gen.sources.facts import skeleton_within

    request = request_from(skeleton=skeleton, **options)
    own = None if skeleton else skeleton_within(path)
    found = describe(path, request if own is None else replace(request, skeleton=own))
    if run_path is not None and found.facts["kind"] != "export":
        raise BadConfigError(
            f"--run {run_path}: is the run that an export was made of, and {path} is none; leave it out"
        )
    if with_realism and found.facts["kind"] == "export":
        found.facts["realism"] = _realism(found, path, run_path, outputs)
    if picture is not None:
        _draw(found, path, picture)
    if as_json:
        click.echo(json.dumps(json.loads(to_json(found.facts)), indent=2))  # NaN, which JSON lacks, as null
    else:
        _print(str(path), found)


def _realism(found: Description, path: Path, run: Path | None, outputs: Path) -> dict[str, dict[str, Any]]:
    """Name -> all that is said of each figure of an export's poses."""
    from poseaug_gen.evaluation.exported import source_poses
    from poseaug_gen.evaluation.realism import realism
    from poseaug_gen.export.reading import find
    from poseaug_gen.poses import PoseSet

    assert isinstance(found.poses, PoseSet)  # a sample of the export's rows
    figures = realism(found.poses, source_poses(find(path), run, outputs))
    return {figure.name: {key: value for key, value in asdict(figure).items() if key != "name"} for figure in figures}


def _draw(found: Description, path: Path, picture: Path) -> None:
    """Write the picture, and say so where it does not stand among the facts."""
    from poseaug_gen.drawing import evenly_spaced, write_picture

    if found.poses is None:
        raise PoseAugError(f"{path}: is a folder, of which no file was read; name the one to draw")
    poses = evenly_spaced(found.poses, DRAWN)
    write_picture(picture, poses, path.name)
    click.echo(f"{picture}: {len(poses)} poses drawn", err=True)


def _print(title: str, found: Description) -> None:
    """The facts as a tree; columns, bones and files as tables; some poses as a drawing."""
    from rich.console import Console
    from rich.markup import escape
    from rich.tree import Tree

    from poseaug_gen.terminal_drawing import side_by_side

    console, facts = Console(), found.facts
    tree = Tree(f"[bold]{escape(title)}[/]", guide_style="dim")
    _grow(tree, {key: value for key, value in facts.items() if key not in _APART})
    console.print(tree)
    for key, table in (("columns", _columns), ("bone_length_m", _bones), ("pose_files", _files), ("realism", _figures)):
        if key in facts:
            console.print(table(facts[key]))
    if found.poses is not None and not console.options.ascii_only:
        console.print(side_by_side(found.poses, console.width))


def _columns(columns: Mapping[str, Any]) -> Table:
    """The datasets of an export."""
    from rich.table import Table

    table = Table("dataset", "shape", "type", "unit", "meaning")
    for name, column in columns.items():
        table.add_row(name, str(tuple(column["shape"])), column["dtype"], column["unit"], column["meaning"])
    return table


def _bones(people: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """How long bones are: over all people, and how much a bone's length varies in the one in whom it does most."""
    from rich.table import Table

    table = Table("bone to", "shortest, m", "longest, m", "varies in a person by, mm", title="bone lengths")
    for bone in next(iter(people.values())):
        ranges = [bones[bone] for bones in people.values()]
        varies = max(longest - shortest for shortest, longest in ranges) * 1000
        shortest, longest = min(low for low, _ in ranges), max(high for _, high in ranges)
        table.add_row(bone, f"{shortest:.3f}", f"{longest:.3f}", f"{varies:.1f}")
    return table


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """How plausible and how diverse an export's poses are."""
    from rich.table import Table

    whys = dict.fromkeys(figure["why"] for figure in figures.values() if figure["why"])
    said = [*(f"Not known: {why}." for why in whys), "What each figure is: docs/realism.md, and with --json."]
    table = Table(title="realism and diversity", caption=_text("\n".join(said)), caption_justify="left")
    for number, heading in enumerate(("figure", "export", "source itself", "unit", "better")):
        table.add_column(heading, justify="right" if number in (1, 2) else "left")
    for figure in figures.values():
        values = (_text(figure[side]) for side in ("value", "source_value"))
        table.add_row(figure["label"], *values, figure["unit"], figure["better"])
    return table


def _files(files: list[Mapping[str, Any]]) -> Table:
    """The pose files of a folder."""
    from rich.table import Table

    table = Table("file", "format", "MB")
    for file in files:
        table.add_row(_text(file["file"]), file["format"], f"{file['bytes'] / 1e6:,.1f}")
    return table


def _grow(tree: Tree, facts: Mapping[str, Any]) -> None:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            _branch(tree, key, value)
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                _branch(tree, f"{key}, {number + 1} of {len(value)}", item)
        else:
            tree.add(f"[dim]{_text(key)}:[/] {_text(value)}")


def _branch(tree: Tree, key: str, value: Mapping[str, Any]) -> None:
    """A mapping: in one line where it holds a few figures, else a line an entry."""
    if all(isinstance(item, float) for item in value.values()):
        tree.add(f"[dim]{_text(key)}:[/] " + ", ".join(f"{_text(name)} {_text(item)}" for name, item in value.items()))
        return
    branch = tree.add(_text(key))
    if len(value) > LONGEST and all(isinstance(item, int) for item in value.values()):
        shown = dict(list(value.items())[:LONGEST])
        _grow(branch, shown)
        branch.add(f"[dim]and {len(value) - LONGEST:,} more: {sum(value.values()) - sum(shown.values()):,}[/]")
    else:
        _grow(branch, value)


def _text(value: Any) -> str:
    """A fact as a person reads it; what a file says is text, never markup."""
    from rich.markup import escape

    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "not known" if value is None else escape(str(value)) or "none"
