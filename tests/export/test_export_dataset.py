"""Exports: the same command the same bytes, shards apart, all or nothing on the disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from export_files import ENVIRONMENT, files_in, hashes, stopping_after

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import stores
from poseaug_gen.export.dataset import Summary, export
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.maker import Recipe, ShardMaker
from poseaug_gen.export.schema import CHUNK_ROWS, export_attributes
from poseaug_gen.export.shard import whole_chunks
from poseaug_gen.export.stores import LocalStore
from poseaug_gen.export.verify import verify
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]


def columns(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: values[:] for name, values in file.items()}


def test_the_same_command_writes_the_same_bytes(make_export: MakeExport) -> None:
    one = make_export("one/aug.h5", n=6000, shard_rows=2500)
    time.sleep(1.1)  # HDF5 can store the second in which a dataset was made
    two = make_export("two/aug.h5", n=6000, shard_rows=2500)
    names = files_in(one.path.parent)
    assert len(names) == 6, "index, manifest, three shards, card, and no lock or temporary file"
    assert names == files_in(two.path.parent)
    for name in names:
        assert storage.sha256(one.path.parent / name) == storage.sha256(two.path.parent / name)


def test_another_seed_writes_other_pairs(make_export: MakeExport) -> None:
    one, two = columns(make_export("one.h5", n=500).path), columns(make_export("two.h5", n=500, seed=1).path)
    assert (one["positions_3d"] != two["positions_3d"]).all(axis=(1, 2)).mean() > 0.99


def test_scores_and_difficulty_change_nothing_else(make_export: MakeExport) -> None:
    one = columns(make_export("one.h5", n=500).path)
    two = columns(make_export("two.h5", n=500, scores=True, difficulty=True).path)
    assert all((values == two[name]).all() for name, values in one.items())
    assert set(two) - set(one) == {"score_3d", "score_2d", "difficulty"}


def test_a_shard_depends_on_no_other(make_export: MakeExport, fake_run: RunFolder, tmp_path: Path) -> None:
    settings = ExportSettings(n=5000, shard_rows=2000)
    whole = make_export("whole.h5", n=5000, shard_rows=2000).path
    layout, store = Layout(Path("whole.h5"), 5000, 2000), LocalStore(tmp_path / "elsewhere")
    for shard in (2, 0):
        recipe = Recipe(fake_run.path, settings, layout, export_attributes(fake_run, settings), store)
        entry = ShardMaker(recipe).make(shard)
        made = store.root / layout.path(shard)
        assert (entry.sha256, entry.bytes, entry.rows) == (
            storage.sha256(made),
            made.stat().st_size,
            2000 - shard * 500,
        )
        assert storage.sha256(made) == storage.sha256(whole.with_name("whole.shards") / made.name)
    assert len(files_in(store.root)) == 2


def test_the_virtual_dataset_is_the_shards_one_after_the_other(make_export: MakeExport) -> None:
    path = make_export(n=5000, shard_rows=2000).path
    shards = [columns(shard) for shard in sorted((path.parent / "aug.shards").glob("*.h5"))]
    assert [len(shard["snapshot"]) for shard in shards] == [2000, 2000, 1000]
    for name, values in columns(path).items():
        np.testing.assert_array_equal(values, np.concatenate([shard[name] for shard in shards]))
    assert len(np.unique(columns(path)["positions_3d"], axis=0)) == 5000, "no pair twice"
    manifest = json.loads((path.parent / "aug.shards" / "manifest.json").read_text())
    assert manifest["rows"] == sum(entry["rows"] for entry in manifest["shards"]) == 5000
    for entry in manifest["shards"]:
        shard = path.parent / "aug.shards" / entry["file"]
        assert (entry["sha256"], entry["bytes"]) == (storage.sha256(shard), shard.stat().st_size)


def test_an_export_can_be_moved(make_export: MakeExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_export("here/aug.h5", n=3000, shard_rows=2000).path
    before = columns(path)
    shutil.move(path.parent, tmp_path / "there")
    monkeypatch.chdir("/")
    after = columns(tmp_path / "there" / "aug.h5")
    assert all((values == after[name]).all() for name, values in before.items())
    assert verify(tmp_path / "there" / "aug.h5").rows == 3000


@pytest.mark.parametrize(("n", "shard_rows"), [(1, 1), (1, 10), (4096, 4096), (4097, 4096), (9, 4)])
def test_any_number_of_rows(make_export: MakeExport, n: int, shard_rows: int) -> None:
    summary = make_export(n=n, shard_rows=shard_rows)
    assert summary.shards == -(-n // shard_rows)
    assert len(columns(summary.path)["snapshot"]) == n
    assert verify(summary.path).rows == n


def test_a_skeleton_from_toml(make_export: MakeExport, make_run: Callable, tmp_path: Path) -> None:
    toml = tmp_path / "insect.toml"
    toml.write_text(
        '[joints]\nbody = ""\nneck = "body"\nhead = "neck"\nl_hip = "body"\nr_hip = "body"\nl_foot = "l_hip"\n'
        'r_foot = "r_hip"\nl_arm = "neck"\nr_arm = "neck"\nl_claw = "l_arm"\nr_claw = "r_arm"\n'
    )
    run = make_run(load_skeleton(str(toml)))
    path = make_export(run=run, n=2000, shard_rows=1500, scores=True, difficulty=True).path
    assert columns(path)["positions_3d"].shape == (2000, 11, 3)
    assert verify(path).rows == 2000


def test_whole_chunks_keep_every_row_in_order() -> None:
    rows = np.arange(3 * CHUNK_ROWS + 77)
    blocks = [{"source_index": part} for part in np.array_split(rows, 11)]
    made = [block["source_index"] for block in whole_chunks(blocks)]
    assert all(len(block) % CHUNK_ROWS == 0 for block in made[:-1])
    np.testing.assert_array_equal(np.concatenate(made), rows)


# --- what is there already ----------------------------------------------------------------------------------


def test_an_export_is_not_overwritten_unasked(make_export: MakeExport) -> None:
    path = make_export(n=300).path
    before = storage.sha256(path)
    with pytest.raises(
        PoseAugError, match=r"aug\.h5: was made with other settings \(export\.n: 300 -> 400\); .*--over"
    ):
        make_export(n=400)
    assert storage.sha256(path) == before


def test_overwrite_leaves_nothing_of_the_old_export(make_export: MakeExport, tmp_path: Path) -> None:
    make_export(n=900, shard_rows=200)
    stranger = tmp_path / "aug.shards" / "notes.txt"
    stranger.write_text("mine")
    (tmp_path / "aug.h5.tmp-12345").write_text("left by a kill")
    make_export(n=300, overwrite=True)
    assert files_in(tmp_path) == {"aug.h5", "aug.README.md", "aug.shards/notes.txt"}
    stranger.unlink()
    make_export(n=900, shard_rows=500, overwrite=True)
    assert len(files_in(tmp_path)) == 5
    make_export(n=300, overwrite=True)
    assert files_in(tmp_path) == {"aug.h5", "aug.README.md"}
    assert not (tmp_path / "aug.shards").exists()


def test_shards_that_a_killed_export_left_are_made_again(make_export: MakeExport, tmp_path: Path) -> None:
    make_export(n=900, shard_rows=200)
    (tmp_path / "aug.h5").unlink()
    (tmp_path / "aug.shards" / "manifest.json").unlink()
    assert make_export(n=900, shard_rows=300).shards == 3
    assert verify(tmp_path / "aug.h5").files == 3
    assert len(files_in(tmp_path)) == 6


def test_a_folder_is_no_place_for_a_file(make_export: MakeExport, tmp_path: Path) -> None:
    (tmp_path / "aug.h5").mkdir()
    with pytest.raises(PoseAugError, match="is a folder"):
        make_export(n=10, overwrite=True)


def test_two_exports_to_one_place(make_export: MakeExport, tmp_path: Path) -> None:
    with (
        storage.locked(tmp_path / "aug.h5", "busy"),
        pytest.raises(PoseAugError, match=r"aug\.h5: another export is writing it"),
    ):
        make_export(n=10)


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, PoseAugError])
def test_an_interrupted_export_keeps_its_finished_shards(
    error: type[BaseException], make_export: MakeExport, fake_run: RunFolder, tmp_path: Path
) -> None:
    settings, out = ExportSettings(n=1000, shard_rows=300), tmp_path / "stopped" / "aug.h5"
    with pytest.raises(error):
        export(fake_run, settings, out, advance=stopping_after(700, error))
    whole = make_export("whole/aug.h5", n=1000, shard_rows=300).path.parent
    kept = {f"aug.shards/{name}" for name in ("aug-00000-of-00004.h5", "aug-00001-of-00004.h5", "manifest.json")}
    assert files_in(out.parent) == kept
    with pytest.raises(PoseAugError, match=r"aug\.shards: 2 of 4 shards are made; run the same export command"):
        verify(out)
    assert export(fake_run, settings, out).made == 2
    assert hashes(out.parent) == hashes(whole)


def test_too_little_room_is_told_before_the_work(
    make_export: MakeExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(stores.shutil, "disk_usage", lambda path: free)
    with pytest.raises(PoseAugError, match=r"aug\.h5: 1,000,000 pairs need 4[\d,]{10} bytes .* 10,000,000 free"):
        make_export(n=1_000_000)
    assert files_in(tmp_path) == set()
    make_export(n=10_000)


def limited(room: int, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """An export as a user types it, where the system refuses to let a file grow over ``room`` bytes."""
    code = (
        "import resource, sys; from poseaug_gen.cli import main;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "export", *words], cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT
    )


@pytest.mark.parametrize(
    ("shard_rows", "room", "workers"),
    [(40_000, 100_000, 1), (40_000, 5_000_000, 1), (4096, 1_000_000, 1), (4096, 1_000_000, 2)],
)
def test_a_full_disk_is_one_sentence(
    fake_run: RunFolder, tmp_path: Path, shard_rows: int, room: int, workers: int
) -> None:
    words = f"--n 40000 --out aug.h5 --shard-rows {shard_rows} --run {fake_run.path} --workers {workers}".split()
    done = limited(room, *words, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    told = ("export:", "40,000 pairs from", "needs ")
    errors = [line for line in done.stderr.splitlines() if not line.startswith(told)]
    assert len(errors) == 1
    assert errors[0].startswith("Error: aug")
    assert "no room left" in errors[0]
    assert files_in(tmp_path) == set()


def test_an_export_goes_on_when_there_is_room_again(fake_run: RunFolder, tmp_path: Path, make_export) -> None:
    """What was finished before the disk was full is neither made again nor lost."""
    undisturbed = make_export("undisturbed/aug.h5", n=9000, shard_rows=4096).path.parent
    sizes = [path.stat().st_size for path in sorted((undisturbed / "aug.shards").glob("*.h5"))]
    words = f"--n 9000 --shard-rows 4096 --run {fake_run.path}".split()
    folder = tmp_path / "full"
    (folder / "aug.shards").mkdir(parents=True)
    (folder / "aug.shards" / "aug-00001-of-00003.h5.tmp-99999999").write_text("left by a kill")
    assert limited(max(sizes) - 1000, *words, cwd=folder).returncode == 1
    assert files_in(folder) == set()
    # Now with two shards that had been finished before.
    shutil.copytree(undisturbed / "aug.shards", folder / "aug.shards")
    (folder / "aug.shards" / "aug-00001-of-00003.h5").unlink()
    before = (folder / "aug.shards" / "aug-00000-of-00003.h5").stat()
    assert limited(max(sizes) - 1000, *words, cwd=folder).returncode == 1
    kept = {"aug-00000-of-00003.h5", "aug-00002-of-00003.h5", "manifest.json"}
    assert files_in(folder) == {f"aug.shards/{name}" for name in kept}
    assert limited(10**9, *words, cwd=folder).returncode == 0
    assert hashes(folder) == hashes(undisturbed)
    after = (folder / "aug.shards" / "aug-00000-of-00003.h5").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), "it was not made again"
