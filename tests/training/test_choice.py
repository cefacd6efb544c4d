"""The best epoch is chosen on subjects held out, seen by the source's cameras and by others, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import light
from tiny_runs import tiny

from poseaug_gen.bones import root_relative
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import read_poses
from poseaug_gen.training.data import Data
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder
from poseaug_gen.training.state import best_epoch, held_out_error

CPU = torch.device("cpu")
errors = st.floats(20, 200)


def row(epoch: int, same: float | None, unseen: float | None, **others: float) -> dict:
    return {
        "phase": "joint",
        "epoch": epoch,
        "estimator_loss": 0.01,
        "validation_mpjpe_mm": same,
        "unseen_views_mpjpe_mm": unseen,
        **others,
    }


# --- the rule -------------------------------------------------------------------------------------------------------


def test_both_kinds_of_cameras_count_alike():
    """The first is best before the source's cameras, the second before others, the third on the whole."""
    rows = [row(1, 50.0, 90.0), row(2, 88.0, 51.0), row(3, 60.0, 70.0)]
    assert best_epoch(rows) == 3
    assert held_out_error(rows[2]) == 65.0


def test_the_epochs_of_the_warm_up_are_passed_over():
    """They left the estimator as it was."""
    warm_up = {key: value for key, value in row(1, 10.0, 10.0).items() if key != "estimator_loss"}
    assert best_epoch([warm_up, row(2, 80.0, 90.0), row(3, 81.0, 90.0)]) == 2


@pytest.mark.parametrize(("same", "unseen"), [(None, 70.0), (70.0, None)])
def test_with_one_kind_alone_it_decides(same, unseen):
    assert held_out_error(row(1, same, unseen)) == 70.0
    lower = row(2, same and 60.0, unseen and 60.0)
    assert best_epoch([row(1, same, unseen), lower, row(3, same, unseen)]) == 2


def test_with_nobody_held_out_the_last_is_taken():
    assert held_out_error(row(1, None, None)) is None
    assert best_epoch([row(epoch, None, None) for epoch in (1, 2, 3)]) == 3


@light
@given(st.lists(st.tuples(errors, errors, errors, errors), min_size=1, max_size=8))
def test_no_other_figure_has_a_say(figures):
    """Not the error on what is trained on, and none on a target, were there one in the row."""
    plain = [row(epoch, same, unseen) for epoch, (same, unseen, _, _) in enumerate(figures, 1)]
    told = [
        row(epoch, same, unseen, estimator_mpjpe_mm=a, target_mpjpe_mm=b, difficulty=a / b)
        for epoch, (same, unseen, a, b) in enumerate(figures, 1)
    ]
    assert best_epoch(told) == best_epoch(plain)
    means = [(same + unseen) / 2 for same, unseen, _, _ in figures]
    assert best_epoch(plain) == 1 + int(np.argmin(means))


# --- a run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_poses) -> RunFolder:
    poses = make_poses(load_skeleton(), rows=150, subjects=5)
    return train(tiny(), poses, RunFolder(tmp_path_factory.mktemp("runs") / "run"))


def test_the_run_says_what_it_chose_by_and_the_whole_curve(finished):
    info = finished.info()
    joint = [row for row in finished.metrics() if row["phase"] == "joint"]
    expected = [(row["validation_mpjpe_mm"] + row["unseen_views_mpjpe_mm"]) / 2 for row in joint]
    np.testing.assert_allclose(info["choice"]["curve"], expected)
    assert info["choice"]["metric"] == "mean of validation_mpjpe_mm and unseen_views_mpjpe_mm"
    warm_up = finished.config.schedule.warmup_epochs
    assert info["best_epoch"] == warm_up + 1 + int(np.argmin(expected[warm_up:]))


def test_the_figures_are_those_of_the_people_held_out(finished):
    """Worked out again from the files: the estimator as it ended is the last epoch's."""
    held_out, estimator = read_poses(finished.path / "validation.h5"), finished.estimator()
    unseen = Data.of(finished, CPU).unseen_views
    assert set(held_out.subject.counts()).isdisjoint(finished.poses.subject.counts())
    with torch.no_grad():
        same = mpjpe_mm(
            root_relative(estimator(torch.from_numpy(held_out.project()))),
            root_relative(torch.from_numpy(held_out.positions)),
        )
        others = mpjpe_mm(root_relative(estimator(unseen.pose_2d)), root_relative(unseen.pose))
    last = finished.metrics()[-1]
    assert last["validation_mpjpe_mm"] == pytest.approx(float(same.mean()), rel=1e-4)
    assert last["unseen_views_mpjpe_mm"] == pytest.approx(float(others.mean()), rel=1e-4)


def test_unseen_views_are_of_the_same_people_through_other_cameras_the_same_after_each_epoch(finished):
    held_out, data, again = read_poses(finished.path / "validation.h5"), Data.of(finished, CPU), Data.of(finished, CPU)
    assert 0 < len(data.unseen_views) <= len(held_out)
    assert torch.equal(data.unseen_views.pose, again.unseen_views.pose)
    roots = {tuple(root) for root in held_out.positions[:, 0].tolist()}
    assert roots.isdisjoint(tuple(root) for root in data.unseen_views.pose[:, 0].tolist())


def test_a_source_of_one_subject_holds_nobody_out_and_takes_the_last_epoch(make_poses, tmp_path):
    poses = make_poses(load_skeleton(), rows=70, subjects=1)
    run = train(tiny(schedule__epochs=3), poses, RunFolder(tmp_path / "run"))
    info = run.info()
    assert info["choice"]["curve"] == [None] * 3
    assert info["best_epoch"] == 3
    assert info["validation_subjects"] == []
