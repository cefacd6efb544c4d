"""Random bodies, poses and cameras for property tests.

Hypothesis chooses the trees and a seed; the numbers come from the seed, since a shrunk float says nothing about
geometry. Poses are float64, of human size, in front of the camera and inside the projection's clamp.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

from poseaug_gen.skeleton import Skeleton, load_skeleton

BUILTIN = ("h36m16", "h36m17", "coco17")
_LOADED = [load_skeleton(name) for name in BUILTIN]

light = settings(max_examples=25, deadline=None)  # the suite shares two cores
seeds = st.integers(0, 2**32 - 1)


@contextmanager
def _random_untouched() -> Iterator[None]:
    """Puts ``random`` back: beartype draws from it to check a container, which hypothesis forbids in a strategy."""
    state = random.getstate()
    yield
    random.setstate(state)


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton:
    """A random tree of central joints with mirrored limbs that may branch, in any order that a skeleton may have."""
    tree: dict[str, str] = {}  # joint -> parent
    for i in range(draw(st.integers(1, 4))):
        tree[f"centre{i}"] = draw(st.sampled_from(sorted(tree))) if tree else ""
    central = sorted(tree)
    limbs: list[str] = []
    for i in range(draw(st.integers(2 if len(central) < 3 else 0, 5))):
        parent = draw(st.sampled_from(central + limbs))
        for side in "lr":
            tree[f"{side}_limb{i}"] = parent if parent in central else f"{side}_{parent}"
        limbs.append(f"limb{i}")
    waiting = draw(st.permutations(sorted(tree)))
    order = ["centre0"]
    while len(order) < len(tree):  # the first joint in the permutation whose parent has been listed
        order.append(next(j for j in waiting if j not in order and tree[j] in order))
    with _random_untouched():
        return Skeleton.from_dict({"name": "random", "joints": {joint: tree[joint] for joint in order}})


def builtin_or_random() -> st.SearchStrategy[Skeleton]:
    """The skeletons that come with the tool, and random ones."""
    return st.sampled_from(_LOADED) | skeletons()


def random_poses(skeleton: Skeleton, rows: int, seed: int) -> torch.Tensor:
    """Poses with bones of 5 to 50 cm in any direction (shrunk to fit within 1 m of the root), 3 to 6 m away."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(rows, skeleton.num_bones, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    pose = np.zeros((rows, skeleton.num_joints, 3))
    for bone, parent in enumerate(skeleton.parents[1:]):
        pose[:, bone + 1] = pose[:, parent] + directions[:, bone] * rng.uniform(0.05, 0.5, (rows, 1))
    reach = np.linalg.norm(pose, axis=-1).max(-1)
    pose /= np.maximum(reach, 1)[:, None, None]
    root = rng.uniform([-0.5, -0.5, 3], [0.5, 0.5, 6], (rows, 3))
    return torch.from_numpy(pose + root[:, None])


def random_cameras(rows: int, seed: int) -> torch.Tensor:
    """Normalised intrinsics: 37 to 127 degrees wide, off-centre, with the distortion of real lenses."""
    rng = np.random.default_rng(seed)
    focal = rng.uniform(0.5, 3, (rows, 2))
    centre = rng.uniform(-0.3, 0.3, (rows, 2))
    radial = rng.uniform(-0.3, 0.3, (rows, 3))
    tangential = rng.uniform(-0.02, 0.02, (rows, 2))
    return torch.from_numpy(np.concatenate([focal, centre, radial, tangential], -1))


def random_rotation_vectors(rows: int, seed: int, largest: float = math.pi) -> torch.Tensor:
    """Rotation vectors in every direction, angles uniform up to ``largest`` radians."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(rows, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    return torch.from_numpy(axis * rng.uniform(0, largest, (rows, 1)))


@st.composite
def bodies(draw: st.DrawFn, rows: int = 4) -> tuple[Skeleton, torch.Tensor]:
    """A skeleton with poses of it."""
    skeleton = draw(builtin_or_random())
    return skeleton, random_poses(skeleton, rows, draw(seeds))


def cameras(rows: int = 4) -> st.SearchStrategy[torch.Tensor]:
    """Random intrinsics, one row a pose."""
    return seeds.map(lambda seed: random_cameras(rows, seed))
