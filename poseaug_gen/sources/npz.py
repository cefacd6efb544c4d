"""Poses in a NumPy .npz file, in a world frame or in the camera's; the fields are those of :mod:`.fields`."""

from __future__ import annotations

from pathlib import Path

from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.fields import CAMERA, WORLD, camera_poses, world_poses
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.safe_npz import looks_like_zip, members, read_members


def holds_world_poses(path: Path) -> bool:
    """Whether the file is a .npz with ``positions``."""
    return looks_like_zip(path) and "positions" in members(path)


def read_world(path: Path, request: Request) -> PoseSet:
    """World poses, as a rig sees them.

    Raises:
        PoseAugError: there is no rig, or the file does not hold what it should.
    """
    return world_poses(read_members(path, WORLD), path, request)


def holds_camera_poses(path: Path) -> bool:
    """Whether the file is a .npz with ``positions_3d``."""
    return looks_like_zip(path) and "positions_3d" in members(path)


def read_camera(path: Path, request: Request) -> PoseSet:
    """Camera-frame poses with their own cameras; a rig is not used.

    Raises:
        PoseAugError: the file does not hold what it should.
    """
    return camera_poses(read_members(path, CAMERA), path, request)


FORMATS = (
    Format(
        "npz, world poses",
        "positions (rows, joints, 3) in metres, z up; seen by a --rig",
        holds_world_poses,
        read_world,
        needs="a rig of cameras (--rig; studio where none is named)",
        owner="you",
    ),
    Format(
        "npz, camera-frame poses",
        "positions_3d (rows, joints, 3) in metres, with intrinsics (rows, 9) and image_size (rows, 2)",
        holds_camera_poses,
        read_camera,
        owner="you",
    ),
)
