"""Batches as a ``keras.utils.PyDataset``, for Keras 3 on any of its backends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from poseaug_gen.consumers.batches import Batch, Batches, Options, one_by_one
from poseaug_gen.consumers.frameworks import framework

keras: Any = framework("keras", "Keras", "tensorflow")


class KerasBatches(keras.utils.PyDataset):
    """Batches by number, which any thread or process may ask for in any order. Can be pickled."""

    def __init__(self, batches: Batches, **workers: Any):
        super().__init__(**workers)
        self._batches = batches
        self._epoch = 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._batches)

    def __getitem__(self, number: int) -> Batch:
        """A batch of the present epoch."""
        if not 0 <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        return self._batches.at(self._epoch, number)

    def on_epoch_end(self) -> None:
        """Keras is through with an epoch: what is asked for from now on is the next one's."""
        self._epoch += 1

    def set_epoch(self, epoch: int) -> None:
        """Have what is asked for from now on be an epoch's. ``fit`` ends one before its first: it begins with the next.

        Raises:
            BadConfigError: the number is no whole one or negative.
        """
        self._epoch, _ = self._batches.order.place(epoch, 0)


def keras_dataset(
    path: str | Path,
    batch: int = 1024,
    *,
    workers: int = 1,
    use_multiprocessing: bool = False,
    max_queue_size: int = 10,
    **options: Unpack[Options],
) -> KerasBatches:
    """The rows of an export as a ``keras.utils.PyDataset``, each epoch in another order.

    >>> model.fit(keras_dataset("aug.h5", batch=1024), epochs=10)  # (1024, J, 2) normalised, (1024, J, 3) metres

    Keras asks for batches in any order, so each is read by itself, from several places of the export: a compressed
    export is read slowly so, and better with ``tf_dataset``.

    Args:
        workers, use_multiprocessing, max_queue_size: of ``PyDataset``.
        options: see :class:`poseaug_gen.consumers.batches.Options`.

    Raises:
        PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    how = {"workers": workers, "use_multiprocessing": use_multiprocessing, "max_queue_size": max_queue_size}
    return KerasBatches(one_by_one(path, batch, **options), **how)
