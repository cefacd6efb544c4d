"""The training sets that are compared, each an arm: the source alone, and half of it mixed with something more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from poseaug_gen.config import ExportSettings
from poseaug_gen.evaluation import plain
from poseaug_gen.evaluation.exported import made_key, made_pool, read_key, read_pool
from poseaug_gen.evaluation.fingerprint import fingerprint
from poseaug_gen.export.reading import Found
from poseaug_gen.poses import PoseSet
from poseaug_gen.training.batches import Pool, half_and_half
from poseaug_gen.training.lifter import Advance, Budget, train_lifter
from poseaug_gen.training.run_folder import RunFolder

SOURCE, EXPORT, PLAIN = "source", "export", "plain"


@runtime_checkable
class Arm(Protocol):
    """One of the training sets that are compared."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def key(self) -> dict[str, Any]:
        """All that its lifters depend on but budget and seed, as JSON holds it: what keeps a result is found by it."""

    def work(self, budget: Budget) -> int:
        """How often :meth:`train` advances."""

    def train(self, budget: Budget, seed: int, advance: Advance) -> nn.Module:
        """A lifter, in evaluation mode."""

    def release(self) -> None:
        """Let go of the memory that its pairs take; training again makes them again."""


@dataclass
class PoolArm:
    """Half of each batch from the source, the other half from a pool of pairs that is made once, when it is needed.

    Attributes:
        make: makes that pool; None: the other half is from the source too.
        facts: what the pool depends on beside the source.
    """

    name: str
    poses: PoseSet
    device: torch.device
    make: Callable[[], Pool] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    _pools: tuple[Pool, Pool] | None = field(default=None, init=False, repr=False)

    def key(self) -> dict[str, Any]:
        """See :meth:`Arm.key`."""
        return {"arm": self.name, "source": self._source_sha256, **self.facts}

    @cached_property
    def _source_sha256(self) -> str:
        return fingerprint(self.poses)

    def work(self, budget: Budget) -> int:
        """See :meth:`Arm.work`."""
        return budget.steps

    def train(self, budget: Budget, seed: int, advance: Advance) -> nn.Module:
        """See :meth:`Arm.train`."""
        if self._pools is None:
            source = Pool.of(self.poses, self.device)
            self._pools = source, self.make().to(self.device) if self.make else source
        return train_lifter(half_and_half(*self._pools), budget, self.poses.skeleton, seed, self.device, advance)

    def release(self) -> None:
        """See :meth:`Arm.release`."""
        self._pools = None


def source_arm(poses: PoseSet, device: torch.device) -> Arm:
    """The source alone."""
    return PoolArm(SOURCE, poses, device)


def run_arm(poses: PoseSet, run: RunFolder, rows: int, device: torch.device) -> Arm:
    """With the first ``rows`` pairs that ``poseaug-gen export`` writes of a finished run."""
    settings = ExportSettings(n=rows)
    return PoolArm(EXPORT, poses, device, partial(made_pool, run, settings), made_key(run, settings))


def file_arm(poses: PoseSet, found: Found, rows: int, device: torch.device) -> Arm:
    """With at most ``rows`` pairs of an export's files."""
    return PoolArm(EXPORT, poses, device, partial(read_pool, found, rows), read_key(found, rows))


def plain_arm(poses: PoseSet, rows: int, device: torch.device) -> Arm:
    """With ``rows`` pairs of plain random augmentation."""
    facts = {"rows": rows, **plain.SETTINGS}
    return PoolArm(PLAIN, poses, device, partial(plain.plain_pool, poses, rows), facts)
