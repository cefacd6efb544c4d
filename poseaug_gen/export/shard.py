"""One file of pairs: written in whole chunks under a temporary name, hashed, fsynced, renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseaug_gen import storage
from poseaug_gen.export.rows import Rows, Sampler, Tally
from poseaug_gen.export.schema import CHUNK_ROWS, Column, to_json
from poseaug_gen.hdf5 import Writer

Advance = Callable[[int], object]  # told how many rows were written since it was last called


def make_shard(
    sampler: Sampler, path: Path, shard: int, rows: int, attributes: Mapping[str, Any], advance: Advance
) -> Tally:
    """Make shard number ``shard`` of an export and put it at ``path``; returns what was redrawn.

    Raises:
        PoseAugError: the disk is full or cannot be written (nothing is left), or hardly a candidate is valid.
    """
    total = Tally()

    def tallied() -> Iterator[Rows]:
        nonlocal total
        for block, tally in sampler.blocks(shard, rows):
            total += tally
            yield block

    with storage.replacing(path) as temporary, Writer(temporary) as writer:
        digests = write_rows(writer, sampler.columns, rows, tallied(), advance)
        set_attributes(writer.file, {**attributes, "row_count": rows, "redrawn": to_json(total.to_dict())}, digests)
    return total


def write_rows(
    writer: Writer, columns: Sequence[Column], rows: int, blocks: Iterable[Rows], advance: Advance
) -> dict[str, str]:
    """Write ``rows`` rows, whatever blocks they come in; returns the SHA-256 of each column's bytes.

    The datasets have their full shape from the start, and every write but the last is of whole chunks: HDF5 then
    passes them on without reading a chunk back.

    Raises:
        OSError: the disk is full or fails.
    """
    datasets = {column.name: _dataset(writer.file, column, rows) for column in columns}
    hashes = {column.name: hashlib.sha256() for column in columns}
    start = 0
    for block in whole_chunks(blocks):
        stop = start + len(block["source_index"])
        for name, values in block.items():
            values = np.ascontiguousarray(values)
            datasets[name][start:stop] = values
            hashes[name].update(values.data)
        writer.check()
        advance(stop - start)
        start = stop
    return {name: hash_.hexdigest() for name, hash_ in hashes.items()}


def whole_chunks(blocks: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows in blocks of whole chunks; only the last may end within one."""
    held: Rows = {}
    for block in blocks:
        held = {name: np.concatenate([held[name], block[name]]) for name in block} if held else block
        whole = len(held["source_index"]) // CHUNK_ROWS * CHUNK_ROWS
        if whole:
            yield {name: values[:whole] for name, values in held.items()}
            held = {name: values[whole:] for name, values in held.items()}
    if held and len(held["source_index"]):
        yield held


def set_attributes(file: h5py.File, attributes: Mapping[str, Any], digests: Mapping[str, str] | None = None) -> None:
    """Write the attributes and, where there are column digests, ``digests``: by it a file can be checked by itself."""
    for name, value in attributes.items():
        file.attrs[name] = value
    if digests is not None:
        file.attrs["digests"] = to_json({"columns": digests, "attributes": attributes_digest(attributes)})


def attributes_digest(attributes: Mapping[str, Any]) -> str:
    """The SHA-256 of a file's attributes but ``digests`` itself."""
    plain = {name: value if isinstance(value, str) else int(value) for name, value in sorted(attributes.items())}
    plain.pop("digests", None)
    return hashlib.sha256(to_json(plain).encode()).hexdigest()


def label_axes(dataset: h5py.Dataset, column: Column) -> None:
    """Name the axes; dimension scales would be datasets of another length, which some readers refuse."""
    for axis, label in enumerate(("pair", *column.axes)):
        dataset.dims[axis].label = label


def _dataset(file: h5py.File, column: Column, rows: int) -> h5py.Dataset:
    chunks = (min(CHUNK_ROWS, rows), *column.shape)
    dataset = file.create_dataset(column.name, (rows, *column.shape), column.dtype, chunks=chunks)
    label_axes(dataset, column)
    return dataset
