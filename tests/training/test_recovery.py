"""Faults injected into a run: each is named in its epoch, a passing one is recovered from, a lasting one ends it."""

import json
from collections import Counter

import pytest
import torch
from click.testing import CliRunner
from tiny_runs import tiny, tiny_words, weights_hash

from poseaug_gen.cli import main
from poseaug_gen.errors import PoseAugError
from poseaug_gen.models import augmentor as augmentor_module
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training import passes
from poseaug_gen.training.loop import train
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.run_folder import RunFolder

COMPOSE = augmentor_module.compose


@pytest.fixture(scope="module")
def poses(make_poses):
    """Two batches of them, and a third subject held out."""
    return make_poses(load_skeleton(), rows=110)


class Watch(Monitor):
    """Knows which epoch runs, and which try of it; keeps what is said; interrupts after some steps, if told to."""

    def __init__(self, steps: int = 1_000_000) -> None:
        self.tries: Counter = Counter()
        self.now = ("", 0)
        self.said: list[str] = []
        self.left = steps

    def begin_epoch(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        self.now = (phase, epoch)
        self.tries[self.now] += 1

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def message(self, text: str) -> None:
        self.said.append(text)


class Once:
    """A fault of the first try of an epoch."""

    def __init__(self, watch: Watch, phase: str = "joint", epoch: int = 3) -> None:
        self.watch = watch
        self.place = (phase, epoch)

    def __call__(self) -> bool:
        return self.watch.now == self.place and self.watch.tries[self.place] == 1


class Always(Once):
    """A fault of every try of an epoch."""

    def __call__(self) -> bool:
        return self.watch.now == self.place


# --- faults: each takes pytest's monkeypatch and when the fault is there ----------------------------------------


def nan_in_a_batch(patch, on) -> None:
    real = Pairs.take

    def take(self, rows):
        batch = real(self, rows)
        if len(rows) and on() and torch.is_grad_enabled():  # of training, not of health's own sample
            batch.pose[0, 5, 1] = float("nan")
        return batch

    patch.setattr(Pairs, "take", take)


def nan_in_a_loss(patch, on) -> None:
    real = passes.augmentor_loss

    def loss(*arguments):
        value, parts = real(*arguments)
        return value * (float("nan") if on() else 1), parts

    patch.setattr(passes, "augmentor_loss", loss)


def always_real(kind):
    """A discriminator frozen at 1: all is real to it."""

    def fault(patch, on) -> None:
        real = kind.forward
        patch.setattr(kind, "forward", lambda self, pose: real(self, pose) * 0 + 1 if on() else real(self, pose))

    return fault


def augmentor_that(change):
    """One whose four networks say something else: ``change(pose, outputs)`` gives pose and outputs."""

    def fault(patch, on) -> None:
        def compose(pose, intrinsics, *outputs, skeleton):
            if on():
                pose, outputs = change(pose, outputs)
            return COMPOSE(pose, intrinsics, *outputs, skeleton=skeleton)

        patch.setattr(augmentor_module, "compose", compose)

    return fault


def returning_its_input(pose, outputs):
    angle, length, rotation, translation = (out * 0 for out in outputs)
    return pose, (angle, length, rotation, translation + torch.cat([pose[:, 0, :2], pose[:, 0, 2:].sqrt()], -1))


def exploding_translation(pose, outputs):
    return pose, (*outputs[:3], outputs[3] * 1000)


def one_pose_for_all(pose, outputs):
    """It ignores source and noise."""
    return pose[:1].expand_as(pose), [out[:1].expand_as(out) for out in outputs]


def one_pose_for_each_source(pose, outputs):
    """It ignores its noise: the same change to all."""
    return pose, [out[:1].expand_as(out) for out in outputs]


def lengths_at_their_limit(pose, outputs):
    return pose, (outputs[0], outputs[1] + 10, *outputs[2:])


def limbs_anywhere(pose, outputs):
    return pose, (outputs[0] + 100 * torch.randn_like(outputs[0]), *outputs[1:])


def people_out_of_the_frame(pose, outputs):
    return pose, (*outputs[:3], outputs[3] + torch.tensor([4.0, 0.0, 0.0]))


def exploding_estimator(patch, on) -> None:
    """Weights that blow up: Adam's steps are as long as its learning rate."""
    real = Networks.minimise

    def minimise(self, loss, name):
        if name == "estimator" and on():
            self.optimisers[name].param_groups[0]["lr"] = 10.0
        real(self, loss, name)

    patch.setattr(Networks, "minimise", minimise)


FAULTS = {
    "NaN in a batch": (nan_in_a_batch, "non_finite", "not finite: "),
    "NaN in a loss": (nan_in_a_loss, "non_finite", "augmentor_loss"),
    "3D discriminator frozen at 1": (always_real(Discriminator3D), "discriminator_stuck", "3D discriminator's scores"),
    "2D discriminator frozen at 1": (always_real(Discriminator2D), "discriminator_stuck", "2D discriminator's scores"),
    "returns its input": (augmentor_that(returning_its_input), "generator_idle", "health.angle_change_min"),
    "lengths at their limit": (augmentor_that(lengths_at_their_limit), "generator_saturated", "is 1 > 0.5"),
    "limbs anywhere": (augmentor_that(limbs_anywhere), "generator_saturated", "health.angle_change_max"),
    "exploding translation": (augmentor_that(exploding_translation), "translation_runs_away", "health.root_distance"),
    "ignores source and noise": (augmentor_that(one_pose_for_all), "mode_collapse", "two poses' mean distance"),
    "ignores noise": (augmentor_that(one_pose_for_each_source), "mode_collapse", "one pose's augmentations'"),
    "out of the frame": (augmentor_that(people_out_of_the_frame), "invalid_rows", "is 1 > 0.99"),
    "exploding estimator": (exploding_estimator, "estimator_runs_away", "the estimator's error on real poses"),
}
every_fault = pytest.mark.parametrize(("fault", "name", "said"), FAULTS.values(), ids=FAULTS)
# The tiny augmentor makes six steps: to it, invalid pairs are a collapse from the fifth.
SETTINGS = {"schedule__epochs": 3, "health__augmentor_steps": 5}


# --- a passing fault --------------------------------------------------------------------------------------------


@every_fault
def test_a_passing_fault_is_named_in_its_epoch_and_recovered_from(poses, tmp_path, monkeypatch, fault, name, said):
    watch = Watch()
    fault(monkeypatch, Once(watch))
    folder = train(tiny(**SETTINGS), poses, RunFolder(tmp_path / "run"), watch)
    assert folder.finished

    (event,) = folder.info()["health"]["events"]
    assert (event["phase"], event["epoch"], event["attempt"]) == ("joint", 3, 1)
    assert event["illness"] == name
    assert said in event["sentence"]
    assert folder.info()["health"]["state"] == "healthy"
    (message,) = watch.said
    assert message.startswith(f"joint epoch 3 is ill ({name}: {event['sentence']}): back to the state after joint")
    assert event["remedy"] in message
    assert "try 2 of 4" in message

    rows = folder.metrics()
    assert [(row["phase"], row["epoch"], row["healthy"]) for row in rows] == [
        ("pretrain", 1, True), ("joint", 1, True), ("joint", 2, True), ("joint", 3, False), ("joint", 3, True),
    ]  # fmt: skip
    assert rows[3]["illness"] == name
    assert [row["epoch"] for row in folder.kept_metrics()] == [1, 1, 2, 3]
    assert folder.snapshots() == [1, 2, 3]
    for epoch in folder.snapshots():
        assert all(value.isfinite().all() for value in folder.augmentor(epoch).state_dict().values())


def test_what_is_not_finite_is_null_in_the_metrics(poses, tmp_path, monkeypatch):
    """JSON has no NaN: Python's reader takes it, most others do not."""
    watch = Watch()
    nan_in_a_loss(monkeypatch, Once(watch))
    folder = train(tiny(), poses, RunFolder(tmp_path / "run"), watch)

    def refuse(word):
        raise AssertionError(word)

    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert [row["augmentor_loss"] is None for row in rows if row["phase"] == "joint"] == [
        False,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("options", [{}, {"feedback__form": "exponential"}, {"augmentor__output_scale": 1.0}], ids=str)
def test_a_healthy_run_has_no_event(poses, tmp_path, options):
    watch = Watch()
    folder = train(tiny(run__seed=1, **options), poses, RunFolder(tmp_path / "run"), watch)
    health = folder.info()["health"]
    assert (health["state"], health["events"]) == ("healthy", [])
    assert watch.said == []
    best = folder.info()["best_epoch"]
    assert health["measured"] == next(r for r in folder.metrics() if (r["phase"], r["epoch"]) == ("joint", best))


def test_the_first_joint_epoch_goes_back_to_the_state_after_pre_training(poses, tmp_path, monkeypatch):
    watch = Watch()
    nan_in_a_loss(monkeypatch, Once(watch, epoch=1))
    folder = train(tiny(), poses, RunFolder(tmp_path / "run"), watch)
    assert "back to the state after pretrain epoch 1" in watch.said[0]
    assert [row["epoch"] for row in folder.metrics() if row["phase"] == "pretrain"] == [1]
    assert folder.finished


def test_without_pre_training_the_first_joint_epoch_begins_anew(poses, tmp_path, monkeypatch):
    watch = Watch()
    nan_in_a_loss(monkeypatch, Once(watch, epoch=1))
    folder = train(tiny(schedule__pretrain_epochs=0), poses, RunFolder(tmp_path / "run"), watch)
    assert "back to the state at its start" in watch.said[0]
    assert folder.finished


def test_ill_pre_training_begins_again_with_other_weights_and_half_the_learning_rate(poses, tmp_path, monkeypatch):
    watch = Watch()
    nan_in_a_batch(monkeypatch, Once(watch, "pretrain", 2))
    folder, rates, losses = RunFolder(tmp_path / "run"), [], []
    real = Networks.minimise

    def minimise(self, loss, name):
        real(self, loss, name)
        if name == "pretrain":
            rates.append(self.optimisers[name].param_groups[0]["lr"])
            losses.append(float(loss.detach()))

    monkeypatch.setattr(Networks, "minimise", minimise)
    monkeypatch.setattr(passes, "mse_loss", _poisoned(passes.mse_loss, Once(watch, "pretrain", 2)))
    train(tiny(schedule__pretrain_epochs=3), poses, folder, watch)
    pretrain = [(row["epoch"], row["healthy"]) for row in folder.metrics() if row["phase"] == "pretrain"]
    assert pretrain == [(1, True), (2, False), (1, True), (2, True), (3, True)]
    assert "back to the state at its start, with the pre-training's learning rate × 0.5" in watch.said[0]
    steps = len(rates) // 5
    assert rates == [1e-3] * 2 * steps + [5e-4] * 3 * steps
    assert losses[0] != losses[2 * steps], "the second start has other weights"


def _poisoned(real, on):
    return lambda *arguments: real(*arguments) * (float("nan") if on() else 1)


def test_an_estimator_that_does_not_learn_is_named(poses, tmp_path):
    settings = {"estimator__pretrain_learning_rate": 0.0, "health__learning_steps": 3, "health__attempts": 1}
    with pytest.raises(PoseAugError, match=r"pretrain epoch 2 is ill \(no_learning: after 4 steps"):
        train(tiny(schedule__pretrain_epochs=3, **settings), poses, RunFolder(tmp_path / "run"))


# --- remedies -----------------------------------------------------------------------------------------------------


def test_remedies_hold_for_the_rest_of_the_run_and_add_up(poses, tmp_path, monkeypatch):
    watch, seen = Watch(), {}
    real = Networks.scale_learning_rates

    def spy(self, factor, *names):
        real(self, factor, *names)
        rates = {name: round(self.rate_factors[name], 3) for name in names}
        seen.setdefault(watch.now, []).append((rates, self.loss.adversarial_3d))

    monkeypatch.setattr(Networks, "scale_learning_rates", spy)
    augmentor_that(exploding_translation)(monkeypatch, Once(watch, epoch=2))
    nan_in_a_loss(monkeypatch, Once(watch, epoch=3))
    train(tiny(), poses, RunFolder(tmp_path / "run"), watch)
    own = {"augmentor": 1, "d3d": 1, "d2d": 1, "estimator": 1}
    calmer = own | {"augmentor": 0.5}
    calmest = {"augmentor": 0.25, "d3d": 0.5, "d2d": 0.5, "estimator": 0.5}
    assert seen["joint", 2] == [(own, 6), (calmer, 12)]
    assert seen["joint", 3] == [(calmer, 12), (calmest, 12)]
    assert seen["joint", 4] == [(calmest, 12)]


def test_each_try_draws_other_random_numbers(poses, tmp_path, monkeypatch):
    watch, drawn = Watch(), []
    real = augmentor_module.Augmentor.draw_noise

    def draw(self, batch, generator=None):
        noise = real(self, batch, generator)
        if generator is None and watch.now == ("joint", 3):
            drawn.append((watch.tries[watch.now], float(noise.sum())))
        return noise

    monkeypatch.setattr(augmentor_module.Augmentor, "draw_noise", draw)
    nan_in_a_loss(monkeypatch, Once(watch))
    train(tiny(), poses, RunFolder(tmp_path / "run"), watch)
    first, second = ([noise for number, noise in drawn if number == n] for n in (1, 2))
    assert len(first) == len(second) > 1
    assert set(first).isdisjoint(second)


# Steps of the pre-training, the warm-up, the second epoch and the ill third.
ILL = 2 + 2 + 6 + 6


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("ignores source and noise", ILL),
        ("ignores source and noise", ILL + 6 + 3),
        ("exploding translation", ILL + 3),
    ],
)
def test_a_run_that_is_killed_after_a_recovery_ends_as_one_left_in_peace(poses, tmp_path, monkeypatch, name, steps):
    """In the retry's first step, in its middle, and in the epoch after it."""
    fault = FAULTS[name][0]
    watch = Watch()
    fault(monkeypatch, lambda: Once(watch)())  # the watch of whichever run it is
    whole = train(tiny(), poses, RunFolder(tmp_path / "whole"), watch)

    watch = Watch(steps)
    folder = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), poses, folder, watch)
    assert len(watch.said) == 1, "it was stopped after the recovery"
    watch.left = 1_000_000
    train(tiny(), None, folder, watch)
    assert len(watch.said) == 1, "and did not fall ill again"
    assert weights_hash(folder.path) == weights_hash(whole.path)
    health = [run.info()["health"] for run in (folder, whole)]
    assert health[0]["events"] == health[1]["events"]
    assert [row["healthy"] for row in folder.metrics()] == [row["healthy"] for row in whole.metrics()]


