"""What a set of poses holds, as plain facts: whose bodies, how large, how near, from where, how much of it in frame."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton, skeleton_from_json
from poseaug_gen.sources import canonical
from poseaug_gen.sources.body_frame import camera_direction
from poseaug_gen.sources.safe_h5 import opened, text_attribute
from poseaug_gen.validity import Limits, faults, first_cause

SAMPLE_ROWS = 65_536  # enough for a percentile, looked at in a second
SIDES = ("front", "left", "back", "right")

Facts = dict[str, Any]


def skeleton_within(path: Path) -> Skeleton | None:
    """The skeleton that a file of ours says its poses have; None: it is not one of ours.

    Raises:
        PoseAugError: the file is damaged.
    """
    if not canonical.holds_pose_set(path):
        return None
    with opened(path) as file:
        return skeleton_from_json(text_attribute(file, "skeleton"), str(path))


def pose_facts(poses: PoseSet) -> Facts:
    """Everything a person asks of a set of poses before they train on it; JSON can hold it.

    ``bone_length_m`` has, for each person and bone, the shortest and the longest; ``sample`` is of at most
    :data:`SAMPLE_ROWS` rows.
    """
    return {
        "rows": len(poses),
        "skeleton": skeleton_summary(poses.skeleton),
        "subjects": poses.subject.counts(),
        "actions": poses.action.counts(),
        "cameras": poses.camera.counts(),
        "image_sizes": _image_sizes(poses),
        "bone_length_m": bone_length_ranges(poses),
        "sample": spread(poses.subsample(SAMPLE_ROWS)),
        "source": {"licence": "", "citation": "", **poses.provenance},
    }


def pose_facts_2d(poses: Poses2D) -> Facts:
    """The same of 2D poses alone; ``joints_known`` is the share of poses that know each joint."""
    known = poses.visible[..., None]
    low = np.where(known, poses.positions, np.float32(np.inf)).min(1)
    high = np.where(known, poses.positions, np.float32(-np.inf)).max(1)
    return {
        "rows": len(poses),
        "skeleton": skeleton_summary(poses.skeleton),
        "joints_known": dict(zip(poses.skeleton.joints, poses.visible.mean(0).tolist(), strict=True)),
        "frame_reach": _percentiles(np.maximum(high, -low).max(-1)),
        "height_in_half_widths": _percentiles((high - low)[:, 1]),
        "source": [dict(record) for record in poses.provenance],
    }


def skeleton_summary(skeleton: Skeleton) -> Facts:
    """Its name and joints."""
    return {"name": skeleton.name, "joints": list(skeleton.joints)}


def spread(poses: PoseSet) -> Facts:
    """How poses lie before their cameras.

    ``root_depth_m`` and ``joint_depth_range_m`` are metres; ``wholly_in_frame`` and ``not_before_camera`` shares of the
    rows; ``frame_reach`` the largest coordinate, in half widths of the image, ``height_in_half_widths`` the pose's
    own height; ``camera_elevation_deg`` and ``seen_from`` see :func:`viewpoints`; ``detection_error_px`` how far a
    detector's joints lie from the projections.
    """
    pose_2d = poses.project()
    causes = _faulty(poses, pose_2d)
    return {
        "rows_sampled": len(poses),
        "root_depth_m": _percentiles(poses.positions[:, 0, 2]),
        "joint_depth_range_m": [float(poses.positions[..., 2].min()), float(poses.positions[..., 2].max())],
        "wholly_in_frame": 1 - sum(causes.values()) / len(poses),
        "not_before_camera": causes["depth"] / len(poses),
        "frame_reach": _percentiles(np.abs(pose_2d).max((1, 2))),
        "height_in_half_widths": _percentiles(np.ptp(pose_2d[..., 1], axis=1)),
        **viewpoints(poses),
        **_detection_error(poses, pose_2d),
    }


def viewpoints(poses: PoseSet) -> Facts:
    """Where the cameras stand as the bodies see it; empty for a skeleton that does not tell how a body is turned.

    ``camera_elevation_deg``: how high the camera stands over the plane across the trunk at the hip, 90 overhead; of an
    upright body that is the camera's elevation. ``seen_from``: the share of poses that show each side, the quarter
    about it.
    """
    direction = camera_direction(poses)
    if direction is None:
        return {}
    x, y, z = direction.T
    quarter = np.round(np.arctan2(y, x) / (math.pi / 2)).astype(int) % 4
    share = np.bincount(quarter, minlength=4) / len(poses)
    return {
        "camera_elevation_deg": _percentiles(np.degrees(np.arcsin(np.clip(z, -1, 1)))),
        "seen_from": dict(zip(SIDES, share.tolist(), strict=True)),
    }


def bone_length_ranges(poses: PoseSet) -> dict[str, dict[str, list[float]]]:
    """Person -> bone (its far joint) -> shortest and longest over their poses, metres."""
    order = np.argsort(poses.subject.codes, kind="stable")
    codes, starts = np.unique(poses.subject.codes[order], return_index=True)
    lengths = poses.bone_lengths()[order]
    ranges = np.stack([np.minimum.reduceat(lengths, starts), np.maximum.reduceat(lengths, starts)], -1)
    return {
        poses.subject.names[code]: dict(zip(poses.skeleton.joints[1:], person.tolist(), strict=True))
        for code, person in zip(codes, ranges.round(5), strict=True)
    }


def _image_sizes(poses: PoseSet) -> list[str]:
    return [f"{width} x {height}" for width, height in np.unique(poses.image_size, axis=0).tolist()]


def _faulty(poses: PoseSet, pose_2d: Float[np.ndarray, "rows joints 2"]) -> dict[str, int]:
    """How many poses are not wholly before their camera and in its frame, by the first cause."""
    pose, seen, size = (torch.from_numpy(array) for array in (poses.positions, pose_2d, poses.image_size))
    return first_cause(faults(pose, seen, size, Limits(nearest=0.0, farthest=math.inf)))


def _detection_error(poses: PoseSet, pose_2d: Float[np.ndarray, "rows joints 2"]) -> Facts:
    """How far detected joints lie from projected ones, in pixels; empty where nothing was detected."""
    if poses.detected_2d is None:
        return {}
    off = np.linalg.norm(poses.detected_2d - pose_2d, axis=-1) * poses.image_size[:, :1] / 2
    return {"detection_error_px": {"mean": float(off.mean()), **_percentiles(off)}}


def _percentiles(values: Float[np.ndarray, "*rows"]) -> dict[str, float]:
    return {f"p{share}": float(np.percentile(values, share)) for share in (1, 50, 99)}
