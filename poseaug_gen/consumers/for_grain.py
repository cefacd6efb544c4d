"""Batches as a data source of grain, which shuffles, spreads over processes and checkpoints by number."""

from __future__ import annotations

from pathlib import Path
from typing import SupportsIndex, Unpack

from poseaug_gen.consumers.batches import Batch, Batches, Options, one_by_one
from poseaug_gen.consumers.order import check_count


class GrainSource:
    """Batches by number, epoch after epoch: a ``grain.sources.RandomAccessDataSource``. Can be pickled."""

    def __init__(self, batches: Batches, epochs: int = 1):
        check_count("epochs", epochs, 1)
        self._batches, self._epochs = batches, epochs

    def __len__(self) -> int:
        """Batches of all epochs."""
        return self._epochs * len(self._batches)

    def __getitem__(self, number: SupportsIndex) -> Batch:
        """A batch; ``number // (batches of an epoch)`` is its epoch."""
        if not 0 <= number.__index__() < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        return self._batches.at(*divmod(number.__index__(), len(self._batches)))


def grain_source(path: str | Path, batch: int = 1024, *, epochs: int = 1, **options: Unpack[Options]) -> GrainSource:
    """The rows of an export as a data source of grain, whose elements are whole batches, shuffled already.

    >>> source = grain_source("aug.h5", batch=1024, epochs=10)
    >>> dataset = grain.MapDataset.source(source).to_iter_dataset(grain.ReadOptions(num_threads=2))
    >>> for seen, pose in dataset:  # (1024, J, 2) normalised, (1024, J, 3) metres
    ...     ...

    The iterator's ``get_state`` and ``set_state`` resume it.

    Args:
        epochs: how many epochs there are one after the other, each in another order.
        options: see :class:`poseaug_gen.consumers.batches.Options`.

    Raises:
        PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    return GrainSource(one_by_one(path, batch, **options), epochs)
