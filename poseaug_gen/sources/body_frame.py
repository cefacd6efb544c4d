"""A body as it is in itself, whoever looks at it: its joints, and where the camera is, in the frame of its trunk.

The frame's up runs from hip to thorax, its left is what of the line from the right to the left shoulder lies across
that, and forward is left × up. A pose that is turned, moved or seen by another camera has the same place in it, and a
mirrored one is its mirror image: left turned over.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.frames import Frame, Vectors, unit
from poseaug_gen.sources.joints import joint_names, to_skeleton

# What tells how a body is turned; any skeleton that has these, or what they are made of, will do.
_TRUNK = Skeleton.from_dict(
    {"name": "trunk", "joints": {"hip": "", "thorax": "hip", "l_shoulder": "thorax", "r_shoulder": "thorax"}}
)


def in_body_frame(poses: PoseSet) -> Float[np.ndarray, "rows joints 3"] | None:
    """Forward, left and up of each joint from the root (joint 0), metres; None: nothing tells how a body is turned."""
    found = _trunk(poses)
    if found is None:
        return None
    _, frame = found
    body = poses.positions.astype(np.float64)
    axes = np.stack([frame.forward, frame.left, frame.up], 1)
    return (body - body[:, :1]) @ axes.transpose(0, 2, 1)


def camera_direction(poses: PoseSet) -> Vectors | None:
    """Forward, left and up of the unit vector from the hip to the camera; None: nothing tells how a body is turned."""
    found = _trunk(poses)
    if found is None:
        return None
    hip, frame = found
    return frame.components(-unit(hip))  # the camera is the origin


def framed(up: Vectors, across: Vectors) -> Frame:
    """The frame with this up, and the left that is nearest to the line ``across`` from right to left."""
    up = unit(up)
    left = unit(across - (across * up).sum(-1, keepdims=True) * up)
    return Frame(np.cross(left, up), left, up)


def _trunk(poses: PoseSet) -> tuple[Vectors, Frame] | None:
    """Where the hip is in the camera frame, and the trunk's frame; None: the skeleton has not the joints for it."""
    try:
        trunk = to_skeleton(poses.positions, poses.skeleton.joints, _TRUNK, joint_names(), "poses").astype(np.float64)
    except PoseAugError:
        return None
    hip, thorax, left_shoulder, right_shoulder = np.moveaxis(trunk, 1, 0)
    return hip, framed(thorax - hip, left_shoulder - right_shoulder)
