"""What tells a healthy run from a collapsed one: how far augmented poses lie apart, how much changes, and where to.

The augmentor is measured after an epoch on a sample of the source, as it is saved: in evaluation mode. Ratios are to
the same measure of the source's own poses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from poseaug_gen.bones import constant, root_relative
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.models.augmentor import LENGTH_LIMIT, Augmented, Augmentor
from poseaug_gen.training.data import Data
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.passes import validation_error

SAMPLE = 256  # poses: 32,640 distances, whose mean then has a standard error of some 2 %
SOURCES, NOISES = 16, 16  # poses that are augmented several times, and how often
AT_LIMIT = 0.98  # of LENGTH_LIMIT: tanh passes a twenty-fifth of the gradient there
LEAST_DISTANCE = 1e-3  # metres: a source whose poses are nearer than this is one pose, and nothing compares with it


@dataclass(frozen=True)
class Reference:
    """What the source measures, for augmented poses and for estimators to be held against.

    Attributes:
        sample: source poses, the same after every epoch.
        real: pairs on which the estimator's error is measured: those held out, the sample where there are none.
        distance: mean pairwise distance of the sample, metres.
        root_distance: median distance of its roots from the camera, metres.
        mean_pose_mm: error on real poses of who always answers the source's mean pose, millimetres.
    """

    sample: Pairs
    real: Pairs
    distance: float
    root_distance: float
    mean_pose_mm: float

    @classmethod
    def of(cls, data: Data) -> Reference:
        """What a run's data measure."""
        generator = torch.Generator().manual_seed(0)
        rows = torch.randperm(len(data.train), generator=generator)[:SAMPLE].to(data.train.pose.device)
        sample = data.train.take(rows)
        real = data.validation if len(data.validation) else sample
        mean_pose = root_relative(data.train.pose).mean(0).expand_as(real.pose)
        return cls(
            sample,
            real,
            mean_pairwise_distance(sample.pose),
            _median_distance(sample.pose[:, 0]),
            float(mpjpe_mm(mean_pose, root_relative(real.pose)).mean()),
        )


def measure_epoch(
    networks: Networks, data: Data, reference: Reference, losses: Mapping[str, float], best_mm: float | None
) -> dict[str, Any]:
    """All that an epoch's health is judged by, beside the means over its steps.

    Args:
        losses: those means; the measures of pre-training are fewer.
        best_mm: the estimator's lowest error on real poses so far, millimetres.
    """
    error, floor = validation_error(networks, reference.real), networks.config.health.estimator_floor_mm
    measures: dict[str, Any] = {
        "validation_mpjpe_mm": error if len(data.validation) else None,
        "unseen_views_mpjpe_mm": validation_error(networks, data.unseen_views) if len(data.unseen_views) else None,
        "estimator_mpjpe_mm": error,
        "estimator_over_mean_pose": error / max(reference.mean_pose_mm, floor),
    }
    if broken := networks.not_finite():
        measures["not_finite_weights"] = broken
    if "augmentor_loss" not in losses:
        return measures | {"pretrain_steps": networks.steps("pretrain")}
    if best_mm is not None and best_mm < reference.mean_pose_mm:  # else it has not learnt yet what it could lose
        measures["estimator_over_best"] = error / max(best_mm, floor)
    measures["invalid_share"] = sum(share for name, share in losses.items() if name.startswith("rejected_"))
    measures |= {f"{name}_steps": networks.steps(name) for name in ("augmentor", "d3d", "d2d")}
    return measures | measure_augmentor(networks.augmentor, reference)


@torch.inference_mode()
def measure_augmentor(augmentor: Augmentor, reference: Reference) -> dict[str, float]:
    """The measures by name; what a source or a skeleton gives no measure for is left out.

    ``pairwise_distance_ratio``: how far augmented poses lie apart. ``posture_distance_ratio``: the same before they
    are turned and moved. ``noise_distance_ratio``: how far augmentations of one pose lie apart, again over the
    distance of different source poses. ``root_distance_ratio`` and ``root_spread_ratio``: median distance of the
    root from the camera, and from where the median root is, both over the source's distance from the camera.
    ``frozen_angle_change``, ``frozen_length_change``: mean ``1 - cos`` and ``|ratio|`` of what may change.
    ``length_at_limit``: share of the ratios that are at the end of their range.
    """
    augmentor.eval()
    generator = torch.Generator(device=reference.sample.pose.device).manual_seed(0)  # the same noise after every epoch
    result = _augment(augmentor, reference.sample, generator)
    repeated = torch.arange(min(SOURCES, len(reference.sample)), device=result.pose_rt.device)
    several = _augment(augmentor, reference.sample.take(repeated.repeat_interleave(NOISES)), generator)

    measures = _changes(result, augmentor)
    if reference.distance > LEAST_DISTANCE:
        distances = {
            "pairwise": mean_pairwise_distance(result.pose_rt),
            "posture": mean_pairwise_distance(result.pose_bl),
            "noise": sum(map(mean_pairwise_distance, several.pose_rt.split(NOISES))) / len(repeated),
        }
        measures |= {f"{name}_distance_ratio": d / reference.distance for name, d in distances.items()}
    root = result.pose_rt[:, 0]
    measures["root_distance_ratio"] = _median_distance(root) / reference.root_distance
    measures["root_spread_ratio"] = _median_distance(root - root.median(0).values) / reference.root_distance
    return measures


def mean_pairwise_distance(pose: Float[Tensor, "rows joints 3"]) -> float:
    """Mean over all pairs of two poses, root-relative, of the mean distance of their joints, metres; one row: 0."""
    # In float64, so that the order of the rows is nothing to the sum; by default cdist takes matrix products, whose
    # rounding would set equal poses apart.
    joints_first = root_relative(pose).cpu().double().transpose(0, 1).contiguous()
    distances = torch.cdist(joints_first, joints_first, compute_mode="donot_use_mm_for_euclid_dist").mean(0)
    return float(distances.sum()) / max(1, len(pose) * (len(pose) - 1))


def _augment(augmentor: Augmentor, pairs: Pairs, generator: torch.Generator) -> Augmented:
    return augmentor(pairs.pose, pairs.intrinsics, augmentor.draw_noise(len(pairs), generator))


def _changes(result: Augmented, augmentor: Augmentor) -> dict[str, float]:
    """How much angles and lengths change, of the bones and groups that may."""
    turnable, scalable = (
        _mask(augmentor, name, result.pose_rt.device) for name in ("turnable_bones", "scalable_groups")
    )
    changes = {}
    if turnable.any():
        changes["frozen_angle_change"] = float(result.angle_change[:, turnable].mean())
    if scalable.any():
        ratio = result.length_ratio[:, scalable].abs()
        changes["frozen_length_change"] = float(ratio.mean())
        changes["length_at_limit"] = float((ratio > AT_LIMIT * LENGTH_LIMIT).float().mean())
    return changes


def _mask(augmentor: Augmentor, name: str, device: torch.device) -> Bool[Tensor, " entries"]:
    return constant(augmentor.skeleton, name, device, torch.bool)


def _median_distance(points: Float[Tensor, "rows 3"]) -> float:
    """From the origin. The median: a few roots far out are what the share of invalid pairs counts."""
    return float(points.norm(dim=-1).median())
