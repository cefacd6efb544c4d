"""No limb through the trunk, the head or another limb: which bodies are free of that.

The trunk is an elliptic tube along the two bones of the spine, the head a ball, limbs are rods. Sizes are of a body of
1.70 m and grow with stature; they are a little under the real ones (chest depth 25 cm, waist breadth 32 cm, head
breadth 15 cm, thigh 17 cm across: Gordon et al. 2014, rounded), as flesh gives way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.sources.anatomy.frames import Frame, Scalars, Vectors, unit
from poseaug_gen.sources.anatomy.kinematics import SIDES, Joints

STATURE = 1.70
HALF_DEPTH, HALF_WIDTH = 0.10, 0.14  # of the trunk, metres
HEAD_RADIUS = 0.085
THIGH_RADIUS = 0.07
THIGHS_APART, SHANKS_APART, ARMS_APART = 0.09, 0.07, 0.05  # least distance of both sides' axes
FOREARM, THIGH, SHANK = ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")

Rod = tuple[Vectors, Vectors]


def free_of_contact(joints: Joints, pelvis: Frame, thorax: Frame, stature: Scalars) -> Bool[np.ndarray, " rows"]:
    """Whether no part of a body is inside another."""
    size = stature / np.float32(STATURE)
    arms = np.stack([point for side in SIDES for point in _along_arm(joints, side)])  # (points, rows, 3)
    knees = np.stack([joints[f"{side}_knee"] for side in SIDES])  # thighs may lie on the belly, not in it
    in_trunk = _in_trunk(np.concatenate([arms, knees]), joints, pelvis, thorax, size)
    skull = joints["skull"] + np.float32(0.4) * (joints["vertex"] - joints["skull"])
    in_head = _length(arms - skull) < HEAD_RADIUS * size
    first, second, apart = zip(*_rods(joints), strict=True)
    crossed = distance(*_ends(first), *_ends(second)) < np.array(apart, dtype=np.float32)[:, None] * size
    touching: Bool[np.ndarray, "tests rows"] = np.concatenate([in_trunk, in_head, crossed])
    return np.asarray(~touching.any(0))


def _along_arm(joints: Joints, side: str) -> list[Vectors]:
    """Points from the elbow to the middle of the hand."""
    elbow, wrist, hand = (joints[f"{side}_{name}"] for name in ("elbow", "wrist", "hand"))
    return [*(elbow + np.float32(share) * (wrist - elbow) for share in (0.0, 0.35, 0.7, 1.0)), (wrist + hand) / 2]


def _rods(joints: Joints) -> list[tuple[Rod, Rod, float]]:
    """Pairs of limbs, and how near their axes may come in a body of :data:`STATURE`."""
    rod = {
        (side, limb): (joints[f"{side}_{limb[0]}"], joints[f"{side}_{limb[1]}"])
        for side in SIDES
        for limb in (FOREARM, THIGH, SHANK)
    }
    pairs = [(rod[arm, FOREARM], rod[leg, THIGH], THIGH_RADIUS) for arm, leg in product(SIDES, SIDES)]
    pairs.append((rod["l", FOREARM], rod["r", FOREARM], ARMS_APART))
    pairs.append((rod["l", SHANK], rod["r", SHANK], SHANKS_APART))
    # Thighs are as near as the hips at their upper ends: compared from a third of the way.
    left, right = ((hip + (knee - hip) / 3, knee) for hip, knee in (rod["l", THIGH], rod["r", THIGH]))
    return [*pairs, (left, right, THIGHS_APART)]


def _ends(rods: Sequence[Rod]) -> tuple[Float[np.ndarray, "rods rows 3"], Float[np.ndarray, "rods rows 3"]]:
    return np.stack([start for start, _ in rods]), np.stack([end for _, end in rods])


def _in_trunk(
    points: Float[np.ndarray, "points rows 3"], joints: Joints, pelvis: Frame, thorax: Frame, size: Scalars
) -> Bool[np.ndarray, "points rows"]:
    """Whether points are in the elliptic tube from the hips to the base of the neck."""
    inside = np.zeros(points.shape[:2], dtype=bool)
    for start, end, left in (("hip", "spine", pelvis.left), ("spine", "thorax", thorax.left)):
        axis = joints[end] - joints[start]
        length = _length(axis)
        up = axis / length[:, None]
        across = unit(left - _dot(left, up)[..., None] * up)
        away = points - joints[start]
        height, width = _dot(away, up), _dot(away, across)
        depth_squared = np.maximum(_dot(away, away) - height**2 - width**2, 0)
        # The shoulders' height is above the tube: arms hang from there.
        within = (height > 0) & (height < length * np.float32(0.92))
        inside |= within & (depth_squared / (HALF_DEPTH * size) ** 2 + (width / (HALF_WIDTH * size)) ** 2 < 1)
    return inside


def distance(
    a: Float[np.ndarray, "*batch 3"],
    b: Float[np.ndarray, "*batch 3"],
    c: Float[np.ndarray, "*batch 3"],
    d: Float[np.ndarray, "*batch 3"],
) -> Float[np.ndarray, "*batch"]:
    """The least distance of the segments a-b and c-d, metres (Ericson 2005, Real-Time Collision Detection, 5.1.9)."""
    first, second, between = b - a, d - c, a - c
    first_first, second_second, first_second = _dot(first, first), _dot(second, second), _dot(first, second)
    first_between, second_between = _dot(first, between), _dot(second, between)
    parallel = np.maximum(first_first * second_second - first_second**2, np.float32(1e-9))
    along = np.clip((first_second * second_between - first_between * second_second) / parallel, 0, 1)
    other = (first_second * along + second_between) / np.maximum(second_second, np.float32(1e-9))
    held = np.clip(other, 0, 1)
    again = np.clip((first_second * held - first_between) / np.maximum(first_first, np.float32(1e-9)), 0, 1)
    along = np.where(other == held, along, again)
    return _length(between + along[..., None] * first - held[..., None] * second)


def _dot(a: Float[np.ndarray, "*batch 3"], b: Float[np.ndarray, "*other 3"]) -> Float[np.ndarray, "*both"]:
    return np.einsum("...i,...i->...", a, b)


def _length(a: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
    return np.sqrt(_dot(a, a))
