"""With `paper` settings, what each of the first hundred steps minimises is SPEC's formula of what went into it.

Spies keep every network's inputs and outputs and every loss that a step goes down; the formulas below are worked out
from these in NumPy, in float64, with SPEC's numbers typed out, and share nothing with the training's own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from poseaug_gen.camera import project
from poseaug_gen.config import resolve
from poseaug_gen.models.augmentor import Augmented
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.passes import train_estimator, train_gan

pytestmark = pytest.mark.golden

CPU = torch.device("cpu")
STEPS = 100
WARMUP, FIRST_FEEDBACK = 1, 3  # epochs: SPEC's feedback begins after two
JOINT_WEIGHTS = np.array([1, 5, 2, 1, 5, 2, 1, 1, 1, 1, 5, 2, 1, 5, 2, 1])  # SPEC, "Losses"
GROUPS = ((1, 4, 10, 13), (2, 5, 9, 11, 14), (3, 6, 12, 15))
# Single precision over means of squares; the ratio of errors has a tenth of a millimetre added below it.
CLOSE = {"rtol": 1e-4, "atol": 1e-6}


@dataclass
class Step:
    """One step of an optimiser: the loss it went down, the gradient's norm, and the networks' calls since the last."""

    name: str
    loss: float
    gradient_norm: float
    calls: list[tuple[str, tuple[np.ndarray, ...], Any]]

    def of(self, network: str) -> list[tuple[tuple[np.ndarray, ...], Any]]:
        return [(inputs, output) for name, inputs, output in self.calls if name == network]


@dataclass
class Record:
    """All that happened."""

    source: dict[str, np.ndarray]
    steps: list[Step] = field(default_factory=list)
    rows: dict[str, float] = field(default_factory=dict)

    def named(self, name: str) -> list[Step]:
        return [step for step in self.steps if step.name == name]


def numbers(value: Any) -> Any:
    """Tensors as float64 arrays, also those of an :class:`Augmented`."""
    if isinstance(value, Augmented):
        return {name: numbers(part) for name, part in vars(value).items()}
    return value.detach().double().numpy().copy()


def golden_pairs() -> Pairs:
    """The golden batch as often as there are steps, so that one pass is a hundred steps on it."""
    path = Path(os.environ.get("POSEAUG_GOLDEN") or Path(__file__).parents[3] / "shared/golden/poseaug_reference.npz")
    if not path.is_file():
        pytest.skip(f"no golden numbers at {path}; set POSEAUG_GOLDEN to poseaug_reference.npz")
    with np.load(path) as file:
        pose, intrinsics = (torch.from_numpy(file[name]).repeat(STEPS, 1, 1) for name in ("pose_3d", "intrinsics"))
    pose, intrinsics = pose.reshape(-1, 16, 3), intrinsics.reshape(-1, 9)
    return Pairs(pose, project(pose, intrinsics), intrinsics, torch.full((len(pose), 2), 1000))


def record(what: str, form: str = "range") -> Record:
    """A hundred steps of a pass: ``warm-up``, ``feedback`` or ``estimator``."""
    pairs = golden_pairs()
    options = {"schedule.batch_size": len(pairs) // STEPS, "estimator.channels": 64, "feedback.form": form}
    torch.manual_seed(0)
    networks = Networks(resolve("paper", options=options), load_skeleton(), CPU)
    found = Record({"pose": numbers(pairs.pose), "pose_2d": numbers(pairs.pose_2d)})
    calls: list[tuple[str, tuple[np.ndarray, ...], Any]] = []
    for name in ("augmentor", "d3d", "d2d", "estimator"):
        getattr(networks, name).register_forward_hook(
            lambda _, inputs, output, name=name: calls.append((name, tuple(map(numbers, inputs)), numbers(output)))
        )
    minimise = networks.minimise

    def spy(loss, name):
        minimise(loss, name)
        gradients = [p.grad for p in networks.optimisers[name].param_groups[0]["params"] if p.grad is not None]
        norm = float(torch.stack([g.double().norm() for g in gradients]).norm())
        found.steps.append(Step(name, float(loss.detach()), norm, list(calls)))
        calls.clear()

    networks.minimise = spy
    if what == "estimator":
        found.rows["loss"] = train_estimator(networks, pairs, "pretrain")
    else:
        found.rows = train_gan(networks, pairs, WARMUP if what == "warm-up" else FIRST_FEEDBACK)[1]
    return found


@pytest.fixture(scope="module", params=["warm-up", "range", "exponential"])
def gan(request) -> tuple[str, Record]:
    """A hundred steps of augmentor and discriminators, and which feedback they had."""
    form = request.param
    return form, record("warm-up") if form == "warm-up" else record("feedback", form)


# --- SPEC's formulas ------------------------------------------------------------------------------------------


def adversarial(real, fake) -> float:
    return 0.5 * ((real**2).mean() + ((fake - 1) ** 2).mean())


def discriminator(real, fake) -> float:
    return 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())


def angle_range(change) -> float:
    off = change.mean(1) - 0.205
    return np.where(abs(off) > 0.165, off**2, 0).mean()


def length_range(ratio) -> float:
    return np.where(abs(ratio) > 0.1, ratio**2, 0).mean()


def group_errors(predicted, pose) -> np.ndarray:
    """Weighted joint errors of each group, ``(batch, 3)``; a prediction's root counts as its origin."""
    error = np.linalg.norm((predicted - predicted[:, :1]) - (pose - pose[:, :1]), axis=-1) * JOINT_WEIGHTS
    return np.stack([error[:, group].mean(1) for group in GROUPS], 1)


