"""2D-3D pairs of drawn postures on drawn bodies under drawn views: nothing here is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.bones import bones_of, constant, lengths_of, root_relative, with_lengths
from poseaug_gen.camera import project
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.cameras import draw_views
from poseaug_gen.coverage.postures import Drawn, PosturePool


@dataclass
class DrawnPairs:
    """Bodies as cameras see them, whether or not they are in the frame. Metres, camera frame."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]  # normalised image plane
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]
    rotation: Float[Tensor, "rows 3 3"]  # from the frame of the posture's own camera
    length_ratio: Float[Tensor, "rows groups"]  # length' = length (1 + ratio)


def draw_pairs(posture: Drawn, pool: PosturePool, views: ViewSettings, random: np.random.Generator) -> DrawnPairs:
    """A body and a camera for each posture."""
    ratio = pool.draw_spread(len(posture.pose), random)
    group = constant(pool.skeleton, "group_of_bone", ratio.device, torch.int64)
    lengths = lengths_of(bones_of(posture.pose, pool.skeleton)) * (1 + ratio[:, group])
    body = root_relative(with_lengths(posture.pose, lengths, pool.skeleton))
    seen = draw_views(body @ posture.level.transpose(-1, -2), pool.lenses, views, random)
    rotation = seen.rotation @ posture.level
    pose = body @ rotation.transpose(-1, -2) + seen.translation[:, None]
    return DrawnPairs(pose, project(pose, seen.intrinsics), seen.intrinsics, seen.image_size, rotation, ratio)
