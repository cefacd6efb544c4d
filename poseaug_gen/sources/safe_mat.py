"""Reads MATLAB's version 5 files (``save`` without ``-v7.3``) of strangers: arrays of numbers and cells of them.

Nothing in such a file is ever executed: objects, functions and whatever else is no number are refused. No size is
believed before it is compared with the bytes that are there. Version 7.3 is HDF5: see :mod:`.safe_h5`.

Layout (MathWorks, "MAT-File Format", chapter 1): a header of 128 bytes that ends in the version and the byte order;
then elements, each a tag (type and size, four bytes each) and its data, padded to eight bytes. A tag whose type is
over two bytes is a small one: its upper half is the size, and data of at most four bytes stand in its second half. A
variable is a matrix: elements for flags, dimensions, name and values (for a cell: matrices); or a matrix in zlib.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.checks import LARGEST_RATIO

LARGEST_VARIABLE = 4 * 2**30  # bytes
MOST_PARTS = 1_000  # variables of a file, or cells of a variable
Array = Shaped[np.ndarray, "..."]

_HEADER = 128  # bytes
_BYTE_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # how the header ends
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# Classes of matrices: cell; double, single, int8 to uint64; from here on functions and objects, of another make.
_CELL, _NUMBERS, _OBJECTS = 1, range(6, 16), 16
_COMPLEX = 0x08
_TAG = 8  # bytes
_MOST_AXES = 32
_HEAD = 1024  # bytes: a matrix's flags, dimensions and name (of at most 63 letters) fit in


@dataclass(frozen=True)
class _Variable:
    """A variable of a file: where its data lie, and how many bytes they are once decompressed."""

    name: str
    start: int
    stored: int
    size: int
    compressed: bool


@dataclass(frozen=True)
class _Matrix:
    """The parts of a matrix; its values are yet to be read."""

    kind: int
    is_complex: bool
    dims: tuple[int, ...]
    name: str
    values: memoryview


def looks_like_mat(path: Path) -> bool:
    """Whether a file begins as one of version 5 does, be it whole or not."""
    with path.open("rb") as file:
        return file.read(_HEADER)[124:] in _BYTE_ORDERS


def variables(path: Path) -> tuple[str, ...]:
    """The names of the variables.

    Raises:
        PoseAugError: the file is not a whole one of version 5.
    """
    with _opened(path) as file:
        return tuple(variable.name for variable in _directory(file, _Format(path, file)))


def read_variables(path: Path, names: Iterable[str]) -> dict[str, Array | tuple[Array, ...]]:
    """Those of the named variables that the file has; no other is touched.

    A cell becomes a tuple of its arrays, column by column; integers that MATLAB packed stay as small as they are.

    Raises:
        PoseAugError: the file is not a whole one of version 5, or a variable holds something else than real numbers.
    """
    wanted = set(names)
    with _opened(path) as file:
        form = _Format(path, file)
        found = [variable for variable in _directory(file, form) if variable.name in wanted]
        return {variable.name: form.value(_content(file, variable, form), variable.name) for variable in found}


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _directory(file: BinaryIO, form: _Format) -> list[_Variable]:
    """Every variable of a file, by its head alone."""
    end = file.seek(0, 2)
    at = _HEADER
    found: list[_Variable] = []
    while at < end:
        if len(found) == MOST_PARTS:
            raise form.damaged(f"it has over {MOST_PARTS:,} variables")
        file.seek(at)
        kind, stored = form.tag(file.read(_TAG))
        at += _TAG
        if kind not in (_MATRIX, _COMPRESSED) or stored > end - at:
            raise form.damaged(f"{stored:,} bytes of type {kind} should follow byte {at:,}")
        head, size = file.read(min(stored, 4 * _HEAD)), stored
        if kind == _COMPRESSED:
            head, _ = form.inflated(head, _TAG + _HEAD)
            inner, size = form.tag(head[:_TAG])
            head = head[_TAG:]
            if inner != _MATRIX or size > min(LARGEST_VARIABLE, LARGEST_RATIO * (stored + 1)):
                raise form.damaged(f"{stored:,} bytes from byte {at:,} on should hold {size:,} of type {inner}")
        found.append(_Variable(form.matrix(memoryview(head)).name, at, stored, size, kind == _COMPRESSED))
        at += stored
    return found


def _content(file: BinaryIO, variable: _Variable, form: _Format) -> memoryview:
    """The bytes of a variable's matrix, behind its tag."""
    file.seek(variable.start)
    data = file.read(variable.stored)
    if not variable.compressed:
        return memoryview(data)
    # One byte more than it may be: only at the end does zlib compare its checksum.
    content, ended = form.inflated(data, _TAG + variable.size + 1)
    if not ended or len(content) != _TAG + variable.size:
        raise form.damaged(f"{variable.name!r} does not have the {variable.size:,} bytes that it claims")
    return memoryview(content)[_TAG:]


