"""A body in its own frame: the same whoever looks, however it is turned; mirrored, it is its mirror image."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from strategies import BUILTIN, light, seeds

from poseaug_gen.camera import Camera, look_at
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.body_frame import camera_direction, in_body_frame
from poseaug_gen.sources.rigs import FixedRig


@pytest.fixture(params=BUILTIN)
def standing(request, make_poses):
    return make_poses(load_skeleton(request.param), rows=40)


def turned(poses, seed, move=(0.0, 0.0, 0.0)):
    """Each pose turned its own way about the camera, then moved."""
    turns = Rotation.random(len(poses), random_state=seed % 2**31).as_matrix()
    positions = poses.positions.astype(np.float64) @ turns.transpose(0, 2, 1) + move
    return replace(poses, positions=positions.astype(np.float32))


@light
@given(seed=seeds, name=st.sampled_from(BUILTIN))
def test_turning_and_moving_a_pose_leaves_it_as_it_is(seed, name, make_poses):
    poses = make_poses(load_skeleton(name), rows=10, seed=seed % 1000)
    np.testing.assert_allclose(in_body_frame(turned(poses, seed, (0.4, -2, 1))), in_body_frame(poses), atol=2e-5)
    np.testing.assert_allclose(camera_direction(turned(poses, seed)), camera_direction(poses), atol=2e-5)


def test_lengths_and_angles_stay(standing):
    body, seen = in_body_frame(standing), standing.positions - standing.positions[:, :1]
    np.testing.assert_array_equal(body[:, 0], 0)
    np.testing.assert_allclose(body @ body.transpose(0, 2, 1), seen @ seen.transpose(0, 2, 1), atol=1e-5)


def test_two_cameras_see_one_body_from_where_they_stand(skeleton, make_poses):
    """A person at the origin of the world who faces along x; z up."""
    seen = make_poses(skeleton, rows=1, cameras=1)
    body = in_body_frame(seen)[0]  # forward, left, up are x, y, z of that world
    hip = body[skeleton.joints.index("hip")]
    places = [np.array([4.0, 1.0, 1.5]), np.array([-3.0, 2.0, 0.2])]
    cameras = [Camera(seen.intrinsics[0], (1000, 1000), look_at(place, hip), place) for place in places]
    views = FixedRig(tuple(cameras)).see(body[None])
    both = replace(seen.take(np.zeros(2, dtype=int)), positions=views.positions)
    np.testing.assert_allclose(in_body_frame(both), [body, body], atol=1e-5)
    expected = [(place - hip) / np.linalg.norm(place - hip) for place in places]
    np.testing.assert_allclose(camera_direction(both), expected, atol=1e-5)


def test_a_mirrored_body_is_the_mirror_image(standing):
    mirror = standing.skeleton.mirror_joints
    np.testing.assert_allclose(
        in_body_frame(standing.mirrored()), in_body_frame(standing)[:, mirror] * [1, -1, 1], atol=1e-5
    )
    np.testing.assert_allclose(
        camera_direction(standing.mirrored()), camera_direction(standing) * [1, -1, 1], atol=1e-5
    )


def test_the_left_is_at_the_left_the_head_above_and_the_knees_bend_forwards(standing):
    body, joints = in_body_frame(standing), standing.skeleton.joints
    mean = dict(zip(joints, body.mean(0), strict=True))
    for joint in ("shoulder", "hip", "knee"):
        assert mean[f"l_{joint}"][1] > 0.05 > -0.05 > mean[f"r_{joint}"][1]
    assert mean["l_ankle"][2] < mean["l_knee"][2] < mean["l_hip"][2] < mean["l_shoulder"][2]
    nose = next(name for name in ("nose", "head") if name in joints)
    assert mean[nose][2] > mean["l_shoulder"][2]


def test_other_spellings_and_skeletons_that_do_not_tell(make_poses, skeleton):
    names = {"hip": "Pelvis", "l_shoulder": "LeftArm", "r_shoulder": "RightArm"}
    tree = {
        names.get(joint, joint): "" if parent < 0 else names.get(skeleton.joints[parent], skeleton.joints[parent])
        for joint, parent in zip(skeleton.joints, skeleton.parents, strict=True)
    }
    poses = make_poses(skeleton, rows=5)
    spelt = replace(poses, skeleton=Skeleton.from_dict({"name": "spelt", "joints": tree, "pairs": []}))
    np.testing.assert_array_equal(in_body_frame(spelt), in_body_frame(poses))
    hand = make_poses(Skeleton.from_dict({"joints": {"palm": "", "l_thumb": "palm", "r_thumb": "palm"}}), rows=5)
    assert in_body_frame(hand) is None
    assert camera_direction(hand) is None
