"""Poses as cameras see them that never saw them: what a validation of other viewpoints looks at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.cameras import Lenses, draw_views
from poseaug_gen.gravity import up_of
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.rotation import upright
from poseaug_gen.validity import Limits, faults

DRAWN = "drawn"  # the label of these cameras
TRIES = 20  # a body that no camera of so many has wholly in its frame is left out


def seen_anew(poses: PoseSet, views: ViewSettings, limits: Limits, seed: int) -> PoseSet:
    """The same poses, each seen by a drawn camera that has all of it in the frame; their old views are forgotten."""
    random = np.random.default_rng(seed)
    level_of = upright(torch.from_numpy(up_of(poses)).float())
    level = root_relative(torch.from_numpy(poses.positions)) @ level_of.transpose(-1, -2)
    lenses = Lenses(torch.from_numpy(poses.intrinsics), torch.from_numpy(poses.image_size.astype(np.int16)))
    seen = torch.zeros_like(level)
    intrinsics, image_size = lenses.intrinsics.clone(), lenses.image_size.clone()
    todo = torch.arange(len(poses))
    for _ in range(TRIES):
        drawn = draw_views(level[todo], lenses, views, random)
        pose = level[todo] @ drawn.rotation.transpose(-1, -2) + drawn.translation[:, None]
        valid = ~faults(pose, project(pose, drawn.intrinsics), drawn.image_size, limits).any(-1)
        done = todo[valid]
        seen[done], intrinsics[done], image_size[done] = pose[valid], drawn.intrinsics[valid], drawn.image_size[valid]
        todo = todo[~valid]
        if not len(todo):
            break
    kept = np.setdiff1d(np.arange(len(poses)), todo.numpy())
    anew = replace(
        poses,
        positions=seen.numpy(),
        intrinsics=intrinsics.numpy(),
        image_size=image_size.numpy().astype(poses.image_size.dtype),
        camera=Labels.constant(DRAWN, len(poses)),
        detected_2d=None,
    )
    return anew.take(kept)
