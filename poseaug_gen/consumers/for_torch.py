"""Batches as PyTorch tensors, for a ``DataLoader`` with any number of workers in any number of ranks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor, distributed
from torch.utils.data import IterableDataset, get_worker_info

from poseaug_gen.consumers.batches import Batches, StreamOptions, in_sequence


class TorchBatches(IterableDataset[tuple[Tensor, ...]]):
    """Tuples of tensors, a whole batch each. Can be pickled; workers open the files for themselves."""

    def __init__(self, batches: Batches):
        self._batches = batches
        # In memory that workers share, so that those which outlive an epoch learn of the next.
        self._next = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._own: tuple[int, int] | None = None  # of a worker that was given a state
        self._now = (0, 0)

    def __len__(self) -> int:
        """Batches of an epoch on this rank, however many workers there are."""
        return len(self._batches)

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """Have the passes from the next one on be an epoch's, from the batch after so many on: without reading those.

        Until then every pass is epoch 0: workers cannot tell how many passes there were. Call it before each epoch, as
        ``DistributedSampler``'s. ``skip`` are batches that this rank's ``DataLoader`` gave, with the same number of
        workers; it may be longer than an epoch.

        Raises:
            BadConfigError: a number is no whole one or negative.
        """
        self._now = self._batches.order.place(epoch, skip)
        self._next.copy_(torch.tensor(self._now))

    def state_dict(self) -> dict[str, Any]:
        """The place after the batch that this process handed on last: where there are no workers, or in a worker.

        The process that has workers does not know it: count its batches, or use torchdata's ``StatefulDataLoader``,
        which asks the workers.
        """
        return self._batches.order.state(*self._now)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the passes from the next one on go on from a place. In a worker, only the next pass.

        Raises:
            BadConfigError: it is none, or of batches in another order.
        """
        if get_worker_info() is None:
            self.set_epoch(*self._batches.order.place_in(state))
        else:
            self._own = self._batches.order.place_in(state)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = get_worker_info()
        workers = 1 if info is None else info.num_workers
        epoch, skip = self._own or self._next.tolist()
        self._own = None
        lengths = [self._length(part, workers) for part in range(workers)]
        given, turn = dealt(lengths, skip)
        part = turn[0 if info is None else info.id]
        for done, arrays in enumerate(self._batches.stream(epoch, given[part], part, workers), start=given[part] + 1):
            # As if every worker had handed on as many: the place is the same for all of them, and no turn is begun.
            self._now = self._batches.order.place(epoch, sum(min(done, length) for length in lengths))
            yield tuple(map(torch.from_numpy, arrays))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._next.share_memory_()

    def _length(self, part: int, parts: int) -> int:
        """Batches of the groups that are one worker's."""
        order = self._batches.order
        return sum(order.batches_of(group) for group in range(part, order.groups, parts))


def torch_dataset(path: str | Path, batch: int = 1024, **options: Unpack[StreamOptions]) -> TorchBatches:
    """The rows of an export as a ``torch.utils.data.IterableDataset`` of whole batches.

    >>> dataset = torch_dataset("aug.h5", batch=1024)
    >>> loader = DataLoader(dataset, batch_size=None)  # no workers: they copy more than they save
    >>> for epoch in range(10):
    ...     dataset.set_epoch(epoch)
    ...     for seen, pose in loader:  # (1024, J, 2) normalised, (1024, J, 3) metres
    ...         ...

    Ranks of ``torch.distributed`` see rows of their own and equally many batches; make the dataset after
    ``init_process_group`` or under ``torchrun``.

    Args:
        options: see :class:`poseaug_gen.consumers.batches.StreamOptions`.

    Raises:
        PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    rank, world = _place_among_ranks()
    options.setdefault("rank", rank)
    options.setdefault("world", world)
    return TorchBatches(in_sequence(path, batch, **options))


def dealt(lengths: Sequence[int], skip: int) -> tuple[list[int], list[int]]:
    """Where the workers of a ``DataLoader`` are after so many batches, which it takes from one after the other.

    Args:
        lengths: how many batches each worker has in all; whose are over is passed by.

    Returns:
        how many each has given, and the workers in the order in which they are asked next, those last that are through.
    """
    given, turn = [0] * len(lengths), [worker for worker, length in enumerate(lengths) if length]
    while skip and turn:
        rounds = min(skip // len(turn), *(lengths[worker] - given[worker] for worker in turn))
        asked = turn if rounds else turn[:skip]
        for worker in asked:
            given[worker] += max(rounds, 1)
        skip -= max(rounds, 1) * len(asked)
        turn = turn if rounds else turn[len(asked) :] + asked
        turn = [worker for worker in turn if given[worker] < lengths[worker]]
    return given, turn + [worker for worker in range(len(lengths)) if worker not in turn]


def _place_among_ranks() -> tuple[int, int]:
    """This process's rank and how many there are; before ``init_process_group``, as ``torchrun`` has announced it."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
