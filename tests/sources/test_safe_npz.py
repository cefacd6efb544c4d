"""Hostile and damaged .npz files: nothing runs, nothing large is allocated, every fault is a PoseAugError."""

import contextlib
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_npz import object_header, object_member, write_members

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_npz
from poseaug_gen.sources.safe_npz import first_entry, holds_object, members, read_members, read_object

NAMES = ("a", "b", "c")


def npz_bytes(compressed: bool = True) -> bytes:
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, a=np.arange(60.0).reshape(5, 4, 3), b=np.array(["walk", "run"]), c=np.int16(7))
    return buffer.getvalue()


def header(dtype: str, shape: str) -> bytes:
    """The head of a .npy member that claims a type and a shape."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def npz_of(path, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"{name}.npy", content)
    return path


class RunsACommand:
    """What pickle runs when it loads an object of this class."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("compressed", [True, False])
def test_plain_arrays_come_back(tmp_path, compressed):
    path = tmp_path / "x.npz"
    path.write_bytes(npz_bytes(compressed))
    assert members(path) == NAMES
    got = read_members(path, (*NAMES, "absent"))
    with np.load(path) as expected:
        assert set(got) == set(NAMES)
        for name in NAMES:
            np.testing.assert_array_equal(got[name], expected[name])
            assert got[name].dtype == expected[name].dtype


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i8", "|u1", "|b1", "<U7", "|S3"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_every_type_and_shape_reads_as_numpy_does(tmp_path, dtype, shape):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 2, shape).astype(dtype)
    np.savez(tmp_path / "x.npz", x=array, f=array.copy(order="F"))
    got = read_members(tmp_path / "x.npz", ("x", "f"))
    for each in got.values():
        np.testing.assert_array_equal(each, array)
        assert (each.dtype, each.shape) == (array.dtype, array.shape)


def test_a_pickle_in_an_array_does_not_run(tmp_path):
    trace = tmp_path / "it-ran"
    array = np.array([RunsACommand(f"touch {trace}"), 1], dtype=object)
    np.savez(tmp_path / "evil.npz", positions=array)
    with pytest.raises(PoseAugError, match=r"evil\.npz.*'positions' holds pickled Python objects.*never loaded"):
        read_members(tmp_path / "evil.npz", ("positions",))
    assert not trace.exists()
    np.load(tmp_path / "evil.npz", allow_pickle=True)["positions"]  # the bait was real
    assert trace.exists()


def test_one_object_is_read_as_data(tmp_path):
    value = {"S1": {"Walking 1": np.arange(6.0).reshape(2, 3)}, "n": [1, None, "é"]}
    np.savez_compressed(tmp_path / "x.npz", positions_3d=value, plain=np.arange(3))
    got = read_object(tmp_path / "x.npz", "positions_3d")
    np.testing.assert_array_equal(got["S1"].pop("Walking 1"), value["S1"].pop("Walking 1"))
    assert got == value
    assert holds_object(tmp_path / "x.npz", "positions_3d")
    assert not holds_object(tmp_path / "x.npz", "plain")
    assert not holds_object(tmp_path / "x.npz", "absent")
    with pytest.raises(PoseAugError, match=r"x\.npz: lacks 'absent'"):
        read_object(tmp_path / "x.npz", "absent")
    with pytest.raises(PoseAugError, match=r"'plain' is int64 of shape \(3,\); it must be one dict"):
        read_object(tmp_path / "x.npz", "plain")
    with pytest.raises(PoseAugError, match=r"'positions_3d' holds pickled Python objects"):
        read_members(tmp_path / "x.npz", ("positions_3d",))


def test_objects_of_a_shape_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([{}, {}], dtype=object))
    assert not holds_object(tmp_path / "x.npz", "x")
    with pytest.raises(PoseAugError, match=r"'x' is object of shape \(2,\)"):
        read_object(tmp_path / "x.npz", "x")


def test_an_object_that_runs_something_does_not(tmp_path):
    trace = tmp_path / "it-ran"
    np.savez(tmp_path / "evil.npz", metadata=np.array(RunsACommand(f"touch {trace}"), dtype=object))
    assert holds_object(tmp_path / "evil.npz", "metadata")
    with pytest.raises(PoseAugError, match=r"evil\.npz: 'metadata': the pickle names .*\.system, which could run"):
        read_object(tmp_path / "evil.npz", "metadata")
    assert not trace.exists()


def test_damage_behind_the_pickles_end_is_found(tmp_path):
    """What follows the pickle is not read as one, but the checksum covers it."""
    content = object_member({"a": 1}) + bytes(1000)
    path = write_members(tmp_path / "x.npz", x=content)
    assert read_object(path, "x") == {"a": 1}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    data = bytearray(path.read_bytes())
    data[data.index(bytes(1000)) + 500] = 1
    path.write_bytes(data)
    with pytest.raises(PoseAugError, match=r"x\.npz: not a whole \.npz file \(Bad CRC-32"):
        read_object(path, "x")


