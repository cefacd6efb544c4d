"""Pose sets as HDF5: ours there and back, other people's in, hostile ones out."""

import contextlib
import json
import os
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import canonical
from poseaug_gen.sources.canonical import read_poses, write_poses
from poseaug_gen.sources.formats import Request


def same(a, b) -> bool:
    """Whether two pose sets are equal in every field."""
    arrays = all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("positions", "intrinsics", "image_size"))
    labels = all(
        getattr(a, n).names == getattr(b, n).names and np.array_equal(getattr(a, n).codes, getattr(b, n).codes)
        for n in ("subject", "action", "camera")
    )
    return arrays and labels and a.skeleton == b.skeleton and a.provenance == b.provenance


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_there_and_back(tmp_path, make_poses, name):
    poses = make_poses(load_skeleton(name), 20)
    write_poses(tmp_path / "poses.h5", poses)
    assert same(read_poses(tmp_path / "poses.h5"), poses)


def test_names_without_rows_keep_their_codes(tmp_path, make_poses, skeleton):
    some = make_poses(skeleton, 20).take(np.array([1, 4]))
    write_poses(tmp_path / "poses.h5", some)
    assert same(read_poses(tmp_path / "poses.h5"), some)


def test_an_empty_set_is_kept(tmp_path, make_poses, skeleton):
    """A validation set may be empty; only a source may not."""
    none = make_poses(skeleton, 4).take(np.array([], dtype=np.int64))
    write_poses(tmp_path / "poses.h5", none)
    assert same(read_poses(tmp_path / "poses.h5"), none)
    with pytest.raises(PoseAugError, match="holds no poses"):
        canonical.read_pose_set(tmp_path / "poses.h5", Request(skeleton))


def test_the_same_set_is_the_same_bytes(tmp_path, make_poses, skeleton):
    poses = make_poses(skeleton, 20)
    write_poses(tmp_path / "a.h5", poses)
    time.sleep(1.1)  # HDF5 counts whole seconds
    write_poses(tmp_path / "other" / "b.h5", poses)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "other" / "b.h5").read_bytes()
    write_poses(tmp_path / "c.h5", read_poses(tmp_path / "a.h5"))
    assert (tmp_path / "c.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "c.h5", "other"]  # no temporary file is left


def test_the_file_says_what_it_is(tmp_path, make_poses, skeleton):
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, 20))
    with h5py.File(tmp_path / "poses.h5") as file:
        assert file.attrs["format"] == b"poseaug-gen poses"
        assert file.attrs["units"] == b"metres"
        assert json.loads(file.attrs["skeleton"])["name"] == "h36m16"
        kinds = {name: dataset.dtype.str for name, dataset in file.items()}
        numbers = {"positions_3d": "<f4", "intrinsics": "<f4", "image_size": "<i2"}
        assert kinds == numbers | {"subject": "<i4", "action": "<i4", "camera": "<i4"}


def test_a_long_record_fits(tmp_path, make_poses, skeleton):
    """HDF5 holds attributes of up to 64 KiB in place; thousands of clips have longer provenance than that."""
    poses = replace(make_poses(skeleton, 4), provenance={"parts": ["x" * 100] * 4000})
    write_poses(tmp_path / "poses.h5", poses)
    assert read_poses(tmp_path / "poses.h5").provenance == poses.provenance


def test_another_skeleton_takes_its_joints_by_name(tmp_path, make_poses):
    seventeen, sixteen = load_skeleton("h36m17"), load_skeleton("h36m16")
    poses = make_poses(seventeen, 8)
    write_poses(tmp_path / "poses.h5", poses)
    got = canonical.read_pose_set(tmp_path / "poses.h5", Request(sixteen))
    assert got.skeleton == sixteen
    for joint in ("head", "l_wrist", "r_ankle"):
        ours, theirs = sixteen.joints.index(joint), seventeen.joints.index(joint)
        np.testing.assert_array_equal(got.positions[:, ours], poses.positions[:, theirs])
    with pytest.raises(PoseAugError, match=r"poses\.h5: the joints l_eye, r_eye"):
        canonical.read_pose_set(tmp_path / "poses.h5", Request(load_skeleton("coco17")))


