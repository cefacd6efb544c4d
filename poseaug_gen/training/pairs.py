"""Training data on the device: poses with their projections and cameras, as tensors, batch by shuffled batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.bones import with_lengths
from poseaug_gen.camera import project
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton


@dataclass
class Pairs:
    """2D-3D pairs: metres in the camera frame, normalised image plane."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]

    @classmethod
    def of(cls, poses: PoseSet, device: torch.device) -> Pairs:
        """A pose set and what its cameras see of it, on the device."""
        pose = torch.from_numpy(poses.positions).to(device)
        intrinsics = torch.from_numpy(poses.intrinsics).to(device)
        image_size = torch.from_numpy(poses.image_size.astype("int64")).to(device)
        return cls(pose, project(pose, intrinsics), intrinsics, image_size)

    def __len__(self) -> int:
        return len(self.pose)

    def take(self, rows: Int[Tensor, " chosen"]) -> Pairs:
        return Pairs(self.pose[rows], self.pose_2d[rows], self.intrinsics[rows], self.image_size[rows])

    def with_random_lengths(self, bodies: Float[Tensor, "subjects bones"], skeleton: Skeleton) -> Pairs:
        """Every pose on the bone lengths of a random one of ``bodies`` (metres), re-projected."""
        body = torch.randint(len(bodies), (len(self),), device=bodies.device)
        pose = with_lengths(self.pose, bodies[body], skeleton)
        return Pairs(pose, project(pose, self.intrinsics), self.intrinsics, self.image_size)


def batches_in(rows: int, batch_size: int) -> int:
    """How many batches :func:`shuffled` gives."""
    return max(1, rows // batch_size)


def shuffled(rows: int, batch_size: int, device: torch.device) -> Iterator[Int[Tensor, " batch"]]:
    """Row numbers in random order, batch by batch.

    The last, short batch is left out (batch norm would give its few rows the weight of a whole batch), unless it
    is the only one.
    """
    order = torch.randperm(rows, device=device)
    for number in range(batches_in(rows, batch_size)):
        yield order[number * batch_size : (number + 1) * batch_size]
