"""The facts about a set of poses, against cameras and bodies whose facts are known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fuzzing import mutants

from poseaug_gen.camera import Camera, look_at
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.canonical import read_pose_set, write_poses
from poseaug_gen.sources.facts import bone_length_ranges, pose_facts, skeleton_within, spread, viewpoints
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import FixedRig
from poseaug_gen.terminal_drawing import side_by_side

# A person who stands at the origin of the world and faces along x: z up, so their left is at y > 0.
UPRIGHT = {
    "hip": (0.0, 0.0, 1.0),
    "spine": (0.0, 0.0, 1.25),
    "thorax": (0.0, 0.0, 1.5),
    "head": (0.0, 0.0, 1.8),
    "hip_side": (0.0, 0.12, 1.0),
    "knee": (0.0, 0.12, 0.55),
    "ankle": (0.0, 0.12, 0.1),
    "shoulder": (0.0, 0.17, 1.45),
    "elbow": (0.0, 0.3, 1.2),
    "wrist": (0.0, 0.35, 1.0),
}


def upright(skeleton) -> np.ndarray:
    """:data:`UPRIGHT` for ``h36m16``, ``(joints, 3)``, metres, world frame."""
    pose = np.zeros((skeleton.num_joints, 3))
    for joint, name in enumerate(skeleton.joints):
        side, bare = (name[0], name[2:]) if name[1] == "_" else ("", name)
        place = UPRIGHT["hip_side" if side and bare == "hip" else bare]
        pose[joint] = np.array(place) * [1, -1 if side == "r" else 1, 1]
    return pose


def seen_from_azimuth(make_poses, skeleton, azimuth_deg, height=2.0, distance=4.0, lean_deg=0.0):
    """One row a camera: the upright person, leant forwards, from around them."""
    lean = np.radians(lean_deg)
    forwards = np.array([[np.cos(lean), 0, -np.sin(lean)], [0, 1, 0], [np.sin(lean), 0, np.cos(lean)]])
    pose = (upright(skeleton) - [0, 0, 1]) @ forwards + [0, 0, 1]
    poses = make_poses(skeleton, rows=len(azimuth_deg), cameras=1)
    cameras = []
    for turn in np.radians(azimuth_deg):
        place = np.array([distance * np.cos(turn), distance * np.sin(turn), height])
        cameras.append(Camera(poses.intrinsics[0], (1000, 1000), look_at(place, np.array([0.0, 0.0, 1.0])), place))
    views = FixedRig(tuple(cameras)).see(pose[None])
    return replace(poses, positions=views.positions)


def test_the_side_that_a_camera_sees_is_told(make_poses, skeleton):
    counts = {"front": 4, "left": 3, "back": 2, "right": 1}
    azimuth = [0, 10, -40, 40, 90, 60, 130, 180, 200, 270]
    told = viewpoints(seen_from_azimuth(make_poses, skeleton, azimuth))["seen_from"]
    assert told == pytest.approx({side: n / 10 for side, n in counts.items()})


def test_a_camera_s_elevation_over_an_upright_body_is_the_angle_at_its_hip(make_poses, skeleton):
    poses = seen_from_azimuth(make_poses, skeleton, [0, 77, 191], height=3.0, distance=4.0)
    elevation = viewpoints(poses)["camera_elevation_deg"]
    assert list(elevation.values()) == pytest.approx([np.degrees(np.arctan2(2, 4))] * 3, abs=1e-3)


def test_a_body_that_leans_towards_the_camera_is_seen_from_further_above(make_poses, skeleton):
    """Leaning by an angle towards a camera lifts it by that angle, as the body has it; away from it lowers it."""
    poses = seen_from_azimuth(make_poses, skeleton, [0, 180], height=1.0, lean_deg=20)
    elevation = viewpoints(poses)["camera_elevation_deg"]
    assert (elevation["p99"] - elevation["p1"]) / 0.98 == pytest.approx(40, abs=1e-2)
    assert elevation["p50"] == pytest.approx(0, abs=1e-2)


def test_a_skeleton_that_does_not_tell_how_it_is_turned_has_no_viewpoints(make_poses):
    hand = Skeleton.from_dict({"name": "hand", "joints": {"palm": "", "thumb": "palm", "index": "palm"}})
    assert viewpoints(make_poses(hand, rows=5)) == {}
    assert "seen_from" not in pose_facts(make_poses(hand, rows=5))["sample"]
    assert viewpoints(make_poses(load_skeleton("coco17"), rows=5))


def test_shares_in_the_frame_and_before_the_camera(make_poses, skeleton):
    poses = make_poses(skeleton, rows=20)
    assert spread(poses)["wholly_in_frame"] == 1
    places = poses.positions.copy()
    places[:5, :, 0] += 3  # out of the frame to the right
    places[5:7, 3, 2] = -1  # an ankle behind the camera
    told = spread(replace(poses, positions=places))
    assert told["wholly_in_frame"] == pytest.approx(13 / 20)
    assert told["not_before_camera"] == pytest.approx(2 / 20)
    assert told["joint_depth_range_m"] == pytest.approx([-1, places[..., 2].max()])


def test_the_detections_error_is_in_pixels(make_poses, skeleton):
    poses = make_poses(skeleton, rows=40)
    assert "detection_error_px" not in spread(poses)
    poses = replace(poses, image_size=np.tile(np.array([[1000, 800]], dtype=np.int32), (40, 1)))
    off = np.array([3, 4], dtype=np.float32) / 500  # 3 and 4 pixels of an image 1000 pixels wide
    error = spread(replace(poses, detected_2d=poses.project() + off))["detection_error_px"]
    assert error == pytest.approx(dict.fromkeys(("mean", "p1", "p50", "p99"), 5), abs=1e-3)


def test_bone_lengths_are_each_person_s_own_extremes(make_poses, skeleton):
    poses = make_poses(skeleton, rows=30, subjects=4)
    poses = replace(poses, positions=poses.positions * np.linspace(0.9, 1.1, 30, dtype=np.float32)[:, None, None])
    told = bone_length_ranges(poses)
    assert list(told) == ["S0", "S1", "S2", "S3"]
    for person, bones in told.items():
        own = poses.positions[poses.subject.strings() == person]
        for bone, (shortest, longest) in bones.items():
            joint = skeleton.joints.index(bone)
            length = np.linalg.norm(own[:, joint] - own[:, skeleton.parents[joint]], axis=-1)
            assert (shortest, longest) == pytest.approx((length.min(), length.max()), abs=1e-5)


def test_names_without_rows_are_nobody(make_poses, skeleton):
    poses = make_poses(skeleton, rows=30, subjects=3)
    kept = poses.take(poses.subject.codes != 1)
    assert list(bone_length_ranges(kept)) == ["S0", "S2"]


def test_facts_are_json_and_count_what_is_there(make_poses, skeleton):
    poses = make_poses(skeleton, rows=30, subjects=3, actions=2, cameras=5)
    told = json.loads(json.dumps(pose_facts(poses), allow_nan=False))
    assert told["rows"] == 30
    assert told["subjects"] == {"S0": 10, "S1": 10, "S2": 10}
    assert told["actions"] == {"action0": 15, "action1": 15}
    assert set(told["cameras"].values()) == {6}
    assert told["image_sizes"] == ["1000 x 1000"]
    assert told["source"] == {"licence": "none needed", "citation": "", "name": "synthetic", "seed": 0}


def test_a_large_set_is_sampled_and_its_bones_are_not(make_poses, skeleton, monkeypatch):
    monkeypatch.setattr("poseaug_gen.sources.facts.SAMPLE_ROWS", 10)
    poses = make_poses(skeleton, rows=50, subjects=50)
    told = pose_facts(poses)
    assert told["sample"]["rows_sampled"] == 10
    assert (told["rows"], len(told["bone_length_m"])) == (50, 50)


def test_only_a_file_of_ours_names_its_skeleton(tmp_path, make_poses):
    coco = load_skeleton("coco17")
    write_poses(tmp_path / "poses.h5", make_poses(coco, rows=5))
    np.savez(tmp_path / "plain.npz", positions=np.zeros((2, 16, 3)))
    assert skeleton_within(tmp_path / "poses.h5") == coco
    assert skeleton_within(tmp_path / "plain.npz") is None
    assert skeleton_within(tmp_path) is None
    assert skeleton_within(tmp_path / "none.h5") is None


def test_what_can_be_read_of_a_damaged_file_has_facts_and_a_drawing(tmp_path, make_poses, skeleton):
    """Damage leaves poses of any size; what is said of them is still one fact a name and lines of one width."""
    path, told = tmp_path / "poses.h5", 0
    write_poses(path, make_poses(skeleton, rows=300))
    for data in mutants(path.read_bytes(), seed=0, count=150):
        path.write_bytes(data)
        try:
            poses = read_pose_set(path, Request(skeleton))
        except PoseAugError:
            continue
        told += 1
        assert set(pose_facts(poses)["bone_length_m"]) == set(poses.subject.counts())
        assert len({len(line) for line in side_by_side(poses, 80).plain.split("\n")}) == 1
    assert told > 20
