"""Damage over which HDF5 would never return, found before it opens a file.

The text of an attribute lies in a "global heap collection" (HDF5 File Format Specification, III.E), behind its length.
HDF5 1.14.6 goes from one to the next by these lengths. Where a flipped bit leads it to what is none and reads as zero,
it stays there for ever, out of reach of Python's signals and exceptions.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from poseaug_gen.errors import PoseAugError

# "GCOL", version 1 and three zeros: eight bytes that rows do not have by chance.
_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_HEADER = 16  # bytes of a collection's and of each object's header, whose last eight tell the length
_ENDS = 8 << 20  # bytes at either end of a file that are looked through: attributes lie before and after the rows


def check_heaps(path: Path, mend: str) -> None:
    """Refuse a file whose collections HDF5 would not find its way through.

    Args:
        mend: what the sentence advises.

    Raises:
        PoseAugError: an object in one leads out of it.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            ends = [(0, size)] if size <= 2 * _ENDS else [(0, _ENDS), (size - _ENDS, size)]
            for start, stop in ends:
                at = data.find(_SIGNATURE, start, stop)
                while at >= 0:
                    if not _whole(data, at):
                        raise PoseAugError(f"{path}: truncated or damaged (at byte {at:,}, in an attribute); {mend}")
                    at = data.find(_SIGNATURE, at + 1, stop)


def _whole(data: mmap.mmap, at: int) -> bool:
    """Whether the objects of the collection at a place follow one another to its end."""

    def number(place: int, length: int) -> int:
        return int.from_bytes(data[place : place + length], "little")

    end = at + number(at + 8, 8)
    place = at + _HEADER
    if end > len(data):
        return False
    while place + _HEADER <= end:
        index, length = number(place, 2), number(place + 8, 8)
        if index == 0:  # what is left of the collection, whose length counts its header
            return place + length == end
        place += _HEADER + -(-length // 8) * 8
    return place <= end
