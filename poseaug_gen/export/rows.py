"""The rows of a shard: candidates drawn block by block, the invalid ones dropped and drawn again.

Random numbers come from Philox, a counter-based generator, keyed by (seed, shard) with the block in its counter.
So a shard depends on (run, settings, seed, shard number) alone: not on the process, nor on what else was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings
from poseaug_gen.coverage.pairs import DrawnPairs, draw_pairs
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.frozen import FrozenAugmentor
from poseaug_gen.export.schema import columns_of
from poseaug_gen.models.augmentor import NETWORKS, Augmented
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.rotation import rotation_vector
from poseaug_gen.training.losses import EPSILON
from poseaug_gen.training.run_folder import RunFolder
from poseaug_gen.validity import CAUSES, LEAST_VALID, Limits, faults, first_cause

BLOCK_ROWS = 8192  # candidates of one block; a part of the recipe: another number gives other rows
TRIAL_BLOCKS = 8  # 65,536 candidates show what share of them is valid

MENDS = {
    "not_finite": "the augmentor's weights or its source poses are broken, so train again",
    "depth": "train longer, or train with a wider visibility.nearest and visibility.farthest, or with nearer views",
    "out_of_frame": "train longer, or train with a wider visibility.frame, or with a smaller views.fills_most",
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
        poses = run.poses
        self.seed = settings.seed
        self.skeleton = poses.skeleton
        self.columns = columns_of(poses.skeleton, settings)
        self.postures = PosturePool(poses, run.built_in_rows, run.config.postures, run.difficulty())
        self.settings, self.views = run.config.postures, run.config.views
        self.limits = Limits.of(run.config.visibility)
        self.augmentor = FrozenAugmentor(run.augmentor())
        self.snapshot = int(run.info().get("best_epoch", 0))
        self.critics = run.discriminators() if settings.scores else None
        self.difficulty = Difficulty(run.estimator(), self.postures) if settings.difficulty else None

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
        random = generator_of(self.seed, shard, block)
        made, posture = self._make(random)
        fault = faults(made.pose, made.pose_2d, made.image_size, self.limits)
        kept = (~fault.any(-1)).nonzero()[:wanted, 0]
        seen = int(kept[-1]) + 1 if len(kept) == wanted else BLOCK_ROWS
        rows = self._columns(take(made, kept), take(posture, kept))
        return rows, Tally(seen, first_cause(fault[:seen]))

    def _make(self, random: np.random.Generator) -> tuple[Made, Drawn]:
        """One block of candidates: some by the augmentor, the others drawn."""
        posture = self.postures.draw(BLOCK_ROWS, random)
        learned = torch.from_numpy(random.random(BLOCK_ROWS) < self.settings.learned)
        rows, others = learned.nonzero()[:, 0], (~learned).nonzero()[:, 0]
        noise = random.standard_normal((len(NETWORKS), len(rows), self.augmentor.noise), dtype=np.float32)
        by = take(posture, rows)
        augmented = self.augmentor(by.pose, by.intrinsics, torch.from_numpy(noise))
        drawn = draw_pairs(take(posture, others), self.postures, self.views, random)
        parts = Made.learned(augmented, by, self.snapshot), Made.drawn(drawn, take(posture, others))
        order = torch.cat([rows, others]).argsort()
        return Made(
            **{name: torch.cat([vars(part)[name] for part in parts])[order] for name in vars(parts[0])}
        ), posture

    def _columns(self, made: Made, posture: Drawn) -> Rows:
        """The arrays that the file holds, of the types that it holds."""
        values = {
            "positions_3d": made.pose,
            "positions_2d": made.pose_2d,
            "intrinsics": made.intrinsics,
            "image_size": made.image_size,
            "rotation": made.rotation,
            "translation": made.pose[:, 0],
            "length_ratio": made.length_ratio,
            "angle_change": made.angle_change,
            "source_index": posture.index,
            "mirrored": posture.mirrored,
            "snapshot": made.snapshot,
        }
        if self.critics is not None:
            values["score_3d"], values["score_2d"] = scores(*self.critics, made)
        if self.difficulty is not None:
            values["difficulty"] = self.difficulty(made, posture)
        return {column.name: values[column.name].numpy().astype(column.dtype, copy=False) for column in self.columns}


@dataclass
class Made:
    """Candidates, whoever made them. Metres, camera frame."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]
    rotation: Float[Tensor, "rows 3"]  # rotation vector from the frame of the source's camera
    length_ratio: Float[Tensor, "rows groups"]
    angle_change: Float[Tensor, " rows"]
    snapshot: Int[Tensor, " rows"]

    @classmethod
    def learned(cls, made: Augmented, posture: Drawn, snapshot: int) -> Made:
        """What the augmentor made of some postures."""
        epoch = torch.full_like(posture.index, snapshot)
        change, size = made.angle_change.mean(-1), posture.image_size
        return cls(
            made.pose_rt, made.pose_2d, posture.intrinsics, size, made.rotation, made.length_ratio, change, epoch
        )

    @classmethod
    def drawn(cls, made: DrawnPairs, posture: Drawn) -> Made:
        """What was drawn: no bone was turned, and no augmentor had a hand in it."""
        rotation, none = rotation_vector(made.rotation), torch.zeros_like(posture.index)
        lens, size = made.intrinsics, made.image_size
        return cls(made.pose, made.pose_2d, lens, size, rotation, made.length_ratio, none.float(), none)


