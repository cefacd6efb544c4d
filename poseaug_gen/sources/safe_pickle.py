"""Reads pickles that strangers made, as data: nothing that a file names is ever called.

A pickle is a program for a small machine with a stack. ``pickle.Unpickler`` runs all of it, and even with a list of
admitted names a file may call those with any arguments, set the attributes of what it gets, or hash a key for ever.
So this is a machine of our own, which has no call. It knows numbers, text, lists, tuples, dicts and the few phrases in
which NumPy writes an array, a dtype or a scalar (those of both generations' module names, of protocols 0 to 5, of
Python 2 and 3), and makes arrays itself once their sizes agree with the bytes that are there. The instructions are
those of CPython's ``pickletools``.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

from poseaug_gen.errors import PoseAugError

MOST_STEPS = 2_000_000  # instructions: each may make an object of about 100 bytes
DEEPEST = 32  # containers within containers; a published file has six
LONGEST_KEY = 8  # parts of a dict's key
LARGEST_SHARING = 16  # times the file's size: how large the data may be once what is shared is written out

# A byte string of Python 2 is text or an array's numbers; Latin-1 keeps the bytes of both.
_OLD_TEXT = "latin-1"
_PLAIN = (str, bytes, int, float, bool, type(None))
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,6}|O8?")
_NEWLINE = re.compile(rb"\n")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|([^x]))")
_ESCAPES = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# What Python itself says of bytes that are no pickle's.
_DAMAGE = (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)

Array = Shaped[np.ndarray, "..."]


class _Name(Enum):
    """What NumPy's pickles name."""

    RECONSTRUCT = "_reconstruct"
    FROM_BUFFER = "_frombuffer"
    SCALAR = "scalar"
    ARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    BYTES = "bytes"


_NAMES = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Name.RECONSTRUCT for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Name.SCALAR for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Name.FROM_BUFFER for core in ("core", "_core")},
    ("numpy", "ndarray"): _Name.ARRAY,
    ("numpy", "dtype"): _Name.DTYPE,
    ("_codecs", "encode"): _Name.ENCODE,  # Python 3's bytes in protocols 0 to 2
    **{(module, "bytes"): _Name.BYTES for module in ("builtins", "__builtin__")},  # and its empty ones
}


def looks_like_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle of a container does, in any protocol, be it whole or not."""
    with path.open("rb") as file:
        start = file.read(3)
    newer = start[:1] == pickle.PROTO and start[1:2] in (b"\2", b"\3", b"\4", b"\5")
    return newer or start in (b"(dp", b"(lp") or start[:2] in (b"}q", b"]q")


def load(path: Path) -> Any:
    """What a pickle file holds; see :func:`loads`.

    Raises:
        PoseAugError: the file cannot be read, is not a whole pickle, or holds more than data.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    return loads(data, str(path))


def loads(data: bytes | bytearray | memoryview, where: str) -> Any:
    """What a pickle holds: dict, list, tuple, str, bytes, int, float, bool, None and NumPy arrays, and nothing else.

    NumPy's scalars come back as Python's, arrays in the machine's byte order. An array of objects holds such values.
    What of Python 2 is a byte string comes back as text (Latin-1).

    Args:
        where: the file, as an error names it.

    Raises:
        PoseAugError: not a whole pickle, one that names anything but NumPy's arrays, or one that claims more than it
            holds.
    """
    view = memoryview(data)
    try:
        value = _Machine(view).run()
        _, size = _written_out(value, 0, {})
        if size > LARGEST_SHARING * (len(view) + 2**20):
            raise _RefusedError("repeats its parts until they are many times its size; write each of them once")
        return value
    except _RefusedError as refused:
        raise PoseAugError(f"{where}: the pickle {refused}") from refused
    except _DAMAGE as error:
        raise PoseAugError(
            f"{where}: not a whole pickle of arrays and plain containers ({_shown(error)}); copy or write it again"
        ) from error


