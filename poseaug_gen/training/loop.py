"""The schedule of SPEC as one loop: pre-train the estimator, then train augmentor, critics and estimator together.

An epoch depends on the state at its start, the seed and its number alone: the random state is set anew at each,
so a run that is resumed after a kill ends with the same bytes as one that was left in peace (on one device).
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from poseaug_gen import __version__, storage
from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import Config, differences
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.models.augmentor import Augmented
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.canonical import read_poses, write_poses
from poseaug_gen.sources.canonical_2d import write_poses_2d
from poseaug_gen.training import preview
from poseaug_gen.training.losses import augmentor_loss, discriminator_loss, feedback_loss
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.networks import Networks, frozen, pick_device
from poseaug_gen.training.pairs import Extra2D, Pairs, Real, batches_in, shuffled
from poseaug_gen.training.run_folder import EXTRA_2D, FINISHED, RUNNING, RunFolder, snapshot_name
from poseaug_gen.validity import Limits, faults, first_cause

PRETRAIN, JOINT = "pretrain", "joint"


@dataclass
class Data:
    """What a run trains and chooses on, on its device."""

    train: Pairs
    validation: Pairs
    bodies: Tensor  # (subjects, bones): the training subjects' bone lengths, metres
    extra: Extra2D | None = None  # more 2D poses for the 2D discriminator to take for real


def train(
    config: Config,
    poses: PoseSet | None,
    folder: RunFolder,
    monitor: Monitor | None = None,
    extra_2d: Poses2D | None = None,
) -> RunFolder:
    """Train into ``folder``, or go on where a run with the same configuration stopped there.

    Args:
        poses: what to train on; a run that is gone on with has its own and needs none.
        extra_2d: unpaired 2D poses that steer views and positions; the same is true of them.

    Raises:
        PoseAugError: too few poses, another run's settings in the folder, a loss that is no longer finite.
    """
    monitor = monitor or Monitor()
    device = pick_device(config.run.device)
    with folder.locked():
        storage.clear_temporaries(folder.path)
        if not folder.exists:
            if poses is None:
                raise ValueError("a new run needs poses")
            _begin(config, poses, extra_2d, folder)
        data = _load_data(folder, device)
        torch.manual_seed(config.run.seed)
        networks = Networks(config, folder.skeleton, device)
        start = data.train.pose[:, 0].mean(0) if config.augmentor.start_at_source else None
        networks.augmentor.shape_start(config.augmentor.output_scale, start)
        if data.extra is not None and data.extra.share == 1:
            networks.blind_d2d(data.extra.never_known())
        done = _restore(config, folder, networks)
        schedule = config.schedule
        steps = batches_in(len(data.train), schedule.batch_size)

        for epoch in range(done[PRETRAIN] + 1, schedule.pretrain_epochs + 1):
            started = _begin_epoch(config, PRETRAIN, epoch, steps, monitor)
            row = _pretrain_epoch(networks, data, epoch, monitor)
            _finish_epoch(folder, networks, data, PRETRAIN, epoch, row, started, monitor)

        for epoch in range(done[JOINT] + 1, schedule.epochs + 1):
            warming_up = epoch <= schedule.warmup_epochs
            started = _begin_epoch(config, JOINT, epoch, steps if warming_up else 3 * steps, monitor)
            row = _joint_epoch(networks, data, epoch, monitor)
            if config.run.preview_every and (epoch % config.run.preview_every == 0 or epoch == schedule.epochs):
                preview.write(folder, networks.augmentor, data.train, epoch, monitor)
            _finish_epoch(folder, networks, data, JOINT, epoch, row, started, monitor)

        _finish(folder, networks)
    return folder


# --- one epoch ------------------------------------------------------------------------------------------------


def _pretrain_epoch(networks: Networks, data: Data, epoch: int, monitor: Monitor) -> dict[str, float]:
    """The estimator alone, on the original pairs."""
    schedule = networks.config.schedule
    step = (epoch - 1) * batches_in(len(data.train), schedule.batch_size)
    decays = step // schedule.pretrain_decay_steps
    networks.scale_learning_rates(schedule.pretrain_decay**decays, "pretrain")
    return {"estimator_loss": _train_estimator(networks, data.train, "pretrain", monitor)}


def _joint_epoch(networks: Networks, data: Data, epoch: int, monitor: Monitor) -> dict[str, float]:
    """SPEC's four steps: swap bodies, train the GAN, train the estimator on its pairs and on the originals."""
    schedule = networks.config.schedule
    networks.scale_learning_rates(1 - (epoch - 1) / (schedule.epochs + 1), "augmentor", "d3d", "d2d", "estimator")
    source = data.train.with_random_lengths(data.bodies, networks.skeleton)
    augmented, row = _train_gan(networks, source, epoch, monitor, data.extra)
    if epoch > schedule.warmup_epochs:
        # Where hardly a pair was in frame, there is nothing to learn from them.
        if len(augmented) > 1:
            row["estimator_loss_augmented"] = _train_estimator(networks, augmented, "estimator", monitor)
        row["estimator_loss"] = _train_estimator(networks, data.train, "estimator", monitor)
    return row


