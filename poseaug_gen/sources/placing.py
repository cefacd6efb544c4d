"""Where a person stands whom a file describes about their own root: found from what a camera without distortion saw.

A pinhole sees the joint ``X + t`` at ``x = (X + t_x) / (Z + t_z)``, in focal lengths from the principal point. That
is linear in the place ``t``: ``t_x - x t_z = x Z - X``, and so for y. Least squares over the joints gives ``t`` in
closed form: with a bar for the mean over the joints and ``a = x Z - X``, ``b = y Z - Y``,

    t_z = -sum((x - x_bar) (a - a_bar) + (y - y_bar) (b - b_bar)) / sum((x - x_bar)^2 + (y - y_bar)^2)
    t_x = a_bar + x_bar t_z,    t_y = b_bar + y_bar t_z
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float

from poseaug_gen.camera import project
from poseaug_gen.errors import PoseAugError

# Half widths of the image: 1 % of its width, 20 pixels of 2048. An annotator's slip of a few pixels on a joint stays
# under it; sides mixed up, another camera or another frame lie far above.
LARGEST_RESIDUAL = 0.02
NEAREST = 0.1  # metres: nobody's joint is nearer to a lens

Pose3D = Float[np.ndarray, "rows joints 3"]
Pose2D = Float[np.ndarray, "rows joints 2"]
Intrinsics = Float[np.ndarray, "rows 9"]


def absolute(pose: Pose3D, seen: Pose2D, intrinsics: Intrinsics) -> Pose3D:
    """Poses at their places before the camera, metres, float64.

    Args:
        pose: about the root or absolute, metres, camera axes. They are taken as they stand where every joint of every
            row lies before the camera; about a root, half of them would lie behind it.
        seen: the same joints in the image, normalised.
        intrinsics: normalised; distortion is taken to be none.
    """
    pose = pose.astype(np.float64)
    if (pose[..., 2] > 0).all():
        return pose
    return pose + places(pose, seen, intrinsics)[:, None]


def places(relative: Pose3D, seen: Pose2D, intrinsics: Intrinsics) -> Float[np.ndarray, "rows 3"]:
    """Where the origin of each pose lies, metres; anywhere or NaN where all its joints are seen at one point."""
    focal, centre = (intrinsics[:, None, pair].astype(np.float64) for pair in (slice(0, 2), slice(2, 4)))
    ray = (seen - centre) / focal
    with np.errstate(all="ignore"):  # a row of nonsense gives a place of nonsense, and is left out for it
        side = ray * relative[..., 2:] - relative[..., :2]
        ray_mean, side_mean = ray.mean(1), side.mean(1)
        ray_off, side_off = ray - ray_mean[:, None], side - side_mean[:, None]
        depth = -(ray_off * side_off).sum((1, 2)) / np.square(ray_off).sum((1, 2))
        return np.concatenate([side_mean + ray_mean * depth[:, None], depth[:, None]], -1)


def residuals(pose: Pose3D, seen: Pose2D, intrinsics: Intrinsics) -> Float[np.ndarray, " rows"]:
    """How far the projection lies from what was seen: the median over the joints, half widths of the image.

    Infinite where a joint is not finite or not :data:`NEAREST` before the camera.
    """
    projected = project(torch.from_numpy(pose), torch.from_numpy(intrinsics.astype(pose.dtype))).numpy()
    with np.errstate(all="ignore"):
        off = np.median(np.linalg.norm(projected - seen, axis=-1), axis=-1)
        right = np.isfinite(off) & np.isfinite(pose).all((1, 2)) & (pose[..., 2] >= NEAREST).all(1)
    return np.where(right, off, np.inf)


def agreeing(residual: Float[np.ndarray, " rows"], where: str) -> Bool[np.ndarray, " rows"]:
    """Which rows project to where they were seen, to :data:`LARGEST_RESIDUAL`.

    Raises:
        PoseAugError: fewer than half of them do, so the camera is not the one that saw them; or there are none.
    """
    if len(residual) == 0:
        raise PoseAugError(f"{where}: holds no poses; leave the file out")
    agree = residual <= LARGEST_RESIDUAL
    if 2 * agree.sum() < len(agree):
        raise PoseAugError(
            f"{where}: {agree.sum():,} of its {len(agree):,} poses project to where its 2D poses are, within "
            f"{50 * LARGEST_RESIDUAL:g} % of the image's width; give the file as published, and the camera with it"
        )
    return agree
