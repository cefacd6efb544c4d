"""``grain_source`` within grain: its shuffling, its processes, its checkpoints."""

from __future__ import annotations

import pickle

import pytest
from bare import assert_each_row_once, assert_same, default
from loaders import grain_

from poseaug_gen.consumers import grain_source
from poseaug_gen.errors import BadConfigError

grain = pytest.importorskip("grain")


def test_it_is_what_grain_calls_a_source(plain):
    assert isinstance(grain_source(plain), grain.sources.RandomAccessDataSource)


def test_epochs_follow_one_another(plain):
    source = grain_source(plain, 500, epochs=3)
    assert len(source) == 3 * 19
    for epoch in range(3):
        batches = [source[19 * epoch + number] for number in range(19)]
        assert_each_row_once(batches, default(plain))
        assert_same(batches, grain_(plain, 500, epoch=epoch))
    for number in (-1, 57):
        with pytest.raises(IndexError):
            source[number]
    with pytest.raises(BadConfigError, match="epochs=0"):
        grain_source(plain, epochs=0)


def test_grain_may_shuffle_and_deal_batches_itself(sharded):
    dataset = grain.MapDataset.source(grain_source(sharded, 300)).shuffle(seed=1)
    halves = [list(dataset[rank::2].to_iter_dataset()) for rank in (0, 1)]
    assert_each_row_once(halves[0] + halves[1], default(sharded))


def test_an_iterator_goes_on_from_its_checkpoint(plain):
    dataset = grain.MapDataset.source(grain_source(plain, 500, epochs=2)).to_iter_dataset()
    whole, begun = list(dataset), iter(dataset)
    for _ in range(25):
        next(begun)
    again = iter(dataset)
    again.set_state(begun.get_state())
    assert_same(list(again), whole[25:])


def test_it_crosses_to_other_processes(plain):
    source = grain_source(plain, 500)
    source[0]  # its file is open
    assert_same([pickle.loads(pickle.dumps(source))[3]], [source[3]])
