"""From where cameras see bodies: elevation, azimuth and roll, against the vertical of each body's own recording.

A file of camera-frame poses does not say where up is. The source's cameras tell it by the people before them
(:mod:`poseaug_gen.gravity`), and an export's rows say how each body was turned since: ``pose = R body + translation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from poseaug_gen.gravity import LEVEL_UP, Vectors, body_axes, unit, up_of
from poseaug_gen.poses import PoseSet, mirrored_points
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.body_frame import framed

Degrees = Float[np.ndarray, " rows"]


@dataclass(frozen=True)
class Viewpoints:
    """Where each row's camera is, degrees.

    Attributes:
        elevation: of the camera over the horizontal through the body's middle (the mean of its joints); 90: overhead.
        azimuth: round the body's vertical: 0 before it, 90 at its left, 180 behind, -90 at its right; None: the
            skeleton has no left and right, so nothing tells where a body faces.
        roll: of the vertical as it is seen in the image, from upright; positive: leaning to the right.
    """

    elevation: Degrees
    azimuth: Degrees | None
    roll: Degrees


def viewpoints(positions: Float[np.ndarray, "rows joints 3"], up: Vectors, skeleton: Skeleton) -> Viewpoints:
    """Viewpoints of camera-frame poses (metres), whose unit verticals are ``up``, in the camera frame too."""
    to_camera = unit(-positions.astype(np.float64).mean(1))
    elevation = np.degrees(np.arcsin(np.clip((to_camera * up).sum(-1), -1, 1)))
    roll = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    across = _across(positions, skeleton)
    if across is None:
        return Viewpoints(elevation, None, roll)
    forward, left, _ = framed(up, across).components(to_camera).T
    azimuth = np.degrees(np.arctan2(left, forward))
    return Viewpoints(elevation, azimuth, roll)


def _across(positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton) -> Vectors | None:
    """From right to left across each body: across hips and shoulders, or where every limb begins; None: no pairs."""
    axes = body_axes(positions, skeleton)
    if axes is not None and len(axes) > 1:
        return sum(axes[2:], axes[1])
    pairs = [pair for pair in skeleton.pairs if skeleton.limb_depth[pair[0]] == 1]
    pose = positions.astype(np.float64)
    return sum((unit(pose[:, left] - pose[:, right]) for left, right in pairs), np.zeros(3)) if pairs else None


def carried_up(rows: Mapping[str, np.ndarray], poses: PoseSet) -> Vectors:
    """The vertical of each row of an export: that of its posture's recording, turned as the row's body was.

    Args:
        rows: its columns ``source_index``, ``mirrored`` and ``rotation``.
        poses: the run's, that ``source_index`` counts.
    """
    up = up_of(poses)[rows["source_index"]]
    up[rows["mirrored"] == 1, 0] *= -1
    return _turned(rows["rotation"], up[:, None])[:, 0]


def trunk_up(positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton) -> Vectors:
    """The way each body's trunk points, for want of its recording's vertical; up where it has no trunk."""
    axes = body_axes(positions, skeleton)
    return np.tile(LEVEL_UP, (len(positions), 1)) if axes is None else axes[0]


def carried(rows: Mapping[str, np.ndarray], poses: PoseSet) -> Float[np.ndarray, "rows joints 3"]:
    """The source posture of each row, root-relative, mirrored and turned as the row's body was: the row unaugmented."""
    pose = poses.positions[rows["source_index"]].astype(np.float64)
    pose = pose - pose[:, :1]
    mirrored = rows["mirrored"] == 1
    pose[mirrored] = mirrored_points(pose[mirrored], poses.skeleton)
    return _turned(rows["rotation"], pose)


def _turned(
    rotation: Float[np.ndarray, "rows 3"], vectors: Float[np.ndarray, "rows n 3"]
) -> Float[np.ndarray, "rows n 3"]:
    """Each row's vectors turned by its rotation vector."""
    matrix = rotation_matrix(torch.from_numpy(rotation.astype(np.float64))).numpy()
    return np.einsum("rij,rnj->rni", matrix, vectors)
