"""An export's pairs: from the run the very rows that the file has, from the file as many as are asked for."""

import shutil

import h5py
import numpy as np
import pytest
import torch

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.exported import (
    made_key,
    made_of,
    made_pool,
    read_key,
    read_pool,
    skeleton_in,
    source_hash_in,
    source_poses,
)
from poseaug_gen.export.dataset import export
from poseaug_gen.export.reading import find
from poseaug_gen.export.rows import Sampler
from poseaug_gen.training.run_folder import RunFolder


def exported(run, path, **settings):
    export(run, ExportSettings(**settings), path)
    return find(path)


@pytest.mark.parametrize("shard_rows", [1_000_000, 400])
def test_a_run_makes_the_pairs_that_its_export_holds(run, tmp_path, shard_rows):
    found = exported(run, tmp_path / "aug.h5", n=1000, shard_rows=shard_rows)
    made = made_pool(run, ExportSettings(n=1000, shard_rows=shard_rows))
    with h5py.File(tmp_path / "aug.h5") as file:
        pose = file["positions_3d"][:]
        np.testing.assert_array_equal(made.pose, pose - pose[:, :1])
        np.testing.assert_array_equal(made.pose_2d, file["positions_2d"][:])
    read = read_pool(found, 1_000_000)
    assert torch.equal(read.pose, made.pose)
    assert torch.equal(read.pose_2d, made.pose_2d)
    assert made.pose.dtype == made.pose_2d.dtype == torch.float32


def test_fewer_pairs_than_a_file_has_are_drawn_from_all_of_it(run, tmp_path, monkeypatch):
    """An export may be in an order that means something; whole chunks are read, the same ones each time."""
    monkeypatch.setattr("poseaug_gen.evaluation.exported.CHUNK_ROWS", 10)
    found = exported(run, tmp_path / "aug.h5", n=1000, shard_rows=405)
    whole, part = read_pool(found, 1000), read_pool(found, 203)
    assert len(part) == 203
    row = {tuple(pose.flatten().tolist()): number for number, pose in enumerate(whole.pose)}
    numbers = np.array([row[tuple(pose.flatten().tolist())] for pose in part.pose])
    assert len(set(numbers)) == 203
    assert np.histogram(numbers, 4, (0, 1000))[0].min() > 10, "from every quarter of the file"
    assert torch.equal(read_pool(found, 203).pose, part.pose)


def test_keys_tell_exports_apart(run, tmp_path):
    one, other = exported(run, tmp_path / "a.h5", n=50), exported(run, tmp_path / "b.h5", n=50, seed=1)
    keys = [
        *(made_key(run, ExportSettings(n=n, seed=seed)) for n, seed in ((50, 0), (60, 0), (50, 1))),
        *(read_key(found, rows) for found, rows in ((one, 1000), (one, 20), (other, 1000))),
    ]
    assert len({str(key) for key in keys}) == 6
    assert made_key(run, ExportSettings(n=50)) == keys[0]
    assert read_key(one, 50) == read_key(one, 1_000_000), "there are no more than it has"
    assert skeleton_in(one) == run.skeleton
    assert source_hash_in(one) == run.info()["source_sha256"]
    assert made_of(one, run)


def test_code_that_makes_other_pairs_of_the_same_settings_has_another_key(run, monkeypatch):
    before = made_key(run, ExportSettings(n=50))
    real = Sampler.blocks

    def moved(self, shard, rows):
        for block, tally in real(self, shard, rows):
            yield block | {"positions_3d": block["positions_3d"] + np.float32(0.001)}, tally

    monkeypatch.setattr(Sampler, "blocks", moved)
    after = made_key(run, ExportSettings(n=50))
    assert after["sample"] != before["sample"]
    assert after["export"] == before["export"]


def test_pairs_that_were_changed_are_no_training_data(run, tmp_path):
    found = exported(run, tmp_path / "aug.h5", n=50)
    with h5py.File(tmp_path / "aug.h5", "r+") as file:
        file["positions_3d"][7, 3] = np.nan
    with pytest.raises(PoseAugError, match=r"aug\.h5: the bytes of 'positions_3d' are not those that were written"):
        read_pool(found, 50)


