"""Reads what ``poseaug-gen convert --to tfrecord`` wrote, as a ``tf.data.Dataset`` of batches.

A record is a ``tf.train.Example`` of many rows: of every column its bytes, and in ``rows`` how many rows they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseaug_gen import storage
from poseaug_gen.consumers.frameworks import framework
from poseaug_gen.errors import BadConfigError, PoseAugError, nearest

if TYPE_CHECKING:
    import tensorflow

ROWS = "rows"  # the feature that says how many rows a record has
ABOUT = "about.json"  # what describes the columns
SUFFIX = ".tfrecord"
BUFFER_ROWS = 65536
_AT_ONCE = 4  # files that are read in turn

Columns = Mapping[str, Mapping[str, Any]]  # by name, as about.json lists them


def tfrecord_dataset(
    folder: str | Path,
    batch: int = 1024,
    *,
    fields: Sequence[str] = ("positions_2d", "positions_3d"),
    root_relative: bool = True,
    shuffle: bool = True,
    seed: int = 0,
    buffer_rows: int = BUFFER_ROWS,
    drop_remainder: bool = False,
) -> tensorflow.data.Dataset:
    """The rows of converted files as a ``tf.data.Dataset`` of batches: a tuple of the fields, each (batch, …).

    >>> dataset = tfrecord_dataset("aug.tfrecord", batch=1024)
    >>> model.fit(dataset, epochs=10)  # (1024, J, 2) normalised, (1024, J, 3) metres

    Args:
        folder: that ``poseaug-gen convert --to tfrecord`` wrote.
        fields: columns of the export, in the order in which they are wanted.
        root_relative: ``positions_3d`` about its root joint, the first; else absolute in the camera frame.
        shuffle: another order in each pass; else that of the export.
        buffer_rows: how many rows are mixed with each other in memory.
        drop_remainder: leave out what does not fill a batch; else the last batch is smaller.

    Raises:
        PoseAugError: TensorFlow is not installed, or the folder holds no such files.
        BadConfigError: there is no such field.
    """
    tf = framework("tensorflow", "TensorFlow", "tensorflow")
    folder = Path(folder)
    columns = _columns(folder)
    for name in fields:
        if name not in columns:
            raise BadConfigError(f"{folder}: has no column {name!r}; {nearest(name, columns)}")
    files = sorted(str(path) for path in folder.glob(f"*{SUFFIX}"))
    if not files:
        raise PoseAugError(f"{folder}: has no *{SUFFIX} files; convert the export again")
    paths = tf.data.Dataset.from_tensor_slices(files)
    if shuffle:
        paths = paths.shuffle(len(files), seed)
    cycle = min(_AT_ONCE, len(files)) if shuffle else 1
    records = paths.interleave(tf.data.TFRecordDataset, cycle_length=cycle, num_parallel_calls=cycle)
    blocks = records.map(lambda record: _rows(tf, record, columns, fields), num_parallel_calls=tf.data.AUTOTUNE)
    if root_relative and "positions_3d" in fields:
        pose = list(fields).index("positions_3d")
        blocks = blocks.map(lambda *row: (*row[:pose], row[pose] - row[pose][:, :1], *row[pose + 1 :]))
    if shuffle:
        # In the graph and in groups: to shuffle rows one by one takes eight times as long.
        numbers = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
        groups = tf.data.Dataset.zip(numbers, blocks.rebatch(buffer_rows))
        blocks = groups.map(lambda number, rows: _mixed(tf, number, rows))
    return blocks.rebatch(batch, drop_remainder=drop_remainder).prefetch(tf.data.AUTOTUNE)


def parse_tfrecord(record: Any, columns: Columns, fields: Sequence[str]) -> tuple[Any, ...]:
    """The rows of a record, a tensor for each of the fields; in a graph or eagerly.

    Args:
        record: a scalar string tensor.
        columns: type and shape of each column, by name, as ``about.json`` lists them.
    """
    return _rows(framework("tensorflow", "TensorFlow", "tensorflow"), record, columns, fields)


def _rows(tf: Any, record: Any, columns: Columns, fields: Sequence[str]) -> tuple[Any, ...]:
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in fields}
    parsed = tf.io.parse_single_example(record, features)
    return tuple(
        tf.reshape(tf.io.decode_raw(parsed[name], columns[name]["dtype"]), [-1, *columns[name]["shape"]])
        for name in fields
    )


def _mixed(tf: Any, number: Any, rows: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same rows in another order, which follows from the number."""
    count = tf.shape(rows[0])[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(count), [tf.cast(number, tf.int64), 0])
    return tuple(tf.gather(values, order) for values in rows)


def _columns(folder: Path) -> Columns:
    about = storage.read_json(folder / ABOUT)
    try:
        return {entry["name"]: entry for entry in about["columns"]}
    except (KeyError, TypeError) as error:
        raise PoseAugError(f"{folder / ABOUT}: does not list columns; convert the export again") from error
