"""A lifter's training: a seed is a lifter, it learns, and its learning rate falls as the budget says."""

import numpy as np
import pytest
import torch

from poseaug_gen.bones import root_relative
from poseaug_gen.errors import BadConfigError
from poseaug_gen.models.estimators import ESTIMATORS
from poseaug_gen.training.batches import Pool, half_and_half
from poseaug_gen.training.lifter import Apprentice, Budget, train_lifter

CPU = torch.device("cpu")


@pytest.fixture
def pool(make_poses, skeleton) -> Pool:
    return Pool.of(make_poses(skeleton, rows=100), CPU)


def test_a_seed_is_a_lifter(skeleton, pool):
    budget = Budget(steps=6, batch_size=32, channels=16)

    def weights(seed):
        model = train_lifter(half_and_half(pool, pool), budget, skeleton, seed, CPU)
        assert not model.training
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_estimator_learns_and_advances_once_a_step(skeleton, pool, name):
    budget = Budget(steps=100, batch_size=64, channels=32, estimator=name, dropout=0.0, learning_rate=5e-3)
    steps = []

    def error(model):
        with torch.inference_mode():
            return float((root_relative(model.eval()(pool.pose_2d)) - pool.pose).norm(dim=-1).mean())

    model = train_lifter(half_and_half(pool, pool), budget, skeleton, 0, CPU, steps.append)
    assert steps == [1] * 100
    assert error(model) < 0.8 * error(Apprentice(budget, skeleton, 0, CPU).model)


def test_the_learning_rate_falls_as_one_minus_s_over_S_to_the_nine_tenths(skeleton, pool):
    apprentice = Apprentice(Budget(steps=10, batch_size=8, channels=8), skeleton, 0, CPU)
    rates = []
    for _ in range(10):
        apprentice.step(pool.take(torch.arange(8)))
        rates.append(apprentice.optimiser.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [1e-3 * (1 - s / 10) ** 0.9 for s in range(10)])


def test_a_budget_has_the_estimators_own_dropout_and_rate_and_is_narrow():
    assert Budget.of("videopose", 5000) == Budget()
    semgcn = Budget.of("semgcn", 7)
    assert (semgcn.steps, semgcn.channels, semgcn.dropout, semgcn.learning_rate) == (7, 128, 0.0, 2e-2)
    assert Budget.of("mlp", 7, 1024).channels == 1024
    with pytest.raises(BadConfigError, match="did you mean 'videopose'"):
        Budget.of("videopos", 7)
