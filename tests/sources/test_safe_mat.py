"""MATLAB files of version 5: read as SciPy reads them; nothing runs, nothing large is allocated, no fault escapes."""

import struct
import tracemalloc
import zlib
from collections import Counter

import numpy as np
import pytest
import scipy.io
from fuzzing import mutants, survives

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_mat
from poseaug_gen.sources.safe_mat import looks_like_mat, read_variables, variables

NAMES = ("cells", "flat", "packed")


def content() -> dict:
    rng = np.random.default_rng(0)
    cells = np.empty((3, 2), dtype=object)
    for i, shape in enumerate([(5, 84), (1, 1), (0, 0), (2, 3, 4), (7, 1), (3, 3)]):
        cells[i % 3, i // 3] = rng.normal(size=shape).astype("f4" if i % 2 else "f8")
    return {"cells": cells, "flat": rng.normal(size=(4, 6)), "packed": np.arange(12, dtype="u1").reshape(3, 4)}


def save(path, compressed: bool = True, **more):
    scipy.io.savemat(path, content() | more, do_compression=compressed)
    return path


def elements(path) -> bytes:
    """A file's bytes behind its header."""
    return path.read_bytes()[128:]


def with_elements(path, data: bytes):
    path.write_bytes(path.read_bytes()[:128] + data)
    return path


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind: int, dims: tuple, values: bytes, name: bytes = b"x", flags: int = 0) -> bytes:
    head = element(6, struct.pack("<II", kind | flags << 8, 0)) + element(5, struct.pack(f"<{len(dims)}i", *dims))
    return element(14, head + element(1, name) + values)


