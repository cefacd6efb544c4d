"""A lifter trained from nothing on a fixed budget: the same for every training set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import mse_loss

from poseaug_gen.bones import root_relative
from poseaug_gen.config import resolve
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.batches import Batch, Batches

NARROW = 256  # channels: a lifter that two processor cores train in minutes

Advance = Callable[[int], object]  # told how many steps were done since it was last called


@dataclass(frozen=True)
class Budget:
    """How much training a lifter gets.

    The learning rate falls as ``learning_rate (1 - s/S)^decay`` over the ``S`` steps.
    """

    steps: int = 5000
    batch_size: int = 1024  # SPEC
    learning_rate: float = 1e-3  # SPEC, pre-training
    decay: float = 0.9  # the "poly" schedule (Chen et al., DeepLab, TPAMI 2018)
    estimator: str = "videopose"
    channels: int = NARROW
    dropout: float = 0.25  # SPEC, of videopose

    @classmethod
    def of(cls, estimator: str, steps: int, channels: int | None = None) -> Budget:
        """The budget of an estimator by name: dropout and learning rate are its own (SPEC), its width at most NARROW.

        Raises:
            BadConfigError: there is no such estimator.
        """
        own = resolve("paper", options={"estimator.name": estimator}).estimator
        return cls(
            steps=steps,
            learning_rate=own.pretrain_learning_rate,
            estimator=own.name,
            channels=channels or min(NARROW, own.channels),
            dropout=own.dropout,
        )


class Apprentice:
    """A lifter in training: initial weights and dropout come from the seed, one call is one step."""

    def __init__(self, budget: Budget, skeleton: Skeleton, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        self.budget = budget
        self.steps_done = 0
        self.model = build_estimator(budget.estimator, skeleton, budget.channels, budget.dropout).to(device)
        # One pass over all weights for a step; not on Apple's MPS, which torch gives it only lately.
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=budget.learning_rate, fused=device.type != "mps")

    def step(self, batch: Batch) -> None:
        """One step down the mean squared error of the root-relative pose."""
        pose_2d, pose = batch
        left = 1 - self.steps_done / self.budget.steps
        for group in self.optimiser.param_groups:
            group["lr"] = self.budget.learning_rate * left**self.budget.decay
        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        mse_loss(root_relative(self.model(pose_2d)), pose).backward()
        self.optimiser.step()
        self.steps_done += 1


def train_lifter(
    batches: Batches,
    budget: Budget,
    skeleton: Skeleton,
    seed: int,
    device: torch.device,
    advance: Advance = lambda steps: None,
) -> nn.Module:
    """A lifter after all its steps, in evaluation mode. On a processor the same arguments give the same weights."""
    apprentice = Apprentice(budget, skeleton, seed, device)
    stream = batches(seed, budget.batch_size)
    for _ in range(budget.steps):
        apprentice.step(next(stream))
        advance(1)
    return apprentice.model.eval()
