"""The same command again: what is there is checked and kept, what is missing or damaged made, what is other refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from export_files import files_in, hashes

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.manifest import Manifest, differences
from poseaug_gen.export.verify import verify
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]
ROWS = {"n": 1000, "shard_rows": 300}


@pytest.fixture
def sharded(make_export: MakeExport) -> Path:
    return make_export(**ROWS).path


def shard(sharded: Path, number: int) -> Path:
    return sharded.parent / "aug.shards" / f"aug-{number:05d}-of-00004.h5"


def inodes(folder: Path) -> dict[str, int]:
    """Which files these are: one that was written again has another."""
    return {name: (folder / name).stat().st_ino for name in files_in(folder)}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_complete_export_is_left_alone(sharded: Path, make_export: MakeExport) -> None:
    before = inodes(sharded.parent)
    summary = make_export(**ROWS)
    assert (summary.made, summary.rows, summary.shards) == (0, 1000, 4)
    assert inodes(sharded.parent) == before


def test_a_whole_plain_file_is_left_alone(make_export: MakeExport) -> None:
    path = make_export(n=500).path
    before = inodes(path.parent)
    summary = make_export(n=500)
    assert summary.made == 0
    assert summary.redrawn["candidates"] >= 500
    assert inodes(path.parent) == before


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.write_bytes(b""),
        lambda path: shutil.copy(path.with_name("aug-00000-of-00004.h5"), path),
    ],
    ids=["flipped", "removed", "truncated", "longer", "empty", "another shard's"],
)
def test_a_damaged_shard_alone_is_made_again(damage: Callable, sharded: Path, make_export: MakeExport) -> None:
    before, files = hashes(sharded.parent), inodes(sharded.parent)
    damage(shard(sharded, 2))
    summary = make_export(**ROWS)
    assert summary.made == 1
    assert hashes(sharded.parent) == before
    again = inodes(sharded.parent)
    for number in (0, 1, 3):
        name = f"aug.shards/{shard(sharded, number).name}"
        assert again[name] == files[name]


def test_while_a_damaged_shard_is_made_nothing_says_that_the_export_is_complete(
    sharded: Path, make_export: MakeExport
) -> None:
    flip(shard(sharded, 2))
    seen = []

    def look(rows: int) -> None:
        seen.append((sharded.exists(), json.loads((sharded.parent / "aug.shards" / "manifest.json").read_text())))

    make_export(**ROWS, advance=look)
    exists, manifest = seen[-1]
    assert not exists
    assert [entry["shard"] for entry in manifest["shards"]] == [0, 1, 3]


def test_a_damaged_plain_file_is_made_again(make_export: MakeExport) -> None:
    path = make_export(n=500).path
    before = hashes(path.parent)
    with h5py.File(path, "r+") as file:
        file["angle_change"][7] += 1
    assert make_export(n=500).made == 1
    assert hashes(path.parent) == before


@pytest.mark.parametrize("what", ["aug.h5", "aug.shards/manifest.json"])
def test_a_missing_index_or_manifest_is_made_again(what: str, sharded: Path, make_export: MakeExport) -> None:
    before = hashes(sharded.parent)
    (sharded.parent / what).unlink()
    summary = make_export(**ROWS)
    # Without the manifest no shard can be told whole from broken.
    assert summary.made == (4 if what.endswith("json") else 0)
    assert hashes(sharded.parent) == before


def test_a_damaged_index_is_made_again(sharded: Path, make_export: MakeExport) -> None:
    before = hashes(sharded.parent)
    flip(sharded)
    assert make_export(**ROWS).made == 0
    sharded.write_bytes(b"no HDF5")
    make_export(**ROWS)
    assert hashes(sharded.parent) == before


def test_what_killed_processes_left_is_removed(sharded: Path, make_export: MakeExport) -> None:
    folder = sharded.parent
    before = files_in(folder)
    ours = ("aug.h5.tmp-1", "aug.shards/manifest.json.tmp-77", f"aug.shards/{shard(sharded, 1).name}.tmp-3")
    locks = ("aug.h5.lock", f"aug.shards/{shard(sharded, 1).name}.lock")
    strangers = {"other.h5.tmp-1", "aug.shards/notes.tmp-5", "aug.shards/other-00000-of-00004.h5"}
    for name in (*ours, *locks, *strangers):
        (folder / name).write_text("left")
    make_export(**ROWS)
    assert files_in(folder) == before | strangers


# --- other settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 1}, r"export\.seed: 0 -> 1"),
        ({"n": 1001}, r"export\.n: 1000 -> 1001"),
        ({"shard_rows": 400}, r"export\.shard_rows: 300 -> 400"),
        ({"shard_rows": 1000}, r"export\.shard_rows: 300 -> 1000"),
        ({"scores": True, "seed": 4}, r"export\.seed: 0 -> 4, export\.scores: False -> True"),
    ],
)
def test_other_settings_are_refused_with_the_difference(
    other: dict, said: str, sharded: Path, make_export: MakeExport
) -> None:
    before = inodes(sharded.parent)
    mend = "repeat the old ones, choose another --out, or start again with --overwrite"
    with pytest.raises(PoseAugError, match=rf"manifest\.json: was begun with other settings \({said}\); {mend}$"):
        make_export(**{**ROWS, **other})
    assert inodes(sharded.parent) == before
    sharded.unlink()  # begun, and not complete
    with pytest.raises(PoseAugError, match=said):
        make_export(**{**ROWS, **other})
    assert make_export(**{**ROWS, **other}, overwrite=True).made > 0
    assert verify(sharded).rows == (other.get("n") or 1000)


def test_a_plain_file_of_other_settings_is_refused(make_export: MakeExport) -> None:
    path = make_export(n=500).path
    before = hashes(path.parent)
    for other in ({"n": 500, "seed": 3}, {"n": 600}, {"n": 500, "shard_rows": 100}):
        with pytest.raises(PoseAugError, match=r"aug\.h5: was made with other settings \(export\."):
            make_export(**other)
    assert hashes(path.parent) == before


def test_another_run_is_refused(sharded: Path, make_export: MakeExport, make_run: Callable[..., RunFolder]) -> None:
    with pytest.raises(PoseAugError, match=r"created_from: '[0-9a-f]{30}"):
        make_export(run=make_run(seed=5), **ROWS)
    with pytest.raises(PoseAugError, match=r"postures\.learned: 0\.1 -> 0\.2"):
        make_export(run=make_run(learned=0.2), **ROWS)


def test_what_is_no_export_is_not_written_over(tmp_path: Path, make_export: MakeExport) -> None:
    (tmp_path / "aug.h5").write_text("a letter")
    for settings in ({"n": 500}, ROWS):
        with pytest.raises(PoseAugError, match=r"aug\.h5: exists already and is no whole export"):
            make_export(**settings)
    assert (tmp_path / "aug.h5").read_text() == "a letter"
    assert files_in(tmp_path) == {"aug.h5"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"shards": [{"shard": 9}]}', '{"shards": [[]]}', "nul\0"])
def test_a_damaged_manifest_is_told(text: str, sharded: Path, make_export: MakeExport) -> None:
    (sharded.parent / "aug.shards" / "manifest.json").write_text(text)
    with pytest.raises(PoseAugError, match=r"manifest\.json: damaged .*--overwrite"):
        make_export(**ROWS)


def test_overwrite_keeps_the_old_export_of_a_run_that_cannot_be_read(
    sharded: Path, make_export: MakeExport, make_run: Callable[..., RunFolder]
) -> None:
    run, before = make_run(), hashes(sharded.parent)
    (run.path / "discriminators.safetensors").unlink()
    with pytest.raises(PoseAugError, match=r"discriminators\.safetensors"):
        make_export(run=run, **ROWS, scores=True, overwrite=True)
    assert hashes(sharded.parent) == before


def test_differences_are_shown_whichever_side_has_more() -> None:
    old = {"config": {"train": {"run": {"seed": 1}}, "export": {"n": 5, "gone": 1}}, "created_from": "a"}
    new = {"config": {"train": {"run": {"seed": 2}}, "export": {"n": 5, "new": [1]}}, "created_from": "a"}
    assert differences(old, old) == ""
    said = differences(old, new)
    assert "run.seed: 1 -> 2" in said
    assert "export.new: None -> [1]" in said
    assert "export.gone: 1 -> None" in said
    assert "run.seed" not in differences({**old, "seed": 1}, {**old, "seed": 2})
    many = {"export": {str(key): key for key in range(20)}}
    assert differences({"config": {"export": {}}}, {"config": many}).endswith("and 16 more")


def test_the_manifest_tells_what_was_made(sharded: Path) -> None:
    text = (sharded.parent / "aug.shards" / "manifest.json").read_text()
    manifest = Manifest.from_text(text, "manifest.json")
    assert manifest.complete
    assert manifest.to_text() == text
    assert manifest.shared["config"]["export"]["shard_rows"] == 300
    assert manifest.shared["skeleton"]["name"]
    for number, entry in manifest.entries.items():
        assert entry.sha256 == storage.sha256(shard(sharded, number))
        with h5py.File(shard(sharded, number)) as file:
            assert entry.redrawn == json.loads(file.attrs["redrawn"])
    with h5py.File(sharded) as file:
        assert json.loads(file.attrs["redrawn"]) == manifest.redrawn()
