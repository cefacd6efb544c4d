"""When a 2D-3D pair is one that a camera could have taken: finite, in front of the camera, in the frame.

The published code lets through coordinates under -1 and any depth, and its clamp hides joints behind the
camera; here both sides of the frame, the depth and the clamp are tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from poseaug_gen.config import VisibilitySettings

CAUSES = ("not_finite", "depth", "out_of_frame")  # a row is counted under the first that applies
LEAST_VALID = 0.01  # of random candidates: where fewer are valid, to draw enough of them takes a hundred times as long


@dataclass(frozen=True)
class Limits:
    """What counts as visible: every joint's depth in metres, and the frame as a share of its half sides."""

    nearest: float
    farthest: float
    frame: float = 1.0

    @classmethod
    def of(cls, settings: VisibilitySettings) -> Limits:
        """As the settings of a run have them."""
        return cls(settings.nearest, settings.farthest, settings.frame)


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
    finite = pose_3d.isfinite().flatten(1).all(1) & pose_2d.isfinite().flatten(1).all(1)
    depth = pose_3d[..., 2]
    in_depth = ((depth >= limits.nearest) & (depth <= limits.farthest)).all(1)
    aspect = image_size[:, 1] / image_size[:, 0]  # half the frame's height, in half widths
    half = torch.stack([torch.ones_like(aspect), aspect], -1)[:, None] * limits.frame
    in_frame = (pose_2d.abs() <= half).flatten(1).all(1)
    unclamped = (pose_3d[..., :2].abs() <= depth[..., None].abs()).flatten(1).all(1)
    return torch.stack([~finite, ~in_depth, ~(in_frame & unclamped)], -1)


def first_cause(fault: Bool[Tensor, "batch causes"]) -> dict[str, int]:
    """How many rows each cause is the first to reject."""
    first = fault & (fault.long().cumsum(-1) == 1)
    return dict(zip(CAUSES, first.sum(0).tolist(), strict=True))
