"""2D-3D pairs of drawn postures on drawn bodies under drawn views: nothing here is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.bones import pose_of, scaled
from poseaug_gen.camera import project
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.cameras import draw_views
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.rotation import product, rotate


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
    skeleton = pool.skeleton
    ratio = pool.draw_spread(len(posture), random)
    lengths = scaled(posture.lengths, ratio, skeleton)
    level = posture.level
    body = pose_of(rotate(level, posture.directions * lengths[..., None]), skeleton)
    seen = draw_views(body, pool.lenses, views, random)
    pose = rotate(seen.rotation, body) + seen.translation[:, None]
    pose_2d = project(pose, seen.intrinsics)
    return DrawnPairs(pose, pose_2d, seen.intrinsics, seen.image_size, product(seen.rotation, level), ratio)
