"""Pickles as other Pythons and NumPys wrote them: ``from pickled import GENERATIONS, pickled, pickled_by_python2``.

NumPy 2 calls ``numpy._core`` what NumPy 1 called ``numpy.core``, and a pickle names it.
"""

import io
import pickle
import pickletools
import struct

GENERATIONS = ("numpy.core", "numpy._core")


def pickled(value: object, protocol: int, core: str) -> bytes:
    """A pickle as a NumPy of either generation writes it."""
    return _renamed(pickle.dumps(value, protocol), core)


def pickled_by_python2(value: object) -> bytes:
    """A pickle of protocol 2 as Python 2 writes it: text and arrays' contents are byte strings, NumPy is of old."""
    file = io.BytesIO()
    _Python2Pickler(file, 2).dump(value)
    data = _renamed(file.getvalue(), "numpy.core")
    assert b"_codecs" not in data  # Python 3's detour for bytes
    return data


def _renamed(data: bytes, core: str) -> bytes:
    for other in GENERATIONS:
        old, new = (f"{name}.multiarray".encode() for name in (other, core))
        data = data.replace(b"c" + old + b"\n", b"c" + new + b"\n")
        data = data.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
        old, new = (f"{name}.numeric".encode() for name in (other, core))
        data = data.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
    assert core.encode() + b"." in data
    return pickletools.optimize(data)  # frames have another length now


class _Python2Pickler(pickle._Pickler):
    dispatch = pickle._Pickler.dispatch.copy()

    def save_byte_string(self, value: str | bytes) -> None:
        data = value.encode("latin-1") if isinstance(value, str) else value
        short = len(data) < 256
        self.write(b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data)))
        self.write(data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_byte_string