class _RefusedError(Exception):
    """Why a pickle is not read; a predicate of "the pickle", with the mend."""


def _shown(text: object) -> str:
    """Text of the file's, or what Python says of it, in one short line; never a container, which may have no end."""
    return " ".join(str(text).split())[:80]


def _is(value: Any, *expected: Any) -> bool:
    """Whether a value is one of those, in type too; an array, say, compares with anything in a way of its own."""
    return any(type(value) is type(one) and value == one for one in expected)


class _Dtype:
    """A dtype, whose byte order is set after it was made; never part of what is returned."""

    def __init__(self, spec: Any) -> None:
        if type(spec) is not str or not _DTYPE.fullmatch(spec):
            raise _RefusedError("has an array of neither numbers nor strings nor objects; save plain arrays")
        self.plain = np.dtype(spec)

    def set_state(self, state: Any) -> None:
        """NumPy's ``(version, byte order, subtype, names, fields, size, alignment, flags)``: all but one is known."""
        if type(state) is not tuple or len(state) != 8 or any(part is not None for part in state[2:5]):
            raise _RefusedError("has an array of records; save plain arrays")
        if not _is(state[1], "<", ">", "|", "="):
            raise ValueError("a type without byte order")
        self.plain = self.plain.newbyteorder(state[1])


class _Unbuilt:
    """An array that was announced and has no contents yet; never part of what is returned.

    A pickle may note it (memo) before it fills it.
    """

    def __init__(self) -> None:
        self.noted_at: list[int] = []


