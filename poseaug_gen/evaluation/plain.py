"""Plain random augmentation, what a user would write in twenty lines: the measure that a learned one has to beat.

Bone lengths, the body's turn and its place are drawn at random; nothing is learned, and postures stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor, pi, rand, randn

from poseaug_gen.bones import bones_of, constant, lengths_of, root_relative, with_lengths
from poseaug_gen.camera import project
from poseaug_gen.config import VisibilitySettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.batches import Batch, Pool
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.validity import LEAST_VALID, Limits, faults

TILT, ROLL = math.radians(20), math.radians(6)  # standard deviations
LENGTH = 0.1  # each length group grows or shrinks by at most this share
BLOCK_ROWS = 16_384
SETTINGS = {"tilt_rad": TILT, "roll_rad": ROLL, "length": LENGTH, "block": BLOCK_ROWS}


def plain_pool(poses: PoseSet, rows: int, seed: int = 0) -> Pool:
    """``rows`` valid pairs made of a pose set.

    Raises:
        PoseAugError: hardly a pair is valid, as the source's own poses are out of sight.
    """
    return Pool.filled(_batches(poses, rows, seed), rows, poses.skeleton.num_joints)


def _batches(poses: PoseSet, rows: int, seed: int) -> Iterator[Batch]:
    """Valid pairs, at least ``rows`` in all."""
    pairs, generator = Pairs.of(poses, torch.device("cpu")), Generator().manual_seed(seed)
    done = 0
    while done < rows:
        batch = augmented(pairs, poses.skeleton, generator)
        valid = len(batch[1])
        if valid < LEAST_VALID * BLOCK_ROWS:
            raise PoseAugError(
                f"plain augmentation of the source makes hardly a valid pair ({valid:,} of {BLOCK_ROWS:,}); its "
                f"poses must be before their cameras, which poseaug-gen info tells"
            )
        yield batch
        done += valid


def augmented(pairs: Pairs, skeleton: Skeleton, generator: Generator, rows: int = BLOCK_ROWS) -> Batch:
    """The valid ones among ``rows`` random bodies, turned every way and placed anywhere in their own camera's frame."""
    row, other = torch.randint(len(pairs), (2, rows), generator=generator)
    pose, camera, size = pairs.pose[row], pairs.intrinsics[row], pairs.image_size[row]
    ratio = 1 + LENGTH * (2 * rand(rows, skeleton.num_groups, generator=generator) - 1)
    ratio = ratio[:, constant(skeleton, "group_of_bone", pose.device, torch.int64)]
    body = root_relative(with_lengths(pose, lengths_of(bones_of(pose, skeleton)) * ratio, skeleton))
    yaw = _about(1, 2 * pi * rand(rows, generator=generator))
    tilt = _about(0, TILT * randn(rows, generator=generator))
    roll = _about(2, ROLL * randn(rows, generator=generator))
    body = body @ (roll @ tilt @ yaw).mT
    half_frame = torch.stack([torch.ones(rows), size[:, 1] / size[:, 0]], -1)
    seen = half_frame * (2 * rand(rows, 2, generator=generator) - 1)
    depth = pairs.pose[other, 0, 2:]
    root = torch.cat([(seen - camera[:, 2:4]) / camera[:, :2] * depth, depth], -1)
    placed = body + root[:, None]
    pose_2d = project(placed, camera)
    valid = ~faults(placed, pose_2d, size, Limits.of(VisibilitySettings())).any(-1)
    return pose_2d[valid], body[valid]


def _about(axis: int, angle: Tensor) -> Tensor:
    """Rotations about the camera's x, y or z axis, one for each angle (radians)."""
    return rotation_matrix(torch.eye(3)[axis] * angle[:, None])
