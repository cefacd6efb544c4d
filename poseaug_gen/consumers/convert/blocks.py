"""The columns of an export in blocks of rows, for formats of records: one a row would be a hundred times slower."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from poseaug_gen.consumers.convert.pieces import Advance, Piece, Task, about, every_column, json_piece, parts_of
from poseaug_gen.consumers.tfrecord import ABOUT
from poseaug_gen.consumers.view import Block

BLOCK_ROWS = 1024
ROWS_PER_FILE = 262_144  # 115 MB of h36m16 in a file: what readers in parallel like
_COLUMN_BYTES, _MARGIN = 1100, 2**16  # what surrounds a column of a block, at most: tar's headers and padding

Write = Callable[[Path, Iterable[tuple[int, Block]]], None]


def block_pieces(task: Task, suffix: str, write: Write) -> list[Piece]:
    """Files of so many rows each, and a description of what is in them.

    Args:
        write: makes a file of blocks, each of which comes with its number in the conversion.
    """
    columns = task.pairs.columns
    row, around = sum(column.row_bytes for column in columns.values()), _COLUMN_BYTES * len(columns)
    made, number = [], 0
    for start, stop, part in parts_of(task):
        rows = stop - start
        blocks = -(-rows // BLOCK_ROWS)
        size = rows * row + blocks * around + _MARGIN
        make = partial(_write, task, start, stop, number, write)
        made.append(Piece(f"{task.name}-{part}.{suffix}", rows, size, make))
        number += blocks
    return [*made, json_piece(ABOUT, {"block_rows": BLOCK_ROWS, "columns": every_column(task), **about(task)})]


def _write(task: Task, start: int, stop: int, first: int, write: Write, path: Path, advance: Advance) -> None:
    """A file of the rows ``start`` to ``stop``, whose first block is number ``first``."""

    def blocks() -> Iterator[tuple[int, Block]]:
        rows = task.all_rows.blocks(tuple(task.pairs.columns), BLOCK_ROWS, start, stop)
        for number, block in enumerate(rows, start=first):
            yield number, {name: np.ascontiguousarray(values) for name, values in block.items()}
            advance(len(block["source_index"]))

    write(path, blocks())
