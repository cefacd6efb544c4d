"""TFRecord files: a record is a ``tf.train.Example`` of 1,024 rows, with a feature for each column: its bytes.

:func:`poseaug_gen.consumers.tfrecord.tfrecord_dataset` reads them, and docs/convert.md says how to do so with nothing
but TensorFlow. ``about.json`` has type and shape of each column.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from poseaug_gen.consumers.convert.blocks import ROWS_PER_FILE, block_pieces
from poseaug_gen.consumers.convert.pieces import Format, Task
from poseaug_gen.consumers.frameworks import framework
from poseaug_gen.consumers.tfrecord import ROWS, SUFFIX
from poseaug_gen.consumers.view import Block
from poseaug_gen.export.schema import all_columns
from poseaug_gen.skeleton import load_skeleton


def _write(path: Path, blocks: Iterable[tuple[int, Block]]) -> None:
    tf = _tensorflow()
    with tf.io.TFRecordWriter(str(path)) as file:
        for _, block in blocks:
            file.write(_example(tf, block))


def _example(tf: Any, block: Block) -> bytes:
    """A ``tf.train.Example`` of some rows: of each column its bytes, and in ``rows`` their number."""
    rows = len(next(iter(block.values())))
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[values.tobytes()]))
        for name, values in block.items()
    }
    features[ROWS] = tf.train.Feature(int64_list=tf.train.Int64List(value=[rows]))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _tensorflow() -> Any:
    # Either keeps it from greeting with a page about the processor; nothing is computed with it here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    return framework("tensorflow", "TensorFlow", "tensorflow")


def next_step(task: Task, out: Path) -> str:
    return f"poseaug_gen.consumers.tfrecord.tfrecord_dataset('{out}'), or with TensorFlow alone as in docs/convert.md"


FORMAT = Format(
    title="TFRecord",
    pieces=partial(block_pieces, suffix=SUFFIX[1:], write=_write),
    next_step=next_step,
    keeps=tuple(column.name for column in all_columns(load_skeleton())),
    derives=False,
    rows_per_file=ROWS_PER_FILE,
    check=_tensorflow,
)
