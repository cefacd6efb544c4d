"""A run's training as a page shows it: its curves, what its health was judged by, and what it recovered from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from poseaug_gen.config import HealthSettings
from poseaug_gen.report.charts import CURVES, curves
from poseaug_gen.training.health import BOUNDS, DISCRIMINATORS
from poseaug_gen.training.run_folder import JOINT, PRETRAIN, RunFolder


@dataclass(frozen=True)
class CurveSpec:
    """One chart of a training: figures of ``metrics.jsonl``, each with its label."""

    name: str
    title: str
    definition: str
    figures: Mapping[str, str]
    logarithmic: bool = False


SPECS = (
    CurveSpec(
        "errors",
        "Error on held-out poses, mm",
        "MPJPE of the estimator on subjects that it never trained on, seen by the source’s cameras and by drawn ones.",
        {"validation_mpjpe_mm": "source’s cameras", "unseen_views_mpjpe_mm": "unseen cameras"},
    ),
    CurveSpec(
        "estimator",
        "Estimator’s loss",
        "On source poses and on augmented ones.",
        {"estimator_loss": "source", "estimator_loss_augmented": "augmented"},
        logarithmic=True,
    ),
    CurveSpec(
        "augmentor",
        "Augmentor’s loss",
        "In all, and its adversarial parts before they are weighed.",
        {"augmentor_loss": "in all", "adversarial_3d": "3D", "adversarial_2d": "2D", "feedback": "feedback"},
    ),
    CurveSpec(
        "discriminators",
        "Discriminators’ right answers",
        "Share, on real poses and on augmented ones. Neither always nor never is a healthy answer.",
        {
            "d3d_accuracy_real": "3D, real",
            "d3d_accuracy_fake": "3D, augmented",
            "d2d_accuracy_real": "2D, real",
            "d2d_accuracy_fake": "2D, augmented",
        },
    ),
    CurveSpec(
        "changes",
        "Change of bones",
        "By the augmentor as it is saved: of angles, mean 1 − cos; of lengths, mean share of the length.",
        {"frozen_angle_change": "angles", "frozen_length_change": "lengths"},
    ),
    CurveSpec(
        "diversity",
        "Diversity over the source’s",
        "Mean distance of two augmented poses, of two postures before they are turned, and of two augmentations of one "
        "pose, each over that of two source poses.",
        {
            "pairwise_distance_ratio": "poses",
            "posture_distance_ratio": "postures",
            "noise_distance_ratio": "one pose’s",
        },
    ),
    CurveSpec(
        "difficulty",
        "Difficulty of augmented pairs",
        "The estimator’s error on them over its error on their source, after the bone angles and after all.",
        {"difficulty_angle": "bone angles", "difficulty": "all"},
    ),
    CurveSpec(
        "impossible",
        "Pairs that no camera could take",
        "Share of the augmentor’s, by cause.",
        {"rejected_out_of_frame": "out of frame", "rejected_depth": "depth", "rejected_not_finite": "not finite"},
    ),
)


@dataclass(frozen=True)
class Curve:
    """A chart and the words about it; ``styles`` are the labels of its lines in the order of their styles."""

    title: str
    definition: str
    styles: Sequence[str]
    svg: Markup


def curves_of(run: RunFolder) -> Iterator[Curve]:
    """The curves of what a run has measured over its epochs; none of figures that it has not."""
    rows = [row for row in run.kept_metrics() if row.get("phase") in (PRETRAIN, JOINT)]
    pretrained = sum(row["phase"] == PRETRAIN for row in rows)
    best = run.info().get("best_epoch")
    marked = best if isinstance(best, int) and best > 0 else None
    for spec in SPECS:
        lines = {label: [_number(row.get(key)) for row in rows] for key, label in spec.figures.items()}
        lines = {label: values for label, values in lines.items() if any(value is not None for value in values)}
        if lines:
            svg = curves(f"training-{spec.name}", spec.title, lines, pretrained, marked, spec.logarithmic)
            yield Curve(spec.title, spec.definition, list(lines)[: len(CURVES)], svg)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


@dataclass(frozen=True)
class Judged:
    """One measure of the epoch that was recorded last, and the bound that it is held against."""

    what: str
    value: float
    bound: str
    healthy: bool


def judged(measured: Mapping[str, Any], settings: HealthSettings) -> Iterator[Judged]:
    """What the health of an epoch was judged by; measures that the epoch has not are left out."""
    for bound in BOUNDS:
        value, limit = _number(measured.get(bound.measure)), float(getattr(settings, bound.setting))
        if value is not None:
            healthy = value >= limit if bound.side == "<" else value <= limit
            yield Judged(bound.what, value, f"{'at least' if bound.side == '<' else 'at most'} {limit:g}", healthy)
    for name, title in DISCRIMINATORS.items():
        spread = _number(measured.get(f"{name}_spread"))
        if spread is not None:
            least = settings.score_spread
            yield Judged(f"spread of the {title}’s scores", spread, f"at least {least:g}", spread >= least)
