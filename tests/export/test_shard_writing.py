"""How rows reach a file: the same bytes whatever blocks they come in, and read back as they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from export_files import ENVIRONMENT, hashes

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.rows import Rows
from poseaug_gen.export.schema import CHUNK_ROWS, Column, all_columns, to_json
from poseaug_gen.export.shard import filters, is_as_written, set_attributes, write_rows
from poseaug_gen.export.verify import verify
from poseaug_gen.hdf5 import Writer
from poseaug_gen.skeleton import Skeleton

MakeExport = Callable[..., Summary]


@pytest.fixture
def columns(skeleton: Skeleton) -> list[Column]:
    return [column for column in all_columns(skeleton) if not column.optional]


def random_rows(columns: list[Column], rows: int) -> Rows:
    rng = np.random.default_rng(rows)
    return {c.name: np.frombuffer(rng.bytes(rows * c.row_bytes), c.dtype).reshape(rows, *c.shape) for c in columns}


def written(path: Path, columns: list[Column], rows: Rows, cuts: list[int], compression: str = "none") -> dict:
    """Write rows in blocks that end at ``cuts``; returns the digests."""
    count = len(rows["source_index"])

    def blocks() -> Iterator[Rows]:
        for start, stop in zip([0, *cuts], [*cuts, count], strict=True):
            yield {name: values[start:stop] for name, values in rows.items()}

    with Writer(path) as writer:
        return write_rows(writer, columns, count, blocks(), lambda rows: None, compression)


@pytest.mark.parametrize("rows", [1, 100, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS + 77])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_rows_are_read_back_whatever_blocks_they_come_in(
    columns: list[Column], tmp_path: Path, rows: int, compression: str
) -> None:
    made = random_rows(columns, rows)
    cuts = [[], sorted({rows // 3, rows // 2, rows - 1}), list(range(1, rows, 1111))]
    for number, cut in enumerate(cuts):
        written(tmp_path / f"{number}.h5", columns, made, cut, compression)
    assert len({storage.sha256(tmp_path / f"{number}.h5") for number in range(len(cuts))}) == 1
    with h5py.File(tmp_path / "0.h5") as file:
        for column in columns:
            dataset = file[column.name]
            assert dataset.chunks == (min(rows, CHUNK_ROWS), *column.shape)
            assert dataset[:].tobytes() == made[column.name].tobytes()
            assert dataset.compression == (None if compression == "none" else "gzip")


def test_a_direct_chunk_is_where_hdf5_itself_would_put_it(columns: list[Column], tmp_path: Path) -> None:
    """The whole file is the one that ordinary writes of the same chunks make, to the last bit."""
    made = random_rows(columns, 2 * CHUNK_ROWS + 500)
    written(tmp_path / "direct.h5", columns, made, [])
    with Writer(tmp_path / "ordinary.h5") as writer:
        for c in columns:
            chunks = (CHUNK_ROWS, *c.shape)
            dataset = writer.file.create_dataset(c.name, made[c.name].shape, c.dtype, chunks=chunks)
            for axis, label in enumerate(("pair", *c.axes)):
                dataset.dims[axis].label = label
        for start in range(0, 2 * CHUNK_ROWS + 500, CHUNK_ROWS):
            for c in columns:
                writer.file[c.name][start : start + CHUNK_ROWS] = made[c.name][start : start + CHUNK_ROWS]
                writer.file.flush()
    with h5py.File(tmp_path / "direct.h5") as direct, h5py.File(tmp_path / "ordinary.h5") as ordinary:
        for c in columns:
            for number in range(3):
                start = (number * CHUNK_ROWS,) + (0,) * len(c.shape)
                assert direct[c.name].id.read_direct_chunk(start) == ordinary[c.name].id.read_direct_chunk(start)


def test_digests_tell_whether_a_file_is_as_written(columns: list[Column], tmp_path: Path) -> None:
    path, attributes = tmp_path / "x.h5", {"seed": 3, "config": "{}"}
    with Writer(path) as writer:
        rows = random_rows(columns, 5000)
        digests = write_rows(writer, columns, 5000, iter([rows]), lambda rows: None)
        set_attributes(writer.file, attributes, digests)
    with h5py.File(path, "r+") as file:
        told = json.loads(file.attrs["digests"])
        assert is_as_written(file, attributes, told)
        assert not is_as_written(file, {**attributes, "seed": 4}, told)
        file["snapshot"][4999] ^= 1
        assert not is_as_written(file, attributes, told)
        file["snapshot"][4999] ^= 1
        assert is_as_written(file, attributes, told)
        del file["snapshot"]
        assert not is_as_written(file, attributes, told)


def test_attributes_are_written_in_one_order(tmp_path: Path) -> None:
    attributes = {"b": 1, "a": "x", "c": to_json({"z": 1})}
    for name, order in (("1.h5", "abc"), ("2.h5", "cba")):
        with Writer(tmp_path / name) as writer:
            set_attributes(writer.file, {key: attributes[key] for key in order}, {"q": "r"})
    assert storage.sha256(tmp_path / "1.h5") == storage.sha256(tmp_path / "2.h5")


@pytest.mark.parametrize("compression", ["gzip", "blosc"])
def test_compressed_exports(compression: str, make_export: MakeExport) -> None:
    if compression == "blosc":
        pytest.importorskip("hdf5plugin", reason="needs the extra `compression`")
    plain = make_export("plain/aug.h5", n=9000, shard_rows=5000)
    one = make_export("one/aug.h5", n=9000, shard_rows=5000, compression=compression)
    two = make_export("two/aug.h5", n=9000, shard_rows=5000, compression=compression)
    assert hashes(one.path.parent) == hashes(two.path.parent)
    assert one.bytes < plain.bytes
    with h5py.File(one.path) as file, h5py.File(plain.path) as other:
        assert all((file[name][:] == other[name][:]).all() for name in other)
    assert verify(one.path).rows == 9000
    assert make_export("one/aug.h5", n=9000, shard_rows=5000, compression=compression).made == 0


def test_blosc_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(PoseAugError, match=r"--compression blosc needs the package hdf5plugin; install it with: pip"):
        filters("blosc")
    assert filters("none") == {}


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Ten times the rows in one file, and the writer's own memory stays: the kernel counts the most it ever was."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from poseaug_gen.config import ExportSettings
from poseaug_gen.export.schema import columns_of
from poseaug_gen.export.shard import write_rows
from poseaug_gen.hdf5 import Writer
from poseaug_gen.skeleton import load_skeleton
columns, rows = columns_of(load_skeleton(), ExportSettings()), int(sys.argv[2])
block = {c.name: np.ones((8000, *c.shape), c.dtype) for c in columns}
with Writer(Path(sys.argv[1])) as writer:
    write_rows(writer, columns, rows, (block for _ in range(rows // 8000)), lambda rows: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for rows in (80_000, 800_000):
        words = [sys.executable, "-c", code, str(tmp_path / "x.h5"), str(rows)]
        done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.05 * peaks[0], "a file of 350 MB"


@pytest.mark.parametrize("compression", ["gzip", "blosc"])
def test_a_compressed_export_is_verified_told_and_trusted(
    make_export: Callable[..., Summary], compression: str, tmp_path: Path
) -> None:
    """In a new interpreter, into which nobody has loaded Blosc's filter."""
    path = make_export(n=6000, shard_rows=2500, compression=compression).path
    for words in (["verify", str(path)], ["info", str(path)]):
        done = subprocess.run([sys.executable, "-m", "poseaug_gen.cli", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert make_export(n=6000, shard_rows=2500, compression=compression).made == 0
    single = make_export("one.h5", n=500, compression=compression)
    assert single.made == 1
    assert make_export("one.h5", n=500, compression=compression).made == 0


def test_without_the_package_a_blosc_file_is_one_sentence(make_export: Callable[..., Summary]) -> None:
    path = make_export(n=500, compression="blosc").path
    code = (
        "import sys; sys.modules['hdf5plugin'] = None\n"
        "from poseaug_gen.cli import main; main(['verify', sys.argv[1]], standalone_mode=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "compressed with Blosc; read it with the package hdf5plugin" in done.stderr
    assert done.stderr.count("Error") == 1