def test_a_pair_that_is_not_finite_is_no_training_data(run, monkeypatch):
    real = Sampler.blocks

    def broken(self, shard, rows):
        for block, tally in real(self, shard, rows):
            yield block | {"positions_3d": block["positions_3d"] * np.float32(np.nan)}, tally

    monkeypatch.setattr(Sampler, "blocks", broken)
    with pytest.raises(PoseAugError, match=r"has pairs that are not finite; poseaug-gen verify"):
        made_pool(run, ExportSettings(n=50))


def test_a_missing_or_a_flipped_shard_is_named_and_read_by_nobody(run, tmp_path):
    found = exported(run, tmp_path / "aug.h5", n=90, shard_rows=30)
    path = found.parts[1].path
    data = path.read_bytes()
    path.unlink()
    for read in (read_pool, read_key):
        with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: missing"):
            read(found, 90)
    for place in range(0, len(data), len(data) // 9):
        flipped = bytearray(data)
        flipped[place] ^= 0x04
        path.write_bytes(flipped)
        with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5"):
            read_pool(found, 90)
    path.write_bytes(data)
    assert len(read_pool(found, 90)) == 90


def test_files_that_no_pair_is_read_of_are_not_read_whole(run, tmp_path, monkeypatch):
    """An export may be of terabytes, and a million pairs of it enough."""
    monkeypatch.setattr("poseaug_gen.evaluation.exported.CHUNK_ROWS", 10)
    found = exported(run, tmp_path / "aug.h5", n=200, shard_rows=20)
    seen = []
    real = storage.sha256
    monkeypatch.setattr(storage, "sha256", lambda path: seen.append(path) or real(path))
    assert len(read_pool(found, 15)) == 15
    assert 1 <= len(seen) <= 2


# --- where an export's source is ----------------------------------------------------------------------------------


@pytest.fixture
def outputs(run, tmp_path):
    """A folder with a copy of the run, called ``one``, whose last 30 poses are said to be built-in."""
    copy = tmp_path / "outputs" / "one"
    shutil.copytree(run.path, copy)
    RunFolder(copy).write_info(rows=run.info()["rows"] | {"built_in": 30})
    return tmp_path / "outputs"


def test_the_source_is_found_by_its_hash_and_is_without_the_built_in_poses(run, outputs, tmp_path):
    found = exported(run, tmp_path / "aug.h5", n=50)
    poses = source_poses(found, None, outputs)
    np.testing.assert_array_equal(poses.positions, run.poses.positions[:-30])
    np.testing.assert_array_equal(source_poses(found, outputs / "one", tmp_path / "none").positions, poses.positions)
    assert source_poses(found, None, tmp_path / "none") is None


def test_runs_of_other_poses_and_what_cannot_be_read_are_passed_over(run, outputs, tmp_path):
    found = exported(run, tmp_path / "aug.h5", n=50)
    for newer in ("another", "damaged", "no_poses"):
        shutil.copytree(run.path, outputs / newer)
    RunFolder(outputs / "another").write_info(source_sha256="0" * 64)
    (outputs / "no_poses" / "poses.h5").unlink()
    (outputs / "damaged" / "run.json").write_text("{")
    (outputs / "a file").touch()
    assert len(source_poses(found, None, outputs)) == len(run.poses) - 30
    shutil.rmtree(outputs / "one")
    assert source_poses(found, None, outputs) is None


def test_a_run_that_is_named_must_be_the_export_s(run, outputs, tmp_path):
    found = exported(run, tmp_path / "aug.h5", n=50)
    RunFolder(outputs / "one").write_info(source_sha256="0" * 64)
    with pytest.raises(PoseAugError, match=r"aug\.h5: was not made of the poses of .*one; name its run with --run"):
        source_poses(found, outputs / "one", outputs)
    with pytest.raises(PoseAugError, match=r"nowhere: not a run folder \(no run\.json\); name the one"):
        source_poses(found, tmp_path / "nowhere", outputs)
    (outputs / "one" / "run.json").write_text("{")
    with pytest.raises(PoseAugError, match=r"run\.json: not valid JSON"):
        source_poses(found, outputs / "one", outputs)
