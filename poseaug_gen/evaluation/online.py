"""PoseAug online: the augmentor learns beside the lifter that it is to help, and what it makes is used at once.

Every epoch the augmentor and the discriminators make one pass over the source, with the lifter so far as the judge;
then the lifter has its share of the budget's steps, on half source and half that epoch's pairs. These are the
augmentor's and drawn ones, mixed as in an export, but that nobody has judged the postures yet. In the warm-up epochs,
in which the augmentor gets no feedback, all are drawn ones; where none should be, as published, the lifter's steps are
then on the source alone: its pre-training.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from poseaug_gen.bones import root_relative
from poseaug_gen.config import Config, resolve
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.evaluation.fingerprint import fingerprint, fingerprint_2d
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.training.batches import OTHER_HALF, SOURCE_HALF, Pool, drawn, joined
from poseaug_gen.training.drawn_pool import draw_pool
from poseaug_gen.training.lifter import Advance, Apprentice, Budget
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Extra2D, Pairs, batches_in
from poseaug_gen.training.passes import train_gan
from poseaug_gen.training.run_folder import RunFolder

ONLINE, PUBLISHED = "online", "published"
# Settings of a run that the lifter's budget takes the place of, or that a pass over the source knows nothing of.
_OTHERS = ("source", "estimator", "postures", "views", "run", "health")
_DRAWN = ("postures", "views")  # settings of pairs that are drawn


@dataclass(frozen=True)
class OnlineArm:
    """Half of each batch from the source, half from what the augmentor of the moment makes of it, and drawn pairs.

    Attributes:
        config: of augmentor, discriminators, losses and schedule; its estimator gives way to the lifter.
        extra_2d: more 2D poses that the 2D discriminator takes for real, as many as ``config`` says.
        built_in: built-in poses that drawn pairs stand on beside the source's.
    """

    name: str
    poses: PoseSet
    config: Config
    device: torch.device
    extra_2d: Poses2D | None = None
    built_in: PoseSet | None = None

    def key(self) -> dict[str, Any]:
        """See :meth:`poseaug_gen.evaluation.arms.Arm.key`."""
        settings = {section: values for section, values in self.config.to_dict().items() if section not in _OTHERS}
        settings["run"] = {"precision": self.config.run.precision}
        key: dict[str, Any] = {"arm": self.name, "source": self._source_sha256, "config": settings}
        if self.extra_2d is not None:
            key["extra_2d"] = [fingerprint_2d(self.extra_2d), self.config.source.extra_2d_share]
        if self.config.postures.draws:
            key["drawn"] = {section: asdict(getattr(self.config, section)) for section in _DRAWN}
            key["built_in"] = None if self.built_in is None else fingerprint(self.built_in)
        return key

    @cached_property
    def _postures(self) -> PosturePool:
        built_in = [] if self.built_in is None else [self.built_in]
        poses = concatenate([self.poses, *built_in])
        return PosturePool(poses, len(poses) - len(self.poses), self.config.postures)

    @cached_property
    def _source_sha256(self) -> str:
        return fingerprint(self.poses)

    def work(self, budget: Budget) -> int:
        """See :meth:`poseaug_gen.evaluation.arms.Arm.work`: steps of the lifter and of the augmentor."""
        schedule = self.config.schedule
        return budget.steps + schedule.epochs * batches_in(len(self.poses), schedule.batch_size)

    def train(self, budget: Budget, seed: int, advance: Advance) -> nn.Module:
        """See :meth:`poseaug_gen.evaluation.arms.Arm.train`."""
        schedule, skeleton = self.config.schedule, self.poses.skeleton
        pairs, source = Pairs.of(self.poses, self.device), Pool.of(self.poses, self.device)
        bodies = torch.from_numpy(self.poses.subject_bone_lengths()).to(self.device)
        apprentice = Apprentice(budget, skeleton, seed, self.device)
        networks, extra = self._networks(apprentice, pairs)
        half = budget.batch_size // 2
        firsts = drawn(source, seed, SOURCE_HALF, budget.batch_size - half)
        ends = np.linspace(0, budget.steps, schedule.epochs + 1).round().astype(int).tolist()
        for epoch, (begin, end) in enumerate(pairwise(ends), start=1):
            networks.scale_learning_rates(1 - (epoch - 1) / (schedule.epochs + 1), "augmentor", "d3d", "d2d")
            swapped = pairs.with_random_lengths(bodies, skeleton)
            made, _ = train_gan(networks, swapped, epoch, _Told(advance), extra)
            other = self._other_half(made, epoch, (end - begin) * half, seed) or source
            for second in islice(drawn(other, seed, OTHER_HALF + epoch, half), end - begin):
                apprentice.step(joined(next(firsts), second))
                advance(1)
        return apprentice.model.eval()

    def release(self) -> None:
        """See :meth:`poseaug_gen.evaluation.arms.Arm.release`."""
        self.__dict__.pop("_postures", None)

    def _other_half(self, made: Pairs, epoch: int, rows: int, seed: int) -> Pool | None:
        """The pairs beside the source's that the lifter learns from in an epoch; None: there are none yet."""
        # Where hardly a pair was in frame, there is nothing to learn from them.
        ready = epoch > self.config.schedule.warmup_epochs and len(made) > 1
        learned = Pool(made.pose_2d, root_relative(made.pose))
        if not self.config.postures.draws:
            return learned if ready else None
        random = np.random.default_rng([seed, epoch])
        share = self.config.postures.learned if ready else 0.0
        chosen = torch.from_numpy(random.integers(max(len(made), 1), size=round(rows * share)))
        others = draw_pool(self._postures, rows - len(chosen), self.config, random).to(self.device)
        return Pool(*joined(learned.take(chosen), (others.pose_2d, others.pose)))

    def _networks(self, apprentice: Apprentice, pairs: Pairs) -> tuple[Networks, Extra2D | None]:
        """Augmentor and discriminators at their start, the lifter in the estimator's place, and the extra 2D poses."""
        networks = Networks(_judged_by(self.config, apprentice.budget), self.poses.skeleton, self.device)
        networks.estimator = apprentice.model
        share = self.config.source.extra_2d_share
        extra = None if self.extra_2d is None else Extra2D.of(self.extra_2d, share, self.device)
        networks.shape_start(pairs, extra)
        return networks, extra


def online_arm(poses: PoseSet, run: RunFolder, device: torch.device) -> OnlineArm:
    """Online with a run's own settings, built-in and extra 2D poses."""
    return OnlineArm(ONLINE, poses, run.config, device, run.extra_2d, run.built_in_poses)


def published_arm(poses: PoseSet, device: torch.device) -> OnlineArm:
    """Online with SPEC's settings and joint schedule as written."""
    return OnlineArm(PUBLISHED, poses, resolve("paper"), device)


def _judged_by(config: Config, budget: Budget) -> Config:
    """The configuration with the lifter's own settings as the estimator's."""
    lifter = replace(config.estimator, name=budget.estimator, channels=budget.channels, dropout=budget.dropout)
    return replace(config, estimator=lifter)


class _Told(Monitor):
    """Passes on every step of the augmentor."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance

    def step(self) -> None:
        self.advance(1)
