"""Rows that stand twice are found, wherever, and rows whose hashes alone are equal are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import light, seeds

from poseaug_gen.export.doubles import first_double, row_hashes


@light
@given(st.integers(1, 40), st.integers(1, 19), st.integers(2, 12), seeds)
def test_the_first_double_is_that_of_a_plain_search(rows, joints, different, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(different, joints, 3)).astype(np.float32)[rng.integers(different, size=rows)]
    seen, expected = {}, None
    for number, row in enumerate(values):
        if row.tobytes() in seen and expected is None:
            expected = seen[row.tobytes()], number
        seen.setdefault(row.tobytes(), number)
    assert first_double(row_hashes(values), lambda row: values[row].tobytes()) == expected


@pytest.mark.parametrize("joints", [16, 17])
def test_rows_that_differ_in_a_bit_or_in_their_order_have_other_hashes(joints: int) -> None:
    values = np.random.default_rng(0).normal(size=(1, joints, 3)).astype(np.float32)
    bits = np.repeat(values.reshape(1, -1).view(np.uint32), joints * 3 * 32, 0)
    for number in range(len(bits)):
        bits[number, number // 32] ^= np.uint32(1 << number % 32)
    swapped = values[:, np.roll(np.arange(joints), 1)]
    every = np.concatenate([values, bits.view(np.float32).reshape(-1, joints, 3), swapped])
    assert len(set(row_hashes(every).tolist())) == len(every)


def test_equal_hashes_of_rows_that_differ_are_no_double() -> None:
    rows = [b"a", b"b", b"c", b"b"]
    hashes = np.array([5, 5, 9, 5], dtype=np.uint64)
    assert first_double(hashes[:3], lambda row: rows[row]) is None
    assert first_double(hashes, lambda row: rows[row]) == (1, 3)


def test_no_rows_have_no_double() -> None:
    none = np.zeros((0, 16, 3), dtype=np.float32)
    assert first_double(row_hashes(none), lambda row: b"") is None
