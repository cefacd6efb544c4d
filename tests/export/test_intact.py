"""Real damage to real files is named by all of ours that reads exports, and nobody takes a hole for rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.exported import read_key, read_pool
from poseaug_gen.export.dataset import export
from poseaug_gen.export.info import describe_export
from poseaug_gen.export.intact import intact
from poseaug_gen.export.reading import Found, find
from poseaug_gen.export.verify import verify
from poseaug_gen.training.run_folder import RunFolder

SHARD = "aug-00001-of-00003.h5"
# Everything that reads an export; the first three read its files whole.
READERS: dict[str, Callable[[Found], object]] = {
    "verify": verify,
    "lifters": lambda found: read_pool(found, 3000),
    "hashes": lambda found: intact(found, hashes=True),
    "arms": lambda found: read_key(found, 3000),
    "info": describe_export,
    "a glance": intact,
}
WHOLE = ["verify", "lifters", "hashes"]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, fake_run: RunFolder, learned_run: RunFolder) -> Path:
    """A folder of exports that nobody may change: in shards, the same of another run, and plain."""
    folder = tmp_path_factory.mktemp("kept")
    export(fake_run, ExportSettings(n=3000, shard_rows=1000), folder / "mine" / "aug.h5")
    export(learned_run, ExportSettings(n=3000, shard_rows=1000), folder / "theirs" / "aug.h5")
    export(fake_run, ExportSettings(n=1000), folder / "plain" / "aug.h5")
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """Copies of them."""
    return Path(shutil.copytree(kept, tmp_path / "kept"))


@pytest.fixture
def mine(folder: Path) -> Path:
    return folder / "mine" / "aug.h5"


def shard(path: Path, name: str = SHARD) -> Path:
    return path.parent / "aug.shards" / name


def truncate(mine: Path) -> None:
    with shard(mine).open("r+b") as file:
        file.truncate(shard(mine).stat().st_size - 1)


def empty(mine: Path) -> None:
    shard(mine).write_bytes(b"")


def append(mine: Path) -> None:
    with shard(mine).open("ab") as file:
        file.write(b"\0")


def remove(mine: Path) -> None:
    shard(mine).unlink()


def rename(mine: Path) -> None:
    shard(mine).rename(shard(mine, "aug-00001-of-00004.h5"))


def exchange(mine: Path) -> None:
    first, spare = shard(mine, "aug-00002-of-00003.h5"), mine.with_name("spare")
    shard(mine).rename(spare)
    first.rename(shard(mine))
    spare.rename(first)


def double(mine: Path) -> None:
    shutil.copy(shard(mine, "aug-00000-of-00003.h5"), shard(mine))


def of_another_run(mine: Path) -> None:
    shutil.copy(shard(mine.parent.parent / "theirs" / "aug.h5"), shard(mine))


DAMAGE = {
    truncate: "truncated",
    empty: "truncated",
    append: "bytes, and its manifest says",
    remove: "missing",
    rename: "missing",
    exchange: "is shard 2, not 1",
    double: "is shard 0, not 1",
    of_another_run: "of another export",
}


@pytest.mark.parametrize("reader", READERS)
def test_whole_exports_are_read(reader: str, folder: Path) -> None:
    for path in ("mine/aug.h5", "mine/aug.shards", "theirs/aug.h5", "plain/aug.h5", f"mine/aug.shards/{SHARD}"):
        READERS[reader](find(folder / path))


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("by", ["aug.h5", "aug.shards"])
def test_a_damaged_shard_is_named_by_all_that_read_exports(damage: Callable, reader: str, by: str, mine: Path) -> None:
    damage(mine)
    found = find(mine.with_name(by))
    with pytest.raises(PoseAugError) as caught:
        READERS[reader](found)
    assert str(caught.value).startswith(f"{shard(mine)}: ")
    assert DAMAGE[damage] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", WHOLE)
@pytest.mark.parametrize("place", np.linspace(0.0, 0.9999, 13))
def test_a_flipped_bit_is_named_by_all_that_read_files_whole(reader: str, place: float, mine: Path) -> None:
    data = bytearray(shard(mine).read_bytes())
    data[int(place * len(data))] ^= 0x02
    shard(mine).write_bytes(data)
    with pytest.raises(PoseAugError, match=rf"{SHARD}: truncated, damaged or of another export \(its SHA-256"):
        READERS[reader](find(mine))


@pytest.mark.parametrize("reader", WHOLE)
def test_a_flipped_bit_in_a_row_of_a_plain_file_is_named(reader: str, folder: Path) -> None:
    path = folder / "plain" / "aug.h5"
    with h5py.File(path) as file:
        at = file["source_index"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at] ^= 0x01  # a neighbour's number: nothing but the hash can tell
    path.write_bytes(data)
    with pytest.raises(PoseAugError, match=r"plain/aug\.h5: the bytes of 'source_index'"):
        READERS[reader](find(path))


@pytest.mark.parametrize("reader", READERS)
def test_an_index_of_another_run_is_told(reader: str, mine: Path) -> None:
    shutil.copy(mine.parent.parent / "theirs" / "aug.h5", mine)
    with pytest.raises(PoseAugError, match=r"aug-00000-of-00003\.h5: its attribute '.*' is not that of"):
        READERS[reader](find(mine))


@pytest.mark.parametrize("reader", READERS)
def test_a_manifest_without_sizes_is_damaged(reader: str, mine: Path) -> None:
    manifest = shard(mine, "manifest.json")
    known = json.loads(manifest.read_text())
    del known["shards"][1]["bytes"]
    manifest.write_text(json.dumps(known))
    with pytest.raises(PoseAugError, match=r"manifest\.json: damaged"):
        READERS[reader](find(mine))


def test_what_plain_hdf5_reads_as_nan_is_never_passed_on(mine: Path) -> None:
    remove(mine)
    with h5py.File(mine) as file:
        assert np.isnan(file["positions_3d"][1500]).all()
    for reader in READERS.values():
        with pytest.raises(PoseAugError, match="missing"):
            reader(find(mine))
