"""Random numbers of the kinds and in the proportions that were asked for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from poseaug_gen.coverage.chance import Weighted, normals, uniforms

PLAUSIBLE = 1e-3  # smallest p-value of a right distribution; the seeds are fixed


def test_uniform_numbers_are_numpys_own():
    made = uniforms(np.random.default_rng(3), 4, 5)
    assert made.dtype == torch.float32
    np.testing.assert_array_equal(made, np.random.default_rng(3).random((4, 5), dtype=np.float32))


def test_normal_numbers_are_normal_and_independent():
    made = normals(np.random.default_rng(0), 3, 20_001).numpy()
    assert made.shape == (3, 20_001)
    assert made.dtype == np.float32
    assert kstest(made.ravel(), "norm").pvalue > PLAUSIBLE
    assert np.abs(np.corrcoef(made) - np.eye(3)).max() < 0.03
    # Box and Muller's two numbers of a pair share a radius: their squares must not be correlated either.
    flat = normals(np.random.default_rng(1), 2, 100_000).square()
    assert abs(np.corrcoef(flat)[0, 1]) < 0.015


def test_tails_are_as_heavy_as_they_should_be_and_finite():
    made = normals(np.random.default_rng(0), 4_000_000)
    assert made.isfinite().all()
    assert made.abs().max() < 5.8
    assert abs((made.abs() > 4).sum() - 4e6 * 6.334e-5) < 5 * (4e6 * 6.334e-5) ** 0.5


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40).filter(lambda w: sum(w) > 1e-3), st.integers(0, 2**32))
def test_places_of_no_weight_are_never_drawn(weights, seed):
    drawn = Weighted(np.array(weights)).draw(np.random.default_rng(seed), 200)
    assert (np.array(weights)[drawn] > 0).all()


@pytest.mark.parametrize("places", [1, 2, 3, 50, 3001])
def test_places_are_drawn_in_proportion_to_their_weights(places):
    weights = np.random.default_rng(places).random(places) ** 4 + 1e-3
    counts = np.bincount(Weighted(weights).draw(np.random.default_rng(0), 3, 100_000).flatten(), minlength=places)
    assert chisquare(counts, counts.sum() * weights / weights.sum()).pvalue > PLAUSIBLE or places == 1


def test_the_same_seed_draws_the_same():
    weighted = Weighted(np.arange(1, 100.0))
    one, two, other = (weighted.draw(np.random.default_rng(seed), 500) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
