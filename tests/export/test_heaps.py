"""A damaged length in an attribute is told; HDF5 alone would not return."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.heaps import check_heaps
from poseaug_gen.export.reading import find, opened, read_attributes
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture
def path(make_export: Callable[..., Summary]) -> Path:
    return make_export(n=100).path


def lengths(data: bytes) -> list[int]:
    """Where the lengths of the objects in the file's global heap collections stand."""
    places, at = [], -1
    while (at := data.find(b"GCOL", at + 1)) >= 0:
        place, end = at + 16, at + int.from_bytes(data[at + 8 : at + 16], "little")
        while place + 16 <= end and data[place] | data[place + 1]:
            places.append(place + 8)
            place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    return places


def test_whole_files_pass(path: Path, fake_run: RunFolder) -> None:
    check_heaps(path, "")
    check_heaps(fake_run.path / "poses.h5", "")
    assert len(lengths(path.read_bytes())) > 10, "a text for each attribute"


def test_long_texts_pass(tmp_path: Path) -> None:
    """A collection of their own, and one that was used twice."""
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        for number in range(40):
            file.attrs[f"text{number}"] = "x" * (1 << number % 20)
        for number in range(0, 40, 3):
            file.attrs[f"text{number}"] = "y" * (3 << number % 17)
    check_heaps(path, "")


def returns(path: Path) -> bool:
    """Whether the file is read or refused within two seconds; in a process of its own, as HDF5 may not return."""
    process = os.fork()
    if process == 0:
        signal.alarm(2)
        try:
            find(path)
            with opened(path) as file:
                read_attributes(file, path)
        except PoseAugError:
            pass
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize("byte", [1, 2, 4, 7])
def test_a_length_that_leads_out_of_its_collection_is_told(byte: int, path: Path) -> None:
    data = path.read_bytes()
    for place in lengths(data):
        damaged = bytearray(data)
        damaged[place + byte] ^= 0x80
        path.write_bytes(damaged)
        with pytest.raises(PoseAugError, match=r"aug\.h5: truncated or damaged \(at byte .*, in an attribute\); mend"):
            check_heaps(path, "mend it")
        with pytest.raises(PoseAugError, match="in an attribute"):
            find(path)


def test_no_damage_to_a_length_keeps_a_reader_for_ever(path: Path) -> None:
    """A length that is a little wrong leads HDF5 to what is none, and that may lead anywhere."""
    data = path.read_bytes()
    for place in lengths(data):
        for bit in (0x08, 0x10, 0x80):
            damaged = bytearray(data)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            assert returns(path)


def test_an_empty_file_is_left_to_hdf5(tmp_path: Path) -> None:
    (tmp_path / "empty.h5").touch()
    check_heaps(tmp_path / "empty.h5", "")