def _train_gan(
    networks: Networks, source: Pairs, epoch: int, monitor: Monitor, extra: Extra2D | None = None
) -> tuple[Pairs, dict[str, float]]:
    """One pass of augmentor and discriminators over the source; returns the valid augmented pairs."""
    config, device = networks.config, networks.device
    feedback_on = epoch > config.schedule.warmup_epochs
    progress = (epoch - 1) / max(1, config.schedule.epochs)
    limits = Limits(config.visibility.nearest, config.visibility.farthest, config.visibility.frame)
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
        loss, parts = augmentor_loss(fakes, scores_3d, scores_2d, networks.config.loss)
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
    right = ((scores[0] > 0.5).float().mean() + (scores[1] <= 0.5).float().mean()) / 2
    log.add(**{f"{name}_loss": loss.detach(), f"{name}_accuracy": right.detach()})


def _train_estimator(networks: Networks, pairs: Pairs, optimiser: str, monitor: Monitor) -> float:
    """One pass of the estimator over some pairs: mean squared error of the root-relative pose."""
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
def validation_error(networks: Networks, pairs: Pairs, batch_size: int = 8192) -> float | None:
    """The estimator's MPJPE on pairs it was not trained on, millimetres; None where there are none."""
    if not len(pairs):
        return None
    networks.estimator.eval()
    errors = [
        mpjpe_mm(root_relative(networks.estimator(pose_2d)), root_relative(pose))
        for pose_2d, pose in zip(pairs.pose_2d.split(batch_size), pairs.pose.split(batch_size), strict=True)
    ]
    return float(torch.cat(errors).mean())


