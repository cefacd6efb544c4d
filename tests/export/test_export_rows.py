"""Rows: drawn by (seed, shard, block) alone, only valid ones kept, the others counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.rows import BLOCK_ROWS, Rows, Sampler, Tally, draw
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.training.run_folder import RunFolder


def gathered(sampler: Sampler, shard: int, rows: int) -> tuple[Rows, Tally]:
    """All rows of a shard at once."""
    blocks, total = [], Tally()
    for block, tally in sampler.blocks(shard, rows):
        blocks.append(block)
        total += tally
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}, total


def test_draws_depend_on_seed_shard_and_block_alone() -> None:
    index, noise = draw(seed=3, shard=1, block=2, sources=300, noise=5)
    again_index, again_noise = draw(seed=3, shard=1, block=2, sources=300, noise=5)
    assert torch.equal(index, again_index)
    assert torch.equal(noise, again_noise)
    for other in ((4, 1, 2), (3, 2, 2), (3, 1, 3)):
        other_index, other_noise = draw(*other, sources=300, noise=5)
        assert not torch.equal(index, other_index)
        assert abs(np.corrcoef(noise.flatten(), other_noise.flatten())[0, 1]) < 0.02


def test_draws_have_the_distributions_they_should() -> None:
    index, noise = draw(seed=2**63 - 1, shard=0, block=0, sources=16, noise=48)
    assert noise.shape == (4, BLOCK_ROWS, 48)
    assert noise.dtype == torch.float32
    assert abs(float(noise.mean())) < 0.005
    assert abs(float(noise.std()) - 1) < 0.005
    counts = torch.bincount(index, minlength=16).float()
    expected = BLOCK_ROWS / 16
    assert float(((counts - expected) ** 2 / expected).sum()) < 37.7  # chi-squared, 15 degrees, p = 0.001


def test_a_shorter_shard_is_the_beginning_of_a_longer_one(fake_run: RunFolder) -> None:
    sampler = Sampler(fake_run, ExportSettings())
    long, _ = gathered(sampler, 2, BLOCK_ROWS + 3000)
    short, _ = gathered(sampler, 2, 100)
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:100])


def test_counts_add_up(fake_run: RunFolder) -> None:
    rows, tally = gathered(Sampler(fake_run, ExportSettings()), 0, 20_000)
    assert all(len(values) == 20_000 for values in rows.values())
    assert tally.candidates == 20_000 + sum(tally.redrawn.values())
    assert sum(tally.redrawn.values()) > 0, "the fake run should throw some people out of the frame"


def test_nothing_is_redrawn_twice_or_lost(fake_run: RunFolder) -> None:
    """The kept rows are the valid candidates, in their order."""
    rows, tally = gathered(Sampler(fake_run, ExportSettings()), 0, 15_000)
    drawn = torch.cat([draw(0, 0, block, len(fake_run.poses), 48)[0] for block in range(9)])[: tally.candidates]
    candidates = iter(drawn.tolist())
    assert all(any(source == candidate for candidate in candidates) for source in rows["source_index"].tolist())
    assert drawn[-1] == rows["source_index"][-1]


def test_scores_and_difficulty_are_what_they_say(fake_run: RunFolder) -> None:
    rows, _ = gathered(Sampler(fake_run, ExportSettings(scores=True, difficulty=True)), 0, 500)
    pose, pose_2d = torch.from_numpy(rows["positions_3d"]), torch.from_numpy(rows["positions_2d"])
    poses, estimator = fake_run.poses, fake_run.estimator()
    source = torch.from_numpy(poses.positions)[rows["source_index"]]
    source_2d = project(source, torch.from_numpy(rows["intrinsics"]))
    with torch.no_grad():
        easy = mpjpe_mm(estimator(source_2d), root_relative(source)) / 1000
        hard = mpjpe_mm(estimator(pose_2d), root_relative(pose)) / 1000
        score_2d = fake_run.discriminators()[1](pose_2d)[:, 0]
        # The 3D discriminator is blind to the rigid transform and, but for rounding, to bone lengths.
        score_3d = fake_run.discriminators()[0](pose).mean(-1)
    np.testing.assert_allclose(rows["difficulty"], hard / (easy + 1e-4), rtol=1e-4)
    np.testing.assert_allclose(rows["score_2d"], score_2d, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rows["score_3d"], score_3d, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("bias", "cause"), [((0.0, 0.0, 10.0), "depth"), ((4.0, 0.0, 2.2), "out_of_frame"), ((0, 0, np.nan), "not_finite")]
)
def test_an_augmentor_that_hardly_makes_a_valid_pair_is_told(bias: tuple, cause: str, make_run: Callable) -> None:
    sampler = Sampler(make_run(bias=bias), ExportSettings())
    with pytest.raises(PoseAugError, match=rf"hardly a valid pair .*{cause}\): .*train"):
        gathered(sampler, 0, 10_000)
