"""From joint angles, or from where hands and feet should be, to the places of a body's joints.

Angles are radians, 0 in the anatomical position (upright, limbs hanging), named and signed as in ``limits.toml``.
A left limb has side +1, a right one -1. Joint centres are those of motion capture and Human3.6M; lengths come from
:mod:`.proportions`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from poseaug_gen.sources.anatomy.frames import Frame, Scalars, Vectors, unit

SIDES = {"l": 1.0, "r": -1.0}
# The line from C7 to the ear leans some 40 degrees forward of upright (craniovertebral angle of 50, rounded); our neck
# starts half-way to the breastbone, which takes about half of that.
NECK_LEAN = np.float32(np.radians(20))

# Human3.6M's head joint is well under the crown: 0.155 to 0.206 m over its thorax in S1, S7 and S8, where the skull's
# joint is at 0.14 and the vertex at 0.27.
HEAD_JOINT = np.float32(0.5)

Lengths = Mapping[str, Scalars]
Angles = Mapping[str, Scalars]
Joints = dict[str, Vectors]


def trunk(pelvis: Frame, lengths: Lengths, angles: Angles) -> tuple[Joints, Frame]:
    """Spine, neck, head and shoulders over a pelvis at the origin; and the thorax's frame.

    Each part of the spine bends along its length, so its straight bone takes half of its angles.
    """
    lower = _half(pelvis, angles, "lumbar")
    joints = {"hip": np.zeros_like(pelvis.up), "spine": lengths["lumbar"][:, None] * lower.up}
    middle = _half(lower, angles, "lumbar")
    upper = _half(middle, angles, "thorax")
    joints["thorax"] = joints["spine"] + lengths["thoracic"][:, None] * upper.up
    thorax = _half(upper, angles, "thorax")

    neck = _half(thorax, angles, "neck")
    joints["skull"] = joints["thorax"] + lengths["neck"][:, None] * neck.bend(_full(neck, NECK_LEAN)).up
    skull = _half(neck, angles, "neck")
    joints["vertex"] = joints["skull"] + lengths["skull"][:, None] * skull.up
    joints["head"] = joints["skull"] + HEAD_JOINT * (joints["vertex"] - joints["skull"])
    joints["nose"] = joints["skull"] + skull.vector(lengths["nose_forward"], 0.0, lengths["nose_up"])
    for side, sign in SIDES.items():
        ear = skull.vector(0.0, sign * lengths["ear_half_width"], 0.0)
        eye = skull.vector(lengths["eye_forward"], sign * lengths["eye_half_width"], lengths["eye_up"])
        joints[f"{side}_ear"], joints[f"{side}_eye"] = joints["skull"] + ear, joints["skull"] + eye
        joints[f"{side}_shoulder"] = joints["thorax"] + _shoulder(thorax, lengths, angles, side)
    return joints, thorax


def _half(frame: Frame, angles: Angles, part: str) -> Frame:
    """The frame turned by half of a part's flexion, bend and twist."""
    for turn, motion in ((Frame.bend, "flexion"), (Frame.lean, "bend"), (Frame.twist, "twist")):
        angle = angles.get(f"{part}_{motion}")
        if angle is not None:
            frame = turn(frame, angle / 2)
    return frame


def _turned(frame: Frame, angles: Angles, side: str, joint: str) -> Frame:
    """The frame of a limb that hangs from a ball joint, hip or shoulder: flexed, abducted, turned about itself."""
    sign, zero = SIDES[side], _full(frame, np.float32(0))
    flexion, abduction, rotation = (
        angles.get(f"{side}_{joint}_{motion}", zero) for motion in ("flexion", "abduction", "rotation")
    )
    return frame.bend(-flexion).lean(sign * abduction).twist(-sign * rotation)


def _full(frame: Frame, angle: np.float32) -> Scalars:
    return np.full(len(frame.up), angle, dtype=np.float32)


def _shoulder(thorax: Frame, lengths: Lengths, angles: Angles, side: str) -> Vectors:
    """From the thorax joint to a shoulder's centre: the girdle swings about its inner end."""
    sign = SIDES[side]
    zero = _full(thorax, np.float32(0))
    up, out = angles.get(f"{side}_girdle_elevation", zero), angles.get(f"{side}_girdle_protraction", zero)
    width = lengths["clavicle_half_width"]
    return thorax.vector(
        width * np.sin(out), sign * width * np.cos(up) * np.cos(out), width * np.sin(up) - lengths["shoulder_drop"]
    )


# --- arms -----------------------------------------------------------------------------------------------------


