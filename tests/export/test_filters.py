"""Rows outside of what was asked for are dropped under the first reason that applies, and measured once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.filters import KEPT, PASS_ROWS, REASONS, Filters, in_passes
from poseaug_gen.export.frozen import STEP_ROWS
from poseaug_gen.export.rows import BLOCK_ROWS, Sampler, generator_of
from poseaug_gen.training.run_folder import RunFolder

FP32 = ExportSettings(precision="fp32")


def judged(run: RunFolder, settings: ExportSettings) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reasons and measures of one block's candidates, which are the same whatever the settings filter."""
    sampler, random = Sampler(run, settings), generator_of(0, 0, 0)
    posture = sampler.postures.draw(BLOCK_ROWS, random)
    with torch.inference_mode():
        reason, measured = sampler.filters.judge(sampler.maker.make(posture, random), posture)
    return reason.numpy(), {name: values.numpy() for name, values in measured.items()}


@pytest.fixture(scope="module")
def free(fake_run: RunFolder) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Everything measured and nothing asked for."""
    return judged(fake_run, replace(FP32, scores=True, difficulty=True))


def test_nothing_is_measured_unless_it_is_asked_for(fake_run: RunFolder) -> None:
    reason, measured = judged(fake_run, FP32)
    assert not measured
    assert set(reason) <= {KEPT, 0, 1, 2}


def test_what_no_camera_could_have_taken_is_not_measured(free) -> None:
    reason, measured = free
    assert 0 < (reason != KEPT).sum() < len(reason)
    for values in measured.values():
        np.testing.assert_array_equal(np.isnan(values), reason != KEPT)


def test_rows_under_the_least_score_are_dropped_for_it(fake_run: RunFolder, free) -> None:
    least = float(np.nanmedian(free[1]["score_3d"]))
    reason, measured = judged(fake_run, replace(FP32, min_score=least))
    np.testing.assert_array_equal(measured["score_3d"], free[1]["score_3d"])
    np.testing.assert_array_equal(reason == KEPT, free[1]["score_3d"] >= least)
    np.testing.assert_array_equal(reason == REASONS.index("score"), free[1]["score_3d"] < least)


def test_rows_outside_the_range_of_difficulty_are_dropped_for_it(fake_run: RunFolder, free) -> None:
    low, high = (float(np.nanquantile(free[1]["difficulty"], share)) for share in (0.3, 0.6))
    reason, _ = judged(fake_run, replace(FP32, difficulty_range=(low, high)))
    difficulty = free[1]["difficulty"]
    np.testing.assert_array_equal(reason == KEPT, (difficulty >= low) & (difficulty <= high))
    assert (reason == REASONS.index("difficulty")).sum() == ((difficulty < low) | (difficulty > high)).sum()


def test_of_a_postures_candidates_the_nearest_to_the_wished_difficulty_stays(fake_run: RunFolder, free) -> None:
    """As if every four candidates of the block were one posture's: one of them at most stays, and it is the nearest."""
    low, high = (float(np.nanquantile(free[1]["difficulty"], share)) for share in (0.1, 0.9))
    reason, measured = judged(fake_run, replace(FP32, difficulty_range=(low, high), candidates=4))
    off = np.abs(measured["difficulty"] - (low + high) / 2)
    off[(reason != KEPT) & (reason != REASONS.index("not_chosen"))] = np.inf
    groups = off.reshape(-1, 4)
    kept = (reason == KEPT).reshape(-1, 4)
    np.testing.assert_array_equal(kept.sum(1), np.isfinite(groups).any(1))
    chosen = np.where(kept, groups, np.inf).min(1)
    np.testing.assert_array_equal(chosen, groups.min(1))


def test_candidates_bring_rows_nearer_to_the_wished_difficulty(fake_run: RunFolder) -> None:
    settings, medians = replace(FP32, difficulty_range=(0.1, 3.0)), []
    for candidates in (1, 16):
        sampler = Sampler(fake_run, replace(settings, candidates=candidates))
        rows, tally = next(sampler.blocks(0, 500))
        assert tally.candidates == 500 + sum(tally.redrawn.values())
        medians.append(np.median(np.abs(rows["difficulty"] - 1.55)))
    assert medians[1] < 0.85 * medians[0]


def test_a_postures_candidates_are_one_posture_in_several_pairs(fake_run: RunFolder) -> None:
    """Another lens, view or augmentation each; the row of the source is the same."""
    sampler = Sampler(fake_run, replace(FP32, difficulty_range=(0.0, 1e6), candidates=4))
    posture, side = sampler._draw(BLOCK_ROWS // 4, generator_of(0, 0, 0))
    assert len(posture) == len(side) == BLOCK_ROWS // 4
    block = sampler.block(0, 0)
    index = posture.index.numpy()[block.kept // 4]
    np.testing.assert_array_equal(block.rows["source_index"], index)
    assert len(np.unique(block.kept // 4)) == len(block.kept), "one of each four at most"


def test_in_bfloat16_scores_are_nearly_the_same(fake_run: RunFolder, free) -> None:
    reason, measured = judged(fake_run, replace(FP32, precision="bf16", scores=True, difficulty=True))
    both = (reason == KEPT) & (free[0] == KEPT)
    for name, values in measured.items():
        assert np.corrcoef(values[both], free[1][name][both])[0, 1] > 0.95, name


def test_a_run_without_discriminators_is_exported_where_no_score_is_asked_for(make_run: Callable) -> None:
    run = make_run()
    (run.path / "discriminators.safetensors").unlink()
    (run.path / "estimator.safetensors").unlink()
    assert isinstance(Sampler(run, FP32).filters, Filters)


def test_networks_are_asked_in_whole_steps_and_answer_for_the_rows_alone() -> None:
    seen = []

    def network(poses: torch.Tensor) -> torch.Tensor:
        seen.append(len(poses))
        return poses.sum((1, 2))

    poses = torch.randn(PASS_ROWS + 300, 16, 2)
    torch.testing.assert_close(in_passes(network, poses), poses.sum((1, 2)))
    assert seen == [PASS_ROWS, 2 * STEP_ROWS]
