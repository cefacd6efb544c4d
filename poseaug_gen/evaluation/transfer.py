"""Every training set, several seeds, every target: trained, tested, kept, averaged.

A finished lifter's scores are kept as one JSON file, found by a hash of all that they depend on: training set, budget,
seed, targets and the tool's version. The device is no part of it. So an evaluation that was interrupted goes on, and
one that is asked again, or asked for more, trains only what is missing.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from poseaug_gen import __version__, storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.arms import Arm
from poseaug_gen.evaluation.fingerprint import fingerprint
from poseaug_gen.evaluation.predict import predict
from poseaug_gen.evaluation.scores import Scores, mean_scores, score
from poseaug_gen.poses import PoseSet
from poseaug_gen.training.lifter import Advance, Budget


@dataclass(frozen=True)
class Target:
    """Poses that no lifter was trained on, and how tables call them."""

    name: str
    poses: PoseSet

    @cached_property
    def sha256(self) -> str:
        """What its scores depend on."""
        return fingerprint(self.poses)


@dataclass(frozen=True)
class Outcome:
    """What one lifter, or one file of predictions, scored on each target; ``key`` is what that depends on."""

    arm: str
    seed: int
    seconds: float
    key: dict[str, Any]
    targets: dict[str, Scores]


Tell = Callable[[Outcome], object]


@dataclass(frozen=True)
class Plan:
    """Which lifters are to be trained and tested, and where what they score is kept."""

    arms: Sequence[Arm]
    seeds: Sequence[int]
    targets: Sequence[Target]
    budget: Budget
    folder: Path

    def missing(self) -> int:
        """How much work :meth:`run` has before it, in the units that it advances by."""
        todo = ((arm, seed) for arm in self.arms for seed in self.seeds if not self._path(arm, seed).exists())
        return sum(arm.work(self.budget) for arm, _ in todo)

    def run(self, advance: Advance = lambda steps: None, tell: Tell = lambda outcome: None) -> list[Outcome]:
        """Train and test what is not kept yet; all outcomes, arm by arm.

        Args:
            advance: told of each step.
            tell: told of each outcome, kept ones too.

        Raises:
            PoseAugError: a kept file is damaged, the folder cannot be written, or a lifter's predictions are not
                finite.
        """
        outcomes = []
        for arm in self.arms:
            for seed in self.seeds:
                path = self._path(arm, seed)
                outcome = _read(path, self._key(arm, seed)) if path.exists() else self._train(arm, seed, advance)
                tell(outcome)
                outcomes.append(outcome)
            arm.release()
        return outcomes

    def _train(self, arm: Arm, seed: int, advance: Advance) -> Outcome:
        started = time.perf_counter()
        model = arm.train(self.budget, seed, advance)
        scores = {target.name: tested(model, target, f"{arm.name}, seed {seed}") for target in self.targets}
        seconds = round(time.perf_counter() - started, 3)
        outcome = Outcome(arm.name, seed, seconds, self._key(arm, seed), scores)
        storage.write_text(self._path(arm, seed), json.dumps(asdict(outcome), indent=1) + "\n")
        return outcome

    def _key(self, arm: Arm, seed: int) -> dict[str, Any]:
        targets = {target.name: target.sha256 for target in self.targets}
        return {**arm.key(), "budget": asdict(self.budget), "seed": seed, "targets": targets, "version": __version__}

    def _path(self, arm: Arm, seed: int) -> Path:
        text = json.dumps(self._key(arm, seed), sort_keys=True)
        return self.folder / f"{arm.name}-seed{seed}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def tested(model: nn.Module, target: Target, who: str) -> Scores:
    """What a lifter scores on a target.

    Raises:
        PoseAugError: its predictions are not finite.
    """
    predicted = predict(model, torch.from_numpy(target.poses.seen_2d()), target.poses.skeleton)
    if not predicted.isfinite().all():
        raise PoseAugError(
            f"{who}: the lifter's predictions for {target.name} are not finite, as its training did not hold; "
            f"try another --seed or --estimator"
        )
    return score(predicted, target.poses)


def _read(path: Path, key: Mapping[str, Any]) -> Outcome:
    """A kept result. Raises a PoseAugError where the file is damaged, or not what was kept under this key."""
    entries = storage.read_json(path)
    if not isinstance(entries, dict) or entries.get("key") != json.loads(json.dumps(key)):
        raise PoseAugError(f"{path}: not the result that was kept under this name; delete it, and it is made again")
    try:
        return Outcome(**entries)
    except TypeError as error:
        raise PoseAugError(f"{path}: not a kept result ({error}); delete it, and it is made again") from error


# --- over seeds and targets -------------------------------------------------------------------------------------


def with_means(outcome: Outcome, groups: Mapping[str, Sequence[str]]) -> dict[str, Scores]:
    """An outcome's scores on each target, and after them the mean of each named group of targets."""
    means = {name: mean_scores([outcome.targets[target] for target in targets]) for name, targets in groups.items()}
    return {**outcome.targets, **means}


def over_seeds(trees: Sequence[Any]) -> Any:
    """Equal dicts of figures as one whose leaves are ``{"mean": …, "spread": …}``, whole numbers left as they are.

    The spread is the standard deviation of a sample; None of a single seed.
    """
    first = trees[0]
    if isinstance(first, Mapping):
        return {key: over_seeds([tree[key] for tree in trees]) for key in first}
    if isinstance(first, int):
        return first
    return {"mean": statistics.fmean(trees), "spread": statistics.stdev(trees) if len(trees) > 1 else None}


def summarise(outcomes: Iterable[Outcome], groups: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Scores]]:
    """Arm -> target or group of targets -> scores over the seeds (:func:`over_seeds`), in the order that they came."""
    by_arm: dict[str, list[dict[str, Scores]]] = {}
    for outcome in outcomes:
        by_arm.setdefault(outcome.arm, []).append(with_means(outcome, groups))
    return {arm: over_seeds(scores) for arm, scores in by_arm.items()}
