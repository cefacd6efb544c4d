"""Tar files of blocks: WebDataset itself reads them, and any tar does."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def files(exports, convert, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("webdataset") / "out"
    convert(exports["lenses"], "webdataset", folder, rows_per_file=2048)
    return sorted(folder.glob("*.tar"))


@pytest.fixture(scope="module")
def rows(rows_of) -> dict[str, np.ndarray]:
    return rows_of("lenses")


def test_webdataset_decodes_every_column(files, rows) -> None:
    wds = pytest.importorskip("webdataset")
    samples = list(wds.WebDataset(list(map(str, files)), shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == [f"{i:09d}" for i in range(5)]
    for name, values in rows.items():
        found = np.concatenate([sample[f"{name}.npy"] for sample in samples])
        np.testing.assert_array_equal(found, values, strict=True)


def test_blocks_are_numbered_through_files_that_do_not_end_with_one(exports, convert, tmp_path) -> None:
    """Samples of two files with one key would be taken for one."""
    convert(exports["lenses"], "webdataset", tmp_path / "out", rows_per_file=1500)
    keys = []
    for file in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(file) as archive:
            keys += dict.fromkeys(name.split(".")[0] for name in archive.getnames())
    assert keys == [f"{i:09d}" for i in range(7)]  # 1024 + 476, three times, and 500


def test_members_have_neither_time_nor_owner(files, rows) -> None:
    assert [file.name for file in files] == [f"aug-0000{i}-of-00003.tar" for i in range(3)]
    names = []
    for file in files:
        with tarfile.open(file) as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
                names.append(member.name)
                values = np.load(io.BytesIO(archive.extractfile(member).read()), allow_pickle=False)
                assert len(values) in (1024, 5000 - 4 * 1024)
    assert len(names) == len(set(names)) == 5 * len(rows)
