"""Poses in .npz files, in both frames."""

import json

import numpy as np
import pytest
import torch

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import npz
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig
from poseaug_gen.validity import Limits, faults


@pytest.fixture
def camera_fields(make_poses, skeleton) -> dict:
    """The fields of a file of camera-frame poses."""
    poses = make_poses(skeleton, 12)
    return {
        "positions_3d": poses.positions,
        "intrinsics": poses.intrinsics,
        "image_size": poses.image_size,
        "subject": poses.subject.strings(),
        "action": poses.action.strings(),
        "camera": poses.camera.strings(),
    }


@pytest.fixture
def world_fields(make_poses, skeleton) -> dict:
    """The fields of a file of world poses: x forward of the camera, y to its left, z up, feet on the floor."""
    x, y, z = np.moveaxis(make_poses(skeleton, 12).positions, -1, 0)
    world = np.stack([z, -x, -y], -1)
    world[..., 2] -= world[..., 2].min(1, keepdims=True)
    return {"positions": world, "subject": np.repeat(["A", "B"], 6), "clip": np.tile(["1", "2"], 6)}


@pytest.fixture
def two_cameras(tmp_path) -> tuple:
    """A rig of two cameras on opposite sides."""
    camera = {"distance_m": 5.0, "height_m": 1.5, "look_at_height_m": 0.95, "image_size": [1000, 1000]}
    camera["intrinsics"] = [2.2, 2.2, 0, 0, 0, 0, 0, 0, 0]
    rig = [{**camera, "azimuth_deg": azimuth} for azimuth in (20, 200)]
    (tmp_path / "rig.json").write_text(json.dumps({"pair": rig}))
    return load_rig(f"{tmp_path}/rig.json:pair")


def save(path, fields):
    np.savez_compressed(path, **fields)
    return path


# --- camera frame -----------------------------------------------------------------------------------------


def test_camera_poses_come_back_as_they_were(tmp_path, skeleton, make_poses, camera_fields):
    poses = make_poses(skeleton, 12)
    got = npz.read_camera(save(tmp_path / "x.npz", camera_fields), Request(skeleton))
    np.testing.assert_array_equal(got.positions, poses.positions)
    np.testing.assert_array_equal(got.intrinsics, poses.intrinsics)
    np.testing.assert_array_equal(got.image_size, poses.image_size)
    for name in ("subject", "action", "camera"):
        np.testing.assert_array_equal(getattr(got, name).strings(), getattr(poses, name).strings())
    np.testing.assert_array_equal(got.project(), poses.project())


def test_one_camera_and_one_label_serve_all_rows(tmp_path, skeleton, camera_fields):
    one = {**camera_fields, "intrinsics": camera_fields["intrinsics"][0], "image_size": np.array([800, 600])}
    one |= {"subject": "Ann", "action": b"run"}
    del one["camera"]
    got = npz.read_camera(save(tmp_path / "x.npz", one), Request(skeleton))
    assert (got.intrinsics == one["intrinsics"]).all()
    assert (got.image_size == [800, 600]).all()
    assert got.subject.counts() == {"Ann": 12}
    assert got.action.counts() == {"run": 12}
    assert got.camera.counts() == {"unknown": 12}


def test_a_file_without_subjects_is_one_person_named_by_it(tmp_path, skeleton, camera_fields):
    del camera_fields["subject"]
    got = npz.read_camera(save(tmp_path / "ann.npz", camera_fields), Request(skeleton))
    assert got.subject.counts() == {"ann": 12}


@pytest.mark.parametrize("missing", ["intrinsics", "image_size"])
def test_a_missing_field_is_named(tmp_path, skeleton, camera_fields, missing):
    del camera_fields[missing]
    with pytest.raises(PoseAugError, match=rf"x\.npz: lacks '{missing}'; poses need positions_3d, intrinsics"):
        npz.read_camera(save(tmp_path / "x.npz", camera_fields), Request(skeleton))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("intrinsics", np.ones((11, 9)), r"'intrinsics' has the shape \(11, 9\) for 12 poses"),
        ("intrinsics", np.float64(3), "'intrinsics' has the shape"),
        ("intrinsics", np.full((12, 9), "a"), "nine numbers"),
        ("image_size", np.ones((12, 2, 1)), "'image_size' has the shape"),
        ("subject", np.array(["a"] * 11), "'subject' has the shape"),
        ("subject", np.arange(12), "'subject' must be strings, not int64"),
        ("subject", np.array([b"\xff"] * 12), "'subject' holds what is not text"),
        ("subject", np.full(12, 0x7FFFFFFF, dtype="<u4").view("<U1"), "'subject' holds what is not text"),
        ("subject", np.full(12, 0xD800, dtype="<u4").view("<U1"), "'subject' holds what is not text"),
        ("licence", np.array(b"\xff"), "'licence' holds what is not text"),
        ("action", np.array(["x" * 300] * 12), "over 256 characters"),
        ("joints", np.array(["hip"]), "names 1 joints but the poses have 16"),
        ("licence", np.array(["a", "b"]), "'licence' must be one string"),
        ("positions_3d", np.zeros((0, 16, 3)), r"'intrinsics' has the shape \(12, 9\) for 0 poses"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, skeleton, camera_fields, field, value, says):
    with pytest.raises(PoseAugError, match=rf"x\.npz: .*{says}|x\.npz: {says}"):
        npz.read_camera(save(tmp_path / "x.npz", camera_fields | {field: value}), Request(skeleton))


