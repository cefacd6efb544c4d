"""Whether limbs that were put somewhere are where their joints let them be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from poseaug_gen.sources.anatomy.frames import Frame, unit
from poseaug_gen.sources.anatomy.kinematics import SIDES, Joints, interior_angle
from poseaug_gen.sources.anatomy.limits import Limits

SLACK = np.float32(np.radians(5))  # goniometers agree with one another to about this (Boone and Azen 1979)
# An upper arm goes over the midline by about this from straight ahead (horizontal adduction, AAOS 1965: 45 degrees).
ARM_ACROSS = np.float32(np.radians(45))


def within_reach(joints: Joints, pelvis: Frame, thorax: Frame, limits: Limits) -> Bool[np.ndarray, " rows"]:
    """Whether elbows, knees, shoulders and hips are within ``limits``, which have a row a body, or one for all."""
    right = np.ones(len(pelvis.up), dtype=bool)
    for side, sign in SIDES.items():
        shoulder, elbow, wrist = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        hip, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        right &= interior_angle(shoulder, elbow, wrist) < limits.high["elbow_flexion"] + SLACK
        right &= interior_angle(hip, knee, ankle) < limits.high["knee_flexion"] + SLACK
        ahead, out, up = thorax.components(unit(elbow - shoulder)).T
        right &= ahead > np.sin(limits.low["shoulder_flexion"] - SLACK)
        right &= sign * out > -np.sin(ARM_ACROSS + SLACK)
        right &= ~((up > 0.5) & (ahead < -0.35))  # a raised arm is in the plane of the trunk or before it (Inman 1944)
        ahead, out, up = pelvis.components(unit(knee - hip)).T
        flexion, aside = np.arctan2(ahead, -up), np.arcsin(np.clip(sign * out, -1, 1))
        right &= (flexion > limits.low["hip_flexion"] - SLACK) & (flexion < limits.high["hip_flexion"] + SLACK)
        # Abduction is measured on a straight leg; flexed, the hip goes on outwards (Kapandji: 70 degrees and more).
        outwards = limits.high["hip_abduction"] + np.float32(np.radians(30)) * np.clip(flexion, 0, 1)
        right &= (aside > limits.low["hip_abduction"] - SLACK) & (aside < outwards + SLACK)
    return right
