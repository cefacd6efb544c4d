"""A whole evaluation as one thing: what was compared, what came out, its tables, its JSON and its figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from poseaug_gen import __version__, storage
from poseaug_gen.evaluation.arms import SOURCE
from poseaug_gen.evaluation.figure import draw
from poseaug_gen.evaluation.predictions import NAME as PREDICTIONS
from poseaug_gen.evaluation.scores import Scores
from poseaug_gen.evaluation.table import BREAKDOWNS, Table, breakdown, overview
from poseaug_gen.evaluation.transfer import Outcome, Target, summarise
from poseaug_gen.training.lifter import Budget

MEAN = "mean of targets"


@dataclass(frozen=True)
class Report:
    """Outcomes on some targets; ``budget`` is that of the lifters among them."""

    targets: Sequence[Target]
    outcomes: Sequence[Outcome]
    budget: Budget

    @cached_property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Targets that are averaged: all of them, where there are several."""
        return {MEAN: [target.name for target in self.targets]} if len(self.targets) > 1 else {}

    @property
    def whole(self) -> str:
        """The mean of the targets, or the one target."""
        return MEAN if self.groups else self.targets[0].name

    @cached_property
    def summary(self) -> dict[str, dict[str, Scores]]:
        """Arm -> target or mean -> scores over the seeds."""
        return summarise(self.outcomes, self.groups)

    def tables(self) -> Iterator[Table]:
        """Every metric by target, then the MPJPE by elevation, joint and action, where there are several."""
        yield overview(self.summary, SOURCE)
        found = (breakdown(self.summary, self.whole, group) for group in BREAKDOWNS)
        yield from (table for table in found if table is not None)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {
            "tool_version": __version__,
            "budget": asdict(self.budget),
            "targets": {
                target.name: {
                    "rows": len(target.poses),
                    "sha256": target.sha256,
                    "skeleton": target.poses.skeleton.name,
                    "source": target.poses.provenance,
                }
                for target in self.targets
            },
            "summary": self.summary,
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }

    def write_json(self, path: Path) -> None:
        """Write :meth:`to_dict`, in its own order. Raises a PoseAugError where the file cannot be written."""
        storage.write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    def draw(self, path: Path) -> bool:
        """Write the figure; False where matplotlib is missing (:func:`poseaug_gen.evaluation.figure.draw`)."""
        return draw(path, self.summary, self.whole, self.title)

    @property
    def title(self) -> str:
        """What the lifters are, and how many; the files, where predictions alone were scored."""
        if all(outcome.arm == PREDICTIONS for outcome in self.outcomes):
            return ", ".join(file for outcome in self.outcomes for file in outcome.key["files"])
        seeds = max(sum(other.arm == outcome.arm for other in self.outcomes) for outcome in self.outcomes)
        budget = self.budget
        spread = f"; mean and standard deviation of {seeds} seeds" if seeds > 1 else ""
        return (
            f"{budget.estimator}, {budget.channels} channels, {budget.steps:,} steps of {budget.batch_size:,}{spread}"
        )
