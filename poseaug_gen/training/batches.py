"""What lifters are trained on: pools of 2D-3D pairs, and batches that mix two of them half and half.

Which rows of a pool a batch holds depends on the seed, the half and the step alone. So the half that comes from the
source is the same in every training set that is compared, and on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.bones import root_relative
from poseaug_gen.poses import PoseSet

# Normalised image plane; metres, root-relative. "_": two batches in one call may differ in length.
Batch = tuple[Float[Tensor, "_ joints 2"], Float[Tensor, "_ joints 3"]]
Batches = Callable[[int, int], Iterator[Batch]]  # of a seed and a batch size, batches without end

SOURCE_HALF, OTHER_HALF = 0, 1


@dataclass(frozen=True, eq=False)
class Pool:
    """Pairs to draw from, on one device.

    Attributes:
        pose_2d: normalised image plane.
        pose: metres, root-relative.
    """

    pose_2d: Float[Tensor, "rows joints 2"]
    pose: Float[Tensor, "rows joints 3"]

    @classmethod
    def of(cls, poses: PoseSet, device: torch.device) -> Pool:
        """The pairs of a pose set, with the 2D poses that an estimator is given."""
        pose = root_relative(torch.from_numpy(poses.positions))
        return cls(torch.from_numpy(poses.seen_2d()).to(device), pose.to(device))

    @classmethod
    def filled(cls, batches: Iterable[Batch], rows: int, joints: int) -> Pool:
        """The first ``rows`` pairs of some batches, which have as many; in memory once, in single precision."""
        pool, done = cls(torch.empty(rows, joints, 2), torch.empty(rows, joints, 3)), 0
        for pose_2d, pose in batches:
            stop = min(rows, done + len(pose))
            pool.pose_2d[done:stop], pool.pose[done:stop] = pose_2d[: stop - done], pose[: stop - done]
            done = stop
        return pool

    def __len__(self) -> int:
        return len(self.pose)

    def take(self, rows: Int[Tensor, " batch"]) -> Batch:
        """Some pairs."""
        rows = rows.to(self.pose.device)
        return self.pose_2d[rows], self.pose[rows]

    def to(self, device: torch.device) -> Pool:
        """The same pairs on another device."""
        return Pool(self.pose_2d.to(device), self.pose.to(device))


def half_and_half(source: Pool, other: Pool) -> Batches:
    """Batches whose first half is drawn from the source and whose second from another pool, both with replacement."""

    def batches(seed: int, batch_size: int) -> Iterator[Batch]:
        firsts = drawn(source, seed, SOURCE_HALF, batch_size - batch_size // 2)
        seconds = drawn(other, seed, OTHER_HALF, batch_size // 2)
        return map(joined, firsts, seconds)

    return batches


def drawn(pool: Pool, seed: int, half: int, rows: int) -> Iterator[Batch]:
    """Pairs drawn with replacement, the same for the same arguments, without end."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, half]).generate_state(1)[0]))
    while True:
        yield pool.take(torch.randint(len(pool), (rows,), generator=generator))


def joined(first: Batch, second: Batch) -> Batch:
    """Two batches as one."""
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]])
