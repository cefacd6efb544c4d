"""Pools and batches: the source's half is the same in every training set."""

from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import light, seeds

from poseaug_gen.training.batches import Pool, half_and_half

CPU = torch.device("cpu")


def numbered(rows: int, sign: int = 1) -> Pool:
    """Pairs that tell which row they are: negative ones in the other pool."""
    number = sign * (1 + torch.arange(rows, dtype=torch.float32))
    return Pool(number[:, None, None].expand(rows, 4, 2), number[:, None, None].expand(rows, 4, 3))


@light
@given(seeds, st.integers(2, 33), st.integers(1, 200), st.integers(1, 200))
def test_the_source_half_is_the_same_whatever_it_is_mixed_with(seed, batch_size, rows, others):
    source = numbered(rows)
    alone = half_and_half(source, source)(seed, batch_size)
    mixed = half_and_half(source, numbered(others, -1))(seed, batch_size)
    half = batch_size - batch_size // 2
    for (mine, pose), (theirs, their_pose) in islice(zip(alone, mixed, strict=True), 4):
        assert len(mine) == len(theirs) == len(pose) == batch_size
        assert torch.equal(mine[:half], theirs[:half])
        assert torch.equal(pose[:half], their_pose[:half])
        assert (theirs[half:] < 0).all()
        assert (their_pose[half:] < 0).all()
        assert torch.equal(mine[:, 0, 0], pose[:, 0, 0]), "a 2D pose and the 3D pose of its own row"


def test_a_seed_gives_its_own_rows_and_steps_differ():
    def rows(seed):
        return torch.stack([pose_2d[:, 0, 0] for pose_2d, _ in islice(half_and_half(pool, pool)(seed, 64), 3)])

    pool = numbered(10_000)
    assert torch.equal(rows(3), rows(3))
    assert not torch.equal(rows(3), rows(4))
    assert len(rows(3).unique()) > 150, "neither half repeats the other, nor a step the one before"


def test_every_row_is_drawn_sooner_or_later():
    drawn = torch.cat([pose[:, 0, 0] for _, pose in islice(half_and_half(numbered(50), numbered(50))(0, 100), 20)])
    assert set(drawn.tolist()) == {float(n) for n in range(1, 51)}


def test_a_pool_holds_root_relative_poses_and_what_an_estimator_is_given(make_poses, skeleton):
    source = make_poses(skeleton, rows=20)
    detected = source.project() + np.float32(0.01)
    for poses, seen in ((source, source.project()), (replace(source, detected_2d=detected), detected)):
        pool = Pool.of(poses, CPU)
        np.testing.assert_array_equal(pool.pose, source.positions - source.positions[:, :1])
        np.testing.assert_array_equal(pool.pose_2d, seen)
