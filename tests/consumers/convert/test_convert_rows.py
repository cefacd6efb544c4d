"""The rows of an export in blocks of any size: always the same rows, whatever files they lie in."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import light

from poseaug_gen.consumers.convert.rows import Rows
from poseaug_gen.consumers.pairs import Pairs

FIELDS = ("positions_3d", "source_index")


@pytest.fixture(scope="module")
def shards(exports: dict[str, Path]) -> tuple[Rows, dict[str, np.ndarray]]:
    """Rows in shards of 2,500, each of a chunk that is not whole; and what is in them."""
    with h5py.File(exports["shards"]) as file:
        return Rows(Pairs(exports["shards"])), {name: file[name][:] for name in FIELDS}


@light
@given(st.data())
def test_blocks_are_the_rows_in_their_order(shards, data: st.DataObject) -> None:
    rows, expected = shards
    most = data.draw(st.integers(0, 7000) | st.none())
    start, stop = sorted(data.draw(st.tuples(st.integers(0, 6500), st.integers(0, 6500))))
    size = data.draw(st.integers(1, 7000) | st.sampled_from([1024, 4096]))
    some = Rows(rows.pairs, most)
    assert len(some) == min(6000, 6000 if most is None else most)
    blocks = list(some.blocks(FIELDS, size, start, stop))
    stop = min(stop, len(some))
    for name in FIELDS:
        read = np.concatenate([block[name] for block in blocks]) if blocks else expected[name][:0]
        np.testing.assert_array_equal(read, expected[name][start : max(start, stop)])
    lengths = [len(block["source_index"]) for block in blocks]
    assert all(length == size for length in lengths[:-1])
    assert all(0 < length <= size for length in lengths[-1:])


def test_of_a_split_only_its_rows(exports: dict[str, Path]) -> None:
    with h5py.File(exports["lenses"]) as file:
        split, pose = file["split"][:], file["positions_3d"][:]
    assert 0 < split.sum() < len(split)
    for value, name in enumerate(("training", "validation")):
        rows = Rows(Pairs(exports["lenses"], split=name))
        blocks = list(rows.blocks(("positions_3d",), 100))
        np.testing.assert_array_equal(np.concatenate([b["positions_3d"] for b in blocks]), pose[split == value])


def test_two_readers_at_once_do_not_disturb_each_other(shards) -> None:
    rows, expected = shards
    numbers = expected["source_index"]
    first, second = rows.blocks(("source_index",), 700), rows.blocks(("positions_3d", "source_index"), 900)
    pairs = [(next(first), next(second)) for _ in range(4)]
    np.testing.assert_array_equal(np.concatenate([block["source_index"] for block, _ in pairs]), numbers[:2800])
    np.testing.assert_array_equal(np.concatenate([block["source_index"] for _, block in pairs]), numbers[:3600])
