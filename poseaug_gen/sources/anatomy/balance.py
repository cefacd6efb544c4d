"""Where a body's weight is: the centre of mass from segments' masses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from poseaug_gen.sources.anatomy.frames import Scalars, Vectors
from poseaug_gen.sources.anatomy.kinematics import SIDES, Joints

# Share of the body's mass, and where on the way from one joint to the other the segment's centre lies: de Leva 1996,
# table 4, means of men and women (trunk between mid-shoulder and mid-hip; each limb segment for one side).
TRUNK = ("hip", "thorax", 0.430, 0.53)
HEAD = ("skull", "vertex", 0.068, 0.35)
LIMBS = (
    ("shoulder", "elbow", 0.0263, 0.576),
    ("elbow", "wrist", 0.0150, 0.457),
    ("wrist", "hand", 0.0059, 0.55),
    ("hip", "knee", 0.1447, 0.385),
    ("knee", "ankle", 0.0457, 0.443),
    ("ankle", "toe", 0.0133, 0.42),
)
ARM, LEG = (
    sum(mass for start, _, mass, _ in LIMBS if start in of)
    for of in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)


def centre_of_mass(joints: Joints) -> Vectors:
    """The centre of mass of whole bodies, metres, in the joints' frame."""
    total, moment = 0.0, np.zeros_like(joints["hip"])
    for start, end, mass, along in (TRUNK, HEAD):
        moment += np.float32(mass) * _between(joints[start], joints[end], along)
        total += mass
    for start, end, mass, along in LIMBS:
        for side in SIDES:
            moment += np.float32(mass) * _between(joints[f"{side}_{start}"], joints[f"{side}_{end}"], along)
            total += mass
    return moment / np.float32(total)


def upper_centre_of_mass(joints: Joints, ankles: Mapping[str, tuple[Scalars, Scalars]], over: Vectors) -> Vectors:
    """The centre of mass of a body whose limbs are not placed yet, its pelvis at ``over``.

    Arms count as if they hung from the shoulders, legs as straight from hip to where the foot will be (or to the
    floor under it).

    Args:
        ankles: by side, forward and left, of those that will be somewhere.
    """
    total = TRUNK[2] + HEAD[2] + 2 * ARM + 2 * LEG
    moment = np.float32(TRUNK[2]) * _between(joints["hip"], joints["thorax"], TRUNK[3]) + over * np.float32(TRUNK[2])
    moment += np.float32(HEAD[2]) * (_between(joints["skull"], joints["vertex"], HEAD[3]) + over)
    for side in SIDES:
        moment += np.float32(ARM) * (joints[f"{side}_shoulder"] + over)
        hip = joints[f"{side}_hip"] + over
        ankle = hip.copy()
        if side in ankles:
            ankle[:, 0], ankle[:, 1] = ankles[side]
        moment += np.float32(LEG) * _between(hip, ankle, 0.42)
    return moment / np.float32(total)


def _between(start: Vectors, end: Vectors, along: float) -> Vectors:
    return start + np.float32(along) * (end - start)
