"""What a run trains and chooses on, on its device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.coverage.anew import seen_anew
from poseaug_gen.sources.canonical import read_poses
from poseaug_gen.training.pairs import Extra2D, Pairs
from poseaug_gen.training.run_folder import VALIDATION, RunFolder
from poseaug_gen.validity import Limits


@dataclass
class Data:
    """Training pairs, those held out, and what the epochs draw from beside them."""

    train: Pairs
    validation: Pairs  # held out by subject, seen by the source's cameras
    unseen_views: Pairs  # the same poses, seen by cameras that the source did not have
    bodies: Float[Tensor, "subjects bones"]  # the training subjects' bone lengths, metres
    extra: Extra2D | None = None  # more 2D poses for the 2D discriminator to take for real

    @classmethod
    def of(cls, folder: RunFolder, device: torch.device) -> Data:
        """What a run folder holds. Raises a PoseAugError where a file is missing or damaged."""
        config, poses, extra = folder.config, folder.poses, folder.extra_2d
        held_out, share = read_poses(folder.path / VALIDATION), config.source.extra_2d_share
        limits = Limits.of(config.visibility)
        return cls(
            train=Pairs.of(poses, device),
            validation=Pairs.of(held_out, device),
            unseen_views=Pairs.of(seen_anew(held_out, config.views, limits, config.run.seed), device),
            bodies=torch.from_numpy(poses.subject_bone_lengths()).to(device),
            extra=None if extra is None else Extra2D.of(extra, share, device),
        )
