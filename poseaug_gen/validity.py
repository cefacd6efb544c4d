"""When a 2D-3D pair is one that a camera could have taken: finite, in front of the camera, in the frame.

The published code lets through coordinates under -1 and any depth, and its clamp hides joints behind the
camera; here both sides of the frame, the depth and the clamp are tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from poseaug_gen.config import ExportSettings, Range, VisibilitySettings
from poseaug_gen.memory import rows_last

CAUSES = ("not_finite", "depth", "out_of_frame")  # a row is counted under the first that applies
LEAST_VALID = 0.01  # of random candidates: where fewer are valid, to draw enough of them takes a hundred times as long


@dataclass(frozen=True)
class Limits:
    """What counts as visible.

    Attributes:
        nearest, farthest: of every joint's depth, metres.
        frame: where a joint may be on either axis, as shares of the frame's half sides: -1 is its left and its upper
            edge, 1 its right and its lower one. One number reaches as far to either side of the middle.
    """

    nearest: float
    farthest: float
    frame: float | Range = 1.0

    @classmethod
    def of(cls, settings: VisibilitySettings) -> Limits:
        """As the settings of a run have them."""
        return cls(settings.nearest, settings.farthest, settings.frame)

    @classmethod
    def of_export(cls, settings: VisibilitySettings, export: ExportSettings) -> Limits:
        """As an export asks for them, and where it does not, as the settings of its run have them."""
        depth = export.depth or (settings.nearest, settings.farthest)
        return cls(*depth, frame=export.frame or settings.frame)

    @property
    def frame_range(self) -> Range:
        """Lowest and highest place in the frame, on either axis."""
        return self.frame if isinstance(self.frame, tuple) else (-self.frame, self.frame)


def faults(
    pose_3d: Float[Tensor, "batch joints 3"],
    pose_2d: Float[Tensor, "batch joints 2"],
    image_size: Shaped[Tensor, "batch 2"],
    limits: Limits,
) -> Bool[Tensor, "batch causes"]:
    """Which of :data:`CAUSES` each pair fails; a pair is valid where no column is true.

    A joint whose ``X/Z`` or ``Y/Z`` lies beyond the projection's clamp counts as out of frame: its 2D is the
    clamp's, not its own.
    """
    # Rows last, so that a joint's coordinate lies in one piece for all of them: a fifth of the time.
    place, seen = (rows_last(pose).permute(2, 1, 0) for pose in (pose_3d, pose_2d))  # (axis, joint, row)
    finite = (place.abs().amax((0, 1)) < math.inf) & (seen.abs().amax((0, 1)) < math.inf)  # NaN is the largest
    x, y, depth = place
    in_depth = (depth.amin(0) >= limits.nearest) & (depth.amax(0) <= limits.farthest)
    aspect = image_size[:, 1] / image_size[:, 0]  # half the frame's height, in half widths
    half = torch.stack([torch.ones_like(aspect), aspect])
    low, high = limits.frame_range
    in_frame = ((seen.amin(1) >= low * half) & (seen.amax(1) <= high * half)).all(0)
    unclamped = (torch.maximum(x.abs(), y.abs()) <= depth.abs()).all(0)
    return torch.stack([~finite, ~in_depth, ~(in_frame & unclamped)], -1)


def first_cause(fault: Bool[Tensor, "batch causes"]) -> dict[str, int]:
    """How many rows each cause is the first to reject."""
    first = fault & (fault.long().cumsum(-1) == 1)
    return dict(zip(CAUSES, first.sum(0).tolist(), strict=True))
