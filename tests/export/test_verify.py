"""``verify`` passes what we wrote, and names what was done to it since."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from poseaug_gen.bones import with_lengths
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import verify as verify_module
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.verify import verify
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training.run_folder import RunFolder

ROW = 1234
MakeExport = Callable[..., Summary]


@pytest.fixture
def plain(make_export: MakeExport, learned_run: RunFolder) -> Path:
    """Rows that the augmentor made, all of them."""
    return make_export("plain/aug.h5", run=learned_run, n=3000, scores=True, difficulty=True).path


@pytest.fixture
def drawn(make_export: MakeExport, drawn_run: RunFolder) -> Path:
    """Rows that it had no hand in."""
    return make_export("drawn/aug.h5", run=drawn_run, n=2500, scores=True, difficulty=True).path


@pytest.fixture
def sharded(make_export: MakeExport) -> Path:
    """Three shards of 1,000 rows of both kinds."""
    return make_export(n=3000, shard_rows=1000).path


def shard(sharded: Path, number: int) -> Path:
    return sharded.parent / "aug.shards" / f"aug-{number:05d}-of-00003.h5"


def change(path: Path, name: str, row: int, how: Callable[[np.ndarray], np.ndarray | float]) -> None:
    """Replace one row of a dataset."""
    with h5py.File(path, "r+") as file:
        file[name][row] = how(file[name][row])


def test_whole_exports_pass(plain: Path, drawn: Path, sharded: Path) -> None:
    assert verify(plain).files == 1
    assert verify(drawn).rows == 2500
    assert verify(sharded).files == 3
    assert verify(sharded.parent / "aug.shards").rows == 3000
    assert verify(shard(sharded, 1)).rows == 1000


def test_memory_does_not_grow_with_the_rows(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read block by block, and the blocks cover the file."""
    monkeypatch.setattr(verify_module, "BLOCK_ROWS", 700)
    seen: list[int] = []
    verify(plain, seen.append)
    assert seen == [700, 700, 700, 700, 200]


