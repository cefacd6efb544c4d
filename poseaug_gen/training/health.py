"""What collapse looks like, and what is done about it: bounds on an epoch's measures, a name and a remedy for each.

An epoch's row of ``metrics.jsonl`` holds all that is judged here: means over its steps (:mod:`.passes`) and measures
of the augmentor as it is saved (:mod:`.measures`). docs/health.md says what healthy runs measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from poseaug_gen.config import HealthSettings
from poseaug_gen.training.run_folder import PRETRAIN

DISCRIMINATORS = {"d3d": "3D discriminator", "d2d": "2D discriminator"}
EASED = 0.5  # what a learning rate is multiplied by: a step that matters, and three of them leave an eighth
_NETWORKS = {
    "augmentor": "the augmentor",
    "d3d": "the 3D discriminator",
    "d2d": "the 2D discriminator",
    "estimator": "the estimator",
    "pretrain": "the pre-training",
}


@dataclass(frozen=True)
class Remedy:
    """What is changed before an epoch is tried again. All remedies draw other random numbers too.

    Attributes:
        rates: factors on learning rates, by optimiser; they hold for the rest of the run.
        adversarial: factor on both adversarial weights; likewise.
        renewed: discriminators that begin anew, once.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    adversarial: float = 1.0
    renewed: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{_NETWORKS[name]}'s learning rate × {factor:g}" for name, factor in self.rates.items()]
        if self.adversarial != 1:
            parts.append(f"the adversarial weights × {self.adversarial:g}")
        parts += [f"a new {DISCRIMINATORS[name]}" for name in self.renewed]
        return ", ".join([*parts, "other random numbers"])

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "renewed": list(self.renewed)}


def eased(*optimisers: str, adversarial: float = 1.0, renewed: tuple[str, ...] = ()) -> Remedy:
    """A remedy that halves learning rates."""
    return Remedy(dict.fromkeys(optimisers, EASED), adversarial, renewed)


@dataclass(frozen=True)
class Illness:
    """One way in which an epoch went wrong.

    Attributes:
        name: as events and metrics have it, such as ``mode_collapse``.
        sentence: the measured value, and the bound that it is beyond.
        remedy: what its cause asks for.
    """

    name: str
    sentence: str
    remedy: Remedy


# A remedy goes against the cause: who moved too fast is slowed down; the adversarial losses hold poses near the real
# ones, so they count less where nothing changes and more where too much does; a discriminator that is lost, or that
# its augmentor has found the one answer to, begins anew.
_TOO_FAR = eased("augmentor", adversarial=2.0)
REMEDIES = {
    "non_finite": eased("augmentor", "d3d", "d2d", "estimator"),
    "estimator_runs_away": eased("estimator"),
    "generator_idle": Remedy(adversarial=0.5),
    "generator_saturated": _TOO_FAR,
    "translation_runs_away": _TOO_FAR,
    "invalid_rows": _TOO_FAR,
    "mode_collapse": eased("augmentor", renewed=("d3d", "d2d")),
}
# Whatever is wrong with the pre-training, it begins again, with other weights and more slowly.
PRETRAIN_REMEDY = eased("pretrain")


@dataclass(frozen=True)
class Bound:
    """A setting of :class:`HealthSettings` that one measure must not pass.

    Attributes:
        measure: its key in the epoch's row.
        side: ``<``: less than the setting is ill; ``>``: more is.
        what: the measure in words.
        after: a count in the row that must have reached the setting of the same name for the bound to hold.
    """

    illness: str
    measure: str
    side: str
    setting: str
    what: str
    after: str = ""

    def judge(self, row: Mapping[str, Any], settings: HealthSettings) -> Iterator[Illness]:
        """The illness, if the measure is beyond the bound; what was not measured is not judged."""
        value, bound = row.get(self.measure), getattr(settings, self.setting)
        if value is None or (self.after and row[self.after] < getattr(settings, self.after)):
            return
        if value < bound if self.side == "<" else value > bound:
            sentence = f"{self.what} is {value:.3g} {self.side} {bound:g} = health.{self.setting}"
            yield Illness(self.illness, sentence, REMEDIES[self.illness])