# --- a lasting fault ------------------------------------------------------------------------------------------------


def test_a_lasting_fault_ends_the_run_after_as_many_tries_as_are_set(poses, tmp_path, monkeypatch):
    watch = Watch()
    augmentor_that(one_pose_for_all)(monkeypatch, Always(watch))
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(PoseAugError, match=r"joint epoch 3 is ill \(mode_collapse: .*--overwrite") as caught:
        train(tiny(health__attempts=2), poses, folder, watch)
    assert "after 2 recoveries of the run, 2 of them in this epoch" in str(caught.value)
    assert watch.tries["joint", 3] == 3
    info = folder.info()
    assert info["state"] == "failed"
    assert info["health"]["state"] == "ill"
    assert [event["attempt"] for event in info["health"]["events"]] == [1, 2, 3]
    assert info["health"]["events"][-1]["remedy"] == "none: given up"
    assert [row["healthy"] for row in folder.metrics()] == [True] * 3 + [False] * 3
    assert folder.snapshots() == [1, 2], "the healthy epochs are kept, and no other"
    with pytest.raises(PoseAugError, match=r"failed in joint epoch 3 \(mode_collapse"):
        train(tiny(health__attempts=2), None, folder)


def test_a_run_recovers_a_bounded_number_of_times_in_all(poses, tmp_path, monkeypatch):
    watch = Watch()
    first, second = Once(watch, epoch=2), Once(watch, epoch=3)
    nan_in_a_loss(monkeypatch, lambda: first() or second())
    with pytest.raises(PoseAugError, match=r"joint epoch 3 is ill .* after 1 recoveries of the run, 0 of them in"):
        train(tiny(health__recoveries=1), poses, RunFolder(tmp_path / "run"), watch)