# Each change of one row, and what the sentence must say of it.
CORRUPTIONS: dict[str, tuple[str, Callable, str]] = {
    "moved 2D joint": ("positions_2d", lambda v: v + np.float32(1e-4), "not the projection"),
    "moved 3D pose": ("positions_3d", lambda v: v + np.float32([0.01, 0, 0]), "not the projection"),
    "another camera": ("intrinsics", lambda v: v * np.float32(1.01), "not the projection"),
    "NaN joint": ("positions_3d", lambda v: np.where(np.arange(16)[:, None] == 3, np.nan, v), "positions_3d.*finite"),
    "infinite 2D": ("positions_2d", lambda v: v * np.inf, "positions_2d.*finite"),
    "NaN score": ("score_2d", lambda v: np.nan, "score_2d.*finite"),
    "NaN rotation": ("rotation", lambda v: v * np.nan, "rotation.*finite"),
    "zeros": ("positions_3d", lambda v: v * 0, "not the projection|depth"),
    "root elsewhere": ("translation", lambda v: v + np.float32(1e-3), "root .* translation"),
    "rotation too long": ("rotation", lambda v: v * 0 + np.float32(3.2), "rotation is .* rad"),
    "ratio too large": ("length_ratio", lambda v: v + np.float32(0.5), "length_ratio reaches"),
    "fixed bone changed": ("length_ratio", lambda v: np.where(np.arange(9) == 4, 0.1, v), "length the augmentor keeps"),
    "angle over 2": ("angle_change", lambda v: 2.5, "angle_change"),
    "negative difficulty": ("difficulty", lambda v: -1.0, "difficulty"),
    "negative source": ("source_index", lambda v: -1, "source_index is -1"),
    "source beyond the poses": ("source_index", lambda v: 300, "source has 300 rows"),
    "negative snapshot": ("snapshot", lambda v: -1, "snapshot"),
    "neither mirrored nor not": ("mirrored", lambda v: 2, "mirrored is 2"),
    "a hole": ("mirrored", lambda v: -1, "mirrored is -1"),
    "no image": ("image_size", lambda v: 0, "image_size"),
}
# What is wrong with a row only if no augmentor made it, or only if one did.
BY_KIND = {
    "fixed bone changed": CORRUPTIONS.pop("fixed bone changed"),
    "bones turned": ("angle_change", lambda v: 0.1, "no augmentor turned"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_bad_row_is_found_by_its_number(name: str, plain: Path) -> None:
    column, how, reason = CORRUPTIONS[name]
    change(plain, column, ROW, how)
    change(plain, column, ROW + 1000, how)
    with pytest.raises(PoseAugError, match=rf"aug\.h5: row {ROW}: .*({reason})"):
        verify(plain)


@pytest.mark.parametrize(("name", "kind"), [("fixed bone changed", "plain"), ("bones turned", "drawn")])
def test_a_row_is_held_to_what_made_it(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    column, how, reason = BY_KIND[name]
    path = request.getfixturevalue(kind)
    change(path, column, ROW, how)
    with pytest.raises(PoseAugError, match=rf"aug\.h5: row {ROW}: .*({reason})"):
        verify(path)


@pytest.mark.parametrize(("name", "kind"), [("fixed bone changed", "drawn"), ("bones turned", "plain")])
def test_and_not_to_what_made_the_others(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    """Then no rule forbids it, and it is found by its hash."""
    column, how, _ = BY_KIND[name]
    path = request.getfixturevalue(kind)
    change(path, column, ROW, how)
    with pytest.raises(PoseAugError, match=rf"the bytes of '{column}'"):
        verify(path)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_bad_drawn_row_is_found_by_its_number_too(name: str, drawn: Path) -> None:
    column, how, reason = CORRUPTIONS[name]
    change(drawn, column, ROW, how)
    with pytest.raises(PoseAugError, match=rf"aug\.h5: row {ROW}: .*({reason})"):
        verify(drawn)


def test_bodies_whose_left_is_not_their_right_pass(make_run: Callable, make_export: MakeExport) -> None:
    """Their augmented bodies have legs alike, of lengths that one of their own never had."""
    run = make_run(learned=0.5, length_spread=0.2)
    poses, skeleton = run.poses, run.skeleton
    longer = np.where(np.isin(np.arange(skeleton.num_bones), [left - 1 for left, _ in skeleton.pairs]), 1.5, 1.0)
    lengths = torch.from_numpy((poses.bone_lengths() * longer).astype(np.float32))
    lame = with_lengths(torch.from_numpy(poses.positions), lengths, skeleton).numpy()
    write_poses(run.path / "poses.h5", replace(poses, positions=lame))
    assert verify(make_export(run=RunFolder(run.path), n=3000).path).rows == 3000


def reproject(path: Path, row: int, move: Callable[[np.ndarray], np.ndarray]) -> None:
    """Move a 3D pose and everything that follows from it, so that only the limits can tell."""
    import torch

    from poseaug_gen.camera import project

    with h5py.File(path, "r+") as file:
        pose = move(file["positions_3d"][row].astype(np.float64)).astype(np.float32)
        file["positions_3d"][row] = pose
        file["translation"][row] = pose[0]
        camera = torch.from_numpy(file["intrinsics"][row])
        file["positions_2d"][row] = project(torch.from_numpy(pose), camera).numpy()


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (lambda pose: pose + np.array([0, 0, 40]), "depth is outside"),
        (lambda pose: pose - np.array([0, 0, 20]), "depth is outside"),
        (lambda pose: pose + np.array([3, 0, 0]), "out of the frame"),
        (lambda pose: pose - np.array([0, 3, 0]), "out of the frame"),
        (lambda pose: pose[0] + (pose - pose[0]) * 1.8 + np.array([0, 0, 4]), "the bone to .* is .* m long"),
        (lambda pose: pose[0] + (pose - pose[0]) * 0.3, "the bone to .* is .* m long"),
    ],
)
def test_a_consistent_but_impossible_row_is_found(move: Callable, reason: str, plain: Path) -> None:
    reproject(plain, ROW, move)
    with pytest.raises(PoseAugError, match=rf"row {ROW}: .*{reason}"):
        verify(plain)


def test_the_row_number_is_that_of_the_whole_export(sharded: Path) -> None:
    change(shard(sharded, 2), "angle_change", 5, lambda v: 9)
    with pytest.raises(PoseAugError, match=r"aug\.h5: row 2005 \(row 5 of aug-00002-of-00003\.h5\): angle_change"):
        verify(sharded)


@pytest.mark.parametrize("column", ["angle_change", "source_index", "score_3d", "mirrored", "snapshot"])
def test_a_change_that_no_rule_forbids_is_found_by_its_hash(column: str, plain: Path) -> None:
    change(plain, column, ROW, lambda v: 1 - v if column == "mirrored" else v * 0 + 1)
    with pytest.raises(PoseAugError, match=f"aug.h5: the bytes of '{column}'"):
        verify(plain)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda file: file.__delitem__("rotation"), "'rotation' is missing"),
        (lambda file: file.__delitem__("score_2d"), "a dataset was removed"),
        (lambda file: file.create_dataset("pose_2d", data=[1.0]), "unknown dataset 'pose_2d'; did you mean"),
        (lambda file: (file.__delitem__("snapshot"), file.create_dataset("snapshot", data=[1])), "'snapshot' is int64"),
        (lambda file: file.attrs.__setitem__("schema_version", 2), "schema 2 .* update"),
        (lambda file: file.attrs.__delitem__("schema_version"), "not an export"),
        (lambda file: file.attrs.__delitem__("source"), "'source' is missing"),
        (lambda file: file.attrs.__setitem__("source", "{}"), "lack 'bone_length_m'"),
        (lambda file: file.attrs.__setitem__("config", "{"), "'config' is not JSON"),
        (lambda file: file.attrs.__setitem__("row_count", 2999), r"is float32\(3000, 16, 3\) and must be f4\(2999,"),
        (lambda file: file.attrs.__setitem__("seed", 5), "an attribute is not the one"),
        (lambda file: file.attrs.__setitem__("redrawn", '{"candidates": 1}'), "candidates are not its rows"),
        (lambda file: file.attrs.__delitem__("digests"), "'digests' is missing"),
    ],
)
def test_a_changed_file_is_told(edit: Callable, reason: str, plain: Path) -> None:
    with h5py.File(plain, "r+") as file:
        edit(file)
    with pytest.raises(PoseAugError, match=reason):
        verify(plain)


