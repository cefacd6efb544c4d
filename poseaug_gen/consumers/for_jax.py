"""Batches as JAX arrays, on their way to the device while the one before is computed with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

from poseaug_gen.consumers.batches import Batches, StreamOptions, in_sequence
from poseaug_gen.consumers.frameworks import framework
from poseaug_gen.consumers.resuming import Resuming


class JaxBatches(Resuming):
    """Tuples of arrays on a device or spread over several."""

    def __init__(self, batches: Batches, device: Any = None):
        super().__init__(batches)
        self._device = device

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._pass(self._sent)

    def _sent(self, epoch: int, skip: int) -> Iterator[tuple[Any, ...]]:
        jax = framework("jax", "JAX", "jax")
        ahead = None
        for batch in self._batches.stream(epoch, skip):
            sent = jax.device_put(batch, self._device)  # returns before it is there
            if ahead is not None:
                yield ahead
            ahead = sent
        if ahead is not None:
            yield ahead


def jax_batches(
    path: str | Path, batch: int = 1024, *, device: Any = None, **options: Unpack[StreamOptions]
) -> JaxBatches:
    """The rows of an export in batches of JAX arrays, each pass the next epoch.

    >>> for seen, pose in jax_batches("aug.h5", batch=1024):  # (1024, J, 2) normalised, (1024, J, 3) metres
    ...     ...

    JAX processes see rows of their own and equally many batches. Integers of 64 bits become 32 as JAX is set to.

    Args:
        device: where the arrays go: a ``jax.Device`` or a ``jax.sharding.Sharding``; None: JAX's default.
        options: see :class:`poseaug_gen.consumers.batches.StreamOptions`.

    Raises:
        PoseAugError: JAX is not installed, or the export is not whole: a shard is missing, truncated, damaged or
            another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    jax = framework("jax", "JAX", "jax")
    options.setdefault("rank", jax.process_index())
    options.setdefault("world", jax.process_count())
    return JaxBatches(in_sequence(path, batch, **options), device)
