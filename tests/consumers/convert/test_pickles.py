"""Pickles that are written piece by piece: Python and our own reader find the same in them, and nothing but data."""

from __future__ import annotations

import io
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import light, seeds

from poseaug_gen.consumers.convert.npz import NpzWriter, write_npy
from poseaug_gen.consumers.convert.pickles import PickleWriter
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_npz, safe_pickle

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
)
KEYS = st.text("abcdef", min_size=1, max_size=5) | st.integers(0, 300)
VALUES = st.recursive(
    PLAIN,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(KEYS, values, max_size=4) | st.tuples(values, values),
    max_leaves=12,
)
DTYPES = ("<f4", "<f8", "<i2", "<i8", "<U7", "|i1")


def written(value: object) -> bytes:
    file = io.BytesIO()
    writer = PickleWriter(file)
    writer.value(value)
    writer.end()
    return file.getvalue()


def an_array(seed: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, 5, rng.integers(0, 4))
    return np.asarray(rng.normal(size=shape) * 100).astype(dtype)


@light
@given(VALUES)
def test_plain_data_come_back(value: object) -> None:
    assert pickle.loads(written(value)) == value
    assert safe_pickle.loads(written(value), "it") == value


@light
@given(seeds, st.lists(st.sampled_from(DTYPES), min_size=1, max_size=4))
def test_arrays_come_back_with_type_and_shape(seed: int, dtypes: list[str]) -> None:
    arrays = {str(i): an_array(seed + i, dtype) for i, dtype in enumerate(dtypes)}
    data = written(arrays | {"again": list(arrays.values())})
    for found in (pickle.loads(data), safe_pickle.loads(data, "it")):
        for i, (name, array) in enumerate(arrays.items()):
            for one in (found[name], found["again"][i]):
                np.testing.assert_array_equal(one, array, strict=True)
                assert one.flags.writeable


@light
@given(seeds, st.integers(0, 60), st.lists(st.integers(0, 60), max_size=5))
def test_pieces_are_one_array(seed: int, rows: int, cuts: list[int]) -> None:
    whole = np.random.default_rng(seed).normal(size=(rows, 3, 2)).astype("f4")
    pieces = np.split(whole, sorted(min(cut, rows) for cut in cuts))
    file = io.BytesIO()
    writer = PickleWriter(file)
    writer.array(whole.dtype, whole.shape, pieces)
    writer.end()
    np.testing.assert_array_equal(pickle.loads(file.getvalue()), whole, strict=True)
    file = io.BytesIO()
    write_npy(file, whole.dtype, whole.shape, pieces)
    file.seek(0)
    np.testing.assert_array_equal(np.load(file), whole, strict=True)


def test_the_only_names_are_numpys_of_old() -> None:
    """NumPy 1 cannot import ``numpy._core``; every NumPy knows ``numpy.core.multiarray``."""
    data = written({"a": np.zeros((2, 3)), "b": [np.zeros(4, "i2"), "text"], ("S1", "7"): np.array(["x"])})
    named = {argument for code, argument, _ in pickletools.genops(data) if "GLOBAL" in code.name}
    assert named == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    assert max(code.proto for code, _, _ in pickletools.genops(data)) == 4


@pytest.mark.parametrize("rows", [2, 4])
def test_an_array_of_another_length_than_it_claims_is_refused(rows: int) -> None:
    pieces = [np.zeros((rows, 2))]
    with pytest.raises(PoseAugError, match="48 bytes was to be written"):
        PickleWriter(io.BytesIO()).array(np.dtype("f8"), (3, 2), pieces)
    with pytest.raises(PoseAugError, match=f"3 rows was to be written and {rows} came"):
        write_npy(io.BytesIO(), np.dtype("f8"), (3, 2), pieces)


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="function is no plain data"):
        written({"a": written})


def test_an_npz_of_objects_and_arrays_is_numpys_and_ours(tmp_path) -> None:
    poses = {"S1": {"walk 1": np.arange(12, dtype="f4").reshape(2, 2, 3)}, "S2": {}}

    def write(path) -> None:
        with NpzWriter(path) as file:
            with file.object("positions_3d") as writer:
                writer.value(poses)
            file.array("numbers", np.dtype("<i8"), (5,), iter(np.split(np.arange(5), [2])))

    path = tmp_path / "x.npz"
    write(path)
    by_numpy = np.load(path, allow_pickle=True)["positions_3d"].item()
    for found in (by_numpy, safe_npz.read_object(path, "positions_3d")):
        assert list(found) == ["S1", "S2"]
        np.testing.assert_array_equal(found["S1"]["walk 1"], poses["S1"]["walk 1"], strict=True)
    np.testing.assert_array_equal(safe_npz.read_members(path, ["numbers"])["numbers"], np.arange(5), strict=True)
    write(tmp_path / "y.npz")
    assert path.read_bytes() == (tmp_path / "y.npz").read_bytes()
