"""Built-in poses in a run: learned from beside the source's, kept apart from them, and never held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import StopAfter, tiny, weights_hash

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import read_poses
from poseaug_gen.training.begin import begin
from poseaug_gen.training.data import Data
from poseaug_gen.training.loop import train
from poseaug_gen.training.pairs import batches_in
from poseaug_gen.training.run_folder import RunFolder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(make_poses) -> PoseSet:
    return make_poses(load_skeleton(), rows=120, subjects=4)


@pytest.fixture(scope="module")
def built_in(make_poses) -> PoseSet:
    """Other people, as the built-in source has them: of other names, licence and citation."""
    poses = make_poses(load_skeleton(), rows=64, seed=9, subjects=20)
    people = Labels.of([f"built-in {name}" for name in poses.subject.strings()])
    record = {"name": "anatomy", "licence": "none", "citation": "Measured 1988"}
    return replace(poses, subject=people, provenance=record)


@pytest.fixture
def folder(tmp_path, source, built_in) -> RunFolder:
    """A run that has begun."""
    folder = RunFolder(tmp_path / "run")
    begin(tiny(), source, folder, built_in=built_in)
    return folder


def test_they_come_after_the_sources_training_poses_and_whole(folder, source, built_in):
    rows = folder.info()["rows"]
    assert rows["training"] + rows["validation"] == len(source)
    assert rows["built_in"] == folder.built_in_rows == len(built_in)
    assert len(folder.poses) == rows["training"] + rows["built_in"]
    last = folder.poses.take(np.arange(rows["training"], len(folder.poses)))
    np.testing.assert_array_equal(last.positions, built_in.positions)
    np.testing.assert_array_equal(last.intrinsics, built_in.intrinsics)
    np.testing.assert_array_equal(last.subject.strings(), built_in.subject.strings())


def test_the_sources_poses_are_told_from_them(folder, source):
    own = folder.source_poses
    held_out = set(folder.info()["validation_subjects"])
    rows = [name not in held_out for name in source.subject.strings()]
    np.testing.assert_array_equal(own.positions, source.positions[rows])
    assert set(own.subject.counts()) == set(source.subject.counts()) - held_out


def test_only_the_sources_subjects_are_held_out(folder, source):
    validation = read_poses(folder.path / "validation.h5")
    assert len(validation) == folder.info()["rows"]["validation"] > 0
    assert set(validation.subject.counts()) <= set(source.subject.counts())


def test_the_run_says_where_both_come_from(folder, source, built_in):
    record = folder.info()["source"]
    assert record["name"] == source.provenance["name"]
    assert record["built_in"] == built_in.provenance
    assert folder.poses.provenance == source.provenance, "the licence of what is exported is that of the user's poses"


def test_without_any_a_run_says_nothing_of_them(tmp_path, source):
    folder = RunFolder(tmp_path / "run")
    begin(tiny(), source, folder)
    assert "built_in" not in folder.info()["rows"]
    assert "built_in" not in folder.info()["source"]
    assert folder.built_in_rows == 0
    np.testing.assert_array_equal(folder.source_poses.positions, folder.poses.positions)


def test_a_detected_source_gets_the_projections_of_built_in_poses_beside_its_detections(tmp_path, source, built_in):
    detected = replace(source, detected_2d=source.project() + np.float32(0.01))
    folder = RunFolder(tmp_path / "run")
    begin(tiny(), detected, folder, built_in=built_in)
    apart = np.abs(folder.poses.seen_2d() - folder.poses.project()).max(axis=(1, 2))
    own = folder.info()["rows"]["training"]
    np.testing.assert_allclose(apart[:own], 0.01, atol=1e-5)
    np.testing.assert_allclose(apart[own:], 0, atol=1e-6)


def test_they_do_not_make_up_for_a_source_of_too_few_poses(tmp_path, source, built_in):
    with pytest.raises(PoseAugError, match="only 1 training pose"):
        begin(tiny(), source.take(np.arange(1)), RunFolder(tmp_path / "run"), built_in=built_in)


def test_those_of_another_skeleton_are_refused(tmp_path, source, make_poses):
    other = make_poses(load_skeleton("coco17"), rows=10)
    with pytest.raises(ValueError, match="skeletons differ: coco17, h36m16"):
        begin(tiny(), source, RunFolder(tmp_path / "run"), built_in=other)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_learns_from_both_and_goes_on_with_both(tmp_path, source, built_in):
    config = tiny(schedule__epochs=2)
    whole = train(config, source, RunFolder(tmp_path / "whole"), built_in=built_in)
    data = Data.of(whole, CPU)
    assert len(data.train) == len(whole.source_poses) + len(built_in)
    counter = StopAfter(10**6)
    train(config, source, RunFolder(tmp_path / "counted"), counter, built_in=built_in)
    steps = batches_in(len(data.train), config.schedule.batch_size)
    assert 10**6 - counter.left == (1 + 1 + 2) * steps + _augmented_steps(whole), "pre-training, warm-up, three passes"
    cut = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train(config, source, cut, StopAfter(7), built_in=built_in)
    train(config, None, cut)
    assert weights_hash(cut.path) == weights_hash(whole.path)
    alone = train(config, source, RunFolder(tmp_path / "alone"))
    assert weights_hash(alone.path) != weights_hash(whole.path)


def _augmented_steps(run: RunFolder) -> int:
    """Steps of the estimator on the pairs of the second epoch that were in frame."""
    row = next(row for row in run.metrics() if "estimator_loss_augmented" in row)
    size = run.config.schedule.batch_size
    made = batches_in(len(run.poses), size) * size
    kept = made * (1 - sum(share for name, share in row.items() if name.startswith("rejected_")))
    return batches_in(round(kept), size)
