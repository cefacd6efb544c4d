"""Limbs inside and outside their ranges: bodies made of known angles, their mirror images, real and random poses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import light, random_poses, seeds

from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.anatomy import kinematics
from poseaug_gen.sources.anatomy.frames import facing
from poseaug_gen.sources.anatomy.joint_limits import BENT, beyond_limits, missing_joints, readings
from poseaug_gen.sources.anatomy.limits import draw_limits, farthest_limits
from poseaug_gen.sources.anatomy.posture import SLACK
from poseaug_gen.sources.anatomy.proportions import draw_bodies
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

JOINTS = load_skeleton().joints
CAMERA = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])  # from forward, left, up: it looks where the body does
DOFS = [f"{j}_{m}" for j in ("hip", "shoulder") for m in ("flexion", "abduction", "rotation")]


def upright_body(rows: int, **degrees: float | np.ndarray) -> tuple[dict, kinematics.Joints]:
    """Angles (radians) by name, and the joints of upright bodies that have them; the trunk is straight."""
    angles = {name: np.broadcast_to(np.radians(value), rows).astype(np.float64) for name, value in degrees.items()}
    lengths = draw_bodies(np.random.default_rng(0), rows).lengths
    pelvis = facing(np.zeros(rows))
    joints, thorax = kinematics.trunk(pelvis, lengths, angles)
    joints |= kinematics.hips(pelvis, lengths)
    for side in kinematics.SIDES:
        joints |= kinematics.leg(joints[f"{side}_hip"], pelvis, lengths, angles, side)
        joints |= kinematics.arm(joints[f"{side}_shoulder"], thorax, lengths, angles, side)
    return angles, joints


def seen(positions: np.ndarray, skeleton: Skeleton | None = None) -> PoseSet:
    rows, unknown = len(positions), Labels.constant("unknown", len(positions))
    return PoseSet(
        skeleton=skeleton or load_skeleton(),
        positions=positions.astype(np.float32),
        intrinsics=np.ones((rows, 9), np.float32),
        image_size=np.full((rows, 2), 1000, np.int32),
        subject=unknown,
        action=unknown,
        camera=unknown,
    )


def body(rows: int = 1, **degrees: float | np.ndarray) -> PoseSet:
    """Poses of these angles, seen from behind at 5 m."""
    joints = upright_body(rows, **degrees)[1]
    return seen(np.stack([joints[joint] for joint in JOINTS], 1) @ CAMERA.T + [0, 0, 5])


def beyond(poses: PoseSet) -> dict[str, np.ndarray]:
    found = beyond_limits(poses.positions, poses.skeleton)
    assert found is not None
    return found


def outside(poses: PoseSet) -> set[str]:
    """What is outside in any of the poses."""
    return {name for name, rows in beyond(poses).items() if rows.any()}


@pytest.mark.parametrize("side", ["l", "r"])
def test_angles_are_found_again(side):
    rng = np.random.default_rng(1)
    rows = 200
    drawn = {
        f"{side}_{joint}_{motion}": rng.uniform(*span, rows)
        for joint in ("hip", "shoulder")
        for motion, span in (("flexion", (-60, 150)), ("abduction", (-80, 80)), ("rotation", (-100, 100)))
    }
    drawn |= {f"{side}_knee_flexion": rng.uniform(5, 150, rows), f"{side}_elbow_flexion": rng.uniform(5, 150, rows)}
    angles, joints = upright_body(rows, **drawn)
    for limb in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        chain = [joints[f"{side}_{joint}"].astype(np.float64) for joint in limb]
        first, *others = readings(chain, facing(np.zeros(rows)), kinematics.SIDES[side], limb[0])
        names = [f"{side}_{limb[0]}_{motion}" for motion in ("flexion", "abduction", "rotation")]
        for found, name in zip(first, [*names, f"{side}_{limb[1]}_flexion"], strict=True):
            np.testing.assert_allclose(found, angles[name], atol=1e-4, err_msg=name)
        for other in others:  # another way to say where the same joints are
            again = upright_body(
                rows, **dict(zip([*names, f"{side}_{limb[1]}_flexion"], np.degrees(other), strict=True))
            )[1]
            for joint in limb:
                np.testing.assert_allclose(again[f"{side}_{joint}"], joints[f"{side}_{joint}"], atol=1e-4)


@pytest.mark.parametrize(
    ("dof", "end", "others"),
    [
        ("knee_flexion", "high", {"hip_flexion": 90}),
        ("knee_flexion", "low", {}),
        ("hip_flexion", "high", {"knee_flexion": 100}),
        ("hip_flexion", "low", {}),
        ("hip_abduction", "high", {}),
        ("hip_abduction", "low", {}),
        ("hip_rotation", "high", {"knee_flexion": 50}),
        ("hip_rotation", "low", {"knee_flexion": 50}),
        ("elbow_flexion", "high", {}),
        ("shoulder_flexion", "low", {}),
        ("shoulder_rotation", "high", {"shoulder_flexion": 80, "elbow_flexion": 60}),
    ],
)
@pytest.mark.parametrize("side", ["l", "r"])
def test_each_range_ends_where_the_table_says(side, dof, end, others):
    limits = farthest_limits()
    furthest = np.degrees((limits.high if end == "high" else limits.low)[dof][0])
    furthest += np.sign(furthest) * np.degrees(SLACK)
    if dof == "knee_flexion" and end == "low":  # bent by less, it does not show which way
        furthest = -np.degrees(BENT)
    angles = {f"{side}_{name}": value for name, value in others.items()}
    further = {1: 3, -1: -3}[int(np.sign(furthest))]
    assert outside(body(**angles, **{f"{side}_{dof}": furthest + further})) == {dof}
    assert outside(body(**angles, **{f"{side}_{dof}": furthest - further})) == set()


def test_a_knee_bent_backwards_is_found_wherever_the_leg_is():
    rng = np.random.default_rng(0)
    thighs = {
        f"l_hip_{m}": rng.uniform(low, high, 100) for m, low, high in (("flexion", -15, 60), ("abduction", 0, 30))
    }
    assert beyond(body(100, **thighs, l_knee_flexion=-30))["knee_flexion"].all()
    assert not np.any(list(beyond(body(100, **thighs, l_knee_flexion=30)).values()))


def test_an_elbow_bent_backwards_is_found_under_a_hanging_arm():
    rng = np.random.default_rng(0)
    arms = {
        f"r_shoulder_{m}": rng.uniform(low, high, 100) for m, low, high in (("flexion", 0, 40), ("abduction", 0, 40))
    }
    assert np.any(list(beyond(body(100, **arms, r_elbow_flexion=-60)).values()), axis=0).all()
    assert not np.any(list(beyond(body(100, **arms, r_elbow_flexion=60)).values()))


def test_a_straight_limb_does_not_show_how_it_is_turned():
    assert outside(body(l_hip_rotation=90, l_knee_flexion=np.degrees(BENT) - 1)) == set()
    assert outside(body(l_hip_rotation=90, l_knee_flexion=np.degrees(BENT) + 1)) != set()


def test_hamstrings_hold_a_straight_leg_that_a_bent_one_passes():
    assert outside(body(l_hip_flexion=120)) == {"hip_flexion"}
    assert outside(body(l_hip_flexion=120, l_knee_flexion=90)) == set()


def test_an_arm_overhead_is_inside_however_it_came_there():
    for angles in ({"flexion": 165}, {"abduction": 160}, {"flexion": 90, "abduction": 40}, {"abduction": 90}):
        assert outside(body(**{f"l_shoulder_{motion}": value for motion, value in angles.items()})) == set()


def test_people_within_their_own_limits_are_inside():
    """Everybody whom the built-in source draws, in every single range of their own."""
    rng, rows = np.random.default_rng(2), 500
    people = draw_limits(rng, rng.random(rows) < 0.5)
    share = rng.random(rows)
    for dof in (*DOFS[:3], "knee_flexion", "elbow_flexion"):
        span = people.low[dof] + share * (people.high[dof] - people.low[dof])
        others = {"l_hip_flexion": 60} if dof == "knee_flexion" else {}
        others |= {"l_knee_flexion": 90} if dof.startswith("hip") else {}
        assert outside(body(rows, **others, **{f"l_{dof}": np.degrees(span)})) == set(), dof


@light
@given(seeds)
def test_neither_a_turn_of_the_body_nor_a_mirror_changes_what_is_outside(seed):
    poses = seen(random_poses(load_skeleton(), 50, seed).numpy())
    found = beyond(poses)
    turns = Rotation.random(50, random_state=seed % 2**31).as_matrix()
    turned = replace(poses, positions=(poses.positions @ turns.transpose(0, 2, 1)).astype(np.float32))
    for other in (turned, poses.mirrored()):
        for name, rows in beyond(other).items():
            assert (rows != found[name]).sum() <= 1, name  # at the very end of a range, rounding decides
    assert np.any(list(found.values()), axis=0).mean() > 0.8, "limbs that point anywhere"


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_built_in_poses_are_nearly_all_inside(name):
    request = Request(load_skeleton(name), load_rig("studio"), rows=3000)
    found = beyond(read_sources(["anatomy"], request))
    assert np.any(list(found.values()), axis=0).mean() < 0.05


@pytest.mark.parametrize(("file", "most"), [("cmu_everyday", 0.015), ("cmu_sports", 0.04), ("far_climb", 0.03)])
def test_real_motion_is_nearly_all_inside(shared_data, file, most):
    request = Request(load_skeleton(), load_rig("studio"))
    found = beyond(read_sources([shared_data / f"{file}.npz"], request).subsample(10_000))
    assert np.any(list(found.values()), axis=0).mean() < most


@pytest.mark.parametrize("name", ["h36m16", "coco17"])
@light
@given(seeds)
def test_what_is_said_of_a_pose_depends_on_no_other_nor_on_where_it_stands(name, seed):
    """The second skeleton's spine, hip and thorax are made of other joints."""
    skeleton = load_skeleton(name)
    positions = random_poses(skeleton, 60, seed).numpy()
    found = beyond_limits(positions, skeleton)
    order = np.random.default_rng(seed).permutation(60)
    parts = [beyond_limits(positions[rows], skeleton) for rows in np.split(order, [1, 8, 31])]
    for dof, rows in found.items():
        np.testing.assert_array_equal(np.concatenate([part[dof] for part in parts]), rows[order], err_msg=dof)


def test_a_wider_slack_lets_more_pass():
    angles = {"l_elbow_flexion": np.degrees(farthest_limits().high["elbow_flexion"][0] + SLACK) + 1}
    poses = body(**angles)
    assert beyond(poses)["elbow_flexion"].all()
    wider = float(SLACK + np.radians(2))
    assert not beyond_limits(poses.positions, poses.skeleton, wider)["elbow_flexion"].any()


def test_a_skeleton_without_limbs_tells_nothing_and_what_it_lacks(make_poses):
    hand = Skeleton.from_dict({"joints": {"palm": "", "l_thumb": "palm", "r_thumb": "palm"}})
    assert beyond_limits(make_poses(hand, rows=5).positions, hand) is None
    assert {"hip", "l_knee", "r_wrist", "thorax"} <= set(missing_joints(hand))
    for name in ("h36m16", "h36m17", "coco17"):
        assert missing_joints(load_skeleton(name)) == ()
