"""Fast dropout: its law is torch's, it depends on the seed alone, and its gradient is its mask."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import light, seeds
from torch.nn import functional

from poseaug_gen.models.estimators.dropout import Dropout, dropout

BYTE_RATES = [1 / 256, 0.25, 0.5, 255 / 256]  # a byte draws these exactly
OTHER_RATES = [0.1, 0.3]
MANY = 1 << 20


def kept(p: float, count: int = MANY, seed: int = 0) -> np.ndarray:
    torch.manual_seed(seed)
    return dropout(torch.ones(count), p, True).ne(0).numpy()


@pytest.mark.parametrize("p", BYTE_RATES + OTHER_RATES)
def test_the_share_that_stays_is_one_minus_p(p):
    deviation = math.sqrt(MANY * p * (1 - p))
    assert abs(kept(p).sum() - MANY * (1 - p)) < 4 * deviation


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_how_many_of_eight_neighbours_stay_is_binomial_as_with_torch(p):
    """Eight elements share one draw of the generator: they must be as independent as torch's are."""
    torch.manual_seed(0)
    torchs = functional.dropout(torch.ones(MANY), p, True).ne(0).numpy()
    expected = stats.binom.pmf(np.arange(9), 8, 1 - p) * (MANY / 8)
    for mask in (kept(p), torchs):
        counts = np.bincount(mask.reshape(-1, 8).sum(1), minlength=9)
        assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_every_place_in_a_draw_has_the_same_rate_and_places_are_uncorrelated():
    mask = kept(0.25).reshape(-1, 16) - 0.75
    covariance = mask.T @ mask / len(mask)
    np.testing.assert_allclose(covariance, 0.25 * 0.75 * np.eye(16), atol=5 * 0.25 / math.sqrt(len(mask)))
    np.testing.assert_allclose(mask.mean(0), 0, atol=5 * 0.5 / math.sqrt(len(mask)))


@pytest.mark.parametrize("p", BYTE_RATES[:3] + OTHER_RATES)
def test_the_expectation_is_the_input(p):
    torch.manual_seed(0)
    x = torch.linspace(0.5, 2, MANY, dtype=torch.float64)
    deviation = math.sqrt(p / (1 - p) * float(x.square().sum())) / MANY
    assert abs(float(dropout(x, p, True).mean() - x.mean())) < 4 * deviation


@light
@given(
    shape=st.lists(st.integers(0, 7), max_size=4),
    p=st.sampled_from([0.25, 0.5, 0.3]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
    seed=seeds,
)
def test_an_element_is_zero_or_divided_by_one_minus_p_and_its_gradient_is_the_same_factor(shape, p, dtype, seed):
    torch.manual_seed(seed)
    x = (torch.randn(shape, dtype=torch.float64) + 3).to(dtype).requires_grad_()
    y = dropout(x, p, True)
    y.sum().backward()
    assert y.shape == x.shape
    assert y.dtype == dtype
    factor = torch.where(y == 0, 0.0, 1 / (1 - p)).to(dtype)
    torch.testing.assert_close(x.grad, factor)
    torch.testing.assert_close(y, x * factor)


def test_it_has_a_gradient_where_its_input_is_not_contiguous():
    torch.manual_seed(0)
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    y = dropout(x.transpose(0, 2)[:, ::2], 0.5, True)
    y.sum().backward()
    assert torch.equal(x.grad[:, ::2].ne(0), y.ne(0).transpose(0, 2))


@pytest.mark.parametrize("p", [0.25, 0.1])
def test_in_evaluation_and_with_p_zero_it_is_the_identity_and_draws_nothing(p):
    x = torch.randn(5, 3)
    before = torch.get_rng_state()
    assert torch.equal(dropout(x, p, False), x)
    assert torch.equal(dropout(x, 0.0, True), x)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("p", [0.5, 0.1])
def test_the_seed_alone_decides_the_mask(p):
    first = kept(p, 1001, seed=7)
    np.random.default_rng(0).random(5)
    assert np.array_equal(kept(p, 1001, seed=7), first)
    assert not np.array_equal(kept(p, 1001, seed=8), first)
    torch.manual_seed(7)
    x = torch.ones(1001)
    one, two = dropout(x, p, True), dropout(x, p, True)
    assert not torch.equal(one, two), "each call draws anew"


def test_a_rate_that_a_byte_cannot_draw_is_left_to_torch():
    x = torch.randn(100)
    torch.manual_seed(3)
    ours = dropout(x, 0.1, True)
    torch.manual_seed(3)
    assert torch.equal(ours, functional.dropout(x, 0.1, True))


@pytest.mark.parametrize("p", [-0.25, 1.25])
def test_a_rate_outside_0_to_1_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        dropout(torch.ones(3), p, True)


def test_with_p_one_nothing_stays():
    assert torch.equal(dropout(torch.ones(3), 1.0, True), torch.zeros(3))


def test_the_layer_follows_its_mode():
    layer, x = Dropout(0.5), torch.ones(64)
    torch.manual_seed(0)
    trained = layer(x)
    torch.manual_seed(0)
    assert torch.equal(trained, dropout(x, 0.5, True))
    assert torch.equal(layer.eval()(x), x)