def outside(ratio, target: float, band: float) -> float:
    return np.where(abs(ratio - target) > band, (ratio - target) ** 2, 0).mean()


def squared_error(predicted, pose) -> np.ndarray:
    return (((predicted - predicted[:, :1]) - (pose - pose[:, :1])) ** 2).sum((1, 2))


def spec_projection(pose, camera) -> np.ndarray:
    """SPEC, "Conventions"."""
    f, c, k, p = (camera[:, None, part] for part in (slice(0, 2), slice(2, 4), slice(4, 7), slice(7, 9)))
    xy = np.clip(pose[..., :2] / pose[..., 2:], -1, 1)
    r2 = (xy**2).sum(-1, keepdims=True)
    radial = 1 + (k * np.concatenate([r2, r2**2, r2**3], -1)).sum(-1, keepdims=True)
    tangential = (p * xy).sum(-1, keepdims=True)
    return f * (xy * (radial + tangential) + p * r2) + c


def feedback(step: Step, form: str) -> float:
    """Both feedback terms with their weights, from the estimator's answers."""
    ((pose, camera, _), made), *_ = step.of("augmentor")
    (_, source), ((seen,), both) = step.of("estimator")
    turned_2d, moved_2d = np.split(seen, 2)
    np.testing.assert_allclose(turned_2d, spec_projection(made["pose_ba"], camera), atol=1e-5)
    np.testing.assert_allclose(moved_2d, made["pose_2d"])
    turned, moved = np.split(both, 2)
    progress = (FIRST_FEEDBACK - 1) / 50
    if form == "exponential":  # eq. 9; beta grows from 1.2 to 2
        easy = squared_error(source, pose)
        hard = squared_error(turned, made["pose_ba"]), squared_error(moved, made["pose_rt"])
        beta = 1.2 + progress * 0.8
        return 0.1 * sum(abs(1 - np.exp(np.minimum(error - beta * easy, 10))).mean() for error in hard)
    easy = group_errors(source, pose) + 1e-4
    ratio_ba, ratio_rt = group_errors(turned, made["pose_ba"]) / easy, group_errors(moved, made["pose_rt"]) / easy
    return 0.1 * outside(ratio_ba, 3 + progress * 2, 2) + 0.01 * outside(ratio_rt, 17, 15)


# --- the steps --------------------------------------------------------------------------------------------------


