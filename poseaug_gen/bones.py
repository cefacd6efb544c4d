"""A pose as bone vectors: pose <-> bones, lengths, directions, Gram matrices.

Shapes: poses ``(..., joints, 3)``, bones ``(..., bones, 3)``, metres. A bone vector is child - parent, as in
:mod:`poseaug_gen.skeleton`. No norm divides by zero: a bone shorter than :data:`EPSILON` keeps its value.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.memory import mapped
from poseaug_gen.skeleton import Skeleton

EPSILON = 1e-8  # metres: far under any bone, over the smallest float32 square root that keeps its gradient


@lru_cache(maxsize=256)
def constant(skeleton: Skeleton, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A matrix or index list of the skeleton as a tensor, made once for each device and type."""
    with torch.inference_mode(False):  # it outlives the caller's mode, and training may use it after an export
        return torch.as_tensor(getattr(skeleton, name), dtype=dtype, device=device)


def bones_of(pose: Float[Tensor, "*batch joints 3"], skeleton: Skeleton) -> Float[Tensor, "*batch bones 3"]:
    """Bone vectors, child - parent."""
    parents = constant(skeleton, "bone_parents", pose.device, torch.int64)
    return pose[..., 1:, :] - pose.index_select(-2, parents)


def pose_of(bones: Float[Tensor, "*batch bones 3"], skeleton: Skeleton) -> Float[Tensor, "*batch joints 3"]:
    """The root-relative pose that has these bones: the inverse of :func:`bones_of` but for the root's place."""
    return mapped(bones.flatten(-2), chain_of(skeleton, bones.device, bones.dtype)).unflatten(-1, (-1, 3))


@lru_cache(maxsize=256)
def chain_of(skeleton: Skeleton, device: torch.device, dtype: torch.dtype) -> Float[Tensor, "bones_3 joints_3"]:
    """The chain matrix for all three coordinates of a flat pose, so that one matrix product makes it."""
    with torch.inference_mode(False):
        chain = constant(skeleton, "chain_matrix", device, dtype).T.contiguous()
        return torch.kron(chain, torch.eye(3, dtype=dtype, device=device))


def lengths_of(bones: Float[Tensor, "*batch bones 3"]) -> Float[Tensor, "*batch bones"]:
    """Bone lengths in metres; the gradient is finite at a bone of length zero."""
    x, y, z = bones.unbind(-1)  # a sum over so short an axis would cost ten times as much
    return (x.square() + y.square() + z.square()).clamp_min(EPSILON**2).sqrt()


def directions_of(bones: Float[Tensor, "*batch bones 3"]) -> Float[Tensor, "*batch bones 3"]:
    """Unit bone vectors (zero for a bone of length zero)."""
    return bones / lengths_of(bones)[..., None]


def root_relative(pose: Float[Tensor, "*batch joints 3"]) -> Float[Tensor, "*batch joints 3"]:
    """The pose with its root (joint 0) at the origin."""
    return pose - pose[..., :1, :]


def with_lengths(
    pose: Float[Tensor, "*batch joints 3"], lengths: Float[Tensor, "*batch bones"], skeleton: Skeleton
) -> Float[Tensor, "*batch joints 3"]:
    """The same posture, at the same root, on a body with these bone lengths (metres)."""
    directions = directions_of(bones_of(pose, skeleton))
    return pose_of(directions * lengths[..., None], skeleton) + pose[..., :1, :]


def scaled(
    lengths: Float[Tensor, "rows bones"], ratio: Float[Tensor, "rows groups"], skeleton: Skeleton
) -> Float[Tensor, "rows bones"]:
    """Bone lengths, each changed by its group's ratio: ``length (1 + ratio)``."""
    group = constant(skeleton, "group_of_bone", ratio.device, torch.int64)
    return lengths * (1 + ratio.T.index_select(0, group).T)


def gram(bones: Float[Tensor, "*batch bones 3"]) -> Float[Tensor, "*batch bones bones"]:
    """The kinematic chain space matrix: inner products of all bones (Wandt and Rosenhahn, 2018)."""
    return bones @ bones.transpose(-1, -2)
