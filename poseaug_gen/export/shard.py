"""One file of pairs: its datasets, written in whole chunks, and its attributes.

Bytes are the same however the rows arrive: they are written chunk by chunk, the columns of each in their order.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.rows import Rows
from poseaug_gen.export.schema import CHUNK_ROWS, Column, to_json
from poseaug_gen.hdf5 import Writer

Advance = Callable[[int], object]  # told how many rows were written since it was last called

READ_ROWS = 8 * CHUNK_ROWS  # that are read at once to be hashed: 14 MB of h36m16
HASH_BEHIND = 2  # chunks that are written and not hashed yet; more only push each other out of the cache
GZIP_LEVEL = 4  # a level more saves a hundredth of the bytes for twice the time


def filters(compression: str) -> dict[str, Any]:
    """What h5py's ``create_dataset`` needs for a compression, ``none``, ``gzip`` or ``blosc``.

    Raises:
        PoseAugError: the package for it is not installed.
    """
    if compression == "none":
        return {}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}
    try:
        import hdf5plugin
    except ImportError as error:
        raise PoseAugError(
            "--compression blosc needs the package hdf5plugin; install it with: pip install 'poseaug-gen[compression]'"
        ) from error
    os.environ["BLOSC_NTHREADS"] = "1"  # several threads put their blocks down in the order in which they are done
    return dict(hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE))


def write_rows(
    writer: Writer,
    columns: Sequence[Column],
    rows: int,
    blocks: Iterable[Rows],
    advance: Advance,
    compression: str = "none",
) -> dict[str, str]:
    """Write ``rows`` rows, whatever blocks they come in; returns the SHA-256 of each column's bytes.

    The datasets have their full shape from the start. Chunks without a filter go straight to the file.

    Raises:
        OSError: the disk is full or fails.
        PoseAugError: the package for the compression is not installed.
    """
    datasets = {column.name: _dataset(writer.file, column, rows, filters(compression)) for column in columns}
    write = _write_direct if compression == "none" else _write_filtered
    start = 0
    with _hashing(columns) as hashes:
        for chunk in whole_chunks(blocks):
            size = len(chunk["source_index"])
            chunk = {column.name: np.ascontiguousarray(chunk[column.name]) for column in columns}
            hashes.update(chunk)
            for name, values in chunk.items():
                write(datasets[name], start, values)
            writer.check()
            start += size
            advance(size)
        return hashes.hexdigests()


def _write_direct(dataset: h5py.Dataset, start: int, values: np.ndarray) -> None:
    """Put a chunk where it belongs, as it is: at the disk's own rate, of which HDF5's other way reaches 60 %."""
    if len(values) < dataset.chunks[0]:  # the last one: filled up, as HDF5 would
        padded = np.zeros(dataset.chunks, dataset.dtype)
        padded[: len(values)] = values
        values = padded
    dataset.id.write_direct_chunk((start,) + (0,) * (values.ndim - 1), values)


def _write_filtered(dataset: h5py.Dataset, start: int, values: np.ndarray) -> None:
    dataset[start : start + len(values)] = values


class _Hashes:
    """The SHA-256 of every column, computed in threads beside the writing: it takes as long as that."""

    def __init__(self, columns: Sequence[Column], threads: ThreadPoolExecutor) -> None:
        self._hashes = {column.name: hashlib.sha256() for column in columns}
        self._threads = threads
        self._behind: deque[Future[None]] = deque()

    def update(self, chunk: Rows) -> None:
        self._behind.append(self._threads.submit(self._update, chunk))
        while len(self._behind) > HASH_BEHIND:
            self._behind.popleft().result()

    def _update(self, chunk: Rows) -> None:
        for name, values in chunk.items():
            self._hashes[name].update(values.data)

    def hexdigests(self) -> dict[str, str]:
        while self._behind:
            self._behind.popleft().result()
        return {name: hash_.hexdigest() for name, hash_ in self._hashes.items()}


@contextmanager
def _hashing(columns: Sequence[Column]) -> Iterator[_Hashes]:
    with ThreadPoolExecutor(1, "hashes") as thread:
        yield _Hashes(columns, thread)


def whole_chunks(blocks: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows a chunk at a time; only the last may be short. Rows are copied where a chunk is of two blocks."""
    held: Rows = {}
    filled = 0
    for block in blocks:
        rows, start = len(block["source_index"]), 0
        while start < rows:
            if not filled and rows - start >= CHUNK_ROWS:
                yield {name: values[start : start + CHUNK_ROWS] for name, values in block.items()}
                start += CHUNK_ROWS
                continue
            if not filled:
                held = {name: np.empty((CHUNK_ROWS, *values.shape[1:]), values.dtype) for name, values in block.items()}
            stop = min(rows, start + CHUNK_ROWS - filled)
            for name, values in block.items():
                held[name][filled : filled + stop - start] = values[start:stop]
            filled, start = filled + stop - start, stop
            if filled == CHUNK_ROWS:
                yield held
                filled = 0
    if filled:
        yield {name: values[:filled] for name, values in held.items()}


def set_attributes(file: h5py.File, attributes: Mapping[str, Any], digests: Mapping[str, str] | None = None) -> None:
    """Write the attributes and, where there are column digests, ``digests``: by it a file can be checked by itself.

    In the order of their names: a file that is made from another's attributes then has the same bytes.
    """
    for name, value in sorted(attributes.items()):
        file.attrs[name] = value
    if digests is not None:
        file.attrs["digests"] = to_json({"columns": digests, "attributes": attributes_digest(attributes)})


def attributes_digest(attributes: Mapping[str, Any]) -> str:
    """The SHA-256 of a file's attributes but ``digests`` itself."""
    plain = {name: value if isinstance(value, str) else int(value) for name, value in sorted(attributes.items())}
    plain.pop("digests", None)
    return hashlib.sha256(to_json(plain).encode()).hexdigest()


def is_as_written(file: h5py.File, attributes: Mapping[str, Any], digests: Mapping[str, Any]) -> bool:
    """Whether a file's columns and attributes are those of its ``digests``, to the last bit.

    Raises:
        OSError: a chunk cannot be read.
    """
    if digests.get("attributes") != attributes_digest(attributes) or set(digests.get("columns", ())) != set(file):
        return False
    return digests["columns"] == column_digests(file)


def column_digests(file: h5py.File) -> dict[str, str]:
    """The SHA-256 of each column's bytes, as :func:`write_rows` made it."""
    digests = {}
    for name, dataset in file.items():
        digest = hashlib.sha256()
        for start in range(0, len(dataset), READ_ROWS):
            digest.update(np.ascontiguousarray(dataset[start : start + READ_ROWS]).data)
        digests[name] = digest.hexdigest()
    return digests


def label_axes(dataset: h5py.Dataset, column: Column) -> None:
    """Name the axes; dimension scales would be datasets of another length, which some readers refuse."""
    for axis, label in enumerate(("pair", *column.axes)):
        dataset.dims[axis].label = label


def _dataset(file: h5py.File, column: Column, rows: int, compression: Mapping[str, Any]) -> h5py.Dataset:
    chunks = (min(CHUNK_ROWS, rows), *column.shape)
    dataset = file.create_dataset(column.name, (rows, *column.shape), column.dtype, chunks=chunks, **compression)
    label_axes(dataset, column)
    return dataset
