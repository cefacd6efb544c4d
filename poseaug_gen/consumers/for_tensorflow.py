"""Batches as a ``tf.data.Dataset``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from poseaug_gen.consumers.batches import Batch, Batches, StreamOptions, in_sequence
from poseaug_gen.consumers.frameworks import framework

if TYPE_CHECKING:
    import tensorflow

LUMP_ROWS = 16384  # that cross from Python to TensorFlow in one: half the time of batches of 1,024 one by one


def tf_dataset(
    path: str | Path, batch: int = 1024, *, epoch: int = 0, skip: int = 0, **options: Unpack[StreamOptions]
) -> tensorflow.data.Dataset:
    """The rows of an export as a ``tf.data.Dataset`` of batches, each pass the next epoch.

    >>> dataset = tf_dataset("aug.h5", batch=1024)
    >>> model.fit(dataset, epochs=10)  # (1024, J, 2) normalised, (1024, J, 3) metres

    ``repeat`` goes on with the next epoch. A pass that is broken off is begun again by the next one.

    Args:
        epoch: of the first pass.
        skip: how many batches of it are past already: they are not read.
        options: see :class:`poseaug_gen.consumers.batches.StreamOptions`.

    Raises:
        PoseAugError: TensorFlow is not installed, or the export is not whole: a shard is missing, truncated, damaged
            or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    tf = framework("tensorflow", "TensorFlow", "tensorflow")
    batches = in_sequence(path, batch, **options)
    place = batches.order.place(epoch, skip)

    def lumps() -> Iterator[Batch]:
        nonlocal place
        epoch, done = place
        for lump in batches.stream(epoch, done, lump=max(1, LUMP_ROWS // batch)):
            done += max(1, len(lump[0]) // batch)
            if done == len(batches):
                if len(lump[0]) > batch:  # the last batch goes alone: when it is asked for, the pass is as good as over
                    yield tuple(part[:-batch] for part in lump)
                    lump = tuple(part[-batch:] for part in lump)
                place = epoch + 1, 0
            yield lump

    dataset = tf.data.Dataset.from_generator(lumps, output_signature=_signature(tf, batches))
    even = batches.order.dealing.drop_remainder
    dataset = dataset.flat_map(lambda *lump: tf.data.Dataset.from_tensors(lump).rebatch(batch, drop_remainder=even))
    if not place[1]:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    sharding = tf.data.Options()
    if batches.order.dealing.world > 1:  # the ranks' rows are dealt already
        sharding.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(sharding).prefetch(2)


def _signature(tf: Any, batches: Batches) -> tuple[Any, ...]:
    """What a lump is to TensorFlow."""
    pairs = batches.pairs
    specs = ((pairs.shape(name), pairs.dtype(name)) for name in pairs.view.fields)
    return tuple(tf.TensorSpec((None, *shape), tf.dtypes.as_dtype(dtype)) for shape, dtype in specs)
