"""The training sets: what each learns from, and that a key tells everything a lifter depends on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from poseaug_gen.config import ExportSettings, resolve
from poseaug_gen.evaluation import online
from poseaug_gen.evaluation.arms import Arm, file_arm, plain_arm, run_arm, source_arm
from poseaug_gen.evaluation.online import OnlineArm, online_arm, published_arm
from poseaug_gen.export.dataset import export
from poseaug_gen.export.reading import find
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.training.batches import Pool, half_and_half
from poseaug_gen.training.lifter import Apprentice, Budget, train_lifter

CPU = torch.device("cpu")


def weights(model) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def batches_of(arm: Arm, budget: Budget, monkeypatch, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every batch that the arm's lifter was trained on."""
    seen = []
    real = Apprentice.step

    def spy(self, batch):
        seen.append(tuple(part.clone() for part in batch))
        real(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Apprentice, "step", spy)
        arm.train(budget, seed, lambda steps: None)
    return seen


@pytest.fixture
def arms(run, source, tmp_path):
    """One of each kind, on the same source."""
    export(run, ExportSettings(n=300), tmp_path / "aug.h5")
    return {
        "source": source_arm(source, CPU),
        "run": run_arm(source, run, 200, CPU),
        "file": file_arm(source, find(tmp_path / "aug.h5"), 200, CPU),
        "plain": plain_arm(source, 200, CPU),
        "online": online_arm(source, run, CPU),
        "published": OnlineArm("published", source, resolve("paper", options={"schedule.epochs": 3}), CPU),
    }


def test_the_source_half_of_every_batch_is_the_same_in_every_arm(arms, budget, monkeypatch):
    batches = {name: batches_of(arm, budget, monkeypatch) for name, arm in arms.items()}
    half = budget.batch_size - budget.batch_size // 2
    for name, seen in batches.items():
        assert len(seen) == budget.steps, name
        for mine, theirs in zip(seen, batches["source"], strict=True):
            assert len(mine[0]) == len(mine[1]) == budget.batch_size
            assert torch.equal(mine[0][:half], theirs[0][:half]), name
            assert torch.equal(mine[1][:half], theirs[1][:half]), name
    for name in ("run", "file", "plain"):
        assert not torch.equal(batches[name][0][0][half:], batches["source"][0][0][half:]), name


def test_all_arms_begin_with_the_same_weights(arms, budget, monkeypatch):
    started = {}
    real = Apprentice.__init__

    def spy(self, *arguments):
        real(self, *arguments)
        started[name] = weights(self.model)

    monkeypatch.setattr(Apprentice, "__init__", spy)
    for name in arms:
        arms[name].train(replace(budget, steps=1), 3, lambda steps: None)
    assert len(started) == len(arms)
    assert all(torch.equal(start, started["source"]) for start in started.values())


def test_a_seed_gives_the_same_lifter_again_after_the_memory_was_let_go(arms, budget):
    for name, arm in arms.items():
        first = weights(arm.train(budget, 0, lambda steps: None))
        arm.release()
        assert torch.equal(weights(arm.train(budget, 0, lambda steps: None)), first), name
        assert not torch.equal(weights(arm.train(budget, 1, lambda steps: None)), first), name


def test_an_arm_advances_by_as_much_as_it_said(arms, budget):
    for name, arm in arms.items():
        done = []
        arm.train(budget, 0, done.append)
        assert sum(done) == arm.work(budget), name


def test_the_source_arm_is_a_lifter_of_the_source_alone(arms, source, budget):
    pool = Pool.of(source, CPU)
    alone = train_lifter(half_and_half(pool, pool), budget, source.skeleton, 0, CPU)
    assert torch.equal(weights(arms["source"].train(budget, 0, lambda steps: None)), weights(alone))


def test_keys_are_json_and_change_with_what_the_arm_depends_on(arms, run, source, make_poses):
    other = make_poses(source.skeleton, rows=100, seed=9)
    changed = [
        *arms.values(),
        source_arm(other, CPU),
        run_arm(source, run, 201, CPU),
        run_arm(other, run, 200, CPU),
        plain_arm(source, 201, CPU),
        online_arm(other, run, CPU),
        published_arm(source, CPU),
        OnlineArm("online", source, resolve("quick"), CPU),
    ]
    keys = [str(arm.key()) for arm in changed]
    assert len(set(keys)) == len(keys)
    assert all(isinstance(arm, Arm) for arm in changed)
    assert [str(arm.key()) for arm in changed] == keys