class _Machine:
    """The machine's state while one pickle is read."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.room = 2 * len(data)  # bytes that arrays may take: each comes from the file, some are converted once

    def run(self) -> Any:
        """The value on top of the stack when the pickle stops."""
        for _ in range(MOST_STEPS):
            code = bytes(self.take(1))
            if code == pickle.STOP:
                return self.stack.pop()
            if code not in _STEPS:
                raise _RefusedError(f"has the instruction {code!r} at byte {self.at - 1}, which no plain data needs")
            _STEPS[code](self)
        raise _RefusedError(f"has over {MOST_STEPS:,} instructions; save long lists as arrays")

    # --- the bytes ---------------------------------------------------------------------------------------

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if not 0 <= size <= len(self.data) - self.at:
            raise ValueError(f"{size:,} bytes are claimed at byte {self.at:,} of {len(self.data):,}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, width: int) -> int:
        """The next bytes as a number without sign, little-endian."""
        return int.from_bytes(self.take(width), "little")

    def signed(self, width: int) -> int:
        """The next bytes as a number with a sign."""
        return int.from_bytes(self.take(width), "little", signed=True)

    def line(self) -> bytes:
        """What follows up to the end of the line."""
        end = _NEWLINE.search(self.data, self.at)
        if end is None:
            raise ValueError("a line has no end")
        return bytes(self.take(end.end() - self.at)[:-1])

    def check_protocol(self) -> None:
        version = self.number(1)
        if version > pickle.HIGHEST_PROTOCOL:
            raise ValueError(f"protocol {version}")

    def check_frame(self) -> None:
        """A frame's length helps who reads from a stream; the whole pickle is here."""
        length = self.number(8)
        if length > len(self.data) - self.at:
            raise ValueError(f"a frame claims {length:,} bytes")

    # --- the stack ---------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_whole(self, value: int) -> None:
        """A number of any width; wider ones than arrays have are no data."""
        if not -(2**63) <= value < 2**64:
            raise ValueError("a whole number of over 64 bits")
        self.push(value)

    def push_text(self, text: str) -> None:
        text.encode()  # UnicodeError: half a character, which no file and no terminal takes
        self.push(text)

    def pop(self, count: int) -> list[Any]:
        """The topmost values, in their order."""
        if count > len(self.stack):
            raise IndexError("more is taken than there is")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def pop_to_mark(self) -> list[Any]:
        return self.pop(max(len(self.stack) - self.marks.pop(), 0))

    def note(self, index: int) -> None:
        """Keeps the topmost value for later use."""
        if not 0 <= index < MOST_STEPS:
            raise ValueError(f"a value is kept under the number {index}")
        top = self.stack[-1]
        self.memo[index] = top
        if isinstance(top, _Unbuilt):
            top.noted_at.append(index)

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("what is no list is appended to")
        self.stack[-1].extend(values)

    def set_items(self, items: list[Any]) -> None:
        """Keys and values by turns. Keys are plain and short, so that none takes long to hash or compare."""
        if type(self.stack[-1]) is not dict:
            raise ValueError("what is no dict is given items")
        for key, value in zip(items[::2], items[1::2], strict=True):
            parts = key if type(key) is tuple else (key,)
            if len(parts) > LONGEST_KEY or not all(type(part) in _PLAIN for part in parts):
                raise _RefusedError("has a dict with keys that are not plain; use strings or numbers")
            self.stack[-1][key] = value

    def push_dict(self) -> None:
        items = self.pop_to_mark()
        self.push({})
        self.set_items(items)

    # --- NumPy's phrases ---------------------------------------------------------------------------------

    def push_name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise ValueError("a name that is no text")
        if (module, name) not in _NAMES:
            raise _RefusedError(
                f"names {_shown(module)}.{_shown(name)}, which could run any program and is never loaded; "
                f"save NumPy arrays and dicts, lists, numbers or strings of Python"
            )
        self.push(_NAMES[module, name])

    def reduce(self) -> None:
        """What elsewhere calls a function: here, one of the things that NumPy asks for."""
        name, arguments = self.pop(2)
        if not isinstance(name, _Name) or type(arguments) is not tuple:
            raise _RefusedError("calls what it holds; save data alone")
        make = _REDUCTIONS.get(name)
        if make is None:
            raise _RefusedError(f"calls {name.value}; save arrays as NumPy does")
        self.push(make(self, *arguments))

    def reconstruct(self, kind: Any, shape: Any, typecode: Any) -> _Unbuilt:
        empty = type(shape) is tuple and len(shape) == 1 and _is(shape[0], 0)
        if kind is not _Name.ARRAY or not empty or not _is(typecode, "b", b"b"):
            raise _RefusedError("announces an array otherwise than NumPy does; save it again with NumPy")
        return _Unbuilt()

    def dtype(self, spec: Any, align: Any, copy: Any) -> _Dtype:
        return _Dtype(spec)

    def encoded(self, text: Any, encoding: Any) -> bytes:
        if type(text) is not str or not _is(encoding, "latin1"):
            raise ValueError("bytes otherwise than Python writes them")
        self.spend(text, str, len(text))
        return text.encode("latin-1")

    def no_bytes(self) -> bytes:
        return b""

    def scalar(self, dtype: Any, raw: Any) -> Any:
        return self.array(raw, dtype, (), "C").item()

    def from_buffer(self, raw: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
        if _is(order, "K") and type(axes) is tuple:
            return self.array(raw, dtype, shape, "C").transpose(axes)
        return self.array(raw, dtype, shape, order)

    def build(self) -> None:
        """Sets the state of an announced array or of a dtype."""
        top, state = self.pop(2)
        if isinstance(top, _Dtype):
            top.set_state(state)
            self.push(top)
        elif isinstance(top, _Unbuilt):
            _version, shape, dtype, fortran, contents = state
            array = self.array(contents, dtype, shape, "F" if fortran is True else "C")
            for index in top.noted_at:
                if self.memo[index] is top:
                    self.memo[index] = array
            self.push(array)
        else:
            raise _RefusedError("sets the attributes of what it holds; save data alone")

    def array(self, contents: Any, dtype: Any, shape: Any, order: Any) -> Array:
        """An array from its bytes, or its objects, after their number was found to be right."""
        if not isinstance(dtype, _Dtype) or type(shape) is not tuple or not _is(order, "C", "F"):
            raise ValueError("an array without type, shape or order")
        if not all(type(side) is int and 0 <= side <= len(self.data) for side in shape):
            raise ValueError("an array with sides that are no numbers, or longer than the file")
        count, plain = math.prod(shape), dtype.plain
        if plain.hasobject:
            self.spend(contents, list, count)
            return _of_objects(contents, shape, order)
        if isinstance(contents, str):
            contents = contents.encode(_OLD_TEXT)
        self.spend(contents, bytes, count * plain.itemsize)
        return _of_bytes(contents, plain, shape, order)

    def spend(self, contents: Any, kind: type[list | bytes | str], size: int) -> None:
        """Checks what something is to be made of; one array's bytes could otherwise serve for a thousand arrays."""
        if type(contents) is not kind or len(contents) != size:
            raise ValueError(f"an array's contents are not the {size:,} bytes or objects that it claims")
        self.room -= size
        if self.room < 0:
            raise _RefusedError("makes arrays of more than it holds; write it again")


def _of_bytes(contents: bytes, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> Array:
    """A copy in the machine's byte order, which may be written to."""
    array = np.ndarray(shape, dtype, contents, order=order).astype(dtype.newbyteorder("="))
    if dtype.kind == "U":
        str(contents, "utf-32-be" if dtype.str[0] == ">" else "utf-32-le")  # ValueError: numbers of no characters
    return array


def _of_objects(contents: list[Any], shape: tuple[int, ...], order: Literal["C", "F"]) -> Array:
    array = np.empty(len(contents), dtype=object)
    for i, value in enumerate(contents):  # one by one: NumPy would look into lists of equal lengths
        array[i] = value
    return array.reshape(shape, order=order)


def _number_of_text(line: bytes) -> int | bool:
    """Protocol 0's integer, of which two are booleans."""
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line)


def _text_of_repr(line: bytes) -> str:
    """Protocol 0's byte string, written as Python 2 shows it."""
    quote = line[:1]
    if len(line) < 2 or quote not in (b"'", b'"') or line[-1:] != quote:
        raise ValueError("a string without quotes")
    return _ESCAPE.sub(
        lambda found: bytes.fromhex(found[1].decode()) if found[1] else _ESCAPES[found[2]], line[1:-1]
    ).decode(_OLD_TEXT)


_REDUCTIONS: dict[_Name, Callable[..., Any]] = {
    _Name.RECONSTRUCT: _Machine.reconstruct,
    _Name.FROM_BUFFER: _Machine.from_buffer,
    _Name.SCALAR: _Machine.scalar,
    _Name.DTYPE: _Machine.dtype,
    _Name.ENCODE: _Machine.encoded,
    _Name.BYTES: _Machine.no_bytes,
}

_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine.check_protocol,
    pickle.FRAME: _Machine.check_frame,
    # what stands for itself
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT: lambda m: m.push(m.signed(4)),
    pickle.BININT1: lambda m: m.push(m.number(1)),
    pickle.BININT2: lambda m: m.push(m.number(2)),
    pickle.LONG1: lambda m: m.push_whole(m.signed(m.number(1))),
    pickle.LONG4: lambda m: m.push_whole(m.signed(m.signed(4))),
    pickle.INT: lambda m: m.push_whole(_number_of_text(m.line())),
    pickle.LONG: lambda m: m.push_whole(int(m.line().removesuffix(b"L"))),
    pickle.FLOAT: lambda m: m.push(float(m.line())),
    pickle.BINFLOAT: lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    pickle.STRING: lambda m: m.push(_text_of_repr(m.line())),
    pickle.BINSTRING: lambda m: m.push(str(m.take(m.signed(4)), _OLD_TEXT)),
    pickle.SHORT_BINSTRING: lambda m: m.push(str(m.take(m.number(1)), _OLD_TEXT)),
    pickle.BINBYTES: lambda m: m.push(bytes(m.take(m.number(4)))),
    pickle.SHORT_BINBYTES: lambda m: m.push(bytes(m.take(m.number(1)))),
    pickle.BINBYTES8: lambda m: m.push(bytes(m.take(m.number(8)))),
    pickle.BYTEARRAY8: lambda m: m.push(bytes(m.take(m.number(8)))),
    pickle.UNICODE: lambda m: m.push_text(str(m.line(), "raw-unicode-escape")),
    pickle.BINUNICODE: lambda m: m.push_text(str(m.take(m.number(4)), "utf-8")),
    pickle.SHORT_BINUNICODE: lambda m: m.push_text(str(m.take(m.number(1)), "utf-8")),
    pickle.BINUNICODE8: lambda m: m.push_text(str(m.take(m.number(8)), "utf-8")),
    # containers
    pickle.MARK: lambda m: m.marks.append(len(m.stack)),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE1: lambda m: m.push(tuple(m.pop(1))),
    pickle.TUPLE2: lambda m: m.push(tuple(m.pop(2))),
    pickle.TUPLE3: lambda m: m.push(tuple(m.pop(3))),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_to_mark())),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.LIST: lambda m: m.push(m.pop_to_mark()),
    pickle.APPEND: lambda m: m.append(m.pop(1)),
    pickle.APPENDS: lambda m: m.append(m.pop_to_mark()),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.DICT: _Machine.push_dict,
    pickle.SETITEM: lambda m: m.set_items(m.pop(2)),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_to_mark()),
    # what is used again
    pickle.PUT: lambda m: m.note(int(m.line())),
    pickle.BINPUT: lambda m: m.note(m.number(1)),
    pickle.LONG_BINPUT: lambda m: m.note(m.number(4)),
    pickle.MEMOIZE: lambda m: m.note(len(m.memo)),
    pickle.GET: lambda m: m.push(m.memo[int(m.line())]),
    pickle.BINGET: lambda m: m.push(m.memo[m.number(1)]),
    pickle.LONG_BINGET: lambda m: m.push(m.memo[m.number(4)]),
    # NumPy's phrases
    pickle.GLOBAL: lambda m: m.push_name(m.line().decode(), m.line().decode()),
    pickle.STACK_GLOBAL: lambda m: m.push_name(*m.pop(2)),
    pickle.REDUCE: _Machine.reduce,
    pickle.BUILD: _Machine.build,
}


