"""What an export, a run folder or a pose file holds, as plain facts that a command can print or a script read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import MANIFEST, Found, find, opened, parsed, read_attributes, skeleton_of
from poseaug_gen.export.schema import CHUNK_ROWS, all_columns, source_facts
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.canonical import read_poses
from poseaug_gen.training.run_folder import RunFolder

SAMPLE_BLOCKS = 16  # of CHUNK_ROWS rows, spread over the file: enough for a percentile, read in a blink

Facts = dict[str, Any]


def describe(path: Path) -> Facts:
    """The facts about whatever lies at ``path``; ``kind`` says what it is.

    Raises:
        PoseAugError: it is none of an export, a run folder and a pose file, or cannot be read.
    """
    if RunFolder(path).exists:
        return describe_run(RunFolder(path))
    if path.is_dir():
        if not (path / MANIFEST).exists():
            raise PoseAugError(f"{path}: neither a run folder (no run.json) nor a folder of shards (no {MANIFEST})")
        return describe_export(find(path))
    with opened(path) as file:
        is_export = "schema_version" in file.attrs and "positions_2d" in file
    return describe_export(find(path)) if is_export else describe_poses(path)


def describe_export(found: Found) -> Facts:
    """Rows, columns, where they come from, and how the poses lie in depth and frame (a sample)."""
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
    return {
        "kind": "export",
        "rows": found.rows,
        "files": [str(part.path) for part in found.parts],
        "bytes": sum(part.path.stat().st_size for part in found.parts if part.path.exists()),
        "skeleton": skeleton_summary(skeleton),
        "columns": columns,
        "seed": attributes["seed"],
        "settings": config["export"],
        "run": run,
        "redrawn": _redrawn(found),
        "source": _source_summary(parsed(attributes, "source", first)),
        "schema_version": attributes["schema_version"],
        "tool_version": attributes["tool_version"],
        "created_from": attributes["created_from"],
        "sample": sample(found),
    }


def describe_run(run: RunFolder) -> Facts:
    """How far a run got, what it learnt from, and how it is."""
    info = run.info()
    told = ("state", "best_epoch", "epochs", "health", "versions", "rows")
    return {
        "kind": "run",
        **{name: info[name] for name in told if name in info},
        "snapshots": run.snapshots(),
        "skeleton": skeleton_summary(run.skeleton),
        "source": _source_summary(source_facts(run.poses)),
        "config": run.config.to_dict(),
    }


def describe_poses(path: Path) -> Facts:
    """How many poses, whose, doing what, and seen by which cameras."""
    poses = read_poses(path)
    return {
        "kind": "poses",
        "rows": len(poses),
        "skeleton": skeleton_summary(poses.skeleton),
        "subjects": poses.subject.counts(),
        "actions": poses.action.counts(),
        "cameras": poses.camera.counts(),
        "source": _source_summary(source_facts(poses)),
        "sample": _spread(poses.positions, poses.project()),
    }


def skeleton_summary(skeleton: Skeleton) -> Facts:
    return {"name": skeleton.name, "joints": list(skeleton.joints)}


def sample(found: Found) -> Facts:
    """Depth, place in the frame and size of the change, over rows spread evenly over the export."""
    taken: dict[str, list[np.ndarray]] = {}
    for start in _spread_starts(found.rows):
        part = next(part for part in reversed(found.parts) if part.first <= start)
        local = start - part.first
        with opened(part.path) as file:
            for name in ("positions_3d", "positions_2d", "length_ratio", "angle_change", "source_index"):
                taken.setdefault(name, []).append(_rows(file, name, local))
    whole = {name: np.concatenate(values) for name, values in taken.items()}
    return {
        **_spread(whole["positions_3d"], whole["positions_2d"]),
        "length_change_mean": float(np.abs(whole["length_ratio"]).mean()),
        "angle_change_mean": float(whole["angle_change"].mean()),
        "sources_share": len(np.unique(whole["source_index"])) / len(whole["source_index"]),
    }


def _rows(file: h5py.File, name: str, start: int) -> np.ndarray:
    return file[name][start : start + CHUNK_ROWS]


def _spread_starts(rows: int) -> list[int]:
    """The first rows of up to SAMPLE_BLOCKS whole chunks, evenly spread."""
    chunks = -(-rows // CHUNK_ROWS)
    chosen = np.unique(np.linspace(0, chunks - 1, min(chunks, SAMPLE_BLOCKS)).astype(int))
    return [int(chunk) * CHUNK_ROWS for chunk in chosen]


def _spread(pose: np.ndarray, pose_2d: np.ndarray) -> Facts:
    """Where poses lie: percentiles of the root's depth (metres), reach in the frame, height in it."""
    height = np.ptp(pose_2d[..., 1], axis=1)
    return {
        "rows_sampled": len(pose),
        "root_depth_m": _percentiles(pose[:, 0, 2]),
        "joint_depth_range_m": [float(pose[..., 2].min()), float(pose[..., 2].max())],
        "frame_reach": _percentiles(np.abs(pose_2d).max((1, 2))),
        "height_in_half_widths": _percentiles(height),
    }


def _percentiles(values: np.ndarray) -> dict[str, float]:
    return {f"p{share}": float(np.percentile(values, share)) for share in (1, 50, 99)}


def _redrawn(found: Found) -> dict[str, int]:
    """Counts by cause over the whole export."""
    total: dict[str, int] = {}
    for path in [found.index] if found.index else [part.path for part in found.parts]:
        with opened(path) as file:
            counts = parsed(read_attributes(file, path), "redrawn", path)
        total = {cause: total.get(cause, 0) + n for cause, n in counts.items()}
    return total


def _source_summary(source: Facts) -> Facts:
    """Name, licence and citation; the files and bone lengths stay in the file."""
    return {name: source[name] for name in ("name", "licence", "citation", "rows") if name in source}
