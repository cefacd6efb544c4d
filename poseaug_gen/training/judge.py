"""How hard each posture is: what an export draws more of is what a lifter trained on all of it still gets wrong.

PoseAug's feedback makes poses harder by the estimator's error on them; a frozen augmentor has no estimator beside it.
So when a run ends, a lifter, the judge, learns from source and drawn pairs alike, and its error on each posture, seen
by several drawn cameras, is kept.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from poseaug_gen.bones import root_relative
from poseaug_gen.config import Config
from poseaug_gen.coverage.pairs import draw_pairs
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.training.batches import Pool, half_and_half
from poseaug_gen.training.drawn_pool import BLOCK_ROWS, draw_pool, valid_rows
from poseaug_gen.training.lifter import Budget, train_lifter
from poseaug_gen.training.monitor import SILENT, Monitor
from poseaug_gen.validity import Limits

TRAINING_PAIRS = 262_144  # the judge sees each about four times
VIEWS = 4  # of each posture that the judge's errors are averaged over


def judge_postures(
    pool: PosturePool, source: Pool, config: Config, device: torch.device, monitor: Monitor = SILENT
) -> Float[np.ndarray, " places"]:
    """The judge's mean error on each posture of the pool, millimetres.

    Postures that no drawn camera had in its frame have the mean of the others.

    Args:
        source: what half of the judge's batches is drawn from.

    Raises:
        PoseAugError: hardly a pair is one that a camera could have taken.
    """
    limits, seed = Limits.of(config.visibility), config.run.seed
    random = np.random.default_rng(seed)
    budget = Budget(steps=config.postures.judge_steps)
    monitor.begin_epoch("judge", 1, 1, budget.steps)
    drawn = draw_pool(pool, TRAINING_PAIRS, config, random)
    judge = train_lifter(
        half_and_half(source, drawn.to(device)), budget, pool.skeleton, seed, device, lambda _: monitor.step()
    )
    error, seen = torch.zeros(pool.places), torch.zeros(pool.places)
    with torch.inference_mode():
        for _ in range(VIEWS):
            for place in torch.arange(pool.places).split(BLOCK_ROWS):
                pairs = draw_pairs(pool.as_they_are(place, random), pool, config.views, random)
                valid = valid_rows(pairs, limits)
                judged = root_relative(judge(pairs.pose_2d[valid].to(device)).cpu())
                error.index_add_(0, place[valid], mpjpe_mm(judged, root_relative(pairs.pose[valid])))
                seen.index_add_(0, place[valid], torch.ones(len(valid)))
    mean = error.sum() / seen.sum().clamp_min(1)
    return torch.where(seen > 0, error / seen.clamp_min(1), mean).numpy()