def _written_out(value: Any, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many levels of containers a value has, and its bytes if nothing in it were shared.

    Parts that are shared are looked at once (``known``, by identity), so that it takes no longer than reading did:
    60 lists, each twice in the next, would be a million times a million values to whoever walks them.

    Raises:
        _RefusedError: it holds more than data, itself, or containers deeper than :data:`DEEPEST`.
    """
    if type(value) in (str, bytes):
        return 0, len(value)
    if type(value) in _PLAIN:
        return 0, 8
    if type(value) is np.ndarray and not value.dtype.hasobject:
        return 0, value.nbytes
    if type(value) not in (list, tuple, dict, np.ndarray):
        raise _RefusedError("holds what is no data; save arrays, dicts, lists, numbers and strings")
    if depth == DEEPEST:
        raise _RefusedError(f"holds containers in containers, over {DEEPEST} deep; save arrays")
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value.flat if isinstance(value, np.ndarray) else value
        inside = [_written_out(part, depth + 1, known) for part in parts]
        known[id(value)] = 1 + max((levels for levels, _ in inside), default=0), 8 + sum(size for _, size in inside)
    levels, size = known[id(value)]
    if depth + levels > DEEPEST:
        raise _RefusedError(f"holds containers in containers, over {DEEPEST} deep; save arrays")
    return levels, size