# --- shards -------------------------------------------------------------------------------------------------


def test_a_missing_shard_is_named(sharded: Path) -> None:
    shard(sharded, 1).unlink()
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: missing"):
        verify(sharded)


@pytest.mark.parametrize("keep", [0, 100, 5000, 300_000])
def test_a_truncated_shard_is_named(sharded: Path, keep: int) -> None:
    with shard(sharded, 1).open("r+b") as file:
        file.truncate(keep)
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: truncated"):
        verify(sharded)


@pytest.mark.parametrize("place", np.linspace(0.001, 0.999, 25))
def test_a_flipped_bit_is_named_wherever_it_is(sharded: Path, place: float) -> None:
    """In a row, in the padding, in an attribute or in HDF5's own tables: the shard is named."""
    data = bytearray(shard(sharded, 1).read_bytes())
    data[int(place * len(data))] ^= 0x10
    shard(sharded, 1).write_bytes(data)
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5"):
        verify(sharded)


def test_swapped_shards_are_named(sharded: Path) -> None:
    spare = sharded.parent / "spare"
    shutil.move(shard(sharded, 0), spare)
    shutil.move(shard(sharded, 2), shard(sharded, 0))
    shutil.move(spare, shard(sharded, 2))
    with pytest.raises(PoseAugError, match=r"aug-00000-of-00003\.h5: is shard 2, not 0"):
        verify(sharded)


def test_a_shard_of_another_export_is_named(sharded: Path, make_export: MakeExport) -> None:
    other = make_export("other/aug.h5", n=3000, shard_rows=1000, seed=1).path
    shutil.copy(shard(other, 1), shard(sharded, 1))
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: is of another export"):
        verify(sharded)


def test_a_shard_made_again_from_other_rows_is_named(sharded: Path) -> None:
    """Valid in itself, digests and all, but not the one that the manifest knows."""
    import h5py as h5

    path, copy = shard(sharded, 1), shard(sharded, 1).with_suffix(".copy")
    with h5.File(path) as old, h5.File(copy, "w", libver=("earliest", "v110")) as new:
        for name in reversed(list(old)):
            new.create_dataset(name, data=old[name][:])
        new.attrs.update(old.attrs)
    copy.replace(path)
    verify(path)
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: its SHA-256"):
        verify(sharded)


def test_a_missing_or_damaged_manifest_is_told(sharded: Path) -> None:
    manifest = sharded.parent / "aug.shards" / "manifest.json"
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**known, "rows": 7}))
    with pytest.raises(PoseAugError, match=r"manifest\.json: damaged"):
        verify(sharded)
    manifest.write_text("{")
    with pytest.raises(PoseAugError, match=r"manifest\.json: not valid JSON"):
        verify(sharded)
    manifest.unlink()
    with pytest.raises(PoseAugError, match=r"manifest\.json: missing"):
        verify(sharded)


def test_an_index_that_maps_other_rows_is_told(sharded: Path) -> None:
    with h5py.File(sharded, "r+") as file:
        shape, dtype = file["angle_change"].shape, file["angle_change"].dtype
        layout = h5py.VirtualLayout(shape, dtype)
        for place, number in enumerate((1, 0, 2)):
            name = f"aug.shards/aug-{number:05d}-of-00003.h5"
            layout[1000 * place : 1000 * place + 1000] = h5py.VirtualSource(name, "angle_change", (1000,), dtype)
        del file["angle_change"]
        file.create_virtual_dataset("angle_change", layout)
    with pytest.raises(PoseAugError, match=r"aug\.h5: 'angle_change' does not map"):
        verify(sharded)


def test_an_index_of_another_export_is_told(sharded: Path, make_export: MakeExport) -> None:
    other = make_export("other/aug.h5", n=3000, shard_rows=1000, seed=1).path
    shutil.copy(other, sharded)
    with pytest.raises(PoseAugError, match=r"aug-00000-of-00003\.h5: its attribute 'config'"):
        verify(sharded)


@pytest.mark.parametrize("content", [None, b"", b"no HDF5 at all" * 100])
def test_what_is_no_export_is_told_in_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "aug.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PoseAugError, match=re.escape(str(path))) as error:
        verify(path)
    assert "\n" not in str(error.value)
