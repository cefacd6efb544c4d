"""The schedule of SPEC as one loop: pre-train the estimator, then train augmentor, critics and estimator together."""

from __future__ import annotations

from poseaug_gen import storage
from poseaug_gen.config import Config
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.training.begin import begin, check_not_failed
from poseaug_gen.training.data import Data
from poseaug_gen.training.monitor import SILENT, Monitor
from poseaug_gen.training.networks import Networks, pick_device
from poseaug_gen.training.pairs import batches_in
from poseaug_gen.training.passes import train_estimator, train_gan
from poseaug_gen.training.run_folder import JOINT, PRETRAIN, RunFolder
from poseaug_gen.training.state import Run


def train(
    config: Config,
    poses: PoseSet | None,
    folder: RunFolder,
    monitor: Monitor = SILENT,
    extra_2d: Poses2D | None = None,
    built_in: PoseSet | None = None,
) -> RunFolder:
    """Train into ``folder``, or go on where a run with the same configuration stopped there.

    An epoch that ends ill is not kept: the run goes back to the state before it, and the same epoch comes again.

    Args:
        poses: what to train on; a run that is gone on with has its own and needs none.
        extra_2d: unpaired 2D poses that steer views and positions; the same is true of them.
        built_in: poses of the built-in source that are learned from too; likewise.

    Raises:
        PoseAugError: too few poses, another run's settings in the folder, a run that stays ill.
    """
    device, schedule = pick_device(config.run.device), config.schedule
    with folder.locked():
        storage.clear_temporaries(folder.path)
        if folder.exists:
            check_not_failed(folder)
        elif poses is None:
            raise ValueError("a new run needs poses")
        else:
            begin(config, poses, folder, extra_2d, built_in)
        run = Run(config, folder, device, monitor)

        while run.done[PRETRAIN] < schedule.pretrain_epochs:
            epoch = run.begin_epoch(PRETRAIN)
            run.end_epoch(PRETRAIN, pretrain_epoch(run.networks, run.data, epoch, monitor))

        while run.done[JOINT] < schedule.epochs:
            epoch = run.begin_epoch(JOINT)
            run.end_epoch(JOINT, joint_epoch(run.networks, run.data, epoch, monitor))

        run.finish()
    return folder


def pretrain_epoch(networks: Networks, data: Data, epoch: int, monitor: Monitor = SILENT) -> dict[str, float]:
    """The estimator alone, on the original pairs."""
    schedule = networks.config.schedule
    step = (epoch - 1) * batches_in(len(data.train), schedule.batch_size)
    decays = step // schedule.pretrain_decay_steps
    networks.scale_learning_rates(schedule.pretrain_decay**decays, "pretrain")
    return {"estimator_loss": train_estimator(networks, data.train, "pretrain", monitor)}


def joint_epoch(networks: Networks, data: Data, epoch: int, monitor: Monitor = SILENT) -> dict[str, float]:
    """SPEC's four steps: swap bodies, train the GAN, train the estimator on its pairs and on the originals."""
    schedule = networks.config.schedule
    networks.scale_learning_rates(1 - (epoch - 1) / (schedule.epochs + 1), "augmentor", "d3d", "d2d", "estimator")
    source = data.train.with_random_lengths(data.bodies, networks.skeleton)
    augmented, row = train_gan(networks, source, epoch, monitor, data.extra)
    if epoch > schedule.warmup_epochs:
        # Where hardly a pair was in frame, there is nothing to learn from them.
        if len(augmented) > 1:
            row["estimator_loss_augmented"] = train_estimator(networks, augmented, "estimator", monitor)
        row["estimator_loss"] = train_estimator(networks, data.train, "estimator", monitor)
    return row
