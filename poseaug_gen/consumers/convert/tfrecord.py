"""TFRecord files: a record is a ``tf.train.Example`` of 1,024 rows, with a feature for each column: its bytes.

TensorFlow is not needed to write them. :func:`poseaug_gen.consumers.tfrecord.tfrecord_dataset` reads them, and
docs/convert.md says how to do so with nothing but TensorFlow. ``about.json`` has type and shape of each column.

The form of a file and of a message are those of tensorflow/core/lib/io/record_writer.h and core/example/example.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from poseaug_gen.consumers.convert.blocks import ROWS_PER_FILE, block_pieces
from poseaug_gen.consumers.convert.crc32c import crc32c
from poseaug_gen.consumers.convert.pieces import Format, Task
from poseaug_gen.consumers.tfrecord import ROWS, SUFFIX
from poseaug_gen.consumers.view import Block
from poseaug_gen.export.schema import all_columns
from poseaug_gen.skeleton import load_skeleton

_MASK = 0xA282EAD8  # added to a checksum, so that it may be part of what another is of


def _write(path: Path, blocks: Iterable[tuple[int, Block]]) -> None:
    with path.open("wb") as file:
        for _, block in blocks:
            record = example(block)
            length = struct.pack("<Q", len(record))
            file.write(length + _checksum(length))
            file.write(record)
            file.write(_checksum(record))


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def example(block: Block) -> bytes:
    """A ``tf.train.Example`` of some rows: of each column its bytes, and in ``rows`` their number."""
    rows = len(next(iter(block.values())))
    # Example.features (1) is Features, whose feature (1) is a map: entries of key (1) and value (2). A value is a
    # Feature: bytes_list (1) or int64_list (3), in either of which the numbers or byte strings are value (1).
    features = {name: _message(1, _message(1, values.tobytes())) for name, values in block.items()}
    features[ROWS] = _message(3, _message(1, _varint(rows)))
    entries = [_message(1, _message(1, name.encode()) + _message(2, features[name])) for name in sorted(features)]
    return _message(1, b"".join(entries))


def _message(field: int, content: bytes) -> bytes:
    """A field of a protocol buffer that has a length: text, bytes or a message."""
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """A whole number without sign: seven bits a byte, the lowest first."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def next_step(task: Task, out: Path) -> str:
    return f"poseaug_gen.consumers.tfrecord.tfrecord_dataset('{out}'), or with TensorFlow alone as in docs/convert.md"


FORMAT = Format(
    title="TFRecord",
    pieces=partial(block_pieces, suffix=SUFFIX[1:], write=_write),
    next_step=next_step,
    keeps=tuple(column.name for column in all_columns(load_skeleton())),
    derives=False,
    rows_per_file=ROWS_PER_FILE,
)
