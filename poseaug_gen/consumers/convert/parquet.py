"""Parquet files: the export's columns, poses as lists of fixed size, the attributes as metadata of the schema.

Read by pyarrow, pandas, Polars, DuckDB, Spark and HuggingFace's ``datasets``. All the files of a folder have one
schema; there is no other file among them, as readers of whole folders want it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from poseaug_gen.consumers.convert.blocks import ROWS_PER_FILE
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task, parts_of
from poseaug_gen.consumers.frameworks import framework
from poseaug_gen.consumers.view import Block
from poseaug_gen.export.schema import Column, all_columns
from poseaug_gen.skeleton import load_skeleton

GROUP_ROWS = 32_768  # of a row group: some 14 MB, what a reader holds at a time
_COLUMN_BYTES, _MARGIN = 400, 2**17  # of a column in a row group's metadata, and the schema with its attributes


def pieces(task: Task) -> list[Piece]:
    """Files of so many rows each."""
    columns = task.pairs.columns.values()
    row = sum(column.row_bytes for column in columns)
    made = []
    for start, stop, part in parts_of(task):
        groups = -(-(stop - start) // GROUP_ROWS)
        size = (stop - start) * row + groups * _COLUMN_BYTES * len(columns) + _MARGIN
        made.append(Piece(f"{task.name}-{part}.parquet", stop - start, size, partial(_write, task, start, stop)))
    return made


def next_step(task: Task, out: Path) -> str:
    return f"pyarrow.parquet.read_table('{out}'), or datasets.load_dataset('parquet', data_files='{out}/*.parquet')"


def _write(task: Task, start: int, stop: int, path: Path, advance: Advance) -> None:
    arrow, parquet = _arrow()
    columns = task.pairs.columns
    fields = [_field(arrow, column) for column in columns.values()]
    metadata = {name: str(value) for name, value in task.attributes().items()}
    schema = arrow.schema(fields, metadata=metadata)
    # Hardly a number comes again, so dictionaries are in vain; compression saves a sixth and costs no time to read.
    with parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=False, write_statistics=False) as file:
        for block in task.all_rows.blocks(tuple(columns), GROUP_ROWS, start, stop):
            file.write_table(_table(arrow, schema, block), row_group_size=GROUP_ROWS)
            advance(len(block["source_index"]))


def _arrow() -> tuple[Any, Any]:
    return framework("pyarrow", "pyarrow", "parquet"), framework("pyarrow.parquet", "pyarrow", "parquet")


def _field(arrow: Any, column: Column) -> Any:
    """A number, or lists of lists of numbers, each as long as the axis."""
    kind = arrow.from_numpy_dtype(column.dtype)
    for side in reversed(column.shape):
        kind = arrow.list_(kind, side)
    return arrow.field(column.name, kind, nullable=False, metadata={"unit": column.unit, "meaning": column.meaning})


def _table(arrow: Any, schema: Any, block: Block) -> Any:
    arrays = []
    for field, values in zip(schema, block.values(), strict=True):
        array = arrow.array(values.reshape(-1))
        for side in reversed(values.shape[1:]):
            array = arrow.FixedSizeListArray.from_arrays(array, side)
        arrays.append(array.cast(field.type))
    return arrow.table(arrays, schema=schema)


FORMAT = Format(
    title="Parquet",
    pieces=pieces,
    next_step=next_step,
    keeps=tuple(column.name for column in all_columns(load_skeleton())),
    derives=False,
    rows_per_file=ROWS_PER_FILE,
    check=_arrow,
)