@pytest.mark.parametrize("compressed", [True, False])
def test_numbers_and_cells_come_back_as_scipy_reads_them(tmp_path, compressed):
    path = save(tmp_path / "x.mat", compressed)
    assert looks_like_mat(path)
    assert variables(path) == NAMES
    got, expected = read_variables(path, (*NAMES, "absent")), scipy.io.loadmat(path)
    assert set(got) == set(NAMES)
    for name in ("flat", "packed"):
        np.testing.assert_array_equal(got[name], expected[name])
        assert got[name].dtype == expected[name].dtype
    assert isinstance(got["cells"], tuple)
    for ours, theirs in zip(got["cells"], expected["cells"].ravel(order="F"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.shape == theirs.shape


@pytest.mark.parametrize("shape", [(0, 84), (84, 0), (0, 0), (3, 4, 0), (0, 3, 4)])
def test_empty_arrays(tmp_path, shape):
    scipy.io.savemat(tmp_path / "x.mat", {"x": np.zeros(shape)})
    got = read_variables(tmp_path / "x.mat", ["x"])["x"]
    assert got.size == 0
    assert got.shape == shape or len(shape) > 2


@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_every_type_of_number(tmp_path, dtype):
    array = np.random.default_rng(0).integers(0, 100, (3, 4, 2)).astype(dtype)
    scipy.io.savemat(tmp_path / "x.mat", {"x": array})
    got = read_variables(tmp_path / "x.mat", ["x"])["x"]
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype


def test_the_other_byte_order(tmp_path):
    """What a big-endian machine writes: header, tags and numbers."""
    values = np.arange(6.0).reshape(2, 3)
    body = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 2, 3) + struct.pack(">HH", 1, 1) + b"x\0\0\0"
    body += struct.pack(">II", 9, 48) + values.astype(">f8").tobytes(order="F")
    path = tmp_path / "big.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(body)) + body)
    np.testing.assert_array_equal(scipy.io.loadmat(path)["x"], values)  # the file is one
    got = read_variables(path, ["x"])["x"]
    np.testing.assert_array_equal(got, values)
    assert got.dtype.isnative


def test_other_variables_are_not_touched(tmp_path):
    path = save(tmp_path / "x.mat", text="abc", complex=1 + 2j, struct={"a": 1}, nested=np.array([[{}]], dtype=object))
    assert set(variables(path)) == {*NAMES, "text", "complex", "struct", "nested"}
    assert set(read_variables(path, NAMES)) == set(NAMES)


@pytest.mark.parametrize("name", ["text", "complex", "struct", "nested", "sparse"])
def test_what_is_no_number_is_refused(tmp_path, name):
    more = {"text": "abc", "complex": 1 + 2j, "struct": {"a": 1}, "sparse": scipy.sparse.eye(3)}
    path = save(tmp_path / "x.mat", **more, nested=np.array([[np.array([["abc"]], dtype=object)]], dtype=object))
    with pytest.raises(PoseAugError, match=rf"x\.mat: '{name}' holds something else than real numbers"):
        read_variables(path, [name])


def test_objects_and_functions_have_no_name_and_are_passed_over(tmp_path):
    path = save(tmp_path / "x.mat", compressed=False)
    opaque = element(14, element(6, struct.pack("<II", 17, 0)) + element(1, b"handle") + element(1, b"java"))
    with_elements(path, opaque + elements(path))
    assert variables(path) == ("", *NAMES)
    assert set(read_variables(path, NAMES)) == set(NAMES)


SQUEEZED = zlib.compress(matrix(6, (1, 1), element(9, bytes(8))))
LIES = {
    "no matrix": (element(1, b"12345678"), "8 bytes of type 1 should follow"),
    "2 GB that are not there": (struct.pack("<II", 14, 2**31), "bytes of type 14 should follow"),
    "half a tag": (b"1234", "it ends within an element"),
    "too few numbers": (matrix(6, (2, 2), element(9, bytes(24))), "24 bytes of float64 for the shape"),
    "2^62 numbers": (matrix(6, (2**31 - 1, 2**31 - 1), element(9, bytes(8))), "8 bytes of float64 for the shape"),
    "sides below zero": (matrix(6, (-1, -1), element(9, bytes(8))), "2 axes, or a negative side"),
    "33 axes": (matrix(6, (1,) * 33, element(9, bytes(8))), "33 axes"),
    "one axis": (matrix(6, (1,), element(9, bytes(8))), "1 axes"),
    "numbers cut off": (matrix(6, (1, 1), struct.pack("<II", 9, 8)), "8 bytes of type 9 should be where 0 are left"),
    "a small element of eight bytes": (
        matrix(6, (1, 1), struct.pack("<HHI", 9, 8, 0)),
        "8 bytes of type 9 should be where",
    ),
    "numbers of type UTF-8": (matrix(6, (1, 1), element(16, bytes(8))), "are of type 16"),
    "2^34 cells": (matrix(1, (2**31 - 1, 8), b""), "over 1,000 cells"),
    "a cell too few": (matrix(1, (2, 1), matrix(6, (1, 1), element(9, bytes(8)))), "it ends within an element"),
    "a cell that is no matrix": (matrix(1, (1, 1), element(9, bytes(8))), "a cell of 'x' is of type 9"),
    "a cell in a cell": (matrix(1, (1, 1), matrix(1, (1, 1), b"")), "something else than real numbers"),
    "no flags": (element(14, element(9, bytes(8))), "does not begin with its flags"),
    "no dimensions": (element(14, element(6, struct.pack("<II", 6, 0)) + element(1, b"x") * 2), "has no dimensions"),
    "4 GB in 64 bytes": (
        element(15, zlib.compress(struct.pack("<II", 14, 2**32 - 1) + bytes(64))),
        "should hold 4,294,967,295",
    ),
    "a compressed matrix cut short": (element(15, SQUEEZED[:-8]), "it ends within an element"),
    "a compressed matrix without its checksum": (
        struct.pack("<II", 15, len(SQUEEZED) - 4) + SQUEEZED[:-4],
        "does not have the 64 bytes that it claims",
    ),
    "no zlib": (element(15, b"not zlib"), "incorrect header check"),
    "empty matrices": (element(14, b"") * 1_001, "it ends within an element"),
    "1,001 variables": (matrix(6, (1, 1), element(9, bytes(8))) * 1_001, "over 1,000 variables"),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_size_is_believed(tmp_path, lie):
    data, says = LIES[lie]
    path = with_elements(save(tmp_path / "x.mat"), data)
    tracemalloc.start()
    with pytest.raises(PoseAugError, match=rf"x\.mat: .*({says})"):
        read_variables(path, ["x"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_a_bomb_is_not_blown_up_beyond_what_it_claims(tmp_path):
    """A quarter of a gigabyte of zeros behind the tag of a small matrix."""
    whole = matrix(6, (1, 1), element(9, bytes(8)))
    squeezed = zlib.compressobj(9)
    data = squeezed.compress(whole) + b"".join(squeezed.compress(bytes(2**20)) for _ in range(256)) + squeezed.flush()
    path = with_elements(save(tmp_path / "x.mat"), struct.pack("<II", 15, len(data)) + data)
    tracemalloc.start()
    with pytest.raises(PoseAugError, match="'x' does not have the 64 bytes"):
        read_variables(path, ["x"])
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_wrong_checksum_is_found(tmp_path):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"x": np.arange(100.0)}, do_compression=True)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(PoseAugError, match="incorrect data check"):
        read_variables(path, ["x"])


@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_anywhere_is_an_error(tmp_path, compressed):
    path = save(tmp_path / "x.mat", compressed)
    ends = {128}  # where a variable ends, a whole file might
    at = 128
    whole = path.read_bytes()
    while at < len(whole):
        at += 8 + struct.unpack("<I", whole[at + 4 : at + 8])[0]
        ends.add(at)
    for length in set(range(0, len(whole), 23)) - ends:
        path.write_bytes(whole[:length])
        with pytest.raises(PoseAugError, match=r"x\.mat: not a (whole )?MATLAB file"):
            read_variables(path, NAMES)


def test_other_files_are_not_taken_for_one(tmp_path):
    for name, data in {"empty": b"", "short": b"MATLAB", "text": b"MATLAB 5.0 MAT-file" * 20}.items():
        (tmp_path / name).write_bytes(data)
        assert not looks_like_mat(tmp_path / name)
        with pytest.raises(PoseAugError, match=r"not a MATLAB file of version 5; save it without -v7\.3"):
            variables(tmp_path / name)
    with pytest.raises(PoseAugError, match="cannot be read: No such file"):
        variables(tmp_path / "none.mat")


def fuzzed(path, count: int) -> Counter:
    """Damage to whole files, and behind zlib's checksum to the matrices themselves."""
    outcomes: Counter = Counter()
    for compressed in (True, False):
        for data in mutants(save(path, compressed).read_bytes(), seed=compressed, count=count):
            path.write_bytes(data)
            outcomes[survives(lambda: (variables(path), read_variables(path, NAMES)))] += 1
    plain = elements(save(path, compressed=False))
    for data in mutants(plain, seed=2, count=count):
        packed = zlib.compress(data)
        with_elements(save(path), struct.pack("<II", 15, len(packed)) + packed)
        outcomes[survives(lambda: (variables(path), read_variables(path, NAMES)))] += 1
    return outcomes


def test_damage_is_an_error_or_is_read(tmp_path):
    outcomes = fuzzed(tmp_path / "x.mat", 100)
    assert outcomes["refused"] > 60
    assert outcomes["read"] > 10


@pytest.mark.slow
def test_much_damage_is_an_error_or_is_read(tmp_path):
    assert fuzzed(tmp_path / "x.mat", 5000)["refused"] > 5000


def test_the_bound_holds_for_large_variables(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_mat, "LARGEST_VARIABLE", 500)
    with pytest.raises(PoseAugError, match="should hold"):
        read_variables(save(tmp_path / "x.mat"), ["cells"])
