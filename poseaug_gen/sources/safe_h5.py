"""Reads HDF5 files that strangers made: plain datasets of numbers and strings, inside the file and no larger than it.

HDF5 can point out of a file (external links, external storage, virtual datasets) and claim any size for data that was
never written; both are refused before anything is allocated. What cannot be refused here: the HDF5 library itself may
crash or hang on damaged metadata, most of all on the heap of variable-length strings. So our own files have texts of
fixed length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.checks import LARGEST_RATIO, LONGEST_LABEL

LONGEST_FIXED = 60_000  # bytes: an attribute's message in a header holds 64 KiB
_LABELS_AT_ONCE = 1024  # strings read at once: each may be as long as the file
# What h5py raises on damage (TypeError: a type that NumPy has no equivalent of).
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)


def looks_like_hdf5(path: Path) -> bool:
    """Whether a file begins as an HDF5 file does, be it whole or not."""
    return bool(h5py.is_hdf5(path))


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading; h5py's errors on a damaged one become a sentence.

    Raises:
        PoseAugError: there is no such file, or it is not whole.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError as error:
        raise PoseAugError(f"{path}: there is no such file; check the path") from error
    except _DAMAGE as error:
        raise PoseAugError(f"{path}: not a whole HDF5 file of poses ({error}); copy or write it again") from error


def names_in(file: h5py.File) -> set[str]:
    """The names of the datasets in the file's root, links out of the file left out."""
    return {name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)}


def read_dataset(file: h5py.File, name: str) -> Shaped[np.ndarray, "..."]:
    """One dataset of numbers, or of strings as an array of ``str``.

    Raises:
        PoseAugError: it is no such thing, its data lies in other files, or it claims more than the file can hold.
    """
    where = file.filename
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise PoseAugError(
            f"{where}: {name!r} is not a dataset of its own (a group, or data in other files); "
            f"give the files that hold the data"
        )
    # A chunk is decompressed whole, and may be larger than the dataset.
    claimed = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,))) * dataset.dtype.itemsize
    held = min(dataset.id.get_storage_size(), Path(where).stat().st_size)
    if claimed > LARGEST_RATIO * held:
        raise PoseAugError(
            f"{where}: {name!r} claims {claimed:,} bytes but the file stores {held:,} for it; write the file again"
        )
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return _strings(dataset, name, where)
    if dataset.dtype.kind not in "biuf":
        raise PoseAugError(f"{where}: {name!r} is {dataset.dtype}; it must be numbers or strings")
    return np.asarray(dataset[()])


def _strings(dataset: h5py.Dataset, name: str, where: str) -> Shaped[np.ndarray, "..."]:
    """The strings of a dataset, a block of rows at a time, so that an overlong one is found before all are."""
    if dataset.ndim > 1:
        raise PoseAugError(f"{where}: {name!r} has the shape {dataset.shape}; give one string a row")
    if dataset.ndim == 0:
        return np.array(_short(dataset.asstr()[()], name, where))
    blocks = [dataset.asstr()[at : at + _LABELS_AT_ONCE] for at in range(0, len(dataset), _LABELS_AT_ONCE)]
    return np.array([_short(text, name, where) for block in blocks for text in block], dtype=str)


def _short(text: str, name: str, where: str) -> str:
    if len(text) > LONGEST_LABEL:
        raise PoseAugError(f"{where}: {name!r} has a label of over {LONGEST_LABEL} characters; shorten it")
    return text


def set_text(item: h5py.File | h5py.Dataset, name: str, text: str) -> None:
    """Set an attribute to a text: of fixed length, or where that does not fit in a header of variable length."""
    data = text.encode()
    item.attrs[name] = np.bytes_(data) if len(data) <= LONGEST_FIXED else text


def text_attribute(item: h5py.File | h5py.Dataset, name: str, default: str | None = None) -> str:
    """A text in an attribute.

    Raises:
        PoseAugError: the attribute is missing and there is no default, or it is not text.
    """
    value: Any = item.attrs.get(name, default)
    if isinstance(value, bytes):
        value = value.decode()
    if not isinstance(value, str):
        raise PoseAugError(f"{item.file.filename}: its attribute {name!r} is missing or not text; write the file again")
    return value


def json_attribute(item: h5py.File | h5py.Dataset, name: str) -> Any:
    """What a text attribute holds as JSON.

    Raises:
        PoseAugError: the attribute is missing or is not JSON.
    """
    text = text_attribute(item, name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PoseAugError(f"{item.file.filename}: its attribute {name!r} is not JSON; write the file again") from error
