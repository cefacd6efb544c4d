"""Pairs of an export to train on: made in memory from a run, or read from the files that ``export`` wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from poseaug_gen.bones import root_relative
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.intact import intact
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.machine import cores
from poseaug_gen.export.reading import Found, Part, check_form, opened, parsed, read_attributes, skeleton_of
from poseaug_gen.export.rows import Rows, Sampler
from poseaug_gen.export.schema import CHUNK_ROWS, export_attributes, settings_hash, to_json
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.batches import Pool
from poseaug_gen.training.run_folder import RunFolder, runs_under


def made_pool(run: RunFolder, settings: ExportSettings) -> Pool:
    """The pairs that ``export`` would write with these settings, in memory.

    Raises:
        PoseAugError: the run cannot be read, or hardly a candidate is valid.
    """
    layout, sampler = Layout(Path("aug.h5"), settings.n, settings.shard_rows), Sampler(run, settings, cores())
    blocks = (rows for shard in range(layout.shards) for rows, _ in sampler.blocks(shard, layout.rows_of(shard)))
    return _filled(blocks, settings.n, run.skeleton, str(run.path))


def made_key(run: RunFolder, settings: ExportSettings) -> dict[str, Any]:
    """What those pairs depend on: run, settings, seed and augmentor, as one hash, and how the first of them lie.

    The latter tells when our own code makes others of the same settings: mean and standard deviation of the first
    pairs' joints along each axis, metres, to a tenth of a millimetre.
    """
    first, _ = next(Sampler(run, settings).blocks(0, min(settings.n, CHUNK_ROWS)))
    joints = first["positions_3d"].reshape(-1, 3).astype(np.float64)
    sample = np.concatenate([joints.mean(0), joints.std(0)]).round(4).tolist()
    return {"export": settings_hash(export_attributes(run, settings)), "rows": settings.n, "sample": sample}


def read_pool(found: Found, rows: int) -> Pool:
    """Pairs of an export's files: all of them, or where ``rows`` is fewer, chunks drawn from the whole of it.

    The files that they are in are read whole first: not a bit of them may have changed.

    Raises:
        PoseAugError: a file is missing, damaged or not this export's, or a pair is not finite.
    """
    rows = min(rows, found.rows)
    chunks = _drawn_chunks(found, rows)
    intact(replace(found, parts=tuple(part for part in found.parts if part in chunks)), hashes=True)
    intact(found)  # the others at a glance: what was drawn depends on their rows too
    skeleton = skeleton_in(found)
    return _filled(_read(chunks, skeleton), rows, skeleton, str(found.path))


def read_key(found: Found, rows: int) -> dict[str, Any]:
    """What those pairs depend on; a file's attributes tell, as they hold the hashes of its columns.

    Raises:
        PoseAugError: a file is missing, damaged or not this export's.
    """
    intact(found)
    attributes = []
    for part in found.parts:
        with opened(part.path) as file:
            attributes.append(read_attributes(file, part.path))
    return {"export": hashlib.sha256(to_json(attributes).encode()).hexdigest(), "rows": min(rows, found.rows)}


def skeleton_in(found: Found) -> Skeleton:
    """Whose poses an export holds. Raises a PoseAugError where its first file does not tell."""
    first = found.parts[0].path
    with opened(first) as file:
        return skeleton_of(read_attributes(file, first), first)


def made_of(found: Found, run: RunFolder) -> bool:
    """Whether an export was made of a run's poses, by their hash as the run recorded it, and the export with it."""
    return source_hash_in(found) == run.info().get("source_sha256")


def source_hash_in(found: Found) -> str | None:
    """The hash of the poses that an export was made of, as its run recorded it."""
    first = found.parts[0].path
    with opened(first) as file:
        return parsed(read_attributes(file, first), "run", first).get("source_sha256")


def source_poses(found: Found, run: Path | None, outputs: Path) -> PoseSet | None:
    """The source poses of the run that an export was made of, less the built-in ones that were added to them.

    An export knows its run by the hash of its poses alone, not by its place.

    Args:
        run: where that run is; None: the newest under ``outputs`` that has these poses.

    Raises:
        PoseAugError: ``run`` is none, is damaged, or is another export's. Under ``outputs`` what cannot be read is
            passed over, and where there is no such run the answer is None.
    """
    if run is not None:
        folder = RunFolder(run)
        if not folder.exists:
            raise PoseAugError(f"{run}: not a run folder (no run.json); name the one that {found.path} was made of")
        if not made_of(found, folder):
            raise PoseAugError(f"{found.path}: was not made of the poses of {run}; name its run with --run")
        return folder.source_poses
    for folder in runs_under(outputs) if source_hash_in(found) else []:
        with suppress(PoseAugError):
            if made_of(found, folder):
                return folder.source_poses
    return None


def _drawn_chunks(found: Found, rows: int) -> dict[Part, list[int]]:
    """Whole chunks that hold at least ``rows`` rows between them: where they start, of each file that has some.

    Drawn at random, as an export may be in an order that means something; the same ones each time.
    """
    starts = [(part, at) for part in found.parts for at in range(0, part.rows, CHUNK_ROWS)]
    order = np.random.default_rng(0).permutation(len(starts))
    sizes = np.array([min(CHUNK_ROWS, part.rows - at) for part, at in starts])[order]
    drawn: dict[Part, list[int]] = {}
    for number in np.sort(order[: np.searchsorted(sizes.cumsum(), rows) + 1]):
        part, at = starts[number]
        drawn.setdefault(part, []).append(at)
    return drawn


def _read(chunks: Mapping[Part, Sequence[int]], skeleton: Skeleton) -> Iterator[Rows]:
    """Those chunks, in the order of the export."""
    for part, starts in chunks.items():
        with opened(part.path) as file:
            check_form(file, part.path, skeleton, part.rows)
            for at in starts:
                yield {name: file[name][at : at + CHUNK_ROWS] for name in ("positions_3d", "positions_2d")}


def _filled(blocks: Iterator[Rows], rows: int, skeleton: Skeleton, where: str) -> Pool:
    """The first ``rows`` rows of some blocks; in memory once, in single precision."""
    batches = (
        (torch.from_numpy(block["positions_2d"]), root_relative(torch.from_numpy(block["positions_3d"])))
        for block in blocks
    )
    pool = Pool.filled(batches, rows, skeleton.num_joints)
    if not (pool.pose.isfinite().all() and pool.pose_2d.isfinite().all()):
        raise PoseAugError(f"{where}: has pairs that are not finite; poseaug-gen verify says which; make it again")
    return pool