def generator_of(seed: int, shard: int, block: int) -> np.random.Generator:
    """The source of all that one block leaves to chance."""
    # The block lies in the counter's last word, which the draws within a block never reach.
    bits = np.random.Philox(key=np.array([seed, shard], np.uint64), counter=np.array([0, 0, 0, block], np.uint64))
    return np.random.Generator(bits)


Fields = TypeVar("Fields", Made, Drawn)


def take(fields: Fields, rows: Int[Tensor, " chosen"]) -> Fields:
    """Some rows of every field."""
    return type(fields)(**{name: value[rows] for name, value in vars(fields).items()})


def scores(
    d3d: Discriminator3D, d2d: Discriminator2D, made: Made
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Each discriminator's score (1: real) of each pair; the 3D one's parts averaged, and blind to size and view."""
    return d3d(made.pose).mean(-1), d2d(made.pose_2d)[:, 0]


class Difficulty:
    """How much harder a pair is for the estimator than its source pose: mean joint error over mean joint error."""

    def __init__(self, estimator: nn.Module, postures: PosturePool) -> None:
        self.estimator = estimator
        with torch.inference_mode():
            pairs = zip(postures.pose.split(BLOCK_ROWS), postures.intrinsics.split(BLOCK_ROWS), strict=True)
            self.source_errors = torch.cat([self._errors(p, project(p, camera)) for p, camera in pairs])

    def __call__(self, made: Made, posture: Drawn) -> Float[Tensor, " batch"]:
        return self._errors(made.pose, made.pose_2d) / (self.source_errors[posture.place] + EPSILON)

    def _errors(
        self, pose: Float[Tensor, "batch joints 3"], pose_2d: Float[Tensor, "batch joints 2"]
    ) -> Float[Tensor, " batch"]:
        """Mean distance of the root-relative joints from where the estimator puts them, metres."""
        return (root_relative(self.estimator(pose_2d)) - root_relative(pose)).norm(dim=-1).mean(-1)


def _hardly_valid(valid: int, tally: Tally) -> PoseAugError:
    cause = max(tally.redrawn, key=lambda name: tally.redrawn[name])
    share = tally.redrawn[cause] / tally.candidates
    return PoseAugError(
        f"hardly a candidate is a valid pair ({valid:,} of {tally.candidates:,} candidates; {share:.0%} fail by "
        f"{cause}): {MENDS[cause]}"
    )