class _Log:
    """Means over an epoch's steps; values stay on the device until they are asked for."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = defaultdict(list)

    def add(self, **values: Tensor) -> None:
        for name, value in values.items():
            self.values[name].append(value)

    def means(self) -> dict[str, float]:
        return {name: float(torch.stack(values).mean()) for name, values in self.values.items()}


# --- before, between and after epochs -------------------------------------------------------------------------


def _begin(config: Config, poses: PoseSet, extra_2d: Poses2D | None, folder: RunFolder) -> None:
    """Set up a new run folder; ``run.json`` comes last, so a folder without it is no run."""
    if extra_2d is not None and extra_2d.skeleton != poses.skeleton:
        raise ValueError(f"skeletons differ: {extra_2d.skeleton.name}, {poses.skeleton.name}")
    training, validation = poses.split_by_subject(config.source.validation_share, config.run.seed)
    if len(training) < 2:
        raise PoseAugError(f"only {len(training)} training pose(s) were found; training needs at least 2")
    write_poses(folder.path / "poses.h5", training)
    write_poses(folder.path / "validation.h5", validation)
    source, rows = dict(poses.provenance), {"training": len(training), "validation": len(validation)}
    if extra_2d is not None:
        write_poses_2d(folder.path / EXTRA_2D, extra_2d)
        source["extra_2d"], rows["extra_2d"] = list(extra_2d.provenance), len(extra_2d)
    storage.write_text(folder.path / "config.toml", config.to_toml())
    folder.write_info(
        state=RUNNING,
        versions={"poseaug_gen": __version__, "torch": torch.__version__, "numpy": np.__version__},
        source=source,
        source_sha256=storage.sha256(folder.path / "poses.h5"),
        rows=rows,
        validation_subjects=sorted(validation.subject.counts()),
    )


def check_same_settings(folder: RunFolder, config: Config) -> None:
    """A run is gone on with under the settings it was begun with, or not at all.

    Raises:
        BadConfigError: a setting differs; the sentence lists which.
    """
    changed = differences(folder.config.to_dict(), config.to_dict())
    if changed:
        raise BadConfigError(
            f"{folder.path}: the run there has other settings ({'; '.join(changed)}); "
            f"choose another --name, or start it again with --overwrite"
        )


def _load_data(folder: RunFolder, device: torch.device) -> Data:
    poses, extra, share = folder.poses, folder.extra_2d, folder.config.source.extra_2d_share
    return Data(
        train=Pairs.of(poses, device),
        validation=Pairs.of(read_poses(folder.path / "validation.h5"), device),
        bodies=torch.from_numpy(poses.subject_bone_lengths()).to(device),
        extra=None if extra is None else Extra2D.of(extra, share, device),
    )


def _restore(config: Config, folder: RunFolder, networks: Networks) -> dict[str, int]:
    """Take up the state after the last whole epoch; returns how many epochs of each phase are done."""
    state = folder.read_state()
    done = {PRETRAIN: 0, JOINT: 0}
    if state is not None:
        networks.restore(state["networks"])
        done[state["phase"]] = state["epoch"]
        if state["phase"] == JOINT:
            done[PRETRAIN] = config.schedule.pretrain_epochs
    folder.truncate_metrics(sum(done.values()))
    return done


def _begin_epoch(config: Config, phase: str, epoch: int, steps: int, monitor: Monitor) -> float:
    """Set torch's random state for this epoch and no other; returns the time."""
    # SeedSequence spreads the three numbers over 64 bits, so that neighbouring seeds share no stream.
    words = np.random.SeedSequence([config.run.seed, (PRETRAIN, JOINT).index(phase), epoch])
    torch.manual_seed(int(words.generate_state(1, np.uint64)[0] >> np.uint64(1)))
    epochs = config.schedule.pretrain_epochs if phase == PRETRAIN else config.schedule.epochs
    monitor.begin_epoch(phase, epoch, epochs, steps)
    return time.perf_counter()


def _finish_epoch(
    folder: RunFolder,
    networks: Networks,
    data: Data,
    phase: str,
    epoch: int,
    losses: dict[str, float],
    started: float,
    monitor: Monitor,
) -> None:
    """Measure and save; ``state.pt`` comes last, as it says that the epoch is whole.

    Raises:
        PoseAugError: a loss is not finite.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            raise PoseAugError(
                f"{folder.path}: {phase} epoch {epoch} ended with {name} = {value}; the epochs before are kept; "
                f"try another run.seed or smaller learning rates under another --name"
            )
    row = {"phase": phase, "epoch": epoch, **losses, "validation_mpjpe_mm": validation_error(networks, data.validation)}
    row["seconds"] = round(time.perf_counter() - started, 3)
    if phase == JOINT:
        folder.write_weights(snapshot_name(epoch), networks.augmentor)
    folder.append_metrics(row)
    folder.write_state({"networks": networks.state(), "phase": phase, "epoch": epoch})
    monitor.end_epoch(row)


def _finish(folder: RunFolder, networks: Networks) -> None:
    """Write what an export reads, and mark the run as finished."""
    joint = [row for row in folder.metrics() if row["phase"] == JOINT]
    best = _best_epoch(joint)
    storage.write_bytes(folder.path / "augmentor.safetensors", (folder.path / snapshot_name(best)).read_bytes())
    discriminators = torch.nn.ModuleDict({"d3d": networks.d3d, "d2d": networks.d2d})
    folder.write_weights("discriminators.safetensors", discriminators)
    folder.write_weights("estimator.safetensors", networks.estimator)
    folder.write_info(state=FINISHED, epochs=len(joint), best_epoch=best, health=joint[best - 1])


def _best_epoch(rows: list[dict[str, Any]]) -> int:
    """The epoch whose estimator did best on the validation poses; the last where there are none.

    Epochs of the warm-up left the estimator as it was, so they say nothing of their augmentor.
    """
    scored = [row for row in rows if "estimator_loss" in row and row["validation_mpjpe_mm"] is not None]
    return min(scored, key=lambda row: row["validation_mpjpe_mm"])["epoch"] if scored else len(rows)
