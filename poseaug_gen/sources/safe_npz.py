"""Reads .npz files that strangers made: no pickle is ever executed, and no size is believed before it is checked.

``numpy.load`` allocates what a member's header claims and, where asked to, runs pickles. Here the claims are compared
first: header with member, member with file. A member that is a pickled object is read as data
(:mod:`poseaug_gen.sources.safe_pickle`) where a format has such a one, and refused everywhere else.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from zipfile import ZipExtFile

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_pickle
from poseaug_gen.sources.checks import LARGEST_RATIO

LARGEST_MEMBER = 4 * 2**30  # bytes: 22 million poses of 16 joints
SUFFIX = ".npy"
_STEP = 2**20  # bytes read at once
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes
# What zipfile raises on bytes that are not a zip's (RuntimeError: encrypted, or a method that it does not know), …
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, OverflowError, RuntimeError)
# … and numpy's parser on a header that is not one.
_NO_HEADER = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


def looks_like_zip(path: Path) -> bool:
    """Whether a file begins as a .npz does, be it whole or not."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def members(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a .npz, without their suffix.

    Raises:
        PoseAugError: the file is not a whole .npz.
    """
    with _opened(path) as archive:
        return tuple(name.removesuffix(SUFFIX) for name in archive.namelist() if name.endswith(SUFFIX))


def holds_object(path: Path, name: str) -> bool:
    """Whether the file is a .npz whose member of that name is a pickled object, good or not.

    Raises:
        PoseAugError: the file is not a whole .npz, or the member does not begin as an array does.
    """
    if not looks_like_zip(path):
        return False
    with _opened(path) as archive:
        if name + SUFFIX not in archive.namelist():
            return False
        with _member(archive, path, name) as (file, _):
            dtype, shape, _ = _header(file, f"{path}: {name!r}")
            return dtype.hasobject and shape == ()


def read_members(path: Path, names: Iterable[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Those of the named arrays that the file has; no other is touched.

    Raises:
        PoseAugError: the file is not a whole .npz, or an array holds pickled objects or is not what its header says.
    """
    with _opened(path) as archive:
        present = set(archive.namelist())
        return {name: _read(archive, path, name) for name in names if name + SUFFIX in present}


def first_entry(path: Path, names: Iterable[str]) -> Shaped[np.ndarray, "1"] | None:
    """The first entry of the first of the named members, a list, and no more of it; to recognise a format by.

    None where the file is no .npz, lacks one of the members, or the list is none or empty.

    Raises:
        PoseAugError: the file is not a whole .npz, or the member is not what its header says.
    """
    names = list(names)
    if not looks_like_zip(path):
        return None
    with _opened(path) as archive:
        if not {name + SUFFIX for name in names} <= set(archive.namelist()):
            return None
        with _member(archive, path, names[0]) as (file, length):
            dtype, shape, _ = _plain_header(file, length, path, names[0])
            if len(shape) != 1 or not shape[0]:
                return None
            entry = file.read(dtype.itemsize)
            if len(entry) < dtype.itemsize:
                raise EOFError("it ends early")
            return np.frombuffer(entry, dtype=dtype)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise PoseAugError(f"{path}: there is no such file; check the path") from error
    except _DAMAGE as error:
        raise PoseAugError(f"{path}: not a whole .npz file ({error}); copy or write it again") from error


def _read(archive: zipfile.ZipFile, path: Path, name: str) -> Shaped[np.ndarray, "..."]:
    """One array, after its sizes were found to agree."""
    with _member(archive, path, name) as (file, length):
        dtype, shape, fortran = _plain_header(file, length, path, name)
        data = _exactly(file, math.prod(shape) * dtype.itemsize)
    return data.view(dtype).reshape(shape, order="F" if fortran else "C")


def _plain_header(file: ZipExtFile, length: int, path: Path, name: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """As :func:`_header`, of an array of numbers or strings that is as long as what follows."""
    where = f"{path}: {name!r}"
    dtype, shape, fortran = _header(file, where)
    if dtype.hasobject:
        raise PoseAugError(
            f"{where} holds pickled Python objects, which could run any program and are never loaded; "
            f"save it as an array of numbers or strings"
        )
    if dtype.kind not in "biufSU" or dtype.itemsize == 0 or dtype.shape or any(side < 0 for side in shape):
        raise PoseAugError(f"{where} is {dtype} of shape {shape}; save it as an array of numbers or strings")
    size, following = math.prod(shape) * dtype.itemsize, length - file.tell()
    if size != following:
        raise PoseAugError(
            f"{path}: the header of {name!r} claims {size:,} bytes of {dtype} {shape}, "
            f"but {following:,} follow; write the file again"
        )
    return dtype, shape, fortran


def read_object(path: Path, name: str) -> Any:
    """The one Python object (a dict, most often) that a member holds, as ``numpy.savez(file, name=object)`` writes it.

    Raises:
        PoseAugError: the file is not a whole .npz, lacks the member, or it is not one object of plain data.
    """
    where = f"{path}: {name!r}"
    with _opened(path) as archive:
        if name + SUFFIX not in archive.namelist():
            raise PoseAugError(f"{path}: lacks {name!r}; write the file again")
        with _member(archive, path, name) as (file, length):
            dtype, shape, _ = _header(file, where)
            if not dtype.hasobject or shape != ():
                raise PoseAugError(f"{where} is {dtype} of shape {shape}; it must be one dict, saved with numpy.savez")
            data = _exactly(file, length - file.tell())
    array = safe_pickle.loads(data.data, where)
    if not isinstance(array, np.ndarray) or array.shape != () or not array.dtype.hasobject:
        raise PoseAugError(f"{where} holds another array than its header says; save it with numpy.savez")
    return array.item()


@contextmanager
def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[tuple[ZipExtFile, int]]:
    """An open member and its length, after the file was found large enough for it."""
    info = archive.getinfo(name + SUFFIX)
    if info.compress_type not in _METHODS:
        raise PoseAugError(f"{path}: {name!r} is compressed in a way numpy does not write; save it with numpy.savez")
    limit = min(LARGEST_MEMBER, LARGEST_RATIO * (path.stat().st_size + 1))
    if info.file_size > limit:
        raise PoseAugError(
            f"{path}: {name!r} claims {info.file_size:,} bytes, over the {limit:,} that such a file may hold; "
            f"split or mend the file"
        )
    with cast(ZipExtFile, archive.open(info)) as file:
        yield file, info.file_size


def _header(file: ZipExtFile, where: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """Type, shape and order (True: Fortran's) of the array that follows in an open .npy member."""
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file)
    except KeyError as error:  # version 3 is for structured arrays alone
        raise PoseAugError(
            f"{where} is not a plain array (.npy version {version}); save it with numpy.savez"
        ) from error
    except _NO_HEADER as error:
        raise PoseAugError(f"{where} does not begin as an array does ({error}); write the file again") from error
    return dtype, shape, fortran


def _exactly(file: ZipExtFile, size: int) -> Shaped[np.ndarray, " size"]:
    """The last ``size`` bytes of a member, read in steps so that they are in memory once."""
    data = np.empty(size, dtype=np.uint8)
    at = 0
    while at < size:
        piece = file.read(min(_STEP, size - at))
        if not piece:
            raise EOFError("it ends early")
        data[at : at + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        at += len(piece)
    file.read(1)  # at the end zipfile compares the checksum
    return data
