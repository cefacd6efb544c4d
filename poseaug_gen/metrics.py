"""The field's measures of 3D pose error. Poses in metres, results in millimetres or per cent.

MPJPE and its Procrustes-aligned form as in Human3.6M's protocols 1 and 2, 3DPCK and AUC as in MPI-INF-3DHP.
Each function gives one value a pose; take the mean for the figure that papers print. None moves the roots
together: pass root-relative poses where the protocol says so (all of PoseAug's figures).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Poses = Float[Tensor, "batch joints 3"]
PerPose = Float[Tensor, " batch"]


def joint_errors_mm(predicted: Poses, target: Poses) -> Float[Tensor, "batch joints"]:
    """Distance of each joint from its place, millimetres."""
    return 1000 * (predicted - target).norm(dim=-1)


def mpjpe_mm(predicted: Poses, target: Poses) -> PerPose:
    """Mean per-joint position error, millimetres."""
    return joint_errors_mm(predicted, target).mean(-1)


def pa_mpjpe_mm(predicted: Poses, target: Poses) -> PerPose:
    """MPJPE after the similarity transform that fits the prediction best, millimetres."""
    return 1000 * (procrustes(predicted, target) - target).norm(dim=-1).mean(-1)


def pck(predicted: Poses, target: Poses, threshold_mm: float = 150.0) -> PerPose:
    """Share of joints within ``threshold_mm`` of their place (3DPCK), per cent."""
    return 100 * (joint_errors_mm(predicted, target) <= threshold_mm).float().mean(-1)


def auc(predicted: Poses, target: Poses) -> PerPose:
    """Mean PCK over 31 thresholds from 0 to 150 mm, per cent."""
    thresholds = torch.linspace(0, 150, 31, device=predicted.device)
    errors = joint_errors_mm(predicted, target)[..., None]
    return 100 * (errors <= thresholds).float().mean((-1, -2))


def procrustes(predicted: Poses, target: Poses) -> Poses:
    """``predicted`` moved onto ``target`` by the best rotation, scale and shift (Gower, 1975)."""
    centre_p, centre_t = predicted.mean(1, keepdim=True), target.mean(1, keepdim=True)
    p, t = predicted - centre_p, target - centre_t
    u, s, vh = torch.linalg.svd(p.transpose(1, 2) @ t)
    # A reflection would fit a left hand onto a right one: flip the weakest axis instead.
    flip = torch.ones_like(s)
    flip[:, -1] = torch.det(u @ vh).sign()
    rotation = (u * flip[:, None]) @ vh
    scale = (s * flip).sum(-1) / p.square().sum((1, 2)).clamp_min(1e-12)
    return scale[:, None, None] * (p @ rotation) + centre_t
