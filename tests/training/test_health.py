"""What is measured of collapse, and what is judged to be one."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from strategies import bodies, light, random_cameras, seeds
from tiny_runs import tiny

from poseaug_gen.config import HealthSettings
from poseaug_gen.metrics import joint_errors_mm
from poseaug_gen.models import augmentor as augmentor_module
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.data import Data
from poseaug_gen.training.health import BOUNDS, DISCRIMINATORS, REMEDIES, Remedy, illnesses
from poseaug_gen.training.measures import Reference, mean_pairwise_distance, measure_augmentor, measure_epoch
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs

CPU = torch.device("cpu")
SETTINGS = HealthSettings()


def data_of(poses) -> Data:
    """Training data without a validation set."""
    pairs = Pairs.of(poses, CPU)
    none = pairs.take(torch.arange(0))
    return Data(train=pairs, validation=none, unseen_views=none, bodies=torch.from_numpy(poses.subject_bone_lengths()))


# --- measures -------------------------------------------------------------------------------------------------


@light
@given(bodies(rows=7), seeds)
def test_pairwise_distance_is_that_of_a_plain_loop_whatever_the_order_of_the_rows(body, seed):
    _, pose = body
    relative = pose - pose[:, :1]
    plain = [
        float(joint_errors_mm(relative[a : a + 1], relative[b : b + 1]).mean()) / 1000
        for a in range(7)
        for b in range(7)
        if a != b
    ]
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    assert mean_pairwise_distance(pose) == pytest.approx(sum(plain) / len(plain), rel=1e-9)
    assert mean_pairwise_distance(pose[order]) == pytest.approx(mean_pairwise_distance(pose), rel=1e-12)


def test_pairwise_distance_is_blind_to_place_and_zero_for_one_pose_only(make_poses, skeleton):
    pose = torch.from_numpy(make_poses(skeleton, rows=20).positions)
    moved = pose + torch.arange(20.0)[:, None, None]
    assert mean_pairwise_distance(moved) == pytest.approx(mean_pairwise_distance(pose), rel=1e-5)
    assert mean_pairwise_distance(pose[:1].expand(5, -1, -1)) == 0
    assert mean_pairwise_distance(pose[:1]) == 0


def copying(pose, intrinsics, *outputs, skeleton):
    """``compose`` of an augmentor that returns its input."""
    angle, length, rotation, _ = (0 * out for out in outputs)
    root = torch.cat([pose[:, 0, :2], pose[:, 0, 2:].sqrt()], -1)
    return COMPOSE(pose, intrinsics, angle, length, rotation, root + 0 * outputs[3], skeleton=skeleton)


COMPOSE = augmentor_module.compose


@light
@given(bodies(rows=12), seeds)
def test_a_copy_of_the_source_measures_as_the_source_in_any_order_and_for_any_skeleton(body, seed):
    skeleton, pose = body
    pose = pose.float()
    pairs = Pairs(pose, pose[..., :2], random_cameras(12, seed).float(), torch.full((12, 2), 1000))
    lengths = torch.ones(1, skeleton.num_bones)
    augmentor = Augmentor(skeleton, noise=3, width=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augmentor_module, "compose", copying)
        for rows in (torch.arange(12), torch.randperm(12, generator=torch.Generator().manual_seed(seed))):
            taken = pairs.take(rows)
            found = measure_augmentor(
                augmentor, Reference.of(Data(taken, taken.take(rows[:0]), taken.take(rows[:0]), lengths))
            )
            assert found["pairwise_distance_ratio"] == pytest.approx(1, rel=1e-5)
            assert found["posture_distance_ratio"] == pytest.approx(1, rel=1e-5)
            assert found["noise_distance_ratio"] == pytest.approx(0, abs=1e-5)
            assert found["root_distance_ratio"] == pytest.approx(1, rel=1e-5)
            assert found.get("frozen_angle_change", 0) == pytest.approx(0, abs=1e-5)
            assert found.get("frozen_length_change", 0) == 0


def test_measuring_changes_neither_the_weights_nor_the_random_numbers_of_the_run(make_poses, skeleton):
    networks = Networks(tiny(), skeleton, CPU)
    data = data_of(make_poses(skeleton, rows=40))
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in networks.augmentor.state_dict().items()}
    found = [measure_epoch(networks, data, Reference.of(data), {"augmentor_loss": 1.0}, None) for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in networks.augmentor.state_dict().items())


def test_a_source_of_one_pose_has_no_diversity_to_compare_with(make_poses, skeleton):
    poses = make_poses(skeleton, rows=30)
    alike = replace(poses, positions=poses.positions[:1].repeat(30, 0))
    found = measure_augmentor(Augmentor(skeleton, 4, 16), Reference.of(data_of(alike)))
    assert not [name for name in found if name.endswith("_distance_ratio") and name != "root_distance_ratio"]
    assert all(math.isfinite(value) for value in found.values())


def test_the_mean_pose_is_measured_on_held_out_poses_and_on_the_source_where_there_are_none(make_poses, skeleton):
    data = data_of(make_poses(skeleton, rows=50))
    mean = (data.train.pose - data.train.pose[:, :1]).mean(0)

    def error(pairs):
        return 1000 * float((pairs.pose - pairs.pose[:, :1] - mean).norm(dim=-1).mean())

    assert Reference.of(data).mean_pose_mm == pytest.approx(error(data.train), rel=1e-5)
    held_out = data.train.take(torch.arange(5))
    assert Reference.of(replace(data, validation=held_out)).mean_pose_mm == pytest.approx(error(held_out), rel=1e-5)


@pytest.mark.parametrize(("best", "expected"), [(None, None), (100.0, 2.0), (10.0, 4.0), (400.0, None)])
def test_an_estimator_is_held_against_its_best_if_it_ever_beat_the_mean_pose(
    make_poses, skeleton, monkeypatch, best, expected
):
    """And errors below the floor of 50 mm count as 50."""
    monkeypatch.setattr("poseaug_gen.training.measures.validation_error", lambda *_: 200.0)
    data = data_of(make_poses(skeleton, rows=30))
    reference = replace(Reference.of(data), mean_pose_mm=250.0)
    found = measure_epoch(Networks(tiny(), skeleton, CPU), data, reference, {"augmentor_loss": 1.0}, best)
    assert found.get("estimator_over_best") == expected
    assert found["estimator_over_mean_pose"] == 0.8


def test_networks_that_are_not_finite_are_named(skeleton):
    networks = Networks(tiny(), skeleton, CPU)
    assert networks.not_finite() == []
    with torch.no_grad():
        next(networks.d2d.parameters())[0, 0] = math.inf
        norm = next(m for m in networks.augmentor.modules() if isinstance(m, torch.nn.BatchNorm1d))
        norm.running_mean[0] = math.nan
    assert networks.not_finite() == ["augmentor", "d2d"]


# --- judgement ------------------------------------------------------------------------------------------------

# Epochs of real runs: `standard` near the source, and the published schedule, which starts far from it.
STANDARD = {
    "phase": "joint", "epoch": 5, "augmentor_loss": 1.9, "feedback": 0.2, "estimator_loss": 0.005,
    "validation_mpjpe_mm": 65.6, "estimator_over_best": 1.02, "estimator_over_mean_pose": 0.26,
    "d3d_accuracy_real": 0.6, "d3d_accuracy_fake": 0.54, "d3d_spread": 0.09, "d3d_steps": 440,
    "d2d_accuracy_real": 0.6, "d2d_accuracy_fake": 0.61, "d2d_spread": 0.15, "d2d_steps": 440,
    "frozen_angle_change": 0.015, "frozen_length_change": 0.081, "length_at_limit": 0.0, "augmentor_steps": 875,
    "pairwise_distance_ratio": 0.94, "posture_distance_ratio": 0.96, "noise_distance_ratio": 0.2,
    "root_distance_ratio": 0.77, "root_spread_ratio": 0.1, "invalid_share": 0.03,
}  # fmt: skip
FAR = STANDARD | {
    "epoch": 2, "d3d_accuracy_real": 0.93, "d3d_accuracy_fake": 0.88, "d2d_accuracy_real": 0.1,
    "d2d_accuracy_fake": 0.4, "frozen_angle_change": 0.59, "frozen_length_change": 0.12, "length_at_limit": 0.1,
    "pairwise_distance_ratio": 2.2, "noise_distance_ratio": 1.7, "root_distance_ratio": 0.24,
    "root_spread_ratio": 1.2, "invalid_share": 0.94, "augmentor_steps": 90,
}  # fmt: skip
PRETRAIN = {
    "phase": "pretrain", "epoch": 3, "estimator_loss": 0.01, "estimator_over_mean_pose": 0.5, "pretrain_steps": 1500,
}  # fmt: skip


def names(row: dict) -> list[str]:
    return [illness.name for illness in illnesses(row, SETTINGS)]


@pytest.mark.parametrize("row", [STANDARD, FAR, PRETRAIN, {"phase": "joint", "epoch": 1, "validation_mpjpe_mm": None}])
def test_real_epochs_are_healthy_and_what_is_not_measured_is_not_judged(row):
    assert names(row) == []


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.measure}{bound.side}")
def test_each_bound_is_ill_beyond_it_and_healthy_on_it(bound):
    limit = float(getattr(SETTINGS, bound.setting))
    beyond = limit * (0.9 if bound.side == "<" else 1.1)
    assert names(STANDARD | {bound.measure: limit}) == []
    (illness,) = illnesses(STANDARD | {bound.measure: beyond}, SETTINGS)
    assert illness.name == bound.illness
    assert f"{beyond:.3g}" in illness.sentence
    assert f"{limit:g} = health.{bound.setting}" in illness.sentence
    if bound.after:
        early = STANDARD | {bound.measure: beyond, bound.after: getattr(SETTINGS, bound.after) - 1}
        assert names(early) == []


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize(
    ("real", "fake", "stuck"),
    [
        (1, 0, True),
        (0, 1, True),
        (1, 1, True),
        (0, 0, True),
        (0.995, 0.995, True),
        (1, 0.5, False),
        (0.97, 0.96, False),
    ],
)
def test_a_discriminator_is_stuck_where_its_answers_say_nothing(name, real, fake, stuck):
    row = STANDARD | {f"{name}_accuracy_real": float(real), f"{name}_accuracy_fake": float(fake)}
    found = list(illnesses(row, SETTINGS))
    assert [illness.name for illness in found] == ["discriminator_stuck"] * stuck
    if stuck:
        assert DISCRIMINATORS[name] in found[0].sentence
        assert found[0].remedy.renewed == (name,)
        always_right = real > 0.5 and fake > 0.5
        assert dict(found[0].remedy.rates) == ({name: 0.5} if always_right else {})
    assert names(row | {f"{name}_steps": SETTINGS.discriminator_steps - 1}) == [], "a new one may be wrong for a while"


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_discriminator_whose_scores_are_all_the_same_is_stuck_from_the_first_step(name):
    row = STANDARD | {f"{name}_accuracy_real": 1.0, f"{name}_accuracy_fake": 0.0, f"{name}_spread": 0.0}
    (illness,) = illnesses(row | {f"{name}_steps": 1}, SETTINGS)
    assert illness.name == "discriminator_stuck"
    assert "health.score_spread" in illness.sentence


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [STANDARD, PRETRAIN])
def test_whatever_is_not_finite_is_named_first(row, value):
    found = list(illnesses(row | {"estimator_loss": value, "not_finite_weights": ["estimator"]}, SETTINGS))
    assert found[0].name == "non_finite"
    assert "estimator_loss" in found[0].sentence
    assert "weights of the estimator" in found[0].sentence


def test_an_estimator_must_beat_the_mean_pose_once_it_had_time_to():
    slow = PRETRAIN | {"estimator_over_mean_pose": 1.1}
    assert names(slow) == ["no_learning"]
    assert names(slow | {"pretrain_steps": SETTINGS.learning_steps - 1}) == []


def test_whatever_is_wrong_with_pre_training_has_the_same_remedy():
    for row in (PRETRAIN | {"estimator_over_mean_pose": 1.1}, PRETRAIN | {"estimator_loss": math.nan}):
        for illness in illnesses(row, SETTINGS):
            assert dict(illness.remedy.rates) == {"pretrain": 0.5}


def test_a_remedy_says_what_it_changes():
    assert str(Remedy()) == "other random numbers"
    said = str(REMEDIES["mode_collapse"])
    assert said == (
        "the augmentor's learning rate × 0.5, a new 3D discriminator, a new 2D discriminator, other random numbers"
    )
    assert "the adversarial weights × 0.5" in str(REMEDIES["generator_idle"])


def test_remedies_change_rates_and_weights_and_nothing_else(skeleton):
    networks = Networks(tiny(), skeleton, CPU)
    networks.adapt({"augmentor": 0.25}, 4.0)
    networks.scale_learning_rates(0.5, "augmentor", "estimator")
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in networks.optimisers.items()}
    assert rates == pytest.approx({"augmentor": 1.25e-5, "d3d": 1e-4, "d2d": 1e-4, "pretrain": 1e-3, "estimator": 5e-5})
    expected = replace(networks.config.loss, adversarial_2d=4.0, adversarial_3d=24.0)
    assert networks.loss == expected


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_new_discriminator_shares_nothing_with_the_old_one(skeleton, name):
    networks = Networks(tiny(), skeleton, CPU)
    wrist = torch.zeros(16, dtype=torch.bool)
    wrist[12] = True
    networks.blind_d2d(wrist)
    fakes = SimpleNamespace(d3d=torch.rand(8, 16, 3), d2d=torch.rand(8, 16, 2))
    networks.pools[name].exchange(getattr(fakes, name))
    old = getattr(networks, name)
    networks.minimise(old(getattr(fakes, name)).square().mean(), name)
    assert networks.steps(name) == 1
    networks.renew(name)
    assert networks.steps(name) == 0
    assert networks.pools[name].stored is None
    new = getattr(networks, name)
    assert networks.optimisers[name].param_groups[0]["params"] == list(new.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters(), strict=True) if a.any())
    assert (networks.d2d.into.weight.reshape(-1, 16, 2)[:, 12] == 0).all(), "it is blind to what the old one was"


def test_every_skeleton_is_measured(make_poses):
    for name in ("h36m17", "coco17"):
        skeleton = load_skeleton(name)
        found = measure_augmentor(Augmentor(skeleton, 4, 16), Reference.of(data_of(make_poses(skeleton, rows=30))))
        assert len(found) == 8
