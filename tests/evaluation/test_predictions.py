"""A user's predictions: read from .npz and .h5, refused in one sentence where they are not the target's."""

import h5py
import numpy as np
import pytest

from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.predictions import read_predictions, score_predictions
from poseaug_gen.evaluation.scores import METRICS, OVERALL


def write(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
    return path


@pytest.mark.parametrize("name", ["mine.npz", "mine.h5"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_a_perfect_file_scores_nought_and_a_hundred(tmp_path, target, name, dtype, shift):
    positions = (target.poses.positions - target.poses.positions[:, :1] + shift).astype(dtype)
    outcome = score_predictions([write(tmp_path / name, positions_3d=positions)], [target])
    overall = outcome.targets["others"][OVERALL]
    assert [overall[metric] for metric in METRICS[:3]] == pytest.approx([0, 0, 100], abs=0.01)
    assert overall["auc"] >= 100 * 30 / 31, "rounding may miss the threshold of 0 mm"


def test_a_known_error_is_found(tmp_path, target):
    """Every joint but the root 40 mm aside: 15 of 16 joints."""
    positions = target.poses.positions.copy()
    positions[:, 1:, 0] += 0.04
    outcome = score_predictions([write(tmp_path / "mine.npz", positions_3d=positions)], [target])
    assert outcome.targets["others"][OVERALL]["mpjpe_mm"] == pytest.approx(40 * 15 / 16, abs=1e-3)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_file_may_name_its_joints_in_any_order(tmp_path, target, suffix):
    names = np.array(target.poses.skeleton.joints[::-1], dtype="S")
    path = write(tmp_path / f"mine{suffix}", positions_3d=target.poses.positions[:, ::-1], joints=names)
    np.testing.assert_array_equal(read_predictions(path, target.poses), target.poses.positions)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: {"positions_3d": p[:-1]}, "59 poses and its target 60"),
        (lambda p: {"positions_3d": p[:, :14]}, "14 joints"),
        (lambda p: {"positions_3d": p[..., :2]}, "must be numbers of shape"),
        (
            lambda p: {"positions_3d": np.where(np.arange(16)[:, None] == 3, np.nan, p)},
            "r_ankle.*predict a pose for each row",
        ),
        (lambda p: {"positions_3d": 1000 * p}, "these look like millimetres: divide by 1000"),
        (lambda p: {"poses": p}, "lacks 'positions_3d'"),
    ],
)
def test_what_is_not_a_prediction_of_the_target_is_refused(tmp_path, target, suffix, change, says):
    path = write(tmp_path / f"mine{suffix}", **change(target.poses.positions - target.poses.positions[:, :1]))
    with pytest.raises(PoseAugError, match=says) as caught:
        read_predictions(path, target.poses)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_missing_or_of_another_kind(tmp_path, target):
    with pytest.raises(PoseAugError, match="there is no such file"):
        read_predictions(tmp_path / "no.npz", target.poses)
    (tmp_path / "poses.json").write_text("{}")
    with pytest.raises(PoseAugError, match=r"neither \.npz nor HDF5"):
        read_predictions(tmp_path / "poses.json", target.poses)
