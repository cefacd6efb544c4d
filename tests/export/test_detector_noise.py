"""Detected 2D poses are off by what the formula says, joint by joint, and confidence says how far."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.stats import kurtosis
from strategies import bodies, light, random_cameras, seeds

from poseaug_gen.camera import project
from poseaug_gen.export.detector_noise import SIGMAS, TRUNK, detect, joint_sigmas
from poseaug_gen.skeleton import Skeleton, load_skeleton

ROWS = 40_000
FORMS = ["gaussian", "mixture"]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def people(skeleton: Skeleton, rows: int = ROWS) -> torch.Tensor:
    """One 2D pose many times, whose box is 0.4 wide and 0.9 high."""
    pose = torch.rand(skeleton.num_joints, 2, generator=torch.Generator().manual_seed(3))
    pose = (pose - pose.amin(0)) / (pose.amax(0) - pose.amin(0)) * torch.tensor([0.4, 0.9]) - torch.tensor([0.1, 0.5])
    return pose.expand(rows, -1, -1).contiguous()


SIZE = 0.6  # the square root of that box's area


def similarity(found: torch.Tensor, pose: torch.Tensor, skeleton: Skeleton) -> torch.Tensor:
    """OKS of each joint, as COCO defines it."""
    tolerance = torch.from_numpy(joint_sigmas(skeleton)) * SIZE
    return torch.exp(-(found - pose).square().sum(-1) / (2 * (2 * tolerance).square()))


def test_each_joint_has_cocos_sigma_or_what_is_most_like_it() -> None:
    coco = load_skeleton("coco17")
    expected = [.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89]  # fmt: skip
    order = [coco.joints.index(name) for name in (
        "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
        "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
    )]  # fmt: skip
    np.testing.assert_allclose(joint_sigmas(coco)[order], np.array(expected) / 10, rtol=1e-6)
    h36m = load_skeleton("h36m17")
    sigma = dict(zip(h36m.joints, joint_sigmas(h36m).tolist(), strict=True))
    for trunk in ("hip", "spine", "thorax"):
        assert sigma[trunk] == pytest.approx(TRUNK) == pytest.approx(0.093)
    assert sigma["head"] == pytest.approx(SIGMAS["ear"])
    assert sigma["nose"] == pytest.approx(SIGMAS["nose"])
    assert sigma["l_hip"] == sigma["r_hip"] == pytest.approx(SIGMAS["hip"])


def test_names_of_joints_are_read_as_everywhere() -> None:
    tree = {"Pelvis": "", "LeftHip": "Pelvis", "RightHip": "Pelvis", "LeftFoot": "LeftHip", "RightFoot": "RightHip"}
    sigma = joint_sigmas(Skeleton.from_dict({"joints": tree}))
    np.testing.assert_allclose(sigma, [TRUNK, *[SIGMAS["hip"]] * 2, *[SIGMAS["ankle"]] * 2], rtol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_gaussian_noise_has_the_spread_of_the_formula(scale: float, skeleton: Skeleton) -> None:
    pose = people(skeleton)
    off = (detect(pose, skeleton, "gaussian", scale, generator())[0] - pose).double().numpy()
    expected = scale * SIZE * joint_sigmas(skeleton)
    np.testing.assert_allclose(np.sqrt((off**2).sum(-1).mean(0)), expected, rtol=0.02)
    np.testing.assert_allclose(off.std(0), np.stack([expected / np.sqrt(2)] * 2, -1), rtol=0.02)
    np.testing.assert_allclose(off.mean(0) / expected[:, None], 0, atol=0.02)
    np.testing.assert_allclose(kurtosis(off, axis=0), 0, atol=0.15)


def test_a_mixture_is_as_often_good_and_far_off_as_detectors_are(skeleton: Skeleton) -> None:
    """Three quarters at similarities over 0.85; a tenth under 0.5: misses, and what of the others is as far off."""
    pose = people(skeleton)
    found, _ = detect(pose, skeleton, "mixture", 1.0, generator())
    near = similarity(found, pose, skeleton)
    assert (near > 0.85).double().mean() == pytest.approx(0.75, abs=0.02)
    assert (near < 0.5).double().mean() == pytest.approx(0.095, abs=0.015)
    assert (near < 0.01).double().mean() > 0.02, "tails that no Gaussian has"
    off = (found - pose).double().numpy()
    assert (kurtosis(off, axis=0) > 3).all()


def test_a_miss_is_about_the_person(skeleton: Skeleton) -> None:
    pose = people(skeleton)
    found, _ = detect(pose, skeleton, "mixture", 1.0, generator())
    far = found[similarity(found, pose, skeleton) < 1e-4]
    low, high = pose[0].amin(0), pose[0].amax(0)
    margin = 0.125 * (high - low) + 1e-6
    assert len(far) > 1000
    assert ((far >= low - margin) & (far <= high + margin)).all()
    spread = (far.amax(0) - far.amin(0)) / (high - low)
    torch.testing.assert_close(spread, torch.full((2,), 1.25), rtol=0.02, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_confidence_falls_with_the_distance_and_is_no_oracle(form: str, skeleton: Skeleton) -> None:
    pose = people(skeleton)
    found, confidence = detect(pose, skeleton, form, 1.0, generator())
    near = similarity(found, pose, skeleton).flatten()
    confidence = confidence.flatten()
    assert ((confidence >= 0) & (confidence <= 1)).all()
    order = near.argsort(descending=True)
    means = [part.mean().item() for part in confidence[order].chunk(10)]
    assert means == sorted(means, reverse=True)
    ratio = (confidence.log() / near.log())[(near < 0.99) & (near > 0.3)].double()
    assert ratio.median() == pytest.approx(1, abs=0.02), "right, half of the time from either side"
    assert ratio.sqrt().log().std() == pytest.approx(np.log(1.5), rel=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_without_scale_a_detector_is_exact_and_sure(form: str, skeleton: Skeleton) -> None:
    pose = people(skeleton, 100)
    found, confidence = detect(pose, skeleton, form, 0.0, generator())
    assert torch.equal(found, pose)
    assert (confidence == 1).all()


def test_a_worse_detector_is_farther_off_and_more_often(skeleton: Skeleton) -> None:
    pose = people(skeleton)
    off = [
        (similarity(detect(pose, skeleton, "mixture", scale, generator())[0], pose, skeleton) < 0.5).double().mean()
        for scale in (0.5, 1.0, 2.0, 100.0)
    ]
    assert off == sorted(off)


@light
@given(bodies(rows=6), seeds)
def test_any_body_can_be_detected(body, seed):
    skeleton, pose = body
    pose_2d = project(pose, random_cameras(len(pose), seed)).float()
    for form in FORMS:
        found, confidence = detect(pose_2d, skeleton, form, 1.0, generator(seed))
        assert found.shape == pose_2d.shape
        assert confidence.shape == pose_2d.shape[:2]
        assert found.dtype == confidence.dtype == torch.float32
        assert found.isfinite().all()
        assert ((confidence >= 0) & (confidence <= 1)).all()
        again = detect(pose_2d, skeleton, form, 1.0, generator(seed))
        assert torch.equal(found, again[0])
        assert torch.equal(confidence, again[1])


@pytest.mark.parametrize("form", FORMS)
def test_a_person_on_a_line_or_in_a_point_has_a_size(form: str, skeleton: Skeleton) -> None:
    line = torch.zeros(1000, skeleton.num_joints, 2)
    line[..., 1] = torch.linspace(-0.5, 0.5, skeleton.num_joints)
    for pose in (line, torch.zeros_like(line)):
        found, confidence = detect(pose, skeleton, form, 1.0, generator())
        assert found.isfinite().all()
        assert confidence.isfinite().all()
    off = (detect(line, skeleton, "gaussian", 1.0, generator())[0] - line).square().sum(-1).mean(0).sqrt()
    torch.testing.assert_close(off, torch.from_numpy(joint_sigmas(skeleton)) * 0.2**0.5, rtol=0.1, atol=0)


def test_no_row_depends_on_the_rest_but_by_its_place(skeleton: Skeleton) -> None:
    pose = people(skeleton, 100)
    other = pose.clone()
    other[50:] *= 2
    one, two = (detect(p, skeleton, "gaussian", 1.0, generator())[0] for p in (pose, other))
    assert torch.equal(one[:50], two[:50])
