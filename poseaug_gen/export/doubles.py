"""Rows that stand twice: two draws of a continuous distribution are never the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Shaped, UInt64

_ODD = np.random.default_rng(0x5EED).integers(0, 2**63, 4096, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def row_hashes(values: Shaped[np.ndarray, "rows *shape"]) -> UInt64[np.ndarray, " rows"]:
    """A 64-bit hash of each row's bytes: its words, each times an odd number of its own, added up modulo 2^64."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.uint64)
    data = np.ascontiguousarray(values).reshape(len(values), -1)
    if odd := -data[0].nbytes % 8:  # an odd number of float32: one more, of zeros
        whole = np.zeros((len(data), data.shape[1] + odd // data.itemsize), data.dtype)
        whole[:, : data.shape[1]] = data
        data = whole
    words = data.view(np.uint64)
    # A product's high bits do not tell which of the words' high bits, signs among them, it came of: fold them down.
    return (words ^ (words >> np.uint64(32))) @ _ODD[: words.shape[1]]


def first_double(hashes: UInt64[np.ndarray, " rows"], row_bytes: Callable[[int], bytes]) -> tuple[int, int] | None:
    """The first row that stands in front of itself already, and where; None where all rows differ.

    Args:
        row_bytes: a row itself, to tell rows apart whose hashes happen to be equal.
    """
    ordered = np.sort(hashes)  # a tenth of an argsort's time, and almost always enough
    if (ordered[1:] != ordered[:-1]).all():
        return None
    order = np.argsort(hashes, kind="stable")
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    for place in again[np.argsort(order[again])]:
        row = int(order[place])
        for other in order[np.searchsorted(ordered, ordered[place]) : place]:
            if row_bytes(int(other)) == row_bytes(row):
                return int(other), row
    return None
