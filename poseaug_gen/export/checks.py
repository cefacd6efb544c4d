"""What must be true of every exported row, as pure functions over a block of rows.

Each check says which rows fail it and, for one row, why. Limits that the writer tested are tested exactly;
what is computed anew is given the slack of float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poseaug_gen.bones import bones_of, lengths_of
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings, VisibilitySettings
from poseaug_gen.export.schema import recorded_settings
from poseaug_gen.models.augmentor import LENGTH_LIMIT
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.joint_limits import beyond_limits
from poseaug_gen.sources.anatomy.posture import SLACK
from poseaug_gen.validity import Limits, faults

REPROJECTION = 1e-5  # half image widths: five thousandths of a pixel at a width of 1,000
ROOT = 1e-6  # metres
ROUNDING = 1e-5  # of a ratio or an angle
BONE_SLACK = 1e-4  # metres, and share of the length: float32 at 30 m and the sum of a few bones

Check = tuple[Tensor, Callable[[int], str]]  # (rows,) bool, true where a row fails; and the reason for one row


@dataclass(frozen=True)
class Rules:
    """What a file's attributes say that its rows must keep to."""

    skeleton: Skeleton
    settings: ExportSettings
    limits: Limits
    bone_min: Tensor  # (bones,) shortest and longest of each bone, or of its twin, in the source, metres
    bone_max: Tensor
    sources: int  # rows of the source

    @classmethod
    def of(cls, skeleton: Skeleton, config: Mapping[str, Any], source: Mapping[str, Any]) -> Rules:
        """From the ``config`` and ``source`` attributes.

        Raises:
            KeyError, TypeError: they lack something.
            BadConfigError: the export's settings are none.
        """
        visibility, lengths = config["train"]["visibility"], source["bone_length_m"]
        settings = recorded_settings(config)
        trained = VisibilitySettings(visibility["nearest"], visibility["farthest"], visibility["frame"])
        limits = Limits.of_export(trained, settings)
        bone_min, bone_max = torch.tensor(lengths["min"]), torch.tensor(lengths["max"])
        # Left and right of an exported body are alike: as long as the mean of a subject's, which may differ.
        twin = torch.from_numpy(skeleton.mirror_bones)
        bone_min, bone_max = torch.minimum(bone_min, bone_min[twin]), torch.maximum(bone_max, bone_max[twin])
        return cls(skeleton, settings, limits, bone_min, bone_max, int(source["rows"]))


@torch.inference_mode()
def first_flaw(rows: Mapping[str, np.ndarray], rules: Rules) -> tuple[int, str] | None:
    """The first row of a block that fails a check, and why; None where all rows pass."""
    found: tuple[int, str] | None = None
    columns = {name: torch.from_numpy(values) for name, values in rows.items()}
    for check in (not_finite, empty, labels, cameras, detections, geometry, bones, changes, limbs, wishes):
        for bad, reason in check(columns, rules):
            if bad.any():
                row = int(bad.nonzero()[0, 0])
                if found is None or row < found[0]:  # the first check that a row fails explains the later ones
                    found = row, reason(row)
    return found


