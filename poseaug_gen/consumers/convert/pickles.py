"""Writes a pickle piece by piece: arrays of any length in bounded memory, and nothing but plain data and arrays.

A pickle is a program that makes an object. Python's pickler has to hold the whole of what it writes; here the program
is written while its arrays are read. Of names it holds those three in which NumPy writes an array, as NumPy 1 spells
them, which every NumPy reads: NumPy 2's own spelling stops older ones. Protocol 4: what Python has read since 3.4.
The instructions are those of CPython's ``pickletools``.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from io import BufferedIOBase
from typing import Any

import numpy as np

from poseaug_gen.errors import PoseAugError

RECONSTRUCT = ("numpy.core.multiarray", "_reconstruct")
NDARRAY, DTYPE = ("numpy", "ndarray"), ("numpy", "dtype")
_LARGEST_SHORT = 2**31  # of whole numbers: what four bytes hold


class PickleWriter:
    """One pickle on its way to a file: values are put one after the other, containers begun and filled.

    ``begin_dict``, then for each entry :meth:`value` for the key, anything for the value and ``set_item``.
    """

    def __init__(self, file: BufferedIOBase) -> None:
        self._write = file.write
        self._kept: dict[Hashable, bytes] = {}  # the instructions that fetch what was kept
        self._heads: dict[tuple[str, tuple[int, ...]], bytes] = {}  # and those that announce an array such as before
        self._write(pickle.PROTO + b"\x04")

    # --- plain data ---------------------------------------------------------------------------------------

    def value(self, value: Any) -> None:
        """A number, text, list, tuple, dict or array that is in memory.

        Raises:
            TypeError: it is, or holds, something else.
        """
        if value is None or isinstance(value, bool):
            self._write({None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value])
        elif isinstance(value, int):
            self._whole(value)
        elif isinstance(value, float):
            self._write(pickle.BINFLOAT + struct.pack(">d", value))
        elif isinstance(value, str):
            text = value.encode()
            short = len(text) < 256
            self._write(pickle.SHORT_BINUNICODE if short else pickle.BINUNICODE)
            self._write((bytes([len(text)]) if short else struct.pack("<I", len(text))) + text)
        elif isinstance(value, np.ndarray):
            self.array(value.dtype, value.shape, [value])
        elif isinstance(value, Mapping):
            self.begin_dict()
            for key, item in value.items():
                self.once(("key", key), lambda key=key: self.value(key))  # type: ignore[misc]
                self.value(item)
                self.set_item()
        elif isinstance(value, list | tuple):
            self._write(pickle.MARK)
            for item in value:
                self.value(item)
            self._write(pickle.LIST if isinstance(value, list) else pickle.TUPLE)
        else:
            raise TypeError(f"{type(value).__name__} is no plain data")

    def begin_dict(self) -> None:
        """An empty dict, to be filled."""
        self._write(pickle.EMPTY_DICT)

    def set_item(self) -> None:
        """The last two values are key and value of the dict before them."""
        self._write(pickle.SETITEM)

    def once(self, key: Hashable, put: Callable[[], object]) -> None:
        """What ``put`` puts, and when ``key`` comes again, the very same object."""
        if key in self._kept:
            self._write(self._kept[key])
            return
        put()
        number = len(self._kept)
        short, place = number < 256, bytes([number]) if number < 256 else struct.pack("<I", number)
        self._write((pickle.BINPUT if short else pickle.LONG_BINPUT) + place)
        self._kept[key] = (pickle.BINGET if short else pickle.LONG_BINGET) + place

    def end(self) -> None:
        """The value that was put is the pickle's."""
        self._write(pickle.STOP)

    # --- arrays -------------------------------------------------------------------------------------------

    def array(self, dtype: np.dtype, shape: Sequence[int], pieces: Iterable[np.ndarray]) -> None:
        """An array from pieces that follow each other along its first axis.

        Raises:
            PoseAugError: together they are not as long as it is; the file is then not whole.
        """
        claimed = math.prod(shape) * dtype.itemsize
        self._announce_array(dtype, shape)
        self._write(pickle.BINBYTES8 + struct.pack("<Q", claimed))
        written = 0
        for piece in pieces:
            data = np.ascontiguousarray(piece, dtype=dtype)
            self._write(data.data.cast("B") if data.size else b"")
            written += data.nbytes
        if written != claimed:
            raise PoseAugError(f"an array of {claimed:,} bytes was to be written and {written:,} came; convert again")
        self._write(pickle.TUPLE + pickle.BUILD)

    def begin_object_array(self) -> None:
        """An array without dimensions, as ``numpy.savez`` makes of a dict; the one object that it holds follows."""
        self._announce_array(np.dtype(object), ())
        self._write(pickle.EMPTY_LIST)

    def end_object_array(self) -> None:
        """The last value is the object."""
        self._write(pickle.APPEND + pickle.TUPLE + pickle.BUILD)

    def _announce_array(self, dtype: np.dtype, shape: Sequence[int]) -> None:
        """An array without its contents, as ``ndarray.__reduce__`` says it: they come next."""
        key = (dtype.str, tuple(shape))
        if key in self._heads:
            self._write(self._heads[key])
            return
        begin = pickle.REDUCE + pickle.MARK + pickle.BININT1 + b"\x01"
        self._name(RECONSTRUCT)
        self.once("empty", self._empty)
        self._write(begin)
        self.once(key[1], lambda: self.value(tuple(map(int, shape))))
        self.once(dtype.str, lambda: self._dtype(dtype))
        self._write(pickle.NEWFALSE)
        kept = [self._kept[name] for name in (RECONSTRUCT, "empty", key[1], dtype.str)]
        self._heads[key] = kept[0] + kept[1] + begin + kept[2] + kept[3] + pickle.NEWFALSE

    def _empty(self) -> None:
        """What NumPy reconstructs every array from."""
        self._write(pickle.MARK)
        self._name(NDARRAY)
        self.value((0,))
        self._write(pickle.SHORT_BINBYTES + b"\x01b" + pickle.TUPLE)

    def _dtype(self, dtype: np.dtype) -> None:
        reduced: Any = dtype.__reduce__()
        _, arguments, state = reduced
        self._name(DTYPE)
        self.value(arguments)
        self._write(pickle.REDUCE)
        self.value(state)
        self._write(pickle.BUILD)

    def _name(self, name: tuple[str, str]) -> None:
        self.once(name, lambda: self._write(pickle.GLOBAL + "\n".join((*name, "")).encode()))

    def _whole(self, value: int) -> None:
        if 0 <= value < 256:
            self._write(pickle.BININT1 + bytes([value]))
        elif -_LARGEST_SHORT <= value < _LARGEST_SHORT:
            self._write(pickle.BININT + struct.pack("<i", value))
        else:
            self._write(pickle.LONG1 + b"\x08" + struct.pack("<q", value))
