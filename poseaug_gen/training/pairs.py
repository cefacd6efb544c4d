"""Training data on the device: poses with their projections and cameras, as tensors, batch by shuffled batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from poseaug_gen.bones import with_lengths
from poseaug_gen.camera import project
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton


@dataclass
class Pairs:
    """2D-3D pairs: metres in the camera frame, normalised image plane, the 2D detected or projected."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]

    @classmethod
    def of(cls, poses: PoseSet, device: torch.device) -> Pairs:
        """A pose set with the 2D poses that an estimator is given for it, on the device."""
        pose = torch.from_numpy(poses.positions).to(device)
        intrinsics = torch.from_numpy(poses.intrinsics).to(device)
        image_size = torch.from_numpy(poses.image_size.astype("int64")).to(device)
        return cls(pose, torch.from_numpy(poses.seen_2d()).to(device), intrinsics, image_size)

    def __len__(self) -> int:
        return len(self.pose)

    def take(self, rows: Int[Tensor, " chosen"]) -> Pairs:
        return Pairs(self.pose[rows], self.pose_2d[rows], self.intrinsics[rows], self.image_size[rows])

    def with_random_lengths(self, bodies: Float[Tensor, "subjects bones"], skeleton: Skeleton) -> Pairs:
        """Every pose on the bone lengths of a random one of ``bodies`` (metres), re-projected."""
        body = torch.randint(len(bodies), (len(self),), device=bodies.device)
        pose = with_lengths(self.pose, bodies[body], skeleton)
        return Pairs(pose, project(pose, self.intrinsics), self.intrinsics, self.image_size)


@dataclass
class Real:
    """A batch of poses that a discriminator is to take for real, and which of their joints are known; None: all.

    A joint that is not known is zero.
    """

    pose: Float[Tensor, "batch joints dims"]
    known: Float[Tensor, "batch joints 1"] | None = None

    def hide(self, fakes: Float[Tensor, "batch joints dims"]) -> Float[Tensor, "batch joints dims"]:
        """Fakes that lack the joints that the real poses lack, so that what is missing tells nothing.

        Row by row: both sides are in random order, so any fake may meet any mask.
        """
        return fakes if self.known is None else fakes * self.known


@dataclass
class Extra2D:
    """Unpaired 2D poses that stand in for a share of the real ones."""

    pose_2d: Float[Tensor, "rows joints 2"]
    known: Float[Tensor, "rows joints 1"]
    share: float

    @classmethod
    def of(cls, poses: Poses2D, share: float, device: torch.device) -> Extra2D:
        """A set on the device."""
        known = torch.from_numpy(poses.visible.astype("float32"))[..., None]
        return cls(torch.from_numpy(poses.positions).to(device), known.to(device), share)

    def mixed_with(self, real: Float[Tensor, "batch joints 2"]) -> Real:
        """The batch with its share of rows replaced by random ones of this set."""
        count = round(self.share * len(real))
        rows = torch.randint(len(self.pose_2d), (count,), device=real.device)
        rest = real[count:]
        return Real(
            torch.cat([self.pose_2d[rows], rest]), torch.cat([self.known[rows], torch.ones_like(rest[..., :1])])
        )

    def never_known(self) -> Bool[Tensor, " joints"]:
        """The joints that no pose has."""
        return (self.known == 0).all(0)[:, 0]


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
