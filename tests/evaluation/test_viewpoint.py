"""Bins of one area, and entropies that are known."""

import math

import numpy as np
import pytest

from poseaug_gen.evaluation.viewpoint import BANDS, MOST_BITS, SECTORS, entropy_bits, viewpoint_bins


def anywhere(rows: int, seed: int = 0) -> np.ndarray:
    """Unit vectors drawn evenly from the sphere."""
    vectors = np.random.default_rng(seed).normal(size=(rows, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_all_bins_have_one_area():
    rows = 200_000
    counts = viewpoint_bins(anywhere(rows))
    expected = rows / (BANDS * SECTORS)
    assert counts.shape == (BANDS * SECTORS,)
    assert np.abs(counts - expected).max() < 5 * expected**0.5
    assert entropy_bits(counts) == pytest.approx(MOST_BITS, abs=1e-3)


def test_every_direction_is_in_one_bin():
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    assert viewpoint_bins(axes).sum() == 6
    assert (viewpoint_bins(axes) > 0).sum() == 6


def test_a_turn_by_a_sector_moves_a_view_by_a_bin_and_up_by_a_band():
    view = np.array([[math.cos(0.1), math.sin(0.1), 0.1]]) / math.hypot(1, 0.1)
    turned = np.array([[math.cos(0.1 + 2 * math.pi / SECTORS), math.sin(0.1 + 2 * math.pi / SECTORS), 0.1]])
    raised = view * [1, 1, 0] * math.hypot(1, 0.1) * math.sqrt(1 - 0.4**2) + [0, 0, 0.4]
    (start,), (next_sector,), (next_band,) = (
        np.flatnonzero(viewpoint_bins(v)) for v in (view, turned / np.linalg.norm(turned), raised)
    )
    assert (next_sector - start, next_band - start) == (1, SECTORS)


def test_known_entropies():
    assert entropy_bits(np.array([7, 0, 0, 0])) == 0
    assert entropy_bits(np.array([10**6, 10**6, 0])) == pytest.approx(1, abs=1e-5)
    assert entropy_bits(np.full(8, 5)) == 3, "no more than the most"
    few = np.array([3, 1, 0, 0])
    plain = 0.75 * math.log2(4 / 3) + 0.25 * 2
    assert entropy_bits(few) == pytest.approx(plain + 1 / (2 * 4 * math.log(2)))


def test_a_small_sample_s_entropy_is_not_far_too_small():
    """Uneven bins, 300 draws: the correction takes out nearly all of the bias."""
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(BANDS * SECTORS, 5.0))
    true = -(share * np.log2(share)).sum()
    samples = rng.multinomial(300, share, 200)
    plain = np.mean([-(p * np.log2(p)).sum() for p in (s[s > 0] / s.sum() for s in samples)])
    assert abs(np.mean([entropy_bits(s) for s in samples]) - true) < 0.2 * (true - plain)
