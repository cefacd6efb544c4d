"""The options that say how poses are read, the same wherever a command reads some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poseaug_gen.commands.completing import one_of, skeletons
from poseaug_gen.config import LARGEST_SEED, SourceSettings
from poseaug_gen.errors import BadConfigError, nearest

if TYPE_CHECKING:
    from poseaug_gen.sources.formats import Request

AUTO = "auto"

Command = TypeVar("Command", bound=Callable[..., Any])

# None where an option is not given, so that a command can tell, and a configuration file stand behind it.
_OPTIONS = (
    click.option(
        "--skeleton",
        shell_complete=skeletons(),
        metavar="NAME|FILE",
        help="A built-in skeleton (h36m16, h36m17, coco17) or a TOML file. [default: h36m16]",
    ),
    click.option(
        "--rig",
        shell_complete=one_of("studio", "ring", or_files=True),
        metavar="NAME|FILE:NAME",
        help="Virtual cameras for poses in a world frame: studio, ring, or e.g. rigs.json:street. [default: studio]",
    ),
    click.option(
        "--views",
        type=click.Choice(["each", "one"]),
        help="Each camera of the rig sees each pose, or one drawn at random. [default: each]",
    ),
    click.option(
        "--joints",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="TOML file that says what your files call joints, and how to derive those they lack.",
    ),
    click.option(
        "--unit", metavar="UNIT", help="Unit of motion capture that does not say: m, cm, mm, in, … [default: auto]"
    ),
    click.option(
        "--up",
        type=click.Choice([AUTO, "x", "y", "z"]),
        help="Vertical axis of motion capture that does not say. [default: auto]",
    ),
    click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Seed of everything random. [default: 0]"),
)


def source_options(command: Command) -> Command:
    """Give a command the options ``skeleton``, ``rig``, ``views``, ``joints``, ``unit``, ``up`` and ``seed``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def request_from(
    *,
    skeleton: str | None = None,
    rig: str | None = None,
    views: str | None = None,
    joints: str | Path | None = None,
    unit: str | None = None,
    up: str | None = None,
    seed: int | None = None,
    rows: int | None = None,
) -> Request:
    """How poses are to be read, from what was typed; what is None or empty has its default.

    Raises:
        BadConfigError: there is no such unit.
        PoseAugError: there is no such skeleton, rig or table of joints, or it does not hold what it should.
    """
    from poseaug_gen.skeleton import load_skeleton
    from poseaug_gen.sources.formats import Request
    from poseaug_gen.sources.joints import joint_names
    from poseaug_gen.sources.rigs import load_rig
    from poseaug_gen.sources.units import UNITS

    if unit and unit not in (AUTO, *UNITS):
        raise BadConfigError(f"--unit {unit}: not a unit; {nearest(unit, (AUTO, *UNITS))}")
    usual = SourceSettings()
    request = Request(
        skeleton=load_skeleton(skeleton or usual.skeleton),
        rig=load_rig(rig or usual.rig, "one" if (views or usual.views) == "one" else "each"),
        names=joint_names(Path(joints)) if joints else joint_names(),
        unit=unit or usual.unit,
        up=up or usual.up,
        seed=seed or 0,
    )
    return request if rows is None else replace(request, rows=rows)