@pytest.fixture
def ours(tmp_path, make_poses, skeleton):
    """The path of a file of ours."""
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, 20))
    return tmp_path / "poses.h5"


def _codes(file, values):
    names = file["subject"].attrs["names"]
    del file["subject"]
    file.create_dataset("subject", data=values).attrs["names"] = names


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda f: f.attrs.__setitem__("schema_version", 2), "schema version 2, not 1"),
        (lambda f: f.attrs.__setitem__("format", "other"), "not a file of poseaug-gen poses"),
        (lambda f: f.attrs.__setitem__("format", 3), "'format' is missing or not text"),
        (lambda f: f.attrs.__setitem__("skeleton", "{"), "'skeleton' attribute is not JSON"),
        (lambda f: f.attrs.__delitem__("skeleton"), "'skeleton' is missing"),
        (lambda f: f.attrs.__setitem__("provenance", "[]"), "not a JSON object"),
        (lambda f: f.attrs.__setitem__("provenance", "[" * 100_000), "'provenance' is not JSON"),
        (lambda f: f.__delitem__("action"), "lacks action"),
        (lambda f: f["action"].attrs.__setitem__("names", "[1]"), "'action' has codes that its list"),
        (lambda f: f["action"].attrs.__setitem__("names", '["one"]'), "'action' has codes that its list"),
        (lambda f: _codes(f, np.full(20, -1)), "'subject' has codes"),
        (lambda f: _codes(f, np.zeros(20)), "'subject' has codes"),
        (lambda f: _codes(f, np.zeros(19, dtype=np.int32)), "for 20 poses"),
        (lambda f: f["positions_3d"].__setitem__((3, 9), np.nan), "row 3, joint 'head'"),
        (lambda f: f["image_size"].__setitem__((0, 0), -5), "'image_size' must be"),
    ],
)
def test_a_harmed_file_is_one_sentence(ours, harm, says):
    with h5py.File(ours, "a") as file:
        harm(file)
    with pytest.raises(PoseAugError, match=says) as error:
        read_poses(ours)
    assert str(ours) in str(error.value)


def test_truncated_anywhere_is_an_error(ours):
    whole = ours.read_bytes()
    for length in range(0, len(whole) - 1, 97):
        ours.write_bytes(whole[:length])
        with pytest.raises(PoseAugError, match=r"poses\.h5"):
            read_poses(ours)


