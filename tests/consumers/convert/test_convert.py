"""A conversion as a whole: the same bytes however it came about, nothing else overwritten, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseaug_gen import storage
from poseaug_gen.consumers.convert import conversion as module
from poseaug_gen.consumers.convert.conversion import prepare
from poseaug_gen.consumers.convert.journal import NAME
from poseaug_gen.consumers.convert.registry import FORMATS, format_of
from poseaug_gen.errors import BadConfigError, PoseAugError

ROWS = 150
# What each format is converted from in the tests of all of them, and what it needs for that.
OPTIONS: dict[str, dict[str, object]] = {name: {} for name in FORMATS} | {
    "coco": {"rows_per_file": 60},
    "tfrecord": {"rows_per_file": 60},
    "webdataset": {"rows_per_file": 60},
    "parquet": {"rows_per_file": 60},
}


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): storage.sha256(p) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(exports, convert, tmp_path_factory) -> Callable[[str], Path]:
    """``made(format)``: 150 rows of the export with a split, converted once; nobody may change them."""
    folder, done = tmp_path_factory.mktemp("made"), set()

    def make(to: str) -> Path:
        if to not in done:
            convert(exports["lenses"], to, folder / to, rows=ROWS, **OPTIONS[to])
            done.add(to)
        return folder / to

    return make


@pytest.mark.parametrize("to", FORMATS)
class TestEveryFormat:
    def test_the_same_conversion_is_the_same_bytes(self, to: str, exports, convert, made, tmp_path) -> None:
        convert(exports["lenses"], to, tmp_path / "again", rows=ROWS, **OPTIONS[to])
        assert hashes(tmp_path / "again") == hashes(made(to))
        assert len(hashes(made(to))) > 1

    def test_what_is_missing_or_damaged_is_made_again_and_nothing_else(
        self, to: str, exports, convert, made, tmp_path
    ) -> None:
        folder = shutil.copytree(made(to), tmp_path / "copy")
        pieces = prepare(exports["lenses"], to, folder, rows=ROWS, **OPTIONS[to]).pieces
        first, last = folder / pieces[0].name, folder / pieces[-1].name
        data = bytearray(first.read_bytes())
        data[len(data) // 2] ^= 1
        first.write_bytes(data)
        if last != first:
            last.unlink()
        kept = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p not in (first, last)}
        summary = convert(exports["lenses"], to, folder, rows=ROWS, **OPTIONS[to])
        assert summary.made == len({first, last})
        assert hashes(folder) == hashes(made(to))
        assert all(p.stat().st_mtime_ns == time for p, time in kept.items() if p.name != NAME)

    def test_room_is_asked_for_as_it_is_needed(self, to: str, exports, made) -> None:
        """Never too little, and not much too much: 1.5 times, and what small files have in any case."""
        conversion = prepare(exports["lenses"], to, made(to), rows=ROWS, **OPTIONS[to])
        asked = sum(piece.bytes for piece in conversion.pieces)
        size = sum((made(to) / piece.name).stat().st_size for piece in conversion.pieces)
        assert size <= asked < 1.5 * size + 2**18 * len(conversion.pieces)

    def test_progress_ends_at_its_end(self, to: str, exports, tmp_path) -> None:
        conversion = prepare(exports["lenses"], to, tmp_path / "out", rows=ROWS, **OPTIONS[to])
        told: list[int] = []
        conversion.run(advance=told.append)
        assert sum(told) == conversion.work
        told.clear()
        conversion.run(advance=told.append)
        assert sum(told) == conversion.work

    def test_columns_with_a_place_and_those_without_are_all_told(self, to: str, exports, made, convert) -> None:
        summary = convert(exports["lenses"], to, made(to), rows=ROWS, **OPTIONS[to])
        assert summary.made == 0
        with h5py.File(exports["lenses"]) as file:
            assert set(summary.left_out) <= set(file)
            assert set(file) - set(summary.left_out) - {"split"} <= set(format_of(to).keeps)


def test_the_same_rows_are_the_same_bytes_whatever_files_they_lie_in(exports, convert, fake_run, tmp_path) -> None:
    """An export in shards, and the same rows in one file: blocks do not end where shards do."""
    with h5py.File(exports["shards"]) as file:
        rows = {name: file[name][:] for name in ("positions_2d", "source_index")}
    folder = exports["shards"].with_name("aug.shards")
    convert(exports["shards"], "webdataset", tmp_path / "a")
    convert(folder, "webdataset", tmp_path / "b")
    names = sorted(p.name for p in (tmp_path / "a").glob("*.tar"))
    assert names == ["aug-00000-of-00001.tar"]
    assert (tmp_path / "a" / names[0]).read_bytes() == (tmp_path / "b" / names[0]).read_bytes()
    assert len(rows["source_index"]) == 6000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": 100}, "rows.all: 150 -> 100"),
        ({"rows": ROWS, "rows_per_file": 100}, "rows_per_file: 60 -> 100"),
        ({"rows": ROWS, "split": "training"}, "rows.all: 150 -> None"),
        ({"rows": ROWS, "skeleton": "h36m16"}, "joints: "),
    ],
)
def test_other_settings_are_refused_and_named(options, said: str, exports, convert, made, tmp_path) -> None:
    folder = shutil.copytree(made("coco"), tmp_path / "coco")
    before = hashes(folder)
    with pytest.raises(PoseAugError, match="was made with other settings") as error:
        convert(exports["lenses"], "coco", folder, **OPTIONS["coco"] | options)
    assert said in str(error.value)
    assert "--overwrite" in str(error.value)
    assert hashes(folder) == before


def test_another_export_or_format_is_refused(exports, convert, made, tmp_path) -> None:
    folder = shutil.copytree(made("webdataset"), tmp_path / "out")
    with pytest.raises(PoseAugError, match="export_sha256"):
        convert(exports["fov"], "webdataset", folder, rows=ROWS, rows_per_file=60)
    with pytest.raises(PoseAugError, match="format: 'webdataset' -> 'parquet'"):
        convert(exports["lenses"], "parquet", folder, rows=ROWS, rows_per_file=60)


def test_overwrite_begins_again_and_leaves_what_is_not_its_own(exports, convert, made, tmp_path) -> None:
    folder = shutil.copytree(made("coco"), tmp_path / "out")
    (folder / "mine.txt").write_text("notes")
    summary = convert(exports["lenses"], "parquet", folder, rows=ROWS, rows_per_file=60, overwrite=True)
    assert summary.made == 3
    found = hashes(folder)
    assert found.pop("mine.txt")
    assert found == hashes(made("parquet"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_others_files_is_never_touched(overwrite: bool, exports, convert, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "data_3d_h36m.npz").write_text("precious")
    with pytest.raises(PoseAugError, match="holds files that are of no conversion; choose another --out"):
        convert(exports["fov"], "videopose3d", tmp_path / "data", overwrite)
    (tmp_path / "aug.json").write_text("{}")
    with pytest.raises(PoseAugError, match="is a file; give the name of a folder"):
        convert(exports["fov"], "coco", tmp_path / "aug.json", overwrite)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["aug.json", "data", "data_3d_h36m.npz"]


def test_too_little_room_is_said_before_anything_is_written(exports, convert, made, tmp_path, monkeypatch) -> None:
    folder = shutil.copytree(made("coco"), tmp_path / "out")
    before = hashes(folder)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(PoseAugError, match=r"needs about .* and its disk has 1.0 kB free; make room"):
        convert(exports["lenses"], "coco", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(PoseAugError, match="its disk has"):
        convert(exports["lenses"], "coco", folder, overwrite=True)
    assert hashes(folder) == before


def test_a_journal_that_was_cut_short_or_damaged(exports, convert, made, tmp_path) -> None:
    """The line that a kill cut is made again with its file; what no kill does is said."""
    folder = shutil.copytree(made("coco"), tmp_path / "out")
    journal = folder / NAME
    text = journal.read_text()
    journal.write_text(text[:-10])
    assert convert(exports["lenses"], "coco", folder, rows=ROWS, **OPTIONS["coco"]).made == 1
    assert hashes(folder) == hashes(made("coco"))
    journal.write_text("{" + text)
    with pytest.raises(PoseAugError, match=r"\.conversion\.jsonl: damaged .* remove the folder"):
        convert(exports["lenses"], "coco", folder, rows=ROWS, **OPTIONS["coco"])


def test_a_strangers_journal_has_nothing_removed_elsewhere(exports, convert, made, tmp_path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = shutil.copytree(made("coco"), tmp_path / "out")
    with (folder / NAME).open("a") as journal:
        journal.write(json.dumps({"file": "../outside.txt", "bytes": 1, "sha256": "0"}) + "\n")
    with pytest.raises(PoseAugError, match=r"'\.\./outside\.txt' is not in the folder"):
        convert(exports["lenses"], "coco", folder, True, rows=ROWS, **OPTIONS["coco"])
    assert outside.read_text() == "mine"


def test_two_at_once_do_not_mix(exports, convert, tmp_path) -> None:
    with (
        storage.locked(tmp_path / "out", "busy"),
        pytest.raises(PoseAugError, match="another conversion is writing it"),
    ):
        convert(exports["fov"], "coco", tmp_path / "out")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_a_stopped_conversion_leaves_whole_files_and_goes_on(stop, exports, convert, made, tmp_path) -> None:
    conversion = prepare(exports["lenses"], "coco", tmp_path / "out", rows=ROWS, **OPTIONS["coco"])
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        if done > 150:
            raise stop

    with pytest.raises((KeyboardInterrupt, PoseAugError)):
        conversion.run(advance=advance)
    left = hashes(tmp_path / "out")
    expected = hashes(made("coco"))
    assert set(left) == {NAME, "aug-00000-of-00003.json"}
    assert left["aug-00000-of-00003.json"] == expected["aug-00000-of-00003.json"]
    assert not (tmp_path / "out.lock").exists()
    assert convert(exports["lenses"], "coco", tmp_path / "out", rows=ROWS, **OPTIONS["coco"]).made == 2
    assert hashes(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("to", "options", "said"),
    [
        ("tfrecords", {}, "did you mean 'tfrecord'"),
        ("mmpose", {"rows_per_file": 100}, "mmpose has all rows in one file"),
        ("parquet", {"skeleton": "h36m16"}, "parquet has the export's columns as they are"),
        ("coco", {"rows": 0}, "--rows 0: must be at least 1"),
        ("coco", {"rows_per_file": -1}, "--rows-per-file -1: must be at least 1"),
        ("mmpose", {"skeleton": "h36m16"}, "takes the joints of h36m17"),
        ("coco", {"split": "test"}, "split='test'"),
    ],
)
def test_settings_that_do_not_fit(to: str, options, said: str, exports, convert, tmp_path) -> None:
    with pytest.raises(BadConfigError) as error:
        convert(exports["lenses"], to, tmp_path / "out", **options)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_damaged_export_is_not_converted(exports, convert, tmp_path) -> None:
    shutil.copytree(exports["shards"].parent, tmp_path / "copy")
    shard = next((tmp_path / "copy").glob("aug.shards/*.h5"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(PoseAugError, match="truncated, damaged or of another export"):
        convert(tmp_path / "copy" / "aug.h5", "parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_without_a_split_has_none_to_convert(exports, convert, tmp_path) -> None:
    with pytest.raises(BadConfigError, match="has no column 'split'"):
        convert(exports["fov"], "parquet", tmp_path / "out", split="validation")


def test_rows_are_the_first_of_each_split(exports, convert, tmp_path) -> None:
    summary = convert(exports["lenses"], "videopose3d", tmp_path / "out", rows=100)
    assert summary.rows == {"training": 100, "validation": 100}
    poses = np.load(tmp_path / "out" / "data_3d_aug.npz", allow_pickle=True)["positions_3d"].item()
    for half, value in (("train", 0), ("val", 1)):
        assert sum(len(p) for name, takes in poses.items() if name.startswith(half) for p in takes.values()) == 100
        assert value in (0, 1)


def test_a_missing_package_is_one_sentence(exports, convert, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(PoseAugError, match=r"pyarrow cannot be imported .* pip install 'poseaug-gen\[parquet\]'"):
        convert(exports["fov"], "parquet", tmp_path / "out")
