"""What an export, a run folder or files of poses hold, as plain facts that a command can print or a script read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.intact import intact
from poseaug_gen.export.reading import (
    MANIFEST,
    REMAKE,
    Found,
    check_form,
    find,
    opened,
    parsed,
    read_attributes,
    skeleton_of,
)
from poseaug_gen.export.rows import Rows
from poseaug_gen.export.schema import CHUNK_ROWS, all_columns, source_facts
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources import BUILT_IN, FORMATS, read_sources, source_files
from poseaug_gen.sources.extra_2d import FORMATS_2D, read_extra_2d
from poseaug_gen.sources.facts import Facts, pose_facts, pose_facts_2d, skeleton_summary, spread
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.safe_h5 import looks_like_hdf5
from poseaug_gen.training.run_folder import RunFolder

SAMPLE_BLOCKS = 16  # of CHUNK_ROWS rows, spread over the file: enough for a percentile, read in a blink
BUILT_IN_ROWS = 10_000  # of the built-in source, made to tell what it makes


@dataclass(frozen=True)
class Description:
    """What lies at a path.

    Attributes:
        facts: JSON can hold them; ``kind`` is ``run``, ``export``, ``poses``, ``2D poses``, ``folder`` or
            ``built-in source``.
        poses: of which a few can be drawn; None: there are none, or too many files of them.
    """

    facts: Facts
    poses: PoseSet | Poses2D | None = None


def describe(path: Path, request: Request) -> Description:
    """What lies at ``path``.

    Args:
        request: how a pose file is to be read.

    Raises:
        PoseAugError: it is none of a run folder, an export, a pose file and a folder of these, or cannot be read.
    """
    try:
        run = RunFolder(path)
        if run.exists:
            return describe_run(run)
        if path.is_dir() and not (path / MANIFEST).exists():
            return describe_folder(path)
        if str(path) == BUILT_IN and not path.exists():
            poses = read_sources([BUILT_IN], replace(request, rows=BUILT_IN_ROWS))
            return Description({"kind": "built-in source", **pose_facts(poses)}, poses)
        if not path.exists():
            raise PoseAugError(f"{path}: there is no such file or folder; check the path")
        if path.is_dir() or _is_export(path):
            return describe_export(find(path))
        return describe_poses(path, request)
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error


def _is_export(path: Path) -> bool:
    """Whether the file is one that ``poseaug-gen export`` wrote. Raises a PoseAugError where there is no file."""
    if path.is_file() and not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return "schema_version" in file.attrs and "positions_2d" in file


def describe_export(found: Found) -> Description:
    """Rows, columns, where they come from, and how the poses lie in depth and frame (a sample).

    Raises:
        PoseAugError: a file is missing, truncated or not this export's, or the sample is not finite.
    """
    intact(found)
    first = found.index or found.parts[0].path
    with opened(first) as file:
        attributes = read_attributes(file, first)
        skeleton = skeleton_of(attributes, first)
        present = [column for column in all_columns(skeleton) if column.name in file]
        columns = {
            column.name: {
                "shape": [found.rows, *column.shape],
                "dtype": file[column.name].dtype.name,
                "unit": column.unit,
                "meaning": column.meaning,
            }
            for column in present
        }
    config, run = parsed(attributes, "config", first), parsed(attributes, "run", first)
    rows = sample(found, skeleton)
    pairs = pairs_of(rows, skeleton)
    facts = {
        "kind": "export",
        "rows": found.rows,
        "files": [str(part.path) for part in found.parts],
        "bytes": sum(part.path.stat().st_size for part in found.parts),
        "skeleton": skeleton_summary(skeleton),
        "columns": columns,
        "seed": attributes["seed"],
        # None is left to the run's own settings, which stand in its configuration.
        "settings": {name: value for name, value in config["export"].items() if value is not None},
        "run": run,
        "redrawn": redrawn(found),
        "source": _source_summary(parsed(attributes, "source", first)),
        "schema_version": attributes["schema_version"],
        "tool_version": attributes["tool_version"],
        "created_from": attributes["created_from"],
        "sample": {
            **spread(pairs),
            "length_change_mean": float(np.abs(rows["length_ratio"]).mean()),
            "angle_change_mean": float(rows["angle_change"].mean()),
            "sources_share": len(np.unique(rows["source_index"])) / len(rows["source_index"]),
        },
    }
    return Description(facts, pairs)


def describe_run(run: RunFolder) -> Description:
    """How far a run got, what it learnt from, and how it is."""
    info = run.info()
    told = ("state", "best_epoch", "epochs", "health", "versions", "rows")
    facts = {
        "kind": "run",
        **{name: info[name] for name in told if name in info},
        "snapshots": run.snapshots(),
        "skeleton": skeleton_summary(run.skeleton),
        "source": _source_summary(source_facts(run)),
        "config": run.config.to_dict(),
    }
    return Description(facts, run.poses)


def describe_poses(path: Path, request: Request) -> Description:
    """Whose poses, doing what, how large, seen by which cameras from where; for a skeleton and through a rig.

    Of 2D poses alone: how many are of use, which joints they know, and how they lie in the frame. Some files can be
    either, and want another beside them for 3D; ``why_not_3d`` says what was wrong.
    """
    in_3d = next((format for format in FORMATS if format.recognises(path)), None)
    in_2d = next((format for format in FORMATS_2D if format.recognises(path)), None)
    facts: Facts = {}
    try:
        if in_3d is not None:
            poses = in_3d.read(path, request)
            return Description({"kind": "poses", "format": in_3d.name, **pose_facts(poses)}, poses)
    except PoseAugError as error:
        if in_2d is None:
            raise
        facts["why_not_3d"] = str(error)
    if in_2d is None:
        raise PoseAugError(f"{path}: not of a known format; poseaug-gen sources lists those that are")
    poses_2d = read_extra_2d([path], request)
    return Description({"kind": "2D poses", "format": in_2d.name, **facts, **pose_facts_2d(poses_2d)}, poses_2d)


def describe_folder(path: Path) -> Description:
    """The files of 3D poses in a folder and below it."""
    if not any(path.iterdir()):
        raise PoseAugError(
            f"{path}: neither a run folder (no run.json), nor a folder of shards (no {MANIFEST}), nor one of pose "
            f"files: it is empty"
        )
    files = [
        {"file": str(file.relative_to(path)), "format": format.name, "bytes": file.stat().st_size}
        for file, format in source_files(path)
    ]
    return Description({"kind": "folder", "pose_files": files})


def sample(found: Found, skeleton: Skeleton, optional: bool = False) -> Rows:
    """Rows of an export in blocks that are spread evenly over it, and under ``row`` their numbers.

    Args:
        optional: read the columns too that not every export has, where it has them.

    Raises:
        PoseAugError: a file is missing or damaged.
    """
    taken: dict[str, list[np.ndarray]] = {}
    columns = all_columns(skeleton)
    for start in _spread_starts(found.rows):
        part = next(part for part in reversed(found.parts) if part.first <= start)
        local = start - part.first
        taken.setdefault("row", []).append(np.arange(start, part.first + min(local + CHUNK_ROWS, part.rows)))
        with opened(part.path) as file:
            check_form(file, part.path, skeleton, part.rows)
            for name in [c.name for c in columns if not c.optional or (optional and c.name in file)]:
                taken.setdefault(name, []).append(file[name][local : local + CHUNK_ROWS])
                if not np.isfinite(taken[name][-1]).all():
                    raise PoseAugError(
                        f"{part.path}: {name!r} is not finite everywhere; poseaug-gen verify {found.path} says where"
                    )
    return {name: np.concatenate(values) for name, values in taken.items()}


def pairs_of(rows: Rows, skeleton: Skeleton) -> PoseSet:
    """The poses and cameras of an export's rows, whose subjects are nobody."""
    unknown = Labels.constant("unknown", len(rows["positions_3d"]))
    return PoseSet(
        skeleton=skeleton,
        positions=rows["positions_3d"],
        intrinsics=rows["intrinsics"],
        image_size=rows["image_size"],
        subject=unknown,
        action=unknown,
        camera=unknown,
    )


def _spread_starts(rows: int) -> list[int]:
    """The first rows of up to SAMPLE_BLOCKS whole chunks, evenly spread."""
    chunks = -(-rows // CHUNK_ROWS)
    chosen = np.unique(np.linspace(0, chunks - 1, min(chunks, SAMPLE_BLOCKS)).astype(int))
    return [int(chunk) * CHUNK_ROWS for chunk in chosen]


def redrawn(found: Found) -> dict[str, int]:
    """Counts by cause over the whole export.

    Raises:
        PoseAugError: a file is damaged, or its counts are.
    """
    total: dict[str, int] = {}
    for path in [found.index] if found.index else [part.path for part in found.parts]:
        with opened(path) as file:
            counts = parsed(read_attributes(file, path), "redrawn", path)
        if not isinstance(counts, dict) or not all(isinstance(n, int) for n in counts.values()):
            raise PoseAugError(f"{path}: its attribute 'redrawn' is not counts by cause; {REMAKE}")
        total = {cause: total.get(cause, 0) + n for cause, n in counts.items()}
    return total


def _source_summary(source: Facts) -> Facts:
    """Name, licence and citation; the files and bone lengths stay in the file."""
    return {name: source[name] for name in ("name", "licence", "citation", "rows") if name in source}
