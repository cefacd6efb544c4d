"""What augmentor, discriminators and feedback are asked to do: the formulas of SPEC, "Losses", one function each.

Every function returns a scalar, the mean over the batch, unless it says otherwise.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.bones import constant, lengths_of
from poseaug_gen.config import FeedbackSettings, LossSettings
from poseaug_gen.models.augmentor import Augmented
from poseaug_gen.skeleton import Skeleton

EPSILON = 1e-4  # metres: a tenth of a millimetre of error, so that no ratio of errors divides by zero

Scalar = Float[Tensor, ""]
Scores = Float[Tensor, "batch parts"]
Scores2D = Float[Tensor, "batch 1"]
Poses = Float[Tensor, "batch joints 3"]
GroupErrors = Float[Tensor, "batch groups"]


def discriminator_loss(real: Scores, fake: Scores) -> Scalar:
    """``1/2 [(D(real) - 1)^2 + D(fake)^2]`` (least-squares GAN, eq. 12)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def adversarial_loss(real: Scores, fake: Scores) -> Scalar:
    """``1/2 [D(real)^2 + (D(fake) - 1)^2]``: the augmentor's side; its first half has no gradient to it."""
    return (real.square().mean() + (fake - 1).square().mean()) / 2


def angle_range_loss(angle_change: Float[Tensor, "batch bones"], target: float, band: float) -> Scalar:
    """``(a - target)^2`` where ``a``, a pose's mean ``1 - cos``, is outside ``target ± band``."""
    return _outside_band(angle_change.mean(-1), target, band)


def length_range_loss(ratio: Float[Tensor, "batch groups"], band: float) -> Scalar:
    """``ratio^2`` where a bone length's change is beyond ``band``."""
    return _outside_band(ratio, 0.0, band)


def range_feedback(ratio: Float[Tensor, "batch groups"], target: float, band: float) -> Scalar:
    """``(ratio - target)^2`` where the ratio of errors is outside ``target ± band`` (the published code)."""
    return _outside_band(ratio, target, band)


def exponential_feedback(augmented: Float[Tensor, " batch"], source: Float[Tensor, " batch"], beta: float) -> Scalar:
    """``|1 - exp(L(X') - beta L(X))|`` with each pose's squared error ``L``, square metres (eq. 9)."""
    # An estimator that is lost on a pose must not make the exponential overflow; e^10 is already far outside.
    return (1 - (augmented - beta * source).clamp_max(10).exp()).abs().mean()


def joint_group_errors(predicted: Poses, target: Poses, skeleton: Skeleton) -> GroupErrors:
    """Weighted joint errors (metres, root-relative poses), averaged over each feedback group of joints."""
    weights = constant(skeleton, "feedback_weights", predicted.device, predicted.dtype)
    errors = lengths_of(predicted - target) * weights
    return torch.stack([errors[:, list(group)].mean(-1) for group in skeleton.feedback_groups], -1)


def angle_target(settings: FeedbackSettings, progress: float) -> float:
    """The target for the ratio after bone angle; ``progress`` runs from 0 to 1 over the epochs."""
    return settings.angle_target_start + progress * (settings.angle_target_end - settings.angle_target_start)


def feedback_loss(
    source: tuple[Poses, Poses],
    bone_angle: tuple[Poses, Poses],
    rigid: tuple[Poses, Poses],
    skeleton: Skeleton,
    settings: FeedbackSettings,
    progress: float,
) -> tuple[Scalar, dict[str, Tensor]]:
    """How far the augmented poses are from being as hard for the estimator as they should be.

    Each pair is (predicted, target), root-relative, metres: of the source pose, after bone angle, and after the
    rigid transform. Returns the weighted loss and the mean ratios of errors, for the record.
    """
    easy, turned, moved = (joint_group_errors(*pair, skeleton) for pair in (source, bone_angle, rigid))
    easy = easy.detach() + EPSILON
    ratio_ba, ratio_rt = turned / easy, moved / easy
    ratios = {"difficulty_angle": ratio_ba.detach().mean(), "difficulty": ratio_rt.detach().mean()}
    if settings.form == "range":
        loss_ba = range_feedback(ratio_ba, angle_target(settings, progress), settings.angle_band)
        loss_rt = range_feedback(ratio_rt, settings.rigid_target, settings.rigid_band)
        return settings.angle_weight * loss_ba + settings.rigid_weight * loss_rt, ratios
    beta = settings.beta_start + progress * (settings.beta_end - settings.beta_start)
    losses = [(predicted - target).square().sum((1, 2)) for predicted, target in (source, bone_angle, rigid)]
    loss = exponential_feedback(losses[1], losses[0].detach(), beta)
    loss = loss + exponential_feedback(losses[2], losses[0].detach(), beta)
    return settings.exponential_weight * loss, ratios


def augmentor_loss(
    augmented: Augmented,
    scores_3d: tuple[Scores, Scores],
    scores_2d: tuple[Scores2D, Scores2D],
    settings: LossSettings,
) -> tuple[Scalar, dict[str, Tensor]]:
    """``1 adv2d + 6 adv3d + 3 (angle_range + length_range)``: the augmentor's loss without the feedback.

    Scores are (real, fake). Returns the loss and its parts, detached, for the record.
    """
    adv_3d, adv_2d = adversarial_loss(*scores_3d), adversarial_loss(*scores_2d)
    angle = angle_range_loss(augmented.angle_change, settings.angle_target, settings.angle_band)
    length = length_range_loss(augmented.length_ratio, settings.length_band)
    loss = settings.adversarial_2d * adv_2d + settings.adversarial_3d * adv_3d + settings.range * (angle + length)
    parts = {"adversarial_3d": adv_3d, "adversarial_2d": adv_2d, "angle_range": angle, "length_range": length}
    return loss, {name: part.detach() for name, part in parts.items()}


def _outside_band(value: Tensor, target: float, band: float) -> Scalar:
    offset = value - target
    return (offset.square() * (offset.abs() > band)).mean()
