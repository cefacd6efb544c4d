"""The options that say what comes out of an export: each a field of ``ExportSettings``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from poseaug_gen.commands.completing import of_setting, one_of
from poseaug_gen.commands.grouped_help import RangeType, SplitType
from poseaug_gen.config import ExportSettings, export_from_dict

DEFAULTS = ExportSettings()
COLUMN_ALONE = "column"  # --difficulty without a range

Command = TypeVar("Command", bound=Callable[..., Any])

GROUPS = {
    "How many, and from what": ("n", "seed", "run_path", "outputs", "snapshots", "precision", "device"),
    "Which pairs": (
        "cameras",
        "frame",
        "depth",
        "within_limits",
        "min_score",
        "difficulty",
        "candidates",
        "balance",
        "mirror",
        "split",
    ),
    "Further columns": ("scores", "noise", "noise_scale"),
    "Files": ("out", "shard_rows", "compression", "overwrite"),
    "How the work is done": ("workers", "shard", "engine", "dry_run"),
}
TWO_WORDS = {"--cameras": ("rig", "fov")}


class RangeOrColumn(RangeType):
    """``LO:HI``, or nothing."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        return value if value == COLUMN_ALONE else super().convert(value, parameter, context)


_OPTIONS = (
    click.option(
        "--n",
        type=int,
        default=DEFAULTS.n,
        show_default=True,
        metavar="N",
        help="Pairs to make; 5_000_000 is a number too.",
    ),
    click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Another seed gives other pairs."),
    click.option(
        "--snapshots",
        default=DEFAULTS.snapshots,
        show_default=True,
        shell_complete=one_of("auto", "last", "all"),
        metavar="auto|last|all|A:B",
        help="Epochs of the augmentor, the best one (auto), the last, or several, between which rows are shared out.",
    ),
    click.option(
        "--precision",
        default=DEFAULTS.precision,
        show_default=True,
        shell_complete=of_setting("export.precision"),
        metavar="auto|fp32|bf16",
        help="Of the networks; what is stored is float32. auto: bf16 where the processor has it.",
    ),
    click.option(
        "--device",
        default=DEFAULTS.device,
        show_default=True,
        shell_complete=of_setting("export.device"),
        metavar="auto|cpu|cuda",
        help="auto: cuda where there is one; the two make other rows.",
    ),
    click.option(
        "--cameras",
        default=DEFAULTS.cameras,
        show_default=True,
        shell_complete=one_of("source", "rig", "fov"),
        metavar="source|rig FILE[:NAME]|fov LO:HI",
        help="That project the poses: as in the run, those of a rig, or with a field of view of LO to HI degrees.",
    ),
    click.option("--frame", type=RangeType(), metavar="LO:HI", help="Where joints may be; the frame is -1 to 1."),
    click.option("--depth", type=RangeType(), metavar="LO:HI", help="Depth that joints may have, metres."),
    click.option("--within-limits", is_flag=True, help="Draw pairs again that have a limb bent as no joint allows."),
    click.option("--min-score", type=float, metavar="X", help="Draw pairs of a lower 3D score again; 1 looks real."),
    click.option(
        "--difficulty",
        type=RangeOrColumn(),
        is_flag=False,
        flag_value=COLUMN_ALONE,
        metavar="[LO:HI]",
        help="Add the estimator's error on each pair over that on its source; with LO:HI, draw pairs outside again.",
    ),
    click.option(
        "--candidates",
        type=int,
        default=DEFAULTS.candidates,
        show_default=True,
        metavar="K",
        help="Of K draws for a pose keep the one nearest the middle of the wished difficulty.",
    ),
    click.option(
        "--balance",
        default=DEFAULTS.balance,
        show_default=True,
        shell_complete=of_setting("export.balance"),
        metavar="none|view",
        help="view: cover camera elevation and azimuth evenly.",
    ),
    click.option(
        "--mirror/--no-mirror", default=None, help="Mirror half of the postures, or none. [default: as in the run]"
    ),
    click.option(
        "--split",
        type=SplitType(),
        default=DEFAULTS.split,
        metavar="val=SHARE",
        help="Keep a share of the pairs for validation, on subjects of their own.",
    ),
    click.option("--scores", is_flag=True, help="Add the discriminators' scores of each pair."),
    click.option(
        "--noise",
        default=DEFAULTS.noise,
        show_default=True,
        shell_complete=of_setting("export.noise"),
        metavar="none|gaussian|mixture",
        help="Add 2D poses as a detector would find them, with their confidence.",
    ),
    click.option(
        "--noise-scale",
        type=float,
        default=DEFAULTS.noise_scale,
        show_default=True,
        metavar="X",
        help="Size of that noise; 1: as people mark joints by hand.",
    ),
    click.option(
        "--shard-rows",
        type=int,
        default=None,
        metavar="N",
        help=f"Most pairs in one file. [default: {DEFAULTS.shard_rows:,}]",
    ),
    click.option(
        "--compression",
        default=DEFAULTS.compression,
        show_default=True,
        shell_complete=of_setting("export.compression"),
        metavar="none|gzip|blosc",
        help="Of the files; what it saves and costs is in docs/scaling.md.",
    ),
)


def settings_options(command: Command) -> Command:
    """Give a command an option for each field of ``ExportSettings``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(options: dict[str, Any]) -> ExportSettings:
    """The settings that the options of :func:`settings_options` name; those that are none are left alone.

    Raises:
        BadConfigError: a value is unknown or out of bounds.
    """
    names = {field.name for field in dataclasses.fields(ExportSettings)}
    values = {name: value for name, value in options.items() if name in names and value is not None}
    wished = values.pop("difficulty", None)
    if wished is not None:
        values["difficulty"] = True
        if wished != COLUMN_ALONE:
            values["difficulty_range"] = wished
    return export_from_dict(values)
