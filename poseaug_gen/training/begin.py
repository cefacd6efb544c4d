"""Whether a run can begin in a folder, or go on there; and what lies in the folder before the first epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from poseaug_gen import __version__, storage
from poseaug_gen.config import Config, differences
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.sources.canonical_2d import write_poses_2d
from poseaug_gen.training.drawn_pool import check_views
from poseaug_gen.training.run_folder import EXTRA_2D, FAILED, RUNNING, VALIDATION, RunFolder


def begin(
    config: Config,
    poses: PoseSet,
    folder: RunFolder,
    extra_2d: Poses2D | None = None,
    built_in: PoseSet | None = None,
) -> None:
    """Set up a new run folder; ``run.json`` comes last, so a folder without it is no run.

    Args:
        poses: the source's; some subjects of it are held out to choose the best epoch.
        extra_2d: unpaired 2D poses that steer views and positions.
        built_in: poses of the built-in source that are learned from too.

    Raises:
        PoseAugError: as :func:`divided` does.
    """
    if extra_2d is not None and extra_2d.skeleton != poses.skeleton:
        raise ValueError(f"skeletons differ: {extra_2d.skeleton.name}, {poses.skeleton.name}")
    training, validation = divided(config, poses, built_in)
    own = len(training) - len(built_in or ())
    source, rows = dict(poses.provenance), {"training": own, "validation": len(validation)}
    if built_in is not None:
        source["built_in"], rows["built_in"] = dict(built_in.provenance), len(built_in)
    write_poses(folder.path / "poses.h5", training)
    write_poses(folder.path / VALIDATION, validation)
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


def divided(config: Config, poses: PoseSet, built_in: PoseSet | None = None) -> tuple[PoseSet, PoseSet]:
    """The poses to train on, built-in ones last, and those held out for validation.

    Raises:
        PoseAugError: too few poses, or settings whose drawn cameras hardly see a whole body.
    """
    if built_in is not None and built_in.skeleton != poses.skeleton:
        raise ValueError(f"skeletons differ: {built_in.skeleton.name}, {poses.skeleton.name}")
    training, validation = poses.split_by_subject(config.source.validation_share, config.run.seed)
    if len(training) < 2:
        raise PoseAugError(f"only {len(training)} training pose(s) were found; training needs at least 2")
    if built_in is not None:
        training = replace(concatenate([training, built_in]), provenance=training.provenance)
    if config.postures.draws:
        check_views(PosturePool(training, len(built_in or ()), config.postures), config)
    return training, validation


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


def check_not_failed(folder: RunFolder) -> None:
    """A run that stayed ill is not gone on with: it would fall ill in the same way.

    Raises:
        PoseAugError: it did.
    """
    info = folder.info()
    if info.get("state") == FAILED:
        last = info["health"]["events"][-1]
        raise PoseAugError(
            f"{folder.path}: the run there failed in {last['phase']} epoch {last['epoch']} ({last['illness']}: "
            f"{last['sentence']}); start it again with --overwrite and other settings, such as another --seed"
        )
