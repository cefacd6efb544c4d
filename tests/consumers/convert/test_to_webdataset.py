"""Tar files of blocks: WebDataset itself reads them, and any tar does."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest


@pytest.fixture(scope="module")
def files(exports, convert, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("webdataset") / "out"
    convert(exports["lenses"], "webdataset", folder, rows_per_file=2048)
    return sorted(folder.glob("*.tar"))


@pytest.fixture(scope="module")
def rows(exports) -> dict[str, np.ndarray]:
    with h5py.File(exports["lenses"]) as file:
        return {name: file[name][:] for name in file}


def test_webdataset_decodes_every_column(files, rows) -> None:
    wds = pytest.importorskip("webdataset")
    samples = list(wds.WebDataset(list(map(str, files)), shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == [f"{i:09d}" for i in range(5)]
    for name, values in rows.items():
        found = np.concatenate([sample[f"{name}.npy"] for sample in samples])
        np.testing.assert_array_equal(found, values, strict=True)


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
