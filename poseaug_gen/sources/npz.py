"""Poses in a NumPy .npz file, in a world frame or in the camera's; the fields are those of :mod:`.fields`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poseaug_gen.camera import Camera
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.fields import CAMERA, WORLD, camera_poses, world_poses
from poseaug_gen.sources.safe_npz import looks_like_zip, members, read_members


def holds_world_poses(path: Path) -> bool:
    """Whether the file is a .npz with ``positions``."""
    return looks_like_zip(path) and "positions" in members(path)


def read_world(path: Path, skeleton: Skeleton, cameras: Sequence[Camera]) -> PoseSet:
    """World poses, seen by every camera of a rig.

    Raises:
        PoseAugError: there is no rig, or the file does not hold what it should.
    """
    return world_poses(read_members(path, WORLD), path, skeleton, cameras)


def holds_camera_poses(path: Path) -> bool:
    """Whether the file is a .npz with ``positions_3d``."""
    return looks_like_zip(path) and "positions_3d" in members(path)


def read_camera(path: Path, skeleton: Skeleton, cameras: Sequence[Camera]) -> PoseSet:
    """Camera-frame poses with their own cameras; a rig is not used.

    Raises:
        PoseAugError: the file does not hold what it should.
    """
    return camera_poses(read_members(path, CAMERA), path, skeleton)
