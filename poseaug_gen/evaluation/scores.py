"""How well predicted poses fit a target: overall, by action, camera, elevation of the camera, and joint.

Errors are root-relative, in the measures of :mod:`poseaug_gen.metrics`; a group's figure is the mean over its poses.
Scores are plain dicts, as JSON holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.bones import root_relative
from poseaug_gen.gravity import unit, up_of
from poseaug_gen.metrics import auc, joint_errors_mm, mpjpe_mm, pck, procrustes
from poseaug_gen.poses import Labels, PoseSet

MPJPE, PA_MPJPE, PCK, AUC = "mpjpe_mm", "pa_mpjpe_mm", "pck_150", "auc"
METRICS = (MPJPE, PA_MPJPE, PCK, AUC)
OVERALL, ACTION, CAMERA, ELEVATION, JOINT = "overall", "action", "camera", "elevation", "joint"
PCK_MM = 150.0  # MPI-INF-3DHP's threshold, about half a head
ELEVATION_BIN = 15  # degrees
ELEVATIONS = tuple(f"{low} to {low + ELEVATION_BIN}" for low in range(-90, 90, ELEVATION_BIN))
TILE_ROWS = 16_384

Scores = dict[str, Any]
Figures = Mapping[str, float | int]  # metrics, and of a group its rows


def score(predicted: Float[Tensor, "rows joints 3"], target: PoseSet) -> Scores:
    """The scores of camera-frame poses (metres, root-relative or absolute), row by row against the target's.

    ``rows``, ``overall`` (a dict of :data:`METRICS`), ``action``, ``camera`` and ``elevation`` (of each group, the same
    and its ``rows``), and ``joint`` (of each joint, the same but for AUC).
    """
    errors, joints = _errors(root_relative(predicted), root_relative(torch.from_numpy(target.positions)))
    return {
        "rows": len(target),
        OVERALL: dict(zip(METRICS, errors.mean(0).tolist(), strict=True)),
        ACTION: _by(target.action, errors),
        CAMERA: _by(target.camera, errors),
        ELEVATION: _by(elevation_of(target), errors),
        JOINT: {
            joint: dict(zip((MPJPE, PA_MPJPE, PCK), values, strict=True))
            for joint, values in zip(target.skeleton.joints, joints.tolist(), strict=True)
        },
    }


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The scores of several targets of one skeleton as one.

    Overall and by joint each target counts the same; in a group by action, camera or elevation each pose does.
    """
    joints = scores[0][JOINT]
    return {
        "rows": sum(s["rows"] for s in scores),
        OVERALL: _mean([s[OVERALL] for s in scores]),
        ACTION: _pooled([s[ACTION] for s in scores]),
        CAMERA: _pooled([s[CAMERA] for s in scores]),
        ELEVATION: _pooled([s[ELEVATION] for s in scores], ELEVATIONS),
        JOINT: {joint: _mean([s[JOINT][joint] for s in scores]) for joint in joints},
    }


def elevation_of(poses: PoseSet) -> Labels:
    """How high over the horizontal the camera stands as the person sees it, as ``15 to 30``, degrees.

    Between the line from the body's middle to the camera and the horizontal; positive where the camera looks down.
    Where up is, the poses tell (:mod:`poseaug_gen.gravity`). Names are in rising order.
    """
    to_camera = unit(-poses.positions.astype(np.float64).mean(1))
    degrees = np.degrees(np.arcsin(np.clip((to_camera * up_of(poses)).sum(-1), -1, 1)))
    number = np.floor((degrees + 90) / ELEVATION_BIN).astype(np.int32)
    return Labels(np.minimum(number, np.int32(len(ELEVATIONS) - 1)), ELEVATIONS)  # 90 itself is in the last bin


def _errors(
    predicted: Float[Tensor, "rows joints 3"], true: Float[Tensor, "rows joints 3"]
) -> tuple[Float[np.ndarray, "rows metrics"], Float[np.ndarray, "joints 3"]]:
    """The metrics of each pose, and the mean error, aligned error and PCK of each joint."""
    poses, joints = [], []
    for mine, theirs in zip(predicted.split(TILE_ROWS), true.split(TILE_ROWS), strict=True):
        aligned = joint_errors_mm(procrustes(mine, theirs), theirs)
        off = joint_errors_mm(mine, theirs)
        measured = mpjpe_mm(mine, theirs), aligned.mean(-1), pck(mine, theirs, PCK_MM), auc(mine, theirs)
        poses.append(torch.stack(measured, -1))
        joints.append(torch.stack([off, aligned, 100.0 * (off <= PCK_MM)], -1).sum(0, dtype=torch.float64))
    return torch.cat(poses).double().numpy(), (sum(joints) / len(true)).numpy()  # type: ignore[union-attr]


def _by(labels: Labels, errors: Float[np.ndarray, "rows metrics"]) -> dict[str, Figures]:
    """The mean metrics of each label that has rows, in the order of the names."""
    rows = np.bincount(labels.codes, minlength=len(labels.names))
    sums = [np.bincount(labels.codes, column, minlength=len(labels.names)) for column in errors.T]
    return {
        name: {"rows": int(rows[code]), **{m: float(s[code] / rows[code]) for m, s in zip(METRICS, sums, strict=True)}}
        for code, name in enumerate(labels.names)
        if rows[code]
    }


def _mean(figures: Sequence[Figures]) -> Figures:
    """The mean of each figure."""
    return {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}


def _pooled(groups: Sequence[Mapping[str, Figures]], order: Sequence[str] | None = None) -> dict[str, Figures]:
    """The groups of several targets, those of one name as one: the mean over all their poses.

    Args:
        order: of the names; None: as they come.
    """
    names = list(dict.fromkeys(name for each in groups for name in each))
    pooled: dict[str, Figures] = {}
    for name in sorted(names, key=order.index) if order else names:
        parts = [each[name] for each in groups if name in each]
        rows = [int(part["rows"]) for part in parts]
        means = {metric: float(np.average([part[metric] for part in parts], weights=rows)) for metric in METRICS}
        pooled[name] = {"rows": sum(rows), **means}
    return pooled