class _Format:
    """How the numbers of one file are written, and what it is called in errors."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        order = _BYTE_ORDERS.get(file.read(_HEADER)[124:])
        if order is None:
            raise PoseAugError(f"{path}: not a MATLAB file of version 5; save it without -v7.3")
        self.order = order

    def damaged(self, what: str) -> PoseAugError:
        return PoseAugError(f"{self.path}: not a whole MATLAB file: {what}; copy or save it again")

    def inflated(self, data: bytes, size: int) -> tuple[bytes, bool]:
        """At most ``size`` bytes of what zlib compressed, and whether that is all."""
        stream = zlib.decompressobj()
        try:
            return stream.decompress(data, size), stream.eof
        except zlib.error as error:
            raise self.damaged(str(error)) from error

    def tag(self, data: bytes | memoryview) -> tuple[int, int]:
        """Type and size of the element that begins with these bytes."""
        if len(data) < _TAG:
            raise self.damaged("it ends within an element")
        kind, size = struct.unpack(self.order + "II", data[:_TAG])
        return kind, size

    def element(self, data: memoryview) -> tuple[int, memoryview, memoryview]:
        """Type and data of the first element, and what follows it."""
        kind, size = self.tag(data)
        start, step = _TAG, _TAG + size + -size % 8
        if kind >> 16:  # a small one
            kind, size, start, step = kind & 0xFFFF, kind >> 16, 4, _TAG
        if start + size > len(data) or size > step - start:
            raise self.damaged(f"{size:,} bytes of type {kind} should be where {len(data) - start:,} are left")
        return kind, data[start : start + size], data[step:]

    def matrix(self, data: memoryview) -> _Matrix:
        """The parts of a matrix whose tag stands before ``data``."""
        flags_kind, flags, rest = self.element(data)
        if (flags_kind, len(flags)) != (6, 8):
            raise self.damaged("a matrix does not begin with its flags")
        (word,) = struct.unpack(self.order + "I", flags[:4])
        if word & 0xFF >= _OBJECTS:
            return _Matrix(word & 0xFF, False, (), "", rest)
        dims_kind, dims, rest = self.element(rest)
        _, name, values = self.element(rest)
        if dims_kind != 5 or len(dims) % 4:
            raise self.damaged("a matrix has no dimensions")
        sides = struct.unpack(f"{self.order}{len(dims) // 4}i", dims)
        if not 2 <= len(sides) <= _MOST_AXES or any(side < 0 for side in sides):
            raise self.damaged(f"a matrix has {len(sides)} axes, or a negative side")
        return _Matrix(word & 0xFF, bool(word >> 8 & _COMPLEX), sides, bytes(name).decode("ascii", "replace"), values)

    def value(self, data: memoryview, name: str) -> Array | tuple[Array, ...]:
        """A variable's numbers, or those of its cells."""
        matrix = self.matrix(data)
        if matrix.kind != _CELL:
            return self.numbers(matrix, name)
        if math.prod(matrix.dims) > MOST_PARTS:
            raise self.damaged(f"{name!r} has over {MOST_PARTS:,} cells")
        cells, rest = [], matrix.values
        for _ in range(math.prod(matrix.dims)):
            kind, cell, rest = self.element(rest)
            if kind != _MATRIX:
                raise self.damaged(f"a cell of {name!r} is of type {kind}")
            cells.append(self.numbers(self.matrix(cell), name) if cell else np.empty((0, 0)))  # a bare tag is []
        return tuple(cells)

    def numbers(self, matrix: _Matrix, name: str) -> Array:
        """A matrix's values in its shape (of an empty one two axes at most), in the machine's byte order."""
        if matrix.kind not in _NUMBERS or matrix.is_complex:
            raise PoseAugError(
                f"{self.path}: {name!r} holds something else than real numbers (class {matrix.kind}); "
                f"save it as numbers or a cell of them"
            )
        kind, content, _ = self.element(matrix.values)
        if kind not in _TYPES:
            raise self.damaged(f"the numbers of {name!r} are of type {kind}")
        dtype = np.dtype(self.order + _TYPES[kind])
        if len(content) != math.prod(matrix.dims) * dtype.itemsize:
            raise self.damaged(f"{name!r} has {len(content):,} bytes of {dtype} for the shape {matrix.dims}")
        if not content:
            return np.empty(matrix.dims[:2] if 0 in matrix.dims[:2] else 0, dtype.newbyteorder("="))
        array = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False)
        return array.reshape(matrix.dims, order="F")
