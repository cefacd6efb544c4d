"""What an epoch is made of: a pass of augmentor and discriminators, a pass of the estimator, a validation.

Each pass goes once over some pairs in random order, batch by batch, and changes the weights at every step.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.models.augmentor import Augmented
from poseaug_gen.training.losses import augmentor_loss, discriminator_loss, feedback_loss
from poseaug_gen.training.monitor import SILENT, Monitor
from poseaug_gen.training.networks import Networks, frozen
from poseaug_gen.training.pairs import Extra2D, Pairs, Real, shuffled
from poseaug_gen.validity import Limits, faults, first_cause


def train_gan(
    networks: Networks, source: Pairs, epoch: int, monitor: Monitor = SILENT, extra: Extra2D | None = None
) -> tuple[Pairs, dict[str, float]]:
    """One pass of augmentor and discriminators over the source.

    Args:
        epoch: of joint training, from 1: it sets the feedback's target; the warm-up's have no feedback.
        extra: 2D poses that the 2D discriminator takes for real too.

    Returns:
        The augmented pairs that a camera could have taken, and the means of what was measured at the steps.
    """
    config, device = networks.config, networks.device
    feedback_on = epoch > config.schedule.warmup_epochs
    progress = (epoch - 1) / max(1, config.schedule.epochs)
    limits = Limits.of(config.visibility)
    log = _Log()
    made: list[Pairs] = []
    networks.augmentor.train()
    # In evaluation mode while it judges: the fakes must not enter its batch norm statistics, nor dropout the judgement.
    networks.estimator.eval()
    three_orders = [shuffled(len(source), config.schedule.batch_size, device) for _ in range(3)]
    with frozen(networks.estimator):
        for step, (rows, rows_3d, rows_2d) in enumerate(zip(*three_orders, strict=True)):
            batch = source.take(rows)
            real_3d, real_2d = Real(source.pose[rows_3d]), Real(source.pose_2d[rows_2d])
            if extra is not None:
                real_2d = extra.mixed_with(real_2d.pose)
            fakes = networks.augmentor(batch.pose, batch.intrinsics, networks.augmentor.draw_noise(len(rows)))
            _step_augmentor(networks, batch, fakes, real_3d, real_2d, progress if feedback_on else None, log)
            if step % config.schedule.discriminator_every == 0:
                _step_discriminator(networks, "d3d", real_3d, fakes.pose_ba, log)
                _step_discriminator(networks, "d2d", real_2d, fakes.pose_2d, log)
            pair = Pairs(fakes.pose_rt.detach(), fakes.pose_2d.detach(), batch.intrinsics, batch.image_size)
            made.append(pair)
            monitor.step()
    pairs = Pairs(*(torch.cat([getattr(pair, name) for pair in made]) for name in vars(made[0])))
    # Tested once a pass: to count and choose rows at every step would have a GPU wait for the processor each time.
    fault = faults(pairs.pose, pairs.pose_2d, pairs.image_size, limits)
    rejected = {f"rejected_{cause}": count / len(pairs) for cause, count in first_cause(fault).items()}
    return pairs.take((~fault.any(-1)).nonzero()[:, 0]), log.means() | rejected


def train_estimator(networks: Networks, pairs: Pairs, optimiser: str, monitor: Monitor = SILENT) -> float:
    """One pass of the estimator over some pairs; returns the mean loss.

    The loss is the mean squared error of the root-relative pose, square metres. ``optimiser`` is "pretrain" or
    "estimator" (joint training); they differ in learning rate.
    """
    networks.estimator.train()
    log = _Log()
    for rows in shuffled(len(pairs), networks.config.schedule.batch_size, networks.device):
        predicted = networks.estimator(pairs.pose_2d[rows])
        loss = mse_loss(predicted, root_relative(pairs.pose[rows]))
        networks.minimise(loss, optimiser)
        log.add(loss=loss.detach())
        monitor.step()
    return log.means()["loss"]


@torch.inference_mode()
def validation_error(networks: Networks, pairs: Pairs, batch_size: int = 8192) -> float:
    """The estimator's MPJPE on some pairs, millimetres."""
    networks.estimator.eval()
    errors = [
        mpjpe_mm(root_relative(networks.estimator(pose_2d)), root_relative(pose))
        for pose_2d, pose in zip(pairs.pose_2d.split(batch_size), pairs.pose.split(batch_size), strict=True)
    ]
    return float(torch.cat(errors).mean())


# --- steps ----------------------------------------------------------------------------------------------------


def _step_augmentor(
    networks: Networks,
    batch: Pairs,
    fakes: Augmented,
    real_3d: Real,
    real_2d: Real,
    progress: float | None,
    log: _Log,
) -> None:
    """One step of the augmentor; ``progress`` through the epochs sets the feedback's target, None leaves it out."""
    with frozen(networks.d3d, networks.d2d):
        scores_3d = networks.d3d(real_3d.pose), networks.d3d(fakes.pose_ba)
        scores_2d = networks.d2d(real_2d.pose), networks.d2d(real_2d.hide(fakes.pose_2d))
        loss, parts = augmentor_loss(fakes, scores_3d, scores_2d, networks.loss)
        if progress is not None:
            feedback, ratios = _feedback(networks, batch, fakes, progress)
            loss = loss + feedback
            parts |= {"feedback": feedback.detach(), **ratios}
        networks.minimise(loss, "augmentor")
    log.add(
        augmentor_loss=loss.detach(),
        angle_change=fakes.angle_change.detach().mean(),
        length_change=fakes.length_ratio.detach().abs().mean(),
        **parts,
    )


def _feedback(networks: Networks, batch: Pairs, fakes: Augmented, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
    """The estimator's judgement of source, turned and moved poses; gradients reach the augmentor through both sides."""
    with torch.no_grad():
        source = networks.estimator(batch.pose_2d)
    turned_2d = project(fakes.pose_ba, batch.intrinsics)
    turned, moved = networks.estimator(torch.cat([turned_2d, fakes.pose_2d])).chunk(2)
    return feedback_loss(
        (root_relative(source), root_relative(batch.pose)),
        (root_relative(turned), root_relative(fakes.pose_ba)),
        (root_relative(moved), root_relative(fakes.pose_rt)),
        networks.skeleton,
        networks.config.feedback,
        progress,
    )


def _step_discriminator(networks: Networks, name: str, real: Real, fake: Tensor, log: _Log) -> None:
    """One step of a discriminator, on fakes that went through its history pool."""
    critic = getattr(networks, name)
    # The pool holds whole fakes: what is missing is dealt anew each time.
    scores = critic(real.pose), critic(real.hide(networks.pools[name].exchange(fake)))
    loss = discriminator_loss(*scores)
    networks.minimise(loss, name)
    right_real, right_fake = (scores[0] > 0.5).float().mean(), (scores[1] <= 0.5).float().mean()
    figures = {
        "loss": loss.detach(),
        "accuracy": (right_real + right_fake) / 2,
        "accuracy_real": right_real,
        "accuracy_fake": right_fake,
        "spread": torch.cat(scores).detach().std(0).mean(),  # over the poses; of the parts, the mean
    }
    log.add(**{f"{name}_{figure}": value for figure, value in figures.items()})


class _Log:
    """Means over an epoch's steps; values stay on the device until they are asked for."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = defaultdict(list)

    def add(self, **values: Tensor) -> None:
        for name, value in values.items():
            self.values[name].append(value)

    def means(self) -> dict[str, float]:
        return {name: float(torch.stack(values).mean()) for name, values in self.values.items()}
