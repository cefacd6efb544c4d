"""What a report is made of: rows of an export or poses of a run, the source beside them, and the facts about both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.drawing import evenly_spaced_rows
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.exported import source_poses
from poseaug_gen.export.info import pairs_of, redrawn, sample
from poseaug_gen.export.intact import intact
from poseaug_gen.export.reading import Found, find, opened, parsed, read_attributes, skeleton_of
from poseaug_gen.export.rows import Rows
from poseaug_gen.export.schema import Column, all_columns, source_facts
from poseaug_gen.gravity import Vectors, up_of
from poseaug_gen.poses import PoseSet, mirrored_points
from poseaug_gen.report.measures import DRAWN, EXPORT, LEARNED, SOURCE
from poseaug_gen.report.runs import run_of
from poseaug_gen.report.viewpoints import carried, carried_up, trunk_up
from poseaug_gen.training.run_folder import RunFolder

SAMPLE_ROWS = 65_536  # of a run's poses or of a source; of an export as many (poseaug_gen.export.info)

Facts = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Before:
    """Rows of an export before they were augmented.

    Attributes:
        poses: the source poses as they are in the run.
        posture: root-relative, mirrored and turned as the rows are (:func:`.viewpoints.carried`).
        seen: as their own cameras see them, normalised, mirrored as the rows are.
    """

    poses: PoseSet
    posture: Float[np.ndarray, "rows joints 3"]
    seen: Float[np.ndarray, "rows joints 2"]


@dataclass(frozen=True, eq=False)
class Material:
    """All that a page tells.

    Attributes:
        name: of the export's file or the run's folder.
        total: rows of all of it; what follows is a sample, evenly spread.
        pairs: poses with their cameras, and under ``rows`` the columns beside them (``row`` is each one's number).
        up: each pair's unit vertical, camera frame.
        run: that made it; None: not at hand.
        source: what its distributions are held against, as a sample; None: not at hand, or ``pairs`` is the source.
        columns: of the export; none of a run.
        source_record, run_record, config, redrawn, attributes: what is recorded of them.
    """

    name: str
    total: int
    pairs: PoseSet
    rows: Rows
    up: Vectors
    run: RunFolder | None
    source: PoseSet | None
    columns: tuple[Column, ...]
    source_record: Facts
    run_record: Facts
    config: Facts
    redrawn: Mapping[str, int]
    attributes: Facts

    @property
    def is_export(self) -> bool:
        return bool(self.columns)

    @property
    def candidates(self) -> int:
        """How many pairs were drawn for the rows that there are, those that were redrawn among them."""
        return self.redrawn.get("candidates", self.total)

    @property
    def source_up(self) -> Vectors:
        """The source's unit verticals, told as those of the pairs are. There must be a source."""
        assert self.source is not None
        return trunk_up(self.source.positions, self.source.skeleton) if self.run is None else up_of(self.source)

    @cached_property
    def learned(self) -> Bool[np.ndarray, " rows"]:
        """Which rows of the sample the augmentor made; the others were drawn."""
        return self.rows["snapshot"] > 0

    @cached_property
    def series(self) -> dict[str, Bool[np.ndarray, " rows"]]:
        """The rows of each series of a chart: both kinds, or the one that there is."""
        if not self.is_export:
            return {SOURCE: np.ones(len(self.pairs), dtype=bool)}
        if self.learned.any() and not self.learned.all():
            return {DRAWN: ~self.learned, LEARNED: self.learned}
        return {EXPORT: np.ones(len(self.pairs), dtype=bool)}

    def tells(self, column: str) -> bool:
        """Whether a column is there and says something: drawn rows alone have no change of angles."""
        return column in self.rows and (column != "angle_change" or bool(self.learned.any()))

    @cached_property
    def run_poses(self) -> PoseSet | None:
        """The poses that ``source_index`` counts."""
        return self.run.poses if self.run is not None and self.is_export else None

    def unaugmented(self, index: np.ndarray) -> Before | None:
        """Some rows before they were augmented; None: the run is not at hand."""
        if self.run_poses is None:
            return None
        rows = {name: values[index] for name, values in self.rows.items()}
        poses = self.run_poses.take(rows["source_index"])
        seen, mirrored = poses.project(), rows["mirrored"] == 1
        seen[mirrored] = mirrored_points(seen[mirrored], poses.skeleton)
        return Before(poses, carried(rows, self.run_poses), seen)


def material_of(path: Path, named: Path | None, outputs: Path) -> Material:
    """A report's material on what lies at ``path``: a run folder or an export.

    Args:
        named, outputs: see :func:`of_export`.

    Raises:
        PoseAugError: it is neither, or cannot be read; or a run is named beside a run.
    """
    run = RunFolder(path)
    if not run.exists:
        return of_export(find(path), named, outputs)
    if named is not None:
        raise PoseAugError(f"{path}: is a run itself; leave out --run {named}")
    return of_run(run)


def of_export(found: Found, named: Path | None, outputs: Path) -> Material:
    """A report's material on an export.

    Args:
        named: the run that it was made by; None: the newest under ``outputs`` that fits.

    Raises:
        PoseAugError: a file is missing, damaged or of another export, or the run is not the one that made it.
    """
    intact(found)
    first = found.index or found.parts[0].path
    with opened(first) as file:
        attributes = read_attributes(file, first)
        present = set(file)
    skeleton = skeleton_of(attributes, first)
    records = {name: _facts(attributes, name, first) for name in ("source", "run", "config")}
    rows = sample(found, skeleton, optional=True)
    _check_images(rows, found.path)
    pairs = pairs_of(rows, skeleton)
    run = run_of(found, attributes, named, outputs)
    if run is None:  # another run may have the same poses
        source = source_poses(found, None, outputs)
        up = trunk_up(pairs.positions, skeleton)
    else:
        _check_counted(rows, run, found.path)
        source, up = run.source_poses, carried_up(rows, run.poses)
    if source is not None and source.skeleton.joints != skeleton.joints:
        raise PoseAugError(f"{found.path}: its joints are not those of the poses that it says it was made of")
    return Material(
        name=found.path.name,
        total=found.rows,
        pairs=pairs,
        rows=rows,
        up=up,
        run=run,
        source=None if source is None else source.take(evenly_spaced_rows(len(source), SAMPLE_ROWS)),
        columns=tuple(column for column in all_columns(skeleton) if column.name in present),
        source_record=records["source"],
        run_record=records["run"],
        config=records["config"],
        redrawn=redrawn(found),
        attributes=attributes,
    )


def of_run(run: RunFolder) -> Material:
    """A report's material on a run. Raises a PoseAugError where its poses cannot be read."""
    poses = run.source_poses
    numbers = evenly_spaced_rows(len(poses), SAMPLE_ROWS)
    return Material(
        name=run.path.resolve().name,
        total=len(poses),
        pairs=poses.take(numbers),
        rows={"row": numbers},
        up=up_of(poses)[numbers],
        run=run,
        source=None,
        columns=(),
        source_record=source_facts(run),
        run_record=run.info(),
        config={"train": run.config.to_dict()},
        redrawn={},
        attributes={},
    )


def _check_counted(rows: Rows, run: RunFolder, path: Path) -> None:
    """Every row names one of the run's poses."""
    index = rows["source_index"]
    if index.min() < 0 or index.max() >= len(run.poses):
        raise PoseAugError(
            f"{path}: 'source_index' reaches from {index.min()} to {index.max()}, and {run.path} has "
            f"{len(run.poses):,} poses; poseaug-gen verify {path} says what else is wrong"
        )


def _check_images(rows: Rows, path: Path) -> None:
    """Every row has an image with sides."""
    if (rows["image_size"] < 1).any():
        raise PoseAugError(f"{path}: 'image_size' has sides under a pixel; poseaug-gen verify {path} says where")


def _facts(attributes: Facts, name: str, path: Path) -> Facts:
    """An attribute that holds a JSON object."""
    facts = parsed(attributes, name, path)
    if not isinstance(facts, Mapping):
        raise PoseAugError(f"{path}: its attribute {name!r} is not a JSON object; make the export again")
    return facts
