"""Errors whose value is known beforehand, and Procrustes against scipy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import bodies, light, random_poses, seeds

from poseaug_gen.metrics import auc, joint_errors_mm, mpjpe_mm, pa_mpjpe_mm, pck, procrustes
from poseaug_gen.skeleton import load_skeleton


def poses(rows: int = 3, seed: int = 0) -> torch.Tensor:
    return random_poses(load_skeleton(), rows, seed)


def similar(pose: torch.Tensor, seed: int) -> torch.Tensor:
    """The poses, each turned, resized and moved in its own way."""
    rng = np.random.default_rng(seed)
    rotation = torch.from_numpy(Rotation.random(len(pose), random_state=seed % 2**31).as_matrix())
    scale = torch.from_numpy(rng.uniform(0.3, 3, (len(pose), 1, 1)))
    return scale * pose @ rotation.mT + torch.from_numpy(rng.normal(size=(len(pose), 1, 3)))


def best_fit_by_scipy(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The same least-squares problem for one pose: rotation by scipy, then the scale by projection."""
    p, t = predicted - predicted.mean(0), target - target.mean(0)
    p = Rotation.align_vectors(t, p)[0].apply(p)
    return p * (p * t).sum() / (p * p).sum() + target.mean(0)


@pytest.mark.parametrize(
    ("metric", "best"), [(mpjpe_mm, 0), (pa_mpjpe_mm, 0), (pck, 100), (auc, 100)], ids=["mpjpe", "pa", "pck", "auc"]
)
def test_a_perfect_prediction(metric, best):
    pose = poses()
    np.testing.assert_allclose(metric(pose, pose), np.full(3, best), atol=1e-9)


def test_a_shift_of_three_four_twelve_centimetres_is_130_mm():
    shift = torch.tensor([0.03, 0.04, 0.12], dtype=torch.float64)
    pose = poses()
    np.testing.assert_allclose(joint_errors_mm(pose + shift, pose), 130, atol=1e-9)
    np.testing.assert_allclose(mpjpe_mm(pose + shift, pose), 130, atol=1e-9)


def test_mpjpe_is_the_mean_over_joints_of_each_pose():
    target = poses(rows=2)
    predicted = target.clone()
    predicted[1, 3, 2] += 0.16  # one of sixteen joints
    np.testing.assert_allclose(mpjpe_mm(predicted, target), [0, 10], atol=1e-9)


# --- PCK and AUC ----------------------------------------------------------------------------------------------


def with_errors(*millimetres: float) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(1, len(millimetres), 3)
    predicted = target.clone()
    predicted[0, :, 1] = torch.tensor(millimetres) / 1000
    return predicted, target


@pytest.mark.parametrize(
    ("errors", "expected"),
    [((10, 149, 151, 900), 50), ((0, 0, 0, 0), 100), ((151, 151, 151, 151), 0), ((10, 20, 149, 500), 75)],
)
def test_pck_is_the_share_of_joints_within_150_mm(errors, expected):
    assert pck(*with_errors(*errors)).item() == expected


def test_pck_takes_another_threshold():
    assert pck(*with_errors(10, 40, 60, 90), threshold_mm=50.0).item() == 50


@pytest.mark.parametrize(
    ("error", "thresholds_passed"),
    [(0, 31), (1, 30), (4, 30), (6, 29), (72, 16), (149, 1), (151, 0)],
)
def test_auc_is_the_mean_over_0_5_up_to_150_mm(error, thresholds_passed):
    assert auc(*with_errors(error, error)).item() == pytest.approx(100 * thresholds_passed / 31)


def test_auc_averages_over_joints():
    assert auc(*with_errors(0, 151)).item() == pytest.approx(50)


# --- Procrustes -----------------------------------------------------------------------------------------------


@light
@given(bodies(), seeds)
def test_procrustes_takes_any_rotation_scale_and_shift_away(body, seed):
    _, pose = body
    torch.testing.assert_close(procrustes(similar(pose, seed), pose), pose, rtol=0, atol=1e-8)
    assert (pa_mpjpe_mm(similar(pose, seed), pose) < 1e-4).all()


@light
@given(seeds)
def test_procrustes_is_the_fit_that_scipy_finds(seed):
    predicted, target = poses(4, seed), poses(4, seed + 1)
    expected = [best_fit_by_scipy(p, t) for p, t in zip(predicted.numpy(), target.numpy(), strict=True)]
    np.testing.assert_allclose(procrustes(predicted, target), expected, atol=1e-9)


@light
@given(seeds)
def test_procrustes_never_makes_the_squared_error_larger(seed):
    predicted, target = poses(4, seed), poses(4, seed + 1)
    before = (predicted - target).square().sum((1, 2))
    after = (procrustes(predicted, target) - target).square().sum((1, 2))
    assert (after <= before + 1e-12).all()


def test_a_reflection_is_not_allowed():
    """A mirrored person is another posture: fitting it must not flip it back."""
    pose = poses()
    mirrored = pose * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    assert (pa_mpjpe_mm(mirrored, pose) > 10).all()
    expected = [best_fit_by_scipy(p, t) for p, t in zip(mirrored.numpy(), pose.numpy(), strict=True)]
    np.testing.assert_allclose(procrustes(mirrored, pose), expected, atol=1e-9)


def test_a_prediction_with_all_joints_in_one_place_has_a_finite_error():
    target = poses()
    assert pa_mpjpe_mm(torch.zeros_like(target), target).isfinite().all()


def test_pa_mpjpe_of_a_known_residual():
    """Two joints pushed apart from a line's ends by equal amounts only change the scale; to the sides, they stay.

    Target: four joints at ±1 on x and ±1 on y; predicted: those on y at ±3. The best scale s for p = (1, 3) and
    t = (1, 1) minimises (s - 1)^2 + (3 s - 1)^2: s = 0.4, which leaves 0.6 m on x and 0.2 m on y.
    """
    target = torch.tensor([[[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]], dtype=torch.float64)
    predicted = target * torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64)
    assert pa_mpjpe_mm(predicted, target).item() == pytest.approx(1000 * math.fsum([0.6, 0.6, 0.2, 0.2]) / 4)
