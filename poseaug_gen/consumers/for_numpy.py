"""Batches as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from poseaug_gen.consumers.batches import Batch, StreamOptions, in_sequence
from poseaug_gen.consumers.resuming import Resuming


class NumpyBatches(Resuming):
    """Tuples of arrays, each of them its own memory. Can be pickled."""

    def __iter__(self) -> Iterator[Batch]:
        return self._pass(self._batches.stream)


def numpy_batches(path: str | Path, batch: int = 1024, **options: Unpack[StreamOptions]) -> NumpyBatches:
    """The rows of an export in batches, each pass the next epoch.

    >>> for seen, pose in numpy_batches("aug.h5", batch=1024):  # (1024, J, 2) normalised, (1024, J, 3) metres
    ...     ...

    Args:
        options: see :class:`poseaug_gen.consumers.batches.StreamOptions`.

    Raises:
        PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    return NumpyBatches(in_sequence(path, batch, **options))
