"""The exported file, schema 1: its datasets, one row a pair, and the attributes that say what they are.

Everything but the pairs is an attribute, as readers such as HuggingFace's refuse datasets of another length.
No attribute holds the time or an absolute path: the same command writes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import Any

from poseaug_gen import __version__
from poseaug_gen.config import Config, ExportSettings, export_from_dict
from poseaug_gen.export import lenses
from poseaug_gen.export.machine import resolved
from poseaug_gen.export.snapshots import augmentors_sha256
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.run_folder import RunFolder

SCHEMA_VERSION = 1
CHUNK_ROWS = 4096  # 786 KB of positions_3d: HDF5 1.14's chunk cache holds 1 MB, larger chunks read 8 times slower
UNITS = "metres, radians; 2D and intrinsics normalised by half the image width"
FRAME = "camera: x right, y down, z forward; 2D: x = 2u/w - 1, y = 2v/w - h/w"

# What an export tells of its run: how it was made and how it went, but not when or where.
RUN_FACTS = ("best_epoch", "epochs", "versions", "health", "rows", "source_sha256")
_CLOCK = re.compile(r"(^|_)(seconds|time|date|started|finished|per_second)($|_)")


@dataclass(frozen=True)
class Column:
    """One dataset of the file.

    Attributes:
        shape: of one row.
        dtype: as NumPy writes it, little endian.
        axes: what each axis of a row is; the label of the dataset's dimension.
        optional: whether a file may be without it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str
    unit: str
    axes: tuple[str, ...] = ()
    optional: bool = False

    @property
    def fill_value(self) -> float | int:
        """What a reader sees where a shard is missing: nothing that could be taken for data."""
        return math.nan if self.dtype == "<f4" else -1

    @property
    def row_bytes(self) -> int:
        return math.prod(self.shape) * int(self.dtype[-1])


def all_columns(skeleton: Skeleton) -> tuple[Column, ...]:
    """Every column that a file of this skeleton may have, in their order."""
    joints, groups = skeleton.num_joints, skeleton.num_groups
    xyz = ("joint", "xyz")
    return (
        Column("positions_3d", (joints, 3), "<f4", "joints in the camera frame, absolute", "metres", xyz),
        Column("positions_2d", (joints, 2), "<f4", "projection of positions_3d", "normalised", ("joint", "xy")),
        Column("detected_2d", (joints, 2), "<f4", "2D as a detector finds it", "normalised", ("joint", "xy"), True),
        Column("confidence", (joints,), "<f4", "the detector's; 1: sure", "1", ("joint",), True),
        Column("intrinsics", (9,), "<f4", "fx fy cx cy k1 k2 k3 p1 p2", "normalised", ("parameter",)),
        Column("image_size", (2,), "<i2", "width, height; u = (x + 1) w/2", "pixels", ("width_height",)),
        Column("rotation", (3,), "<f4", "axis-angle, body to camera", "radians", ("xyz",)),
        Column("translation", (3,), "<f4", "root in the camera frame", "metres", ("xyz",)),
        Column("length_ratio", (groups,), "<f4", "bone length change", "share of the length", ("length_group",)),
        Column("angle_change", (), "<f4", "mean 1 - cos over the bones", "1"),
        Column("score_3d", (), "<f4", "3D discriminator, mean of its parts; 1: real", "1", optional=True),
        Column("score_2d", (), "<f4", "2D discriminator; 1: real", "1", optional=True),
        Column("difficulty", (), "<f4", "estimator's error on the pair over that on its source", "1", optional=True),
        Column("source_index", (), "<i8", "row in the run's poses.h5", "row"),
        Column("mirrored", (), "<i1", "1: the source pose was mirrored first", "1"),
        Column("snapshot", (), "<i2", "epoch of the augmentor that made it", "epoch"),
        Column("split", (), "<i1", "0: for training, 1: for validation", "1", optional=True),
    )


def columns_of(skeleton: Skeleton, settings: ExportSettings) -> tuple[Column, ...]:
    """The columns of an export with these settings."""
    scores = settings.scores or settings.min_score is not None
    noise = settings.noise != "none"
    wanted = {
        "detected_2d": noise,
        "confidence": noise,
        "score_3d": scores,
        "score_2d": scores,
        "difficulty": settings.difficulty or settings.difficulty_range is not None,
        "split": settings.split > 0,
    }
    return tuple(column for column in all_columns(skeleton) if wanted.get(column.name, True))


def export_attributes(run: RunFolder, settings: ExportSettings) -> dict[str, str | int]:
    """The attributes that all files of an export share, in their order."""
    info, settings = run.info(), resolved(settings)
    facts = {name: _without_clock(info[name]) for name in RUN_FACTS if name in info}
    return {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "units": UNITS,
        "frame": FRAME,
        "skeleton": to_json(run.skeleton.describe()),
        "config": to_json(
            {"train": _without_folders(run.config), "export": {**asdict(settings), **lenses.record(settings)}}
        ),
        "run": to_json(facts),
        "seed": settings.seed,
        "source": to_json(source_facts(run)),
        "created_from": augmentors_sha256(run, settings.snapshots),
    }


def recorded_settings(config: Mapping[str, Any]) -> ExportSettings:
    """The export's settings in the ``config`` attribute, less what is told beside them.

    Those that an older version did not know have their defaults.

    Raises:
        BadConfigError: they are not settings of an export.
        KeyError: there are none.
    """
    known = {setting.name for setting in fields(ExportSettings)}
    return export_from_dict({name: value for name, value in config["export"].items() if name in known})


def source_facts(run: RunFolder) -> dict[str, Any]:
    """Where the source poses come from (with ``licence`` and ``citation``), how many, and the bodies in them.

    And where there were any: under ``built_in`` the built-in poses that were added to them, under ``extra_2d`` where
    the 2D poses come from that steered the augmentor.
    """
    poses, extra, built_in = run.poses, run.extra_2d, run.info().get("source", {}).get("built_in")
    lengths = poses.bone_lengths()
    extremes = {"min": lengths.min(0).tolist(), "max": lengths.max(0).tolist()}
    facts = {"licence": "", "citation": "", **poses.provenance, "rows": len(poses), "bone_length_m": extremes}
    if built_in is not None:
        facts["built_in"] = built_in
    return facts if extra is None else {**facts, "extra_2d": list(extra.provenance)}


def settings_hash(attributes: Mapping[str, Any]) -> str:
    """What all shards of one export have in common, as one hash: settings, run, seed, source, augmentor."""
    kept = ("schema_version", "skeleton", "config", "run", "seed", "source", "created_from")
    return hashlib.sha256(to_json([attributes[name] for name in kept]).encode()).hexdigest()


def to_json(value: Any) -> str:
    """JSON in one line, keys in their order; NaN, which JSON lacks, as null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _without_clock(value: Any) -> Any:
    """A run's facts less those that a repetition of the run would change."""
    if isinstance(value, Mapping):
        return {key: _without_clock(item) for key, item in value.items() if not _CLOCK.search(str(key))}
    return value


def _without_folders(config: Config) -> dict[str, dict[str, Any]]:
    """A run's configuration with the names of its files alone: where they lay is nobody else's business."""
    sections = config.to_dict()
    source = sections["source"]
    for key in ("paths", "extra_2d"):
        source[key] = [PurePath(path).name for path in source[key]]
    for key in ("rig", "skeleton", "joints"):
        source[key] = PurePath(source[key]).name
    return sections
