"""The rows of a shard: candidates drawn block by block, the invalid ones dropped and drawn again.

Random numbers come from Philox, a counter-based generator, keyed by (seed, shard) with the block in its counter.
So a shard depends on (run, settings, seed, shard number) alone: not on the process, nor on what else was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.frozen import FrozenAugmentor
from poseaug_gen.export.schema import columns_of
from poseaug_gen.models.augmentor import NETWORKS, Augmented
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.training.losses import EPSILON
from poseaug_gen.training.run_folder import RunFolder
from poseaug_gen.validity import CAUSES, Limits, faults, first_cause

BLOCK_ROWS = 8192  # candidates of one block; a part of the recipe: another number gives other rows
TRIAL_BLOCKS = 8  # 65,536 candidates show what share of them is valid ...
LEAST_VALID = 0.01  # ... and under this share an export would take a hundred times as long

MENDS = {
    "not_finite": "its weights or its source poses are broken, so train again",
    "depth": "train longer, or train with a wider visibility.nearest and visibility.farthest",
    "out_of_frame": "train longer, or train with a wider visibility.frame",
}

Rows = dict[str, np.ndarray]  # column name -> (rows, ...) array


@dataclass
class Tally:
    """How many candidates were drawn for the rows that were kept, and why the others were not."""

    candidates: int = 0
    redrawn: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))

    def __add__(self, other: Tally) -> Tally:
        redrawn = {cause: n + other.redrawn[cause] for cause, n in self.redrawn.items()}
        return Tally(self.candidates + other.candidates, redrawn)

    def to_dict(self) -> dict[str, int]:
        """The form of the ``redrawn`` attribute."""
        return {"candidates": self.candidates, **self.redrawn}


class Sampler:
    """All that the rows of an export are made of: the run's poses on the one hand, its frozen networks on the other."""

    def __init__(self, run: RunFolder, settings: ExportSettings) -> None:
        poses, visibility = run.poses, run.config.visibility
        self.seed = settings.seed
        self.columns = columns_of(poses.skeleton, settings)
        self.pose = torch.from_numpy(poses.positions)
        self.intrinsics = torch.from_numpy(poses.intrinsics)
        self.image_size = torch.from_numpy(poses.image_size.astype(np.int16))
        self.limits = Limits(visibility.nearest, visibility.farthest, visibility.frame)
        self.augmentor = FrozenAugmentor(run.augmentor())
        self.snapshot = int(run.info().get("best_epoch", 0))
        self.critics = run.discriminators() if settings.scores else None
        self.difficulty = Difficulty(run.estimator(), self.pose, self.intrinsics) if settings.difficulty else None

    def blocks(self, shard: int, rows: int) -> Iterator[tuple[Rows, Tally]]:
        """The rows of one shard, exactly ``rows`` in all, in blocks of uneven size.

        Raises:
            PoseAugError: hardly a candidate is valid.
        """
        total, done = Tally(), 0
        for block in count():
            kept, tally = self._block(shard, block, rows - done)
            total, done = total + tally, done + len(kept["source_index"])
            yield kept, tally
            if done == rows:
                return
            if block + 1 >= TRIAL_BLOCKS and done < LEAST_VALID * total.candidates:
                raise _hardly_valid(done, total)

    @torch.inference_mode()
    def _block(self, shard: int, block: int, wanted: int) -> tuple[Rows, Tally]:
        """The valid rows among one block's candidates, at most ``wanted``; those after the last do not count."""
        index, noise = draw(self.seed, shard, block, len(self.pose), self.augmentor.noise)
        pose, intrinsics, image_size = self.pose[index], self.intrinsics[index], self.image_size[index]
        augmented = self.augmentor(pose, intrinsics, noise)
        fault = faults(augmented.pose_rt, augmented.pose_2d, image_size, self.limits)
        kept = (~fault.any(-1)).nonzero()[:wanted, 0]
        seen = int(kept[-1]) + 1 if len(kept) == wanted else BLOCK_ROWS
        augmented = Augmented(*(value[kept] for value in vars(augmented).values()))
        rows = self._columns(augmented, intrinsics[kept], image_size[kept], index[kept])
        return rows, Tally(seen, first_cause(fault[:seen]))

    def _columns(self, made: Augmented, intrinsics: Tensor, image_size: Tensor, index: Tensor) -> Rows:
        """The arrays that the file holds, of the types that it holds."""
        values = {
            "positions_3d": made.pose_rt,
            "positions_2d": made.pose_2d,
            "intrinsics": intrinsics,
            "image_size": image_size,
            "rotation": made.rotation,
            "translation": made.translation,
            "length_ratio": made.length_ratio,
            "angle_change": made.angle_change.mean(-1),
            "source_index": index,
            "snapshot": torch.full_like(index, self.snapshot),
        }
        if self.critics is not None:
            values["score_3d"], values["score_2d"] = scores(*self.critics, made)
        if self.difficulty is not None:
            values["difficulty"] = self.difficulty(made, index)
        return {column.name: values[column.name].numpy().astype(column.dtype, copy=False) for column in self.columns}


def draw(
    seed: int, shard: int, block: int, sources: int, noise: int
) -> tuple[Int[Tensor, " block"], Float[Tensor, "nets block noise"]]:
    """What one block needs of chance: its source rows, uniform, and each network's standard normal noise."""
    # The block lies in the counter's last word, which the draws within a block never reach.
    bits = np.random.Philox(key=np.array([seed, shard], np.uint64), counter=np.array([0, 0, 0, block], np.uint64))
    generator = np.random.Generator(bits)
    index = generator.integers(sources, size=BLOCK_ROWS)
    normal = generator.standard_normal((len(NETWORKS), BLOCK_ROWS, noise), dtype=np.float32)
    return torch.from_numpy(index), torch.from_numpy(normal)


def scores(
    d3d: Discriminator3D, d2d: Discriminator2D, made: Augmented
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Each discriminator's score (1: real) of what it was trained to see; the 3D one's parts averaged."""
    return d3d(made.pose_ba).mean(-1), d2d(made.pose_2d)[:, 0]


class Difficulty:
    """How much harder a pair is for the estimator than its source pose: mean joint error over mean joint error."""

    def __init__(
        self, estimator: nn.Module, pose: Float[Tensor, "sources joints 3"], intrinsics: Float[Tensor, "sources 9"]
    ) -> None:
        self.estimator = estimator
        with torch.inference_mode():
            pairs = zip(pose.split(BLOCK_ROWS), intrinsics.split(BLOCK_ROWS), strict=True)
            self.source_errors = torch.cat([self._errors(p, project(p, camera)) for p, camera in pairs])

    def __call__(self, made: Augmented, index: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        return self._errors(made.pose_rt, made.pose_2d) / (self.source_errors[index] + EPSILON)

    def _errors(
        self, pose: Float[Tensor, "batch joints 3"], pose_2d: Float[Tensor, "batch joints 2"]
    ) -> Float[Tensor, " batch"]:
        """Mean distance of the root-relative joints from where the estimator puts them, metres."""
        return (root_relative(self.estimator(pose_2d)) - root_relative(pose)).norm(dim=-1).mean(-1)


def _hardly_valid(valid: int, tally: Tally) -> PoseAugError:
    cause = max(tally.redrawn, key=lambda name: tally.redrawn[name])
    share = tally.redrawn[cause] / tally.candidates
    return PoseAugError(
        f"the augmentor makes hardly a valid pair ({valid:,} of {tally.candidates:,} candidates; {share:.0%} fail by "
        f"{cause}): {MENDS[cause]}"
    )