_ERROR = "the estimator's error on real poses over"
_APART = "over that of two source poses"
# The likeliest cause first: an estimator that is lost drags the augmentor along; what returns its input has no noise;
# people out of sight cannot be seen.
BOUNDS = (
    Bound("estimator_runs_away", "estimator_over_best", ">", "estimator_over_best", f"{_ERROR} its best"),
    Bound(
        "estimator_runs_away", "estimator_over_mean_pose", ">", "estimator_over_mean_pose", f"{_ERROR} a mean pose's"
    ),
    Bound("generator_idle", "frozen_angle_change", "<", "angle_change_min", "mean change of bone angles (1 - cos)"),
    Bound("generator_idle", "frozen_length_change", "<", "length_change_min", "mean change of bone lengths"),
    Bound("generator_saturated", "frozen_angle_change", ">", "angle_change_max", "mean change of bone angles"),
    Bound("generator_saturated", "length_at_limit", ">", "length_at_limit", "share of length changes at their limit"),
    Bound("translation_runs_away", "root_distance_ratio", ">", "root_distance", "people's distance over the source's"),
    Bound(
        "translation_runs_away", "root_spread_ratio", ">", "root_distance", "people's spread over the source's distance"
    ),
    Bound("mode_collapse", "pairwise_distance_ratio", "<", "pairwise_distance", f"two poses' mean distance {_APART}"),
    Bound("mode_collapse", "posture_distance_ratio", "<", "pairwise_distance", f"two postures' distance {_APART}"),
    Bound(
        "mode_collapse", "noise_distance_ratio", "<", "noise_distance", f"one pose's augmentations' distance {_APART}"
    ),
    Bound("invalid_rows", "invalid_share", ">", "invalid_share", "share of impossible pairs", "augmentor_steps"),
)


def illnesses(row: Mapping[str, Any], settings: HealthSettings) -> Iterator[Illness]:
    """What is wrong with an epoch, the likeliest cause first; nothing where it is healthy."""
    for illness in _all_illnesses(row, settings):
        if row["phase"] == PRETRAIN:
            illness = Illness(illness.name, illness.sentence, PRETRAIN_REMEDY)
        yield illness


def _all_illnesses(row: Mapping[str, Any], settings: HealthSettings) -> Iterator[Illness]:
    yield from _not_finite(row)
    yield from _no_learning(row, settings)
    for name in DISCRIMINATORS:
        yield from _discriminator(name, row, settings)
    for bound in BOUNDS:
        yield from bound.judge(row, settings)


def _not_finite(row: Mapping[str, Any]) -> Iterator[Illness]:
    """Losses and measures, and the networks' weights: a gradient that is not finite leaves weights that are not."""
    wrong = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    wrong += [f"weights of {_NETWORKS[name]}" for name in row.get("not_finite_weights", ())]
    if wrong:
        yield Illness("non_finite", f"not finite: {', '.join(wrong)}", REMEDIES["non_finite"])


def _no_learning(row: Mapping[str, Any], settings: HealthSettings) -> Iterator[Illness]:
    """An estimator that pre-training leaves worse than an answer that is always the same."""
    steps, error = row.get("pretrain_steps", 0), row.get("estimator_over_mean_pose", 0)
    if steps >= settings.learning_steps and error > 1:
        yield Illness(
            "no_learning",
            f"after {steps} steps (health.learning_steps = {settings.learning_steps}) the estimator's error on real "
            f"poses is {error:.3g} times that of always answering the mean pose",
            PRETRAIN_REMEDY,
        )


def _discriminator(name: str, row: Mapping[str, Any], settings: HealthSettings) -> Iterator[Illness]:
    """One that answers the same whatever it is shown, or is always right or always wrong."""
    if f"{name}_spread" not in row:
        return
    title, anew = DISCRIMINATORS[name], Remedy(renewed=(name,))
    spread, real, fake = (row[f"{name}_{figure}"] for figure in ("spread", "accuracy_real", "accuracy_fake"))
    margin = settings.discriminator_margin
    if spread < settings.score_spread:
        sentence = (
            f"the {title}'s scores differ by {spread:.2g}, under health.score_spread = {settings.score_spread:g}: "
            f"it is right on {real:.0%} of real poses and {fake:.0%} of fakes, whatever it is shown"
        )
        yield Illness("discriminator_stuck", sentence, anew)
    elif row[f"{name}_steps"] >= settings.discriminator_steps and max(min(x, 1 - x) for x in (real, fake)) < margin:
        sentence = (
            f"the {title} is right on {real:.1%} of real poses and {fake:.1%} of fakes, "
            f"both within health.discriminator_margin = {margin:g} of never or always"
        )
        always_right = real > 0.5 and fake > 0.5  # it has won, and its augmentor learns nothing from it any more
        yield Illness("discriminator_stuck", sentence, eased(name, renewed=(name,)) if always_right else anew)
