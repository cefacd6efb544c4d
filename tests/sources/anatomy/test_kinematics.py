"""Frames turn as anatomy names it, limbs keep their lengths, and two ways to the same limb agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.sources.anatomy import kinematics
from poseaug_gen.sources.anatomy.frames import Frame, facing
from poseaug_gen.sources.anatomy.proportions import draw_bodies

ROWS = 50
LENGTHS = draw_bodies(np.random.default_rng(0), ROWS).lengths
ZERO = np.zeros(ROWS, dtype=np.float32)
UPRIGHT = facing(ZERO)
FORWARD, LEFT, UP = np.eye(3)
angle = st.floats(-3.0, 3.0, width=32)


def degrees(value):
    return np.full(ROWS, np.radians(value), dtype=np.float32)


def as_matrix(frame: Frame):
    return np.stack([frame.forward, frame.left, frame.up], -1)


@given(angle, angle, angle)
def test_turned_frames_stay_right_handed(bend, lean, twist):
    frame = (
        facing(degrees(30)).bend(ZERO + np.float32(bend)).lean(ZERO + np.float32(lean)).twist(ZERO + np.float32(twist))
    )
    matrix = as_matrix(frame)
    np.testing.assert_allclose(matrix @ matrix.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (ROWS, 3, 3)), atol=2e-6)
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=2e-6)
    vectors = np.random.default_rng(1).normal(size=(ROWS, 3)).astype(np.float32)
    np.testing.assert_allclose(frame.vector(*frame.components(vectors).T), vectors, atol=1e-5)


def test_turns_go_the_way_their_names_say():
    quarter = degrees(90)
    np.testing.assert_allclose(UPRIGHT.bend(quarter).up[0], FORWARD, atol=1e-6)  # bowed: up points forward
    np.testing.assert_allclose(UPRIGHT.lean(quarter).up[0], -LEFT, atol=1e-6)  # leant to the right
    np.testing.assert_allclose(UPRIGHT.twist(quarter).forward[0], LEFT, atol=1e-6)  # turned to the left


@pytest.mark.parametrize(("side", "out"), [("l", LEFT), ("r", -LEFT)])
def test_limbs_go_the_way_their_angles_say(side, out):
    def thigh(**angles):
        joints = kinematics.leg(
            np.zeros((ROWS, 3), np.float32), UPRIGHT, LENGTHS, {f"{side}_{k}": v for k, v in angles.items()}, side
        )
        return joints[f"{side}_knee"] / LENGTHS["thigh"][:, None], joints

    np.testing.assert_allclose(thigh()[0][0], -UP, atol=1e-6)
    np.testing.assert_allclose(thigh(hip_flexion=degrees(90))[0][0], FORWARD, atol=1e-6)
    np.testing.assert_allclose(thigh(hip_abduction=degrees(90))[0][0], out, atol=1e-6)
    bent = thigh(knee_flexion=degrees(90))[1]
    shank = bent[f"{side}_ankle"] - bent[f"{side}_knee"]
    np.testing.assert_allclose(shank[0] / LENGTHS["shank"][0], -FORWARD, atol=1e-6)  # the heel goes back
    # A hip turned inwards takes the shank of a bent knee outwards, and the toes of a straight leg inwards.
    turned = thigh(knee_flexion=degrees(90), hip_rotation=degrees(90))[1]
    np.testing.assert_allclose(
        (turned[f"{side}_ankle"] - turned[f"{side}_knee"])[0] / LENGTHS["shank"][0], out, atol=1e-6
    )
    toes = thigh(hip_rotation=degrees(40))[1]
    assert ((toes[f"{side}_toe"] - toes[f"{side}_heel"])[0] @ out) < 0
    up = thigh(ankle_flexion=degrees(20))[1]
    assert (up[f"{side}_toe"] - up[f"{side}_heel"])[0, 2] > 0  # dorsiflexion lifts the toes

    def arm(**angles):
        return kinematics.arm(
            np.zeros((ROWS, 3), np.float32), UPRIGHT, LENGTHS, {f"{side}_{k}": v for k, v in angles.items()}, side
        )

    raised = arm(shoulder_abduction=degrees(90), elbow_flexion=degrees(90), shoulder_rotation=degrees(-90))
    np.testing.assert_allclose(raised[f"{side}_elbow"][0] / LENGTHS["upper_arm"][0], out, atol=1e-6)
    forearm = raised[f"{side}_wrist"] - raised[f"{side}_elbow"]
    np.testing.assert_allclose(forearm[0] / LENGTHS["forearm"][0], UP, atol=1e-6)  # turned outwards: "hands up"
    folded = arm(elbow_flexion=degrees(90), shoulder_rotation=degrees(90))
    across = folded[f"{side}_wrist"] - folded[f"{side}_elbow"]
    np.testing.assert_allclose(across[0] / LENGTHS["forearm"][0], -out, atol=1e-6)  # turned inwards: over the belly


def test_a_spine_bends_forward_right_and_left():
    for motion, component, sign in (("flexion", 0, 1), ("bend", 1, -1)):
        joints, _ = kinematics.trunk(UPRIGHT, LENGTHS, {f"lumbar_{motion}": degrees(40)})
        assert (sign * joints["thorax"][:, component] > 0.1).all()
    _, thorax = kinematics.trunk(UPRIGHT, LENGTHS, {"thorax_twist": degrees(30)})
    np.testing.assert_allclose(thorax.left[0], [-np.sin(np.radians(30)), np.cos(np.radians(30)), 0], atol=1e-6)


@given(st.integers(0, 2**31))
def test_bones_keep_their_lengths(seed):
    rng = np.random.default_rng(seed)
    names = (
        "lumbar_flexion",
        "thorax_twist",
        "neck_bend",
        "l_hip_flexion",
        "r_knee_flexion",
        "l_shoulder_abduction",
        "r_elbow_flexion",
    )
    angles = {name: rng.uniform(-1.5, 1.5, ROWS).astype(np.float32) for name in names}
    joints, thorax = kinematics.trunk(UPRIGHT, LENGTHS, angles)
    joints |= kinematics.hips(UPRIGHT, LENGTHS)
    for side in "lr":
        joints |= kinematics.leg(joints[f"{side}_hip"], UPRIGHT, LENGTHS, angles, side)
        joints |= kinematics.arm(joints[f"{side}_shoulder"], thorax, LENGTHS, angles, side)
    bones = [
        ("hip", "spine", "lumbar"),
        ("spine", "thorax", "thoracic"),
        ("thorax", "skull", "neck"),
        ("skull", "vertex", "skull"),
    ]
    for side in "lr":
        bones += [(f"{side}_{a}", f"{side}_{b}", n) for a, b, n in (
            ("hip", "knee", "thigh"), ("knee", "ankle", "shank"), ("heel", "toe", "foot_length"),
            ("shoulder", "elbow", "upper_arm"), ("elbow", "wrist", "forearm"), ("wrist", "hand", "hand"))]  # fmt: skip
    for start, end, length in bones:
        np.testing.assert_allclose(np.linalg.norm(joints[end] - joints[start], axis=-1), LENGTHS[length], rtol=1e-5)


@given(st.integers(0, 2**31))
def test_a_limb_put_where_its_angles_take_it_is_the_same_limb(seed):
    rng = np.random.default_rng(seed)
    hip = rng.normal(size=(ROWS, 3)).astype(np.float32)
    angles = {
        "l_hip_flexion": rng.uniform(-0.4, 1.8, ROWS).astype(np.float32),
        "l_hip_abduction": rng.uniform(-0.3, 0.7, ROWS).astype(np.float32),
        "l_hip_rotation": rng.uniform(-0.6, 0.6, ROWS).astype(np.float32),
        "l_knee_flexion": rng.uniform(0.3, 2.4, ROWS).astype(np.float32),
    }
    by_angles = kinematics.leg(hip, UPRIGHT, LENGTHS, angles, "l")
    pole = by_angles["l_knee"] - hip
    by_place = kinematics.leg_to(hip, by_angles["l_ankle"], pole, UPRIGHT, LENGTHS, "l")
    np.testing.assert_allclose(by_place["l_knee"], by_angles["l_knee"], atol=2e-3)
    np.testing.assert_allclose(by_place["l_ankle"], by_angles["l_ankle"], atol=2e-3)
    bend = kinematics.interior_angle(hip, by_angles["l_knee"], by_angles["l_ankle"])
    np.testing.assert_allclose(bend, angles["l_knee_flexion"], atol=1e-3)


def test_a_hand_out_of_reach_is_reached_for():
    shoulder = np.zeros((ROWS, 3), np.float32)
    far = shoulder + np.float32([3, 0, 0])
    joints = kinematics.arm_to(shoulder, far, shoulder - np.float32([0, 0, 1]), LENGTHS, "l")
    reach = LENGTHS["upper_arm"] + LENGTHS["forearm"]
    np.testing.assert_allclose(joints["l_wrist"][:, 0], reach, rtol=1e-3)
    np.testing.assert_allclose(joints["l_wrist"][:, 1:], 0, atol=1e-5)