# --- online ------------------------------------------------------------------------------------------------------


def test_online_judges_with_the_lifter_and_feeds_it_each_epochs_pairs_after_the_warm_up(
    run, source, budget, monkeypatch
):
    passes = []
    real = online.train_gan

    def spy(networks, swapped, epoch, monitor, extra):
        made, row = real(networks, swapped, epoch, monitor, extra)
        passes.append((epoch, networks.estimator, made))
        return made, row

    monkeypatch.setattr(online, "train_gan", spy)
    arm = replace(online_arm(source, run, CPU), config=resolve("quick", options={
        "schedule.epochs": 4, "schedule.warmup_epochs": 2, "schedule.batch_size": 32, "augmentor.width": 16,
        "postures.learned": 1.0,
    }))  # fmt: skip
    budget = replace(budget, steps=10)
    seen = batches_of(arm, budget, monkeypatch)
    half = budget.batch_size - budget.batch_size // 2
    assert [epoch for epoch, _, _ in passes] == [1, 2, 3, 4]
    assert len({id(estimator) for _, estimator, _ in passes}) == 1, "the judge is one lifter throughout"
    originals = {tuple(pose.flatten().tolist()) for pose in Pool.of(source, CPU).pose}
    steps_of_epoch = {1: range(2), 2: range(2, 5), 3: range(5, 8), 4: range(8, 10)}
    for epoch, _, made in passes:
        pairs = {tuple((pose - pose[:1]).flatten().tolist()) for pose in made.pose}
        for step in steps_of_epoch[epoch]:
            others = {tuple(pose.flatten().tolist()) for pose in seen[step][1][half:]}
            assert others <= (originals if epoch <= 2 else pairs), (epoch, step)


def test_online_mixes_in_drawn_pairs_as_an_export_does_and_draws_all_in_the_warm_up(run, source, budget, monkeypatch):
    mixed = {}
    real_gan, real_drawn = online.train_gan, online.drawn

    def remember(networks, swapped, epoch, monitor, extra):
        made, row = real_gan(networks, swapped, epoch, monitor, extra)
        mixed[epoch] = {tuple((pose - pose[:1]).flatten().tolist()) for pose in made.pose}, []
        return made, row

    def spy(pool, seed, half, rows):
        if half > online.OTHER_HALF:
            mixed[half - online.OTHER_HALF][1].extend(tuple(pose.flatten().tolist()) for pose in pool.pose)
        return real_drawn(pool, seed, half, rows)

    monkeypatch.setattr(online, "train_gan", remember)
    monkeypatch.setattr(online, "drawn", spy)
    arm = replace(online_arm(source, run, CPU), config=resolve("quick", options={
        "schedule.epochs": 2, "schedule.warmup_epochs": 1, "schedule.batch_size": 32, "augmentor.width": 16,
        "postures.learned": 0.25,
    }))  # fmt: skip
    arm.train(replace(budget, steps=20), 0, lambda steps: None)
    asked = 10 * (budget.batch_size // 2)
    for epoch, learned in ((1, 0), (2, round(0.25 * asked))):
        made, others = mixed[epoch]
        assert sum(pose in made for pose in others) == learned
        assert len(others) >= asked
    originals = {tuple(pose.flatten().tolist()) for pose in Pool.of(source, CPU).pose}
    assert not originals & set(mixed[1][1])


def test_published_is_spec_as_written_with_the_lifters_width(source, budget):
    arm = published_arm(source, CPU)
    assert arm.config == resolve("paper")
    networks, extra = arm._networks(Apprentice(budget, source.skeleton, 0, CPU), online.Pairs.of(source, CPU))
    assert extra is None
    assert networks.config.estimator.channels == budget.channels
    assert networks.config.schedule.epochs == 50


def test_extra_2d_poses_of_the_run_steer_the_online_arm_too(run, source, budget, monkeypatch):
    rng = np.random.default_rng(0)
    extra = Poses2D.of(source.skeleton, rng.normal(size=(30, 16, 2)), np.ones((30, 16), dtype=bool))
    given = []
    real = online.train_gan
    monkeypatch.setattr(online, "train_gan", lambda *arguments: (given.append(arguments[-1]), real(*arguments))[1])
    arm = replace(online_arm(source, run, CPU), extra_2d=extra)
    arm.train(budget, 0, lambda steps: None)
    assert [each.pose_2d.shape for each in given] == [(30, 16, 2)] * run.config.schedule.epochs
    assert arm.key() != online_arm(source, run, CPU).key()
