"""Writes .npz files array by array, each from pieces: never more than a piece is in memory.

The files are ``numpy.savez``'s: a zip without compression of .npy members, of the same date, so that the same arrays
are the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import numpy as np
from numpy.lib import format as npy

from poseaug_gen.consumers.convert.pickles import PickleWriter
from poseaug_gen.errors import PoseAugError

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say; numpy's too
_UNIX = 3


class NpzWriter:
    """A new .npz file; close it, or use it in a ``with`` block."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> NpzWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def array(self, name: str, dtype: np.dtype, shape: Sequence[int], pieces: Iterable[np.ndarray]) -> None:
        """A member from pieces that follow each other along its first axis.

        Raises:
            PoseAugError: together they are not as long as it is.
        """
        with self._member(name) as file:
            write_npy(file, dtype, shape, pieces)

    @contextmanager
    def object(self, name: str) -> Iterator[PickleWriter]:
        """A member that is one object, which the block puts: ``numpy.load(…, allow_pickle=True)[name].item()``."""
        with self._member(name) as file:
            npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
            writer = PickleWriter(file)
            writer.begin_object_array()
            yield writer
            writer.end_object_array()
            writer.end()

    @contextmanager
    def _member(self, name: str) -> Iterator[BufferedIOBase]:
        info = zipfile.ZipInfo(f"{name}.npy", _FIRST_DATE)
        info.create_system = _UNIX  # on whatever system
        info.external_attr = 0o600 << 16
        with self._archive.open(info, "w", force_zip64=True) as file:
            yield cast(BufferedIOBase, file)


def write_npy(file: BufferedIOBase, dtype: np.dtype, shape: Sequence[int], pieces: Iterable[np.ndarray]) -> None:
    """A .npy file from pieces. Raises a PoseAugError where they are not as long as the array is."""
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": tuple(shape)}
    npy.write_array_header_1_0(file, header)
    rows = 0
    for piece in pieces:
        data = np.ascontiguousarray(piece, dtype=dtype)
        file.write(data.data.cast("B") if data.size else b"")
        rows += len(data)
    if rows != shape[0]:
        raise PoseAugError(f"an array of {shape[0]:,} rows was to be written and {rows:,} came; convert again")