# Always the same damage: the HDF5 library itself may crash on some other, and would take the test run with it.
@settings(
    derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damaged_bytes_are_an_error_or_are_read(tmp_path, make_poses, skeleton, data):
    path = tmp_path / "damaged.h5"
    write_poses(path, make_poses(skeleton, 3))
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    with contextlib.suppress(PoseAugError):
        read_poses(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PoseAugError, match=r"none\.h5: there is no such file"):
        read_poses(tmp_path / "none.h5")


# --- plain files ------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path, make_poses, skeleton):
    """Writes a plain file of camera-frame poses with ``change`` made to it, and gives its path."""
    poses = make_poses(skeleton, 20)

    def write(change=lambda file: None):
        with h5py.File(tmp_path / "plain.h5", "w") as file:
            file["positions_3d"] = poses.positions.astype(np.float64)
            file["intrinsics"] = poses.intrinsics[0]
            file["image_size"] = poses.image_size[0]
            file["subject"] = [str(s) for s in poses.subject.strings()]
            file["action"] = poses.action.strings().astype("S")
            change(file)
        return tmp_path / "plain.h5"

    return write


def test_a_plain_file_reads(plain, make_poses, skeleton):
    def texts(file):
        file.attrs["licence"] = "CC0"
        file.attrs["citation"] = np.bytes_("Me, 2024")

    got = canonical.read_camera(plain(texts), Request(skeleton))
    poses = make_poses(skeleton, 20)
    np.testing.assert_array_equal(got.positions, poses.positions)
    assert got.subject.strings().tolist() == poses.subject.strings().tolist()
    assert got.action.strings().tolist() == poses.action.strings().tolist()
    assert (got.provenance["licence"], got.provenance["citation"]) == ("CC0", "Me, 2024")


def test_joints_come_from_a_dataset_or_a_skeleton(plain, make_poses, skeleton):
    poses = make_poses(skeleton, 20)
    order = np.arange(16)[::-1]

    def turned(file):
        file["positions_3d"][...] = poses.positions[:, order]
        file["joints"] = [skeleton.joints[j] for j in order]

    np.testing.assert_array_equal(canonical.read_camera(plain(turned), Request(skeleton)).positions, poses.positions)

    def export(file):
        file.attrs["skeleton"] = json.dumps(load_skeleton("coco17").describe())

    with pytest.raises(PoseAugError, match="names 17 joints but the poses have 16"):
        canonical.read_camera(plain(export), Request(skeleton))


def test_the_licence_of_an_exports_source_stays_on_record(plain, skeleton):
    def export(file):
        file.attrs["skeleton"] = json.dumps(skeleton.describe())
        file.attrs["created_from"] = "0" * 64
        file.attrs["source"] = json.dumps({"name": "cmu", "licence": "free"})

    assert canonical.read_camera(plain(export), Request(skeleton)).provenance["source"]["licence"] == "free"


def _replaced(name, **how):
    def change(file):
        if name in file:
            del file[name]
        file.create_dataset(name, **how)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.__delitem__("intrinsics"), "lacks 'intrinsics'"),
        # Data that was never written has any shape one likes.
        (_replaced("positions_3d", shape=(50_000_000, 16, 3), dtype="f8", chunks=(1024, 16, 3)), "claims .* bytes but"),
        (_replaced("positions_3d", shape=(50_000_000, 16, 3), dtype="f8"), "claims 19,200,000,000 bytes but"),
        (
            _replaced("positions_3d", shape=(1, 16, 3), maxshape=(None, 16, 3), dtype="f8", chunks=(10**7, 16, 3)),
            "claims .* bytes but",
        ),
        (_replaced("subject", data=["x" * 300] * 20), "over 256 characters"),
        (_replaced("subject", data=[["a"] * 20]), "one string a row"),
        (_replaced("subject", data=np.arange(20)), "must be strings"),
        (_replaced("subject", data=[b"\xff"] * 20), "not a whole HDF5 file|not text"),
        (_replaced("image_size", data=np.zeros(20, dtype=[("w", "i4"), ("h", "i4")])), "must be numbers or strings"),
        (lambda f: (f.__delitem__("image_size"), f.create_group("image_size")), "'image_size' is not a dataset"),
        (lambda f: f.attrs.__setitem__("licence", 3), "'licence' is missing or not text"),
    ],
)
def test_a_wrong_plain_file_is_one_sentence(plain, skeleton, change, says):
    path = plain(change)
    with pytest.raises(PoseAugError, match=says) as error:
        canonical.read_camera(path, Request(skeleton))
    assert str(path) in str(error.value)


def test_nothing_outside_the_file_is_read(tmp_path, plain, skeleton, ours):
    """A stranger's file could otherwise copy any file of ours into what is trained on and exported."""
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(20 * 16 * 3 * 4))

    def external_storage(file):
        del file["positions_3d"]
        file.create_dataset("positions_3d", (20, 16, 3), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        del file["positions_3d"]
        layout = h5py.VirtualLayout((20, 16, 3), "f4")
        layout[...] = h5py.VirtualSource(str(ours), "positions_3d", (20, 16, 3))
        file.create_virtual_dataset("positions_3d", layout)

    for change in (external_storage, virtual):
        with pytest.raises(PoseAugError, match="'positions_3d' is not a dataset of its own"):
            canonical.read_camera(plain(change), Request(skeleton))

    def link(file):
        del file["positions_3d"]
        file["positions_3d"] = h5py.ExternalLink(str(ours), "positions_3d")

    assert not canonical.holds_camera_poses(plain(link))
    with pytest.raises(PoseAugError, match="lacks 'positions_3d'"):
        canonical.read_camera(plain(link), Request(skeleton))
