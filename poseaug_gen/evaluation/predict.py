"""What a lifter says of 2D poses, with the field's flip test-time augmentation (VideoPose3D, PoseAug)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from poseaug_gen.bones import constant, root_relative
from poseaug_gen.skeleton import Skeleton

TILE_ROWS = 8192  # that go through a lifter at once


@torch.inference_mode()
def predict(
    model: nn.Module, pose_2d: Float[Tensor, "rows joints 2"], skeleton: Skeleton
) -> Float[Tensor, "rows joints 3"]:
    """Root-relative poses, metres: the mean of what the lifter makes of each 2D pose and of its mirror image.

    The work is done where the model lies, tile by tile; the result lies where ``pose_2d`` does.
    """
    model.eval()
    device = next(model.parameters()).device
    mirror = constant(skeleton, "mirror_joints", device, torch.int64)
    flip = torch.tensor([-1.0, 1.0, 1.0], device=device)
    predicted = pose_2d.new_empty(*pose_2d.shape[:2], 3)
    for start in range(0, len(pose_2d), TILE_ROWS):
        tile = pose_2d[start : start + TILE_ROWS].to(device)
        mirrored = model(tile[:, mirror] * flip[:2])[:, mirror] * flip
        predicted[start : start + TILE_ROWS] = root_relative((model(tile) + mirrored) / 2)
    return predicted
