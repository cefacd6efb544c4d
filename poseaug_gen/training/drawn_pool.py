"""Pools of drawn pairs: what a lifter learns from where no augmentor is beside it, or beside an augmentor's pairs."""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from poseaug_gen.bones import root_relative
from poseaug_gen.config import Config
from poseaug_gen.coverage.pairs import DrawnPairs, draw_pairs
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.training.batches import Pool
from poseaug_gen.validity import LEAST_VALID, Limits, faults

BLOCK_ROWS = 8192


def check_views(pool: PosturePool, config: Config) -> None:
    """Whether drawn cameras see whole bodies, told before a run rather than when it ends.

    Raises:
        PoseAugError: hardly a pair is one that a camera could have taken.
    """
    draw_pool(pool, int(LEAST_VALID * BLOCK_ROWS), config, np.random.default_rng(0))


def draw_pool(pool: PosturePool, rows: int, config: Config, random: np.random.Generator) -> Pool:
    """At least so many drawn pairs, all of which a camera could have taken.

    Raises:
        PoseAugError: hardly a pair is one that a camera could have taken.
    """
    limits = Limits.of(config.visibility)
    parts, done = [], 0
    for block in count(1):
        pairs = draw_pairs(pool.draw(BLOCK_ROWS, random), pool, config.views, random)
        valid = valid_rows(pairs, limits)
        parts.append((pairs.pose_2d[valid], root_relative(pairs.pose[valid])))
        done += len(valid)
        if done >= rows:
            break
        if done < LEAST_VALID * block * BLOCK_ROWS:
            raise PoseAugError(
                f"hardly a drawn camera sees a whole body ({done:,} of {block * BLOCK_ROWS:,}); "
                f"widen views and visibility in the settings, or leave drawn pairs out with --set postures.learned=1"
            )
    return Pool(*(torch.cat(part) for part in zip(*parts, strict=True)))


def valid_rows(pairs: DrawnPairs, limits: Limits) -> Int[Tensor, " valid"]:
    """Those of some drawn pairs that a camera could have taken."""
    return (~faults(pairs.pose, pairs.pose_2d, pairs.image_size, limits).any(-1)).nonzero()[:, 0]
