"""The history pool: nothing is made up, nothing is lost, half of what comes out is old."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.training.pool import HistoryPool


def numbered(start: int, rows: int) -> torch.Tensor:
    return torch.arange(start, start + rows).view(-1, 1, 1).expand(-1, 2, 3).float()


@given(size=st.integers(1, 40), batches=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_every_fake_is_either_out_or_in_the_pool_exactly_once(size, batches):
    pool, start, out = HistoryPool(size), 0, []
    for rows in batches:
        before = set() if pool.stored is None else set(pool.stored[:, 0, 0].tolist())
        made = numbered(start, rows)
        returned = pool.exchange(made)
        start += rows
        assert returned.shape == made.shape
        after = pool.stored[:, 0, 0].tolist()
        assert len(after) == len(set(after)) <= size, "no fake is stored twice"
        out += returned[:, 0, 0].tolist()
        assert set(after) <= before | set(made[:, 0, 0].tolist()), "nothing is made up"
    assert set(out) | set(pool.stored[:, 0, 0].tolist()) == set(range(start)), "nothing is lost"


def test_a_full_pool_swaps_about_half():
    torch.manual_seed(0)
    pool = HistoryPool(4096)
    for start in range(0, 4096, 1024):
        torch.testing.assert_close(pool.exchange(numbered(start, 1024)), numbered(start, 1024))
    returned = pool.exchange(numbered(4096, 1024))
    old = (returned[:, 0, 0] < 4096).float().mean()
    assert 0.45 < old < 0.55


def test_the_pool_keeps_no_graph():
    pool = HistoryPool(8)
    assert not pool.exchange(torch.rand(4, 2, requires_grad=True) * 2).requires_grad
