"""PyTorch's ``DataLoader`` over an export: workers by fork and by spawn, ranks, epochs, places to resume from."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle

import pytest
import torch
from bare import assert_each_row_once, assert_same, default, joined
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from poseaug_gen.consumers import torch_dataset
from poseaug_gen.consumers.for_torch import dealt
from poseaug_gen.errors import BadConfigError

BATCH = 300
SMALL = {"batch": BATCH, "buffer_rows": 4 * BATCH}  # 8 groups of 4 batches in 9,001 rows


def loader_of(dataset, workers=0, method="fork", **options):
    context = {"multiprocessing_context": method, "timeout": 60} if workers else {}
    return DataLoader(dataset, batch_size=None, num_workers=workers, **context, **options)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_see_rows_of_their_own(method, sharded):
    dataset = torch_dataset(sharded, **SMALL)
    begun = iter(loader_of(dataset))
    next(begun)  # files are open here and a thread reads on; neither may be used there
    batches = list(loader_of(dataset, 2, method))
    assert len(list(begun)) == 30
    assert len(batches) == len(dataset) == 31
    assert_each_row_once(batches, default(sharded))


def test_two_ranks_of_two_workers_see_all_rows_once(plain):
    datasets = [torch_dataset(plain, **SMALL, rank=rank, world=2) for rank in (0, 1)]
    batches = [list(loader_of(dataset, 2)) for dataset in datasets]
    assert_each_row_once(batches[0] + batches[1], default(plain))
    assert [len(own) for own in batches] == [len(dataset) for dataset in datasets] == [16, 16]


def test_tensors_have_memory_of_their_own(plain):
    one, other = itertools.islice(torch_dataset(plain, **SMALL), 2)
    kept = other[0].clone()
    one[0].zero_()
    one[1].add_(1)
    assert torch.equal(other[0], kept)
    assert (one[0].dtype, one[1].shape) == (torch.float32, (BATCH, 16, 3))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_that_live_on_learn_of_the_epoch(workers, plain):
    dataset = torch_dataset(plain, **SMALL)
    loader = loader_of(dataset, workers, persistent_workers=workers > 0)
    passes = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        passes.append(list(loader))
    assert_same(passes[0], passes[2])
    assert not torch.equal(passes[0][0][0], passes[1][0][0])
    assert_each_row_once(passes[1], default(plain))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@pytest.mark.parametrize("workers", [0, 2, 3])
def test_an_epoch_is_taken_up_in_its_middle_by_as_many_workers(workers, plain):
    """Workers have 3, 3 and 2 groups: in the middle, in a turn, and where one is through already."""
    dataset = torch_dataset(plain, **SMALL)
    dataset.set_epoch(1)
    whole = list(loader_of(dataset, workers))
    assert_each_row_once(whole, default(plain))
    for skip in (7, 16, 25, 28):
        again = torch_dataset(plain, **SMALL)
        again.set_epoch(0, len(dataset) + skip)
        assert_same(loader_of(again, workers), whole[skip:])


def test_a_state_goes_into_a_checkpoint(plain, tmp_path):
    dataset = torch_dataset(plain, **SMALL)
    dataset.set_epoch(3)
    whole, begun = list(dataset), iter(dataset)
    for _ in range(11):
        next(begun)
    torch.save(dataset.state_dict(), tmp_path / "state.pt")
    again = torch_dataset(plain, **SMALL)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert_same(list(again), whole[11:])
    with pytest.raises(BadConfigError, match="batch=300; this one has batch=200"):
        torch_dataset(plain, batch=200, buffer_rows=4 * BATCH).load_state_dict(dataset.state_dict())
    list(dataset)
    assert dataset.state_dict()["epoch"] == 4


def test_a_copy_is_a_dataset_of_its_own(plain):
    dataset = torch_dataset(plain, **SMALL)
    dataset.set_epoch(2)
    copy = pickle.loads(pickle.dumps(dataset))
    dataset.set_epoch(5)
    assert not torch.equal(next(iter(copy))[0], next(iter(dataset))[0])
    dataset.set_epoch(2)
    assert_same(list(copy), list(dataset))


def test_ranks_are_those_that_torchrun_announces(plain, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    announced = list(torch_dataset(plain, **SMALL))
    assert_same(announced, list(torch_dataset(plain, **SMALL, rank=1, world=2)))


def _rank(rank, path, address, queue):
    from torch import distributed

    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    queue.put((rank, [field.tolist() for field in joined(torch_dataset(path, **SMALL, fields=("source_index",)))]))
    distributed.destroy_process_group()


def test_ranks_are_those_of_the_process_group(plain, tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    address = f"file://{tmp_path}/meeting"
    processes = [context.Process(target=_rank, args=(rank, plain, address, queue)) for rank in (0, 1)]
    for process in processes:
        process.start()
    found = dict(queue.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(60)
    for rank, rows in found.items():
        expected = joined(torch_dataset(plain, **SMALL, fields=("source_index",), rank=rank, world=2))
        assert rows == [field.tolist() for field in expected]


@settings(deadline=None)  # the suite shares two cores
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), skip=st.integers(0, 50))
def test_workers_are_asked_in_turn(lengths, skip):
    """Against the DataLoader's way, step by step; the order from there on is that of new workers in that turn."""
    given_, waiting = [0] * len(lengths), [worker for worker, length in enumerate(lengths) if length]
    for _ in range(min(skip, sum(lengths))):
        worker = waiting.pop(0)
        given_[worker] += 1
        if given_[worker] < lengths[worker]:
            waiting.append(worker)
    found, turn = dealt(lengths, skip)
    assert found == given_
    assert turn[: len(waiting)] == waiting
    assert sorted(turn) == list(range(len(lengths)))