def test_no_pickle_is_an_error(tmp_path):
    path = write_members(tmp_path / "x.npz", x=object_header())
    with pytest.raises(PoseAugError, match=r"x\.npz: 'x': not a whole pickle"):
        read_object(path, "x")


def test_members_that_are_not_asked_for_are_not_touched(tmp_path):
    np.savez(tmp_path / "x.npz", good=np.arange(3), objects=np.array([{}, []], dtype=object))
    np.testing.assert_array_equal(read_members(tmp_path / "x.npz", ("good",))["good"], [0, 1, 2])


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("<f8", "(1000000000,)"),
        ("<f8", "(1000000, 1000000, 1000000)"),
        ("<U2000000000", "(1,)"),
        ("<f8", "(-1,)"),
        ("<f8", "(-1, -8)"),
        ("|S0", "(8000000000,)"),
        ([("a", "<f8")], "(1,)"),
        ("|O", "(1,)"),
        ("<f8", "(True,)"),
        ("<f8", "3"),
        ("nonsense", "(1,)"),
        ("<M8[ns]", "(1,)"),
    ],
)
def test_a_header_is_not_believed(tmp_path, dtype, shape):
    path = npz_of(tmp_path / "x.npz", "x", header(dtype, shape) + bytes(64))
    tracemalloc.start()
    with pytest.raises(PoseAugError, match=r"x\.npz"):
        read_members(path, ("x",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_a_member_that_claims_8_gb_is_refused(tmp_path):
    """Header and directory agree on 8 GB, but a small file cannot hold it."""
    content = header("<f8", "(1000000000,)")
    path = npz_of(tmp_path / "x.npz", "x", content + bytes(64))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24  # the uncompressed size in the central directory; 32 bits hold 4 GB
    data[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(PoseAugError, match=r"'x' claims 4,294,967,294 bytes, over the"):
        read_members(path, ("x",))


def test_no_member_may_be_larger_than_the_bound(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=np.zeros(1000))
    monkeypatch.setattr(safe_npz, "LARGEST_MEMBER", 8000)
    with pytest.raises(PoseAugError, match="over the 8,000"):
        read_members(tmp_path / "x.npz", ("x",))


def test_a_header_must_account_for_every_byte(tmp_path):
    for extra in (-8, 8):
        path = npz_of(tmp_path / "x.npz", "x", header("<f8", "(9,)") + bytes(72 + extra))
        with pytest.raises(PoseAugError, match=f"claims 72 bytes of float64.*but {72 + extra} follow"):
            read_members(path, ("x",))


def test_other_compression_is_refused(tmp_path):
    path = npz_of(tmp_path / "x.npz", "x", header("<f8", "(1,)") + bytes(8), zipfile.ZIP_BZIP2)
    with pytest.raises(PoseAugError, match=r"numpy\.savez"):
        read_members(path, ("x",))


@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_anywhere_is_an_error(tmp_path, compressed):
    whole, path = npz_bytes(compressed), tmp_path / "x.npz"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(PoseAugError, match=r"x\.npz: not a whole"):
            read_members(path, NAMES)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_an_error_or_are_read(tmp_path, data):
    whole = bytearray(npz_bytes(data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.npz"
    path.write_bytes(whole)
    with contextlib.suppress(PoseAugError):
        read_members(path, NAMES)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_header_is_an_error_or_is_read(tmp_path, data):
    """Damage behind a good checksum: only our reading of the header stands between it and us."""
    content = bytearray(header("<f8", "(9,)") + bytes(72))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    path = npz_of(tmp_path / "x.npz", "x", bytes(content))
    with contextlib.suppress(PoseAugError):
        read_members(path, ("x",))


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PoseAugError, match=r"none\.npz: there is no such file"):
        members(tmp_path / "none.npz")


def test_a_format_is_told_by_the_first_entry_of_a_list(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, names=np.array(["S1/a.jpg", "b"]), none=np.array([], dtype=str), square=np.eye(2), one=np.array("x"))
    assert first_entry(path, ("names", "square")).tolist() == ["S1/a.jpg"]
    for name in ("none", "square", "one"):  # an empty list, and no lists
        assert first_entry(path, (name,)) is None
    assert first_entry(path, ("names", "missing")) is None
    (tmp_path / "text").write_text("names")
    assert first_entry(tmp_path / "text", ("names",)) is None
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(2,), }", b"(9,), }"))
    with pytest.raises(PoseAugError, match="Bad CRC"):
        first_entry(path, ("names",))