def test_each_step_of_the_augmentor_goes_down_specs_loss(gan):
    form, found = gan
    parts: dict[str, list[float]] = {}
    for step in found.named("augmentor"):
        (_, made), *_ = step.of("augmentor")
        (_, real_3d), ((into_3d,), fake_3d) = step.of("d3d")
        (_, real_2d), ((into_2d,), fake_2d) = step.of("d2d")
        np.testing.assert_array_equal(into_3d, made["pose_ba"])
        np.testing.assert_array_equal(into_2d, made["pose_2d"])
        expected = {
            "adversarial_2d": adversarial(real_2d, fake_2d),
            "adversarial_3d": adversarial(real_3d, fake_3d),
            "angle_range": angle_range(made["angle_change"]),
            "length_range": length_range(made["length_ratio"]),
            "feedback": 0.0 if form == "warm-up" else feedback(step, form),
        }
        weights = {"adversarial_2d": 1, "adversarial_3d": 6, "angle_range": 3, "length_range": 3, "feedback": 1}
        loss = sum(weights[name] * value for name, value in expected.items())
        np.testing.assert_allclose(step.loss, loss, **CLOSE)
        for name, value in expected.items():
            parts.setdefault(name, []).append(value)
    assert len(parts["feedback"]) == STEPS
    for name, values in parts.items():
        if name != "feedback" or form != "warm-up":
            np.testing.assert_allclose(found.rows[name], np.mean(values), err_msg=name, **CLOSE)
            assert np.std(values) > 0, f"{name} is a test only where it changes"
    assert ("feedback" in found.rows) == (form != "warm-up")


def test_each_step_of_the_discriminators_goes_down_specs_loss(gan):
    _, found = gan
    fakes = {"d3d": "pose_ba", "d2d": "pose_2d"}
    real_poses = {"d3d": found.source["pose"], "d2d": found.source["pose_2d"]}
    for name in ("d3d", "d2d"):
        pool: set[bytes] = set()
        for before, step in zip(found.steps, found.steps[1:], strict=False):
            if before.name == "augmentor":
                ((_, made),) = before.of("augmentor")
                latest = {row.tobytes() for row in made[fakes[name]]}
            if step.name != name:
                continue
            ((shown,), real), ((pooled,), fake) = step.of(name)
            np.testing.assert_allclose(step.loss, discriminator(real, fake), **CLOSE)
            pool |= latest
            assert {row.tobytes() for row in pooled} <= pool, "fakes of this step or an earlier one"
            known = {row.tobytes() for row in real_poses[name]}
            assert {row.tobytes() for row in shown} <= known, "real poses are the source's"
        losses = [step.loss for step in found.named(name)]
        np.testing.assert_allclose(found.rows[f"{name}_loss"], np.mean(losses), **CLOSE)


def test_discriminators_step_every_second_time_and_no_gradient_is_longer_than_one(gan):
    _, found = gan
    assert [step.name for step in found.steps] == ["augmentor", "d3d", "d2d", "augmentor"] * (STEPS // 2)
    assert max(step.gradient_norm for step in found.steps) <= 1 + 1e-5


def test_each_step_of_the_estimator_goes_down_the_mean_squared_error():
    found = record("estimator")
    assert [step.name for step in found.steps] == ["pretrain"] * STEPS
    poses = {seen.tobytes(): pose for seen, pose in zip(found.source["pose_2d"], found.source["pose"], strict=True)}
    for step in found.steps:
        (((seen,), predicted),) = step.of("estimator")
        pose = np.stack([poses[row.tobytes()] for row in seen])
        np.testing.assert_allclose(step.loss, ((predicted - (pose - pose[:, :1])) ** 2).mean(), **CLOSE)
    assert found.steps[-1].loss < found.steps[0].loss / 3, "and learns"
    np.testing.assert_allclose(found.rows["loss"], np.mean([step.loss for step in found.steps]), **CLOSE)


def test_with_either_form_of_feedback_the_augmentor_trains(gan):
    """Its whole loss falls, and the feedback with it."""
    form, found = gan
    steps = found.named("augmentor")
    assert np.isfinite([step.loss for step in steps]).all()
    for of in [lambda step: step.loss] + [lambda step: feedback(step, form)] * (form != "warm-up"):
        first, last = (np.mean([of(step) for step in part]) for part in (steps[:20], steps[-20:]))
        assert last < first
