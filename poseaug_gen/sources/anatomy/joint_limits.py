"""Which limbs are bent as no joint allows, told from the places of joints alone.

The angles of hips, knees, shoulders and elbows are those of :mod:`poseaug_gen.sources.anatomy.kinematics`, found
backwards, and the ranges those of ``limits.toml``, with what one joint's place takes from another's range. Trunk, neck,
ankles and wrists are not judged: a skeleton of points does not show their angles.

A row of points can be read in more than one way. A shank that is folded forwards is a knee bent backwards, or a hip
turned right round; an arm over the head was raised in front or at the side. A limb is outside where no reading of it is
inside, and then by the angles of the reading that is nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.frames import Frame, Scalars, Vectors, unit
from poseaug_gen.sources.anatomy.kinematics import SIDES
from poseaug_gen.sources.anatomy.limits import clamp, farthest_limits
from poseaug_gen.sources.anatomy.posture import SLACK
from poseaug_gen.sources.body_frame import framed
from poseaug_gen.sources.joints import joint_names, partial_matrix, to_skeleton

# A limb that is bent by less does not show how it is turned about itself: a joint that is put 2 cm off turns a shank or
# forearm of 0.25 to 0.4 m that is bent by this by 8 to 13 degrees.
BENT = np.radians(20)
JOINTS = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
MOTIONS = ("flexion", "abduction", "rotation")
Reading = tuple[Scalars, Scalars, Scalars, Scalars]  # flexion, abduction, rotation of the first joint; of the next


@lru_cache
def _limbs() -> Skeleton:
    """The joints that are judged, and those by which pelvis and thorax tell how they are turned."""
    tree = {"hip": "", "spine": "hip", "thorax": "spine"}
    for side in SIDES:
        for names, holds in zip(JOINTS, ("hip", "thorax"), strict=True):
            limb = [f"{side}_{name}" for name in names]
            tree |= dict(zip(limb, [holds, *limb], strict=False))
    return Skeleton.from_dict({"name": "limbs", "joints": tree})


@lru_cache
def missing_joints(skeleton: Skeleton) -> tuple[str, ...]:
    """The joints that are judged, or by which they are, and that a skeleton neither has nor has the makings of."""
    limbs = _limbs()
    if set(limbs.joints) <= set(skeleton.joints):
        return ()
    weights = partial_matrix(skeleton.joints, limbs, joint_names())
    return tuple(joint for joint, row in zip(limbs.joints, weights, strict=True) if not row.any())


def beyond_limits(
    positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton, slack: float = float(SLACK)
) -> dict[str, Bool[np.ndarray, " rows"]] | None:
    """Degree of freedom -> which poses (metres, any frame) have it outside its range, on either side.

    Outside is beyond what anybody is drawn with, :func:`~poseaug_gen.sources.anatomy.limits.farthest_limits`, and
    ``slack`` radians more: as a rule those to which goniometers agree. What is said of a pose depends on no other.
    None: the skeleton lacks hips, knees, shoulders or elbows, or what lies at either end of them
    (:func:`missing_joints`).
    """
    if missing_joints(skeleton):
        return None
    near = positions - positions[:, :1]  # seen from afar, joints that are made of others would be rounded by more
    placed = to_skeleton(near, skeleton.joints, _limbs(), joint_names(), "poses")
    joints = dict(zip(_limbs().joints, np.moveaxis(placed.astype(np.float64), 1, 0), strict=True))
    pelvis = framed(joints["spine"] - joints["hip"], joints["l_hip"] - joints["r_hip"])
    thorax = framed(joints["thorax"] - joints["spine"], joints["l_shoulder"] - joints["r_shoulder"])
    found: dict[str, Bool[np.ndarray, " rows"]] = {}
    for side, sign in SIDES.items():
        for (first, second, end), holds in zip(JOINTS, (pelvis, thorax), strict=True):
            limb = [joints[f"{side}_{joint}"] for joint in (first, second, end)]
            names = (*(f"{first}_{motion}" for motion in MOTIONS), f"{second}_flexion")
            outside = _outside(side, names, readings(limb, holds, sign, first), slack)
            for name, rows in zip(names, outside.T, strict=True):
                found[name] = found.get(name, False) | rows
    return found


def readings(limb: list[Vectors], holds: Frame, sign: float, joint: str) -> Iterator[Reading]:
    """Every choice of angles (radians) that puts a limb's joints where they are.

    Args:
        limb: hip, knee and ankle, or shoulder, elbow and wrist.
        holds: the frame of the pelvis or of the thorax.
        sign: of the side, as in :data:`~poseaug_gen.sources.anatomy.kinematics.SIDES`.
        joint: ``hip`` or ``shoulder``.
    """
    upper, lower = unit(limb[1] - limb[0]), unit(limb[2] - limb[1])
    ahead, aside, above = holds.components(upper).T
    flexion, abduction = np.arctan2(ahead, -above), np.arcsin(np.clip(sign * aside, -1, 1))
    ahead, aside, above = holds.bend(-flexion).lean(sign * abduction).components(lower).T
    # Bent, a shank goes behind the thigh and a forearm before the upper arm; turned outwards, the other way.
    bends = -1.0 if joint == "hip" else 1.0
    bent, rotation = np.arccos(np.clip(-above, -1, 1)), np.arctan2(-bends * sign * aside, bends * ahead)
    yield flexion, abduction, rotation, bent
    yield flexion, abduction, _turned(rotation), -bent
    if joint == "shoulder":  # the same place by way of the side, beyond the horizontal
        over = np.pi - abduction
        yield _turned(flexion), over, _turned(rotation), bent
        yield _turned(flexion), over, rotation, -bent


def _turned(angle: Scalars) -> Scalars:
    """Half a turn further, between -pi and pi."""
    return angle - np.copysign(np.pi, angle)


def _outside(side: str, names: tuple[str, ...], every: Iterator[Reading], slack: float) -> Bool[np.ndarray, "rows 4"]:
    """Which angles of each limb's best reading are outside; none where the limb is inside."""
    best = _excess(side, names, next(every), slack)
    for reading in every:
        rows = np.flatnonzero(best.any(1))  # few: most limbs are inside by their first reading
        flexion, abduction, rotation, bent = reading
        excess = _excess(side, names, (flexion[rows], abduction[rows], rotation[rows], bent[rows]), slack)
        better = excess.sum(-1) < best[rows].sum(-1)
        best[rows[better]] = excess[better]
    return best > 0


def _excess(side: str, names: tuple[str, ...], reading: Reading, slack: float) -> Float[np.ndarray, "rows 4"]:
    """How far each angle is outside its range, give or take ``slack``."""
    flexion, abduction, rotation, bent = reading
    shown = np.where(np.abs(bent) > BENT, rotation, 0)
    angles = dict(zip((f"{side}_{name}" for name in names), (flexion, abduction, shown, bent), strict=True))
    held = clamp(angles, farthest_limits())
    # How far an arm goes back, the table says up to the horizontal: beyond it, as far as one that is as much below it.
    first, second, *_ = angles
    below = angles | {second: np.minimum(abduction, np.pi - abduction)}
    held[first] = np.where(flexion < 0, np.maximum(held[first], clamp(below, farthest_limits())[first]), held[first])
    return np.stack([np.maximum(np.abs(held[name] - angle) - slack, 0) for name, angle in angles.items()], -1)