def arm(shoulder: Vectors, thorax: Frame, lengths: Lengths, angles: Angles, side: str) -> Joints:
    """Elbow, wrist and hand of an arm given by its angles."""
    zero = _full(thorax, np.float32(0))
    upper = _turned(thorax, angles, side, "shoulder")
    elbow = shoulder - lengths["upper_arm"][:, None] * upper.up
    lower = upper.bend(-angles.get(f"{side}_elbow_flexion", zero))
    wrist = elbow - lengths["forearm"][:, None] * lower.up
    return _with_hand(side, elbow, wrist, lengths)


def arm_to(shoulder: Vectors, wrist: Vectors, pole: Vectors, lengths: Lengths, side: str) -> Joints:
    """Elbow, wrist and hand of an arm whose wrist is to be at ``wrist``, its elbow on the side of ``pole``.

    What is out of reach is approached as far as the arm goes.
    """
    elbow, wrist = two_bones(shoulder, wrist, pole, lengths["upper_arm"], lengths["forearm"])
    return _with_hand(side, elbow, wrist, lengths)


def _with_hand(side: str, elbow: Vectors, wrist: Vectors, lengths: Lengths) -> Joints:
    hand = wrist + lengths["hand"][:, None] * unit(wrist - elbow)
    return {f"{side}_elbow": elbow, f"{side}_wrist": wrist, f"{side}_hand": hand}


# --- legs -----------------------------------------------------------------------------------------------------


def hips(pelvis: Frame, lengths: Lengths) -> Joints:
    """The hip centres of a pelvis at the origin."""
    return {f"{side}_hip": pelvis.vector(0.0, sign * lengths["hip_half_width"], 0.0) for side, sign in SIDES.items()}


def leg(hip: Vectors, pelvis: Frame, lengths: Lengths, angles: Angles, side: str) -> Joints:
    """Knee, ankle, heel and toe of a leg given by its angles."""
    zero = _full(pelvis, np.float32(0))
    thigh = _turned(pelvis, angles, side, "hip")
    knee = hip - lengths["thigh"][:, None] * thigh.up
    shank = thigh.bend(angles.get(f"{side}_knee_flexion", zero))
    ankle = knee - lengths["shank"][:, None] * shank.up
    foot = shank.bend(-angles.get(f"{side}_ankle_flexion", zero))
    return {f"{side}_knee": knee, f"{side}_ankle": ankle, **_foot(side, ankle, foot, lengths)}


def leg_to(hip: Vectors, ankle: Vectors, pole: Vectors, foot: Frame, lengths: Lengths, side: str) -> Joints:
    """Knee, ankle, heel and toe of a leg whose foot is to stand at ``ankle``, its knee on the side of ``pole``."""
    knee, ankle = two_bones(hip, ankle, pole, lengths["thigh"], lengths["shank"])
    return {f"{side}_knee": knee, f"{side}_ankle": ankle, **_foot(side, ankle, foot, lengths)}


def _foot(side: str, ankle: Vectors, foot: Frame, lengths: Lengths) -> Joints:
    """Heel and toe tip: on the sole, under the ankle's height, behind it and in front."""
    height, back = lengths["ankle_height"], lengths["heel_back"]
    return {
        f"{side}_heel": ankle + foot.vector(-back, 0.0, -height),
        f"{side}_toe": ankle + foot.vector(lengths["foot_length"] - back, 0.0, -height),
    }


def two_bones(start: Vectors, end: Vectors, pole: Vectors, first: Scalars, second: Scalars) -> tuple[Vectors, Vectors]:
    """Middle and end of a chain of two bones from ``start`` towards ``end``, the middle bent towards ``pole``.

    The law of cosines. An end too far, or too near for the bones, is moved along its line to where they reach.
    """
    span = end - start
    wanted = np.linalg.norm(span, axis=-1)
    along = span / np.maximum(wanted, np.float32(1e-6))[:, None]
    reach = np.clip(wanted, np.abs(first - second) + np.float32(1e-3), (first + second) * np.float32(0.9995))
    cos = np.clip((first**2 + reach**2 - second**2) / (2 * first * reach), -1, 1)
    aside = unit(pole - (pole * along).sum(-1, keepdims=True) * along)
    middle = start + first[:, None] * (cos[:, None] * along + np.sqrt(1 - cos**2)[:, None] * aside)
    return middle, start + reach[:, None] * along


def interior_angle(a: Vectors, b: Vectors, c: Vectors) -> Float[np.ndarray, " rows"]:
    """How far the chain a-b-c is bent at b, radians: 0 where it is straight."""
    first, second = unit(b - a), unit(c - b)
    return np.arccos(np.clip((first * second).sum(-1), -1, 1))