def test_millimetres_and_nan_are_found(tmp_path, skeleton, camera_fields):
    millimetres = camera_fields | {"positions_3d": camera_fields["positions_3d"] * 1000}
    with pytest.raises(PoseAugError, match="look like millimetres: divide by 1000"):
        npz.read_camera(save(tmp_path / "x.npz", millimetres), Request(skeleton))
    camera_fields["positions_3d"][3, 9, 0] = np.nan
    with pytest.raises(PoseAugError, match="row 3, joint 'head' is not finite"):
        npz.read_camera(save(tmp_path / "x.npz", camera_fields), Request(skeleton))


def test_the_record_is_the_same_wherever_the_file_lies(tmp_path, skeleton, camera_fields):
    texts = {"licence": "CC0", "citation": "Somebody, 2024. " * 40, "name": "My poses"}
    got = []
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        path = save(tmp_path / folder / "x.npz", camera_fields | texts)
        got.append(npz.read_camera(path, Request(skeleton)).provenance)
    assert got[0] == got[1]
    assert got[0].items() >= {**texts, "file": "x.npz", "rows": 12}.items()
    assert len(got[0]["sha256"]) == 64
    plain = npz.read_camera(save(tmp_path / "y.npz", camera_fields), Request(skeleton)).provenance
    assert (plain["name"], plain["licence"], plain["citation"]) == ("y", "not stated", "")


# --- world frame ------------------------------------------------------------------------------------------


def test_every_camera_sees_every_pose(tmp_path, skeleton, world_fields, two_cameras):
    got = npz.read_world(save(tmp_path / "x.npz", world_fields), Request(skeleton, two_cameras))
    assert len(got) == 24
    assert got.provenance["rows"] == 12
    assert got.camera.strings().tolist() == ["pair-0"] * 12 + ["pair-1"] * 12
    assert got.subject.strings().tolist() == world_fields["subject"].tolist() * 2
    np.testing.assert_allclose(got.bone_lengths()[:12], got.bone_lengths()[12:], atol=1e-5)
    # Opposite cameras: what is to the right of one's axis is to the left of the other's.
    np.testing.assert_allclose(got.positions[:12, :, 0], -got.positions[12:, :, 0], atol=1e-5)


def test_a_clip_is_one_persons(tmp_path, skeleton, world_fields, two_cameras):
    """Clip "1" of A and clip "1" of B were captured in different places; each is centred by itself."""
    world = world_fields["positions"]
    far = world + np.where(world_fields["subject"] == "B", 8.0, 0.0)[:, None, None] * np.float32([1, 1, 0])
    seen = [
        npz.read_world(
            save(tmp_path / f"{i}.npz", world_fields | {"positions": p}), Request(skeleton, two_cameras)
        ).positions
        for i, p in enumerate((world, far))
    ]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-4)


def test_world_poses_need_a_rig(tmp_path, skeleton, world_fields):
    with pytest.raises(PoseAugError, match=r"x\.npz: .*give --rig"):
        npz.read_world(save(tmp_path / "x.npz", world_fields), Request(skeleton))


# --- real motion ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everyday(shared_data, skeleton):
    """Real people, every tenth pose, as the studio's cameras see them."""
    studio = load_rig(f"{shared_data}/rigs.json:studio")
    poses = npz.read_world(shared_data / "cmu_everyday.npz", Request(skeleton, studio))
    return poses.take(np.arange(0, len(poses), 10))


def test_real_people_are_upright_in_front_and_in_the_frame(everyday, skeleton):
    limits = Limits(nearest=2.0, farthest=9.0)
    size = torch.from_numpy(everyday.image_size)
    fault = faults(torch.from_numpy(everyday.positions), torch.from_numpy(everyday.project()), size, limits)
    assert fault.float().mean() < 0.001
    head, left, right = (skeleton.joints.index(j) for j in ("head", "l_ankle", "r_ankle"))
    y = everyday.project()[..., 1]
    above = y[:, head] < np.minimum(y[:, left], y[:, right])  # y goes down
    assert above.mean() > 0.98  # now and then somebody bends down to the floor
    walking = np.char.startswith(everyday.action.strings(), "walk")
    assert walking.sum() > 500
    assert above[walking].all()


def test_real_people_are_not_mirrored(everyday, skeleton):
    """Knees bend forwards, and the left hip is to the left of that: a mirror image would have it to the right."""
    joint = {name: everyday.positions[:, i] for i, name in enumerate(skeleton.joints)}
    middle = {name: (joint[f"l_{name}"] + joint[f"r_{name}"]) / 2 for name in ("hip", "knee", "ankle")}
    forward = middle["knee"] - (middle["hip"] + middle["ankle"]) / 2
    up = joint["thorax"] - joint["hip"]
    left = np.cross(up, forward)  # x right, y down, z forward is right-handed, as x forward, y left, z up is
    agree = (left * (joint["l_hip"] - joint["r_hip"])).sum(-1) > 0
    assert agree.mean() > 0.95


def test_real_people_have_human_measures(everyday, skeleton):
    thigh = everyday.subject_bone_lengths()[:, skeleton.joints.index("l_knee") - 1]
    assert ((thigh > 0.3) & (thigh < 0.55)).all()


def test_a_joint_the_file_lacks_is_derived_or_named(shared_data):
    street = load_rig(f"{shared_data}/rigs.json:street")
    more = load_skeleton("h36m17")
    poses = npz.read_world(shared_data / "far_climb.npz", Request(more, street))
    nose, head, thorax = (poses.positions[:, more.joints.index(joint)] for joint in ("nose", "head", "thorax"))
    np.testing.assert_allclose(nose, (head + thorax) / 2, atol=1e-6)
    with pytest.raises(PoseAugError, match=r"the joints l_eye, r_eye, .* cannot be derived"):
        npz.read_world(shared_data / "far_climb.npz", Request(load_skeleton("coco17"), street))
