"""The .npz files that ``numpy.savez(file, name=dict)`` makes, in any protocol and of either NumPy."""

import io
import zipfile
from pathlib import Path

import numpy as np
from pickled import GENERATIONS, pickled


def object_header() -> bytes:
    """The head of a member that holds one pickled object."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
    return buffer.getvalue()


def object_member(value: object, protocol: int = 3, core: str = GENERATIONS[0]) -> bytes:
    """Such a member: a pickled array of objects without dimensions."""
    array = np.empty((), dtype=object)
    array[()] = value
    return object_header() + pickled(array, protocol, core)


def write_members(path: Path, **members: bytes) -> Path:
    """A .npz of members as they are, behind good checksums."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path
