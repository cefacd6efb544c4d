"""What loaders should give, read with h5py and computed by itself; and rows that can be compared in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np


def columns(path: Path, names: Sequence[str], split: int | None = None) -> list[np.ndarray]:
    """Whole columns as they lie in the files, without our code."""
    if path.is_dir():
        parts = [columns(file, names) for file in sorted(path.glob("*.h5"))]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]
    with h5py.File(path) as file:
        kept = slice(None) if split is None else file["split"][:] == split
        return [file[name][:][kept] for name in names]


def default(path: Path, split: int | None = None) -> list[np.ndarray]:
    """The default fields: 2D, and 3D about the root."""
    seen, pose = columns(path, ["positions_2d", "positions_3d"], split)
    return [seen, pose - pose[:, :1]]


def in_pixels(points: np.ndarray, image_size: np.ndarray) -> np.ndarray:
    """``u = (x + 1) w/2``, ``v = (y + h/w) w/2``, as the README has it, row by row."""
    rows = []
    for row, (w, h) in zip(points.astype(np.float64), image_size.astype(np.float64), strict=True):
        rows.append(np.stack([(row[:, 0] + 1) * w / 2, (row[:, 1] + h / w) * w / 2], -1))
    return np.array(rows)


def joined(batches: Iterable[Sequence[object]]) -> list[np.ndarray]:
    """The fields of all batches, one batch after the other."""
    return [np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*batches, strict=True)]


def as_bytes(fields: Sequence[np.ndarray]) -> list[bytes]:
    """Each row of all fields as bytes: rows that can be told apart, and sorted."""
    flat = [np.ascontiguousarray(field).reshape(len(field), -1).view(np.uint8) for field in fields]
    return [row.tobytes() for row in np.concatenate(flat, axis=1)]


def assert_each_row_once(batches: Iterable[Sequence[object]], expected: Sequence[np.ndarray]) -> None:
    """The batches have the very rows that are expected, in whatever order."""
    rows = sorted(as_bytes(expected))
    assert len(set(rows)) == len(rows) > 0, "rows that are alike cannot be told from one row given twice"
    assert sorted(as_bytes(joined(batches))) == rows


def assert_same(batches: Iterable[Sequence[object]], others: Iterable[Sequence[object]]) -> None:
    """The same batches in the same order, bit for bit."""
    batches, others = list(batches), list(others)
    assert len(batches) == len(others) > 0
    for one, other in zip(batches, others, strict=True):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs), strict=True)