def test_on_the_command_line_a_lasting_fault_is_one_sentence_and_exit_code_1(poses, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", poses)
    words = ["train", "--source", "poses.h5", "--name", "run", *tiny_words()]
    with monkeypatch.context() as patch:
        augmentor_that(returning_its_input)(patch, lambda: True)
        result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    *before, last = result.output.splitlines()
    assert last.startswith("Error: outputs/run: joint epoch 1 is ill (generator_idle: mean change of bone angles")
    assert sum(line.startswith("Error") for line in before) == 0
    assert sum("back to the state after pretrain epoch 1" in line for line in before) == 3

    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert result.output.startswith("Error: outputs/run: the run there failed in joint epoch 1 (generator_idle")
    assert len(result.output.splitlines()) == 1
    result = CliRunner().invoke(main, [*words, "--overwrite"])
    assert result.exit_code == 0, result.output
    assert "healthy throughout" in result.output


def test_the_command_line_says_what_a_run_recovered_from(poses, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", poses)
    calls = Counter()

    def on() -> bool:  # the loss of the first joint epoch's steps alone
        calls["loss"] += 1
        return calls["loss"] <= 2

    nan_in_a_loss(monkeypatch, on)
    words = ["train", "--source", "poses.h5", "--name", "run", *tiny_words()]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "recovering from 1 × non_finite" in result.output
    said = CliRunner().invoke(main, ["info", "outputs/run", "--json"])
    assert json.loads(said.output)["health"]["events"][0]["illness"] == "non_finite"
