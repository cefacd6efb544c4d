"""Fixtures for every test: the skeletons, the shared data, and small synthetic pose sets."""

# jaxtyping's import hook (--jaxtyping-packages in pyproject.toml) bypasses bytecode caches for whatever a checked
# module is the first to import; importing the heavy ones here, before any of ours, keeps a test run's start fast.
import h5py  # noqa: F401, I001
import torch
import torchgeometry  # noqa: F401

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poseaug_gen.bones import bones_of, pose_of
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton, load_skeleton

# A standing body that faces the camera, metres, camera axes (x right, y down, z forward): its left is at x > 0.
STANDING = {
    "hip": (0.0, 0.0, 0.0),
    "spine": (0.0, -0.24, 0.0),
    "thorax": (0.0, -0.50, 0.0),
    "nose": (0.0, -0.62, -0.09),
    "head": (0.0, -0.74, 0.0),
    "eye": (0.03, -0.66, -0.08),
    "ear": (0.07, -0.64, 0.0),
    "shoulder": (0.16, -0.47, 0.0),
    "elbow": (0.21, -0.19, 0.0),
    "wrist": (0.23, 0.05, -0.05),
    "hip_side": (0.13, 0.0, 0.0),
    "knee": (0.14, 0.45, -0.02),
    "ankle": (0.14, 0.89, 0.03),
}
# fx fy cx cy k1 k2 k3 p1 p2 of a camera as in Human3.6M, normalised.
INTRINSICS = np.array([2.29, 2.288, 0.025, 0.033, -0.207, 0.248, -0.0031, -0.00098, -0.00142], dtype=np.float32)


@pytest.fixture(scope="session")
def skeleton() -> Skeleton:
    """The default skeleton, ``h36m16``."""
    return load_skeleton()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real motion (``cmu_everyday.npz``, ``rigs.json``, …); a test that asks for it is skipped without.

    It is ``$POSEAUG_SHARED/data``, and ``../shared/data`` beside the repository where the variable is not set.
    """
    shared = Path(os.environ.get("POSEAUG_SHARED") or Path(__file__).parents[2] / "shared").resolve()
    if not (shared / "data" / "README.md").is_file():
        pytest.skip(f"no real motion in {shared / 'data'}; set POSEAUG_SHARED to the folder that holds data/")
    return shared / "data"


@pytest.fixture(scope="session")
def make_poses() -> Callable[..., PoseSet]:
    """``make_poses(skeleton, rows=64, seed=0, subjects=3, actions=2, cameras=2)``: see :func:`standing_poses`."""
    return standing_poses


def standing_poses(
    skeleton: Skeleton, rows: int = 64, seed: int = 0, subjects: int = 3, actions: int = 2, cameras: int = 2
) -> PoseSet:
    """People of several sizes who stand about, 4-6 m in front of cameras of 1000 × 1000 pixels, wholly in view.

    Each subject has bone lengths of its own, the same on every row and on both sides; every bone's direction is
    perturbed and the body is turned about the vertical. Works for any skeleton: a joint whose name says nothing
    hangs 0.15 m off its parent.
    """
    rng = np.random.default_rng(seed)
    standing = bones_of(torch.from_numpy(_standing_pose(skeleton)), skeleton).numpy()
    subject, action, camera = (np.arange(rows) % n for n in (subjects, actions, cameras))

    ratio = rng.uniform(0.9, 1.1, (subjects, skeleton.num_groups))[subject][:, skeleton.group_of_bone]
    length = np.linalg.norm(standing, axis=-1) * ratio
    limp = np.where(skeleton.turnable_bones, 0.35, 0.05)[:, None]  # a trunk bends less than a limb
    direction = standing / np.linalg.norm(standing, axis=-1, keepdims=True)
    direction = direction + limp * rng.normal(size=(rows, skeleton.num_bones, 3))
    bones = direction / np.linalg.norm(direction, axis=-1, keepdims=True) * length[..., None]
    pose = pose_of(torch.from_numpy(bones), skeleton).numpy() @ _turns(rng.uniform(0, 2 * np.pi, rows))
    place = rng.uniform([-0.3, -0.1, 4.2], [0.3, 0.1, 5.8], (rows, 3))
    pose = pose - pose.mean(1, keepdims=True) + place[:, None]

    intrinsics = np.tile(INTRINSICS, (cameras, 1))
    intrinsics[:, :2] *= 1 + 0.01 * np.arange(cameras, dtype=np.float32)[:, None]
    return PoseSet(
        skeleton=skeleton,
        positions=pose.astype(np.float32),
        intrinsics=intrinsics[camera],
        image_size=np.full((rows, 2), 1000, dtype=np.int32),
        subject=Labels.of([f"S{i}" for i in subject]),
        action=Labels.of([f"action{i}" for i in action]),
        camera=Labels.of([f"camera{i}" for i in camera]),
        provenance={"name": "synthetic", "licence": "none needed", "seed": seed},
    )


def _standing_pose(skeleton: Skeleton) -> np.ndarray:
    """:data:`STANDING` for the joints of a skeleton, ``(joints, 3)``."""
    pose = np.zeros((skeleton.num_joints, 3))
    side = {joint: sign for pair in skeleton.pairs for joint, sign in zip(pair, (1, -1), strict=True)}
    for joint, name in enumerate(skeleton.joints):
        place = STANDING.get(name)
        if joint in side:
            bare = name.removeprefix("l_").removeprefix("r_")
            place = STANDING.get("hip_side" if bare == "hip" else bare)
        if place is not None:
            pose[joint] = np.array(place) * [side.get(joint, 1), 1, 1]
        elif joint > 0:
            pose[joint] = pose[skeleton.parents[joint]] + [0.1 * side.get(joint, 0), 0.11, 0.05]
    return pose


def _turns(angle: np.ndarray) -> np.ndarray:
    """Rotations about the vertical (y) axis, ``(rows, 3, 3)``."""
    c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([np.stack([c, o, s], -1), np.stack([o, i, o], -1), np.stack([-s, o, c], -1)], -2)
