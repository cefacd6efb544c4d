"""Sets of 2D poses as HDF5, there and back."""

import time
from collections import Counter
from dataclasses import replace

import h5py
import numpy as np
import pytest
from fuzzing import mutants, survives

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import canonical, canonical_2d
from poseaug_gen.sources.canonical_2d import read_poses_2d, write_poses_2d
from poseaug_gen.sources.formats import Request


@pytest.fixture
def poses() -> Poses2D:
    skeleton, rng = load_skeleton("h36m17"), np.random.default_rng(0)
    records = {"name": "a", "licence": "CC0"}, {"name": "b", "licence": "MIT"}
    return Poses2D.of(skeleton, rng.normal(size=(9, 17, 2)), rng.random((9, 17)) < 0.8, *records)


def test_there_and_back_with_the_same_bytes(tmp_path, poses):
    write_poses_2d(tmp_path / "a.h5", poses)
    got = read_poses_2d(tmp_path / "a.h5")
    np.testing.assert_array_equal(got.positions, poses.positions)
    np.testing.assert_array_equal(got.visible, poses.visible)
    assert (got.skeleton, got.provenance) == (poses.skeleton, poses.provenance)
    time.sleep(1.1)  # HDF5 counts whole seconds
    write_poses_2d(tmp_path / "b.h5", got)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_it_is_told_from_a_set_of_3d_poses(tmp_path, poses, make_poses, skeleton):
    write_poses_2d(tmp_path / "a.h5", poses)
    canonical.write_poses(tmp_path / "b.h5", make_poses(skeleton, 4))
    assert [canonical_2d.recognises(tmp_path / f"{name}.h5") for name in "ab"] == [True, False]
    assert not canonical.holds_pose_set(tmp_path / "a.h5")
    assert not canonical.holds_camera_poses(tmp_path / "a.h5")
    with pytest.raises(PoseAugError, match=r"b\.h5: not a file of poseaug-gen 2D poses"):
        read_poses_2d(tmp_path / "b.h5")


def test_another_skeleton_takes_its_joints(tmp_path, poses, skeleton):
    write_poses_2d(tmp_path / "a.h5", poses)
    got = canonical_2d.read(tmp_path / "a.h5", Request(skeleton))
    theirs = [poses.skeleton.joints.index(joint) for joint in skeleton.joints]
    np.testing.assert_array_equal(got.visible, poses.visible[:, theirs])
    np.testing.assert_array_equal(got.positions, poses.positions[:, theirs])
    (record,) = got.provenance
    assert record["licence"] == "CC0; MIT"
    assert [part["name"] for part in record["parts"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.__delitem__("visible"), "lacks visible"),
        (lambda f: (f.__delitem__("visible"), f.create_dataset("visible", data=np.ones((9, 16), "u1"))), "shape"),
        (lambda f: (f.__delitem__("visible"), f.create_dataset("visible", data=np.float32(1))), "shape"),
        (lambda f: (f.__delitem__("positions_2d"), f.create_dataset("positions_2d", data=np.ones((9, 17)))), "shape"),
        (lambda f: f.attrs.__setitem__("provenance", b"{}"), "not a list of records"),
        (lambda f: f.attrs.__setitem__("provenance", b"[1]"), "not a list of records"),
        (lambda f: f.attrs.__setitem__("schema_version", 9), "schema version 9"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, poses, change, says):
    write_poses_2d(tmp_path / "a.h5", poses)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        change(file)
    with pytest.raises(PoseAugError, match=rf"a\.h5: .*{says}"):
        read_poses_2d(tmp_path / "a.h5")


# Always the same damage: the HDF5 library itself may crash on some other, and would take the test run with it.
def test_damaged_bytes_are_read_or_refused(tmp_path, poses):
    write_poses_2d(tmp_path / "a.h5", replace(poses, provenance=()))
    outcomes: Counter[str] = Counter()
    for damaged in mutants((tmp_path / "a.h5").read_bytes(), seed=0, count=200):
        (tmp_path / "b.h5").write_bytes(damaged)
        outcomes[survives(lambda: read_poses_2d(tmp_path / "b.h5"))] += 1
    assert min(outcomes["read"], outcomes["refused"]) > 10