def not_finite(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    for name, values in columns.items():
        if values.is_floating_point():
            bad = ~(_largest(values) < math.inf)
            yield bad, lambda row, name=name: f"{name} holds a value that is not finite"  # type: ignore[misc]


def _largest(values: Tensor) -> Tensor:
    """The largest absolute value of each row, NaN where there is one; a fifth of the time of a test of each value."""
    return values.reshape(len(values), -1).abs().amax(1)


def empty(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """A row that was never written reads as zeros."""
    for name in ("positions_3d", "positions_2d"):
        yield _largest(columns[name]) == 0, lambda row, name=name: f"{name} is zero throughout"  # type: ignore[misc]


def labels(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    source, snapshot = columns["source_index"], columns["snapshot"]
    yield (
        (source < 0) | (source >= rules.sources),
        lambda row: f"source_index is {int(source[row])} and the source has {rules.sources:,} rows",
    )
    yield snapshot < 0, lambda row: f"snapshot is {int(snapshot[row])}, which is no epoch"
    mirrored = columns["mirrored"]
    yield (mirrored < 0) | (mirrored > 1), lambda row: f"mirrored is {int(mirrored[row])}, and must be 0 or 1"
    if "split" in columns:
        split = columns["split"]
        yield (split < 0) | (split > 1), lambda row: f"split is {int(split[row])}, and must be 0 or 1"


def cameras(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """The 2D pose is what the row's camera sees of its 3D pose, in front of it and within the frame."""
    pose, pose_2d, size = columns["positions_3d"], columns["positions_2d"], columns["image_size"]
    yield (size <= 0).any(1), lambda row: f"image_size is {size[row].tolist()}"
    error = (project(pose, columns["intrinsics"]) - pose_2d).abs().flatten(1).amax(1)
    yield (
        ~(error <= REPROJECTION),
        lambda row: (
            f"positions_2d is not the projection of positions_3d (off by {error[row]:.2g}, allowed {REPROJECTION:g})"
        ),
    )
    limits = rules.limits
    _, depth, frame = faults(pose, pose_2d, size, limits).unbind(-1)
    yield (
        depth,
        lambda row: (
            f"a joint's depth is outside {limits.nearest:g} to {limits.farthest:g} m "
            f"({pose[row, :, 2].min():.3g} to {pose[row, :, 2].max():.3g} m)"
        ),
    )
    low, high = limits.frame_range
    yield (
        frame,
        lambda row: (
            f"a joint is out of the frame, of which {low:g} to {high:g} may be used "
            f"({pose_2d[row].min():.4g} to {pose_2d[row].max():.4g})"
        ),
    )


def detections(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """A detector's confidence is a share; where it puts a joint is its own affair."""
    if "confidence" in columns:
        confidence = columns["confidence"]
        yield (
            ~((confidence >= 0) & (confidence <= 1)).all(1),
            lambda row: (
                f"confidence is between {confidence[row].min():.4g} and {confidence[row].max():.4g}, allowed 0 to 1"
            ),
        )


def geometry(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """The rigid transform is one that the augmentor can make, and the root lies where it says."""
    error = (columns["positions_3d"][:, 0] - columns["translation"]).abs().amax(1)
    yield ~(error <= ROOT), lambda row: f"the root of positions_3d is {error[row]:.2g} m away from translation"
    angle = columns["rotation"].norm(dim=-1)
    largest = math.pi * math.sqrt(3)
    yield (
        ~(angle <= largest + ROUNDING),
        lambda row: f"rotation is {angle[row]:.4g} rad long, allowed {largest:.4g}",
    )


def bones(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """No bone is longer or shorter than the source's bodies and the augmentor's limit allow."""
    ratio = columns["length_ratio"]
    yield (
        ~(ratio.abs() <= LENGTH_LIMIT + ROUNDING).all(1),
        lambda row: f"length_ratio reaches {ratio[row].abs().max():.4g}, allowed {LENGTH_LIMIT}",
    )
    fixed = torch.from_numpy(~rules.skeleton.scalable_groups)
    yield (
        (ratio[:, fixed] != 0).any(1) & (columns["snapshot"] > 0),
        lambda row: "length_ratio changes the bone whose length the augmentor keeps",
    )
    length = lengths_of(bones_of(columns["positions_3d"], rules.skeleton))
    low = rules.bone_min * (1 - LENGTH_LIMIT - BONE_SLACK) - BONE_SLACK
    high = rules.bone_max * (1 + LENGTH_LIMIT + BONE_SLACK) + BONE_SLACK
    outside = ~((length >= low) & (length <= high))

    def reason(row: int) -> str:
        bone = int(outside[row].nonzero()[0, 0])
        name = rules.skeleton.joints[bone + 1]
        return f"the bone to {name} is {length[row, bone]:.4g} m long, allowed {low[bone]:.4g} to {high[bone]:.4g} m"

    yield outside.any(1), reason


def changes(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """Measures of the change that cannot be outside their range."""
    angle = columns["angle_change"]
    yield (
        ~((angle >= -ROUNDING) & (angle <= 2 + ROUNDING)),
        lambda row: f"angle_change is {angle[row]:.4g}, and 1 - cos is between 0 and 2",
    )
    yield (
        (angle != 0) & (columns["snapshot"] == 0),
        lambda row: f"angle_change is {angle[row]:.4g}, and no augmentor turned the bones of this row",
    )
    if "difficulty" in columns:
        difficulty = columns["difficulty"]
        yield (
            ~(difficulty >= 0),
            lambda row: f"difficulty is {difficulty[row]:.4g}, and a ratio of errors is not negative",
        )


def limbs(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """No joint is beyond its limits, where rows within them were asked for."""
    if not rules.settings.within_limits:
        return
    pose = columns["positions_3d"].numpy()
    with np.errstate(all="ignore"):  # of what is not finite, which was told already
        found = beyond_limits(pose, rules.skeleton, float(SLACK) + ROUNDING)
    asked = "rows within the joint limits were asked for"
    if found is None:
        yield (
            torch.ones(len(pose), dtype=torch.bool),
            lambda row: f"{asked}, and the skeleton has not the joints for it",
        )
        return
    names, outside = list(found), np.stack(list(found.values()))

    def reason(row: int) -> str:
        beyond = [name.replace("_", " ") for name, rows in zip(names, outside, strict=True) if rows[row]]
        return f"{' and '.join(beyond)} of a limb is beyond what joints allow, and {asked}"

    yield torch.from_numpy(outside.any(0)), reason


def wishes(columns: Mapping[str, Tensor], rules: Rules) -> Iterator[Check]:
    """What the export was asked for: the writer compared the very numbers that the file holds."""
    least, difficult = rules.settings.min_score, rules.settings.difficulty_range
    if least is not None and "score_3d" in columns:
        score = columns["score_3d"]
        yield ~(score >= least), lambda row: f"score_3d is {score[row]:.6g}, and at least {least:g} was asked for"
    if difficult is not None and "difficulty" in columns:
        difficulty, (low, high) = columns["difficulty"], difficult
        yield (
            ~((difficulty >= low) & (difficulty <= high)),
            lambda row: f"difficulty is {difficulty[row]:.6g}, and {low:g} to {high:g} was asked for",
        )
