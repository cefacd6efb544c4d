"""Orders as numbers: every row once, on one rank, as often as is said, from anywhere on."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseaug_gen.consumers.order import Dealing, Order
from poseaug_gen.errors import BadConfigError

SPANS = st.lists(st.integers(1, 40), min_size=1, max_size=12)
SIZES = {"batch": st.integers(1, 30), "buffer_rows": st.integers(1, 100), "piece": st.integers(1, 50)}


def order_of(spans, **dealing):
    return Order(
        np.array(spans, dtype=np.int64), Dealing(**{"batch": 8, "buffer_rows": 32, "piece": 50} | dealing), "aug.h5"
    )


def rows_of(order, epoch, spans):
    """The numbers of the rows, batch by batch."""
    first, batches = np.cumsum(spans) - spans, []
    for number in range(order.groups):
        group = order.group(epoch, number)
        read = [first[piece.span] + np.arange(piece.start, piece.stop) for piece in group.pieces]
        for piece in group.pieces:
            assert 0 <= piece.start < piece.stop <= spans[piece.span]
            assert piece.stop - piece.start <= order.dealing.piece
        mixed = np.concatenate(read)[group.mix]
        assert len(group.ends) == order.batches_of(number) + 1
        assert (group.ends[0], group.ends[-1]) == (0, len(mixed))
        batches += [mixed[start:stop] for start, stop in zip(group.ends[:-1], group.ends[1:], strict=True)]
    assert len(batches) == order.batches
    return batches


@settings(deadline=None)  # the suite shares two cores
@given(spans=SPANS, sizes=st.fixed_dictionaries(SIZES), shuffle=st.booleans(), world=st.integers(1, 4))
def test_ranks_share_the_rows_and_make_equally_many_batches(spans, sizes, shuffle, world):
    if sum(spans) < world:
        return
    ranks = [order_of(spans, **sizes, shuffle=shuffle, rank=rank, world=world) for rank in range(world)]
    dealt = [rows_of(order, 3, spans) for order in ranks]
    every = np.concatenate([np.concatenate(batches) for batches in dealt])
    assert sorted(every) == list(range(sum(spans)))
    if not shuffle:
        assert list(every) == list(range(sum(spans)))
    per_rank = [sum(map(len, batches)) for batches in dealt]
    assert max(per_rank) - min(per_rank) <= 1
    if sizes["batch"] > 1:
        assert len({order.batches for order in ranks}) == 1
    for batches in dealt:
        assert all(0 < len(batch) <= sizes["batch"] for batch in batches)
        assert all(len(batch) == sizes["batch"] for batch in batches[:-2])
    if world == 1:
        assert all(len(batch) == sizes["batch"] for batch in dealt[0][:-1])


@settings(deadline=None)  # the suite shares two cores
@given(spans=SPANS, sizes=st.fixed_dictionaries(SIZES), world=st.integers(1, 4))
def test_without_a_remainder_all_batches_are_full(spans, sizes, world):
    if sum(spans) // world < sizes["batch"]:
        with pytest.raises(BadConfigError, match="too few"):
            order_of(spans, **sizes, drop_remainder=True, world=world)
        return
    ranks = [order_of(spans, **sizes, drop_remainder=True, rank=rank, world=world) for rank in range(world)]
    dealt = [rows_of(order, 0, spans) for order in ranks]
    every = np.concatenate([np.concatenate(batches) for batches in dealt])
    assert len(set(every)) == len(every)
    assert {len(batch) for batches in dealt for batch in batches} == {sizes["batch"]}
    assert {len(batches) for batches in dealt} == {sum(spans) // world // sizes["batch"]}


def test_ranks_whose_rows_fill_batches_make_as_many_as_one_with_a_row_more():
    """33 rows on two ranks in batches of 8: 16 and 17 rows, and 17 make three batches."""
    sizes = [[len(batch) for batch in rows_of(order_of([33], rank=rank, world=2), 0, [33])] for rank in (0, 1)]
    assert sizes == [[8, 7, 1], [8, 8, 1]]


def test_batches_of_one_row_are_as_many_as_rows():
    assert [order_of([33], batch=1, rank=rank, world=2).batches for rank in (0, 1)] == [16, 17]


def test_an_order_follows_from_seed_and_epoch():
    spans = [40] * 30
    one, again, other = (np.concatenate(rows_of(order_of(spans, seed=seed), 5, spans)) for seed in (1, 1, 2))
    next_epoch = np.concatenate(rows_of(order_of(spans, seed=1), 6, spans))
    assert list(one) == list(again)
    for different in (other, next_epoch):
        assert np.mean(one == different) < 0.01


def test_a_group_does_not_depend_on_what_was_asked_for_before():
    spans = [13] * 20
    walked, fresh = order_of(spans), order_of(spans)
    last = [walked.group(0, number) for number in range(walked.groups)][-1]
    alone = fresh.group(0, fresh.groups - 1)
    assert alone.pieces == last.pieces
    assert list(alone.mix) == list(last.mix)


def test_rows_are_mixed_over_many_spans():
    """In a batch of 64 from groups of 16 spans are rows of nearly all of these; epochs group other spans."""
    spans = [64] * 160
    order = order_of(spans, batch=64, buffer_rows=1024, piece=64)
    batches = rows_of(order, 0, spans)
    assert np.mean([len(set(batch // 64)) for batch in batches]) > 15
    groups = [{frozenset(p.span for p in order.group(epoch, n).pieces) for n in range(10)} for epoch in (0, 1)]
    assert not groups[0] & groups[1]


def test_a_place_is_an_epoch_and_batches():
    order = order_of([100])
    assert order.batches == 13
    assert order.place(2, 12) == (2, 12)
    assert order.place(2, 13) == (3, 0)
    assert order.place(0, 13 * 7 + 4) == (7, 4)
    assert order.place_in(json.loads(json.dumps(order.state(7, 4)))) == (7, 4)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"batch": 9}, "batch=9"),
        ({"seed": 1}, "seed=1"),
        ({"shuffle": False}, "shuffle=0"),
        ({"buffer_rows": 64}, "buffer_rows=64"),
        ({"world": 2}, "world=2"),
        ({"drop_remainder": True}, "drop_remainder=1"),
    ],
)
def test_a_state_of_another_order_is_refused(other, named):
    with pytest.raises(BadConfigError, match=f"{named}; this one has"):
        order_of([100]).place_in(order_of([100], **other).state(0, 1))


def test_a_state_of_another_export_is_refused_and_one_of_another_rank_is_not():
    with pytest.raises(BadConfigError, match="rows=99; this one has rows=100"):
        order_of([100]).place_in(order_of([99]).state(0, 1))
    ranks = [order_of([100], rank=rank, world=2) for rank in (0, 1)]
    assert ranks[1].place_in(ranks[0].state(4, 1)) == (4, 1)


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"batch": -1}, {"batch": "7"}, {"epoch": None}])
def test_what_is_no_state_is_refused(wrong):
    order = order_of([100])
    with pytest.raises(BadConfigError, match="state has 'epoch'"):
        order.place_in(wrong)
    with pytest.raises(BadConfigError, match="whole number"):
        order.place_in(order.state(0, 0) | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"batch": True},
        {"seed": -1},
        {"buffer_rows": 0},
        {"rank": 2, "world": 2},
        {"rank": -1},
        {"world": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong):
    name = next(iter(wrong))
    with pytest.raises(BadConfigError, match=f"^{name}="):
        order_of([100], **wrong)


def test_fewer_rows_than_ranks_are_refused():
    with pytest.raises(
        BadConfigError, match=r"aug\.h5: its 3 rows are too few for one on each of 4 ranks; take fewer ranks"
    ):
        order_of([3], world=4)


def test_no_rows_are_refused():
    with pytest.raises(BadConfigError, match=r"aug\.h5: its 0 rows are too few for one; take"):
        order_of([])
