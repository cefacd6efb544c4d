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
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import verify as verify_module
from poseaug_gen.export.dataset import Summary, export
from poseaug_gen.export.intact import column_digests
from poseaug_gen.export.shard import attributes_digest
from poseaug_gen.export.verify import verify
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.anatomy.joint_limits import beyond_limits
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.storage import sha256
from poseaug_gen.training.run_folder import RunFolder

ROW = 1234
MakeExport = Callable[..., Summary]


@pytest.fixture(scope="session")
def whole(
    tmp_path_factory: pytest.TempPathFactory, fake_run: RunFolder, learned_run: RunFolder, drawn_run: RunFolder
) -> Path:
    """A folder of exports that nobody may change."""
    folder = tmp_path_factory.mktemp("whole")
    every = {"scores": True, "difficulty": True}
    export(learned_run, ExportSettings(n=3000, **every), folder / "plain" / "aug.h5")
    export(drawn_run, ExportSettings(n=2500, **every), folder / "drawn" / "aug.h5")
    export(fake_run, ExportSettings(n=3000, shard_rows=1000), folder / "sharded" / "aug.h5")
    export(fake_run, ExportSettings(n=3000, shard_rows=1000, seed=1), folder / "other" / "aug.h5")
    return folder


@pytest.fixture
def plain(whole: Path, tmp_path: Path) -> Path:
    """Rows that the augmentor made, all of them."""
    return Path(shutil.copytree(whole / "plain", tmp_path / "plain")) / "aug.h5"


@pytest.fixture
def drawn(whole: Path, tmp_path: Path) -> Path:
    """Rows that it had no hand in."""
    return Path(shutil.copytree(whole / "drawn", tmp_path / "drawn")) / "aug.h5"


@pytest.fixture
def sharded(whole: Path, tmp_path: Path) -> Path:
    """Three shards of 1,000 rows of both kinds."""
    return Path(shutil.copytree(whole / "sharded", tmp_path / "sharded")) / "aug.h5"


@pytest.fixture
def other(whole: Path, tmp_path: Path) -> Path:
    """The same of another seed."""
    return Path(shutil.copytree(whole / "other", tmp_path / "other")) / "aug.h5"


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
    monkeypatch.setattr(verify_module, "READ_ROWS", 700)
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
    "zeros": ("positions_3d", lambda v: v * 0, "positions_3d is zero throughout"),
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
    "2D zeros": ("positions_2d", lambda v: v * 0, "positions_2d is zero throughout"),
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


def believe(path: Path) -> None:
    """Have the manifest tell of the shards as they are now, so that only what is in them can tell."""
    manifest = path.parent / "aug.shards" / "manifest.json"
    known = json.loads(manifest.read_text())
    for entry in known["shards"]:
        file = manifest.with_name(entry["file"])
        entry.update(bytes=file.stat().st_size, sha256=sha256(file))
    manifest.write_text(json.dumps(known))


def test_the_row_number_is_that_of_the_whole_export(sharded: Path) -> None:
    change(shard(sharded, 2), "angle_change", 5, lambda v: 9)
    believe(sharded)
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
        (lambda file: file.__delitem__("score_2d"), "'score_2d' is missing, and its settings ask"),
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


# --- what was asked for ----------------------------------------------------------------------------------------


def as_if_asked(path: Path, columns: dict[str, np.ndarray], **settings: object) -> None:
    """Give a file the settings, columns and digests that it would have, had the settings been asked for."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["config"])
        config["export"].update(settings)
        file.attrs["config"] = json.dumps(config)
        for name, values in columns.items():
            file.create_dataset(name, data=values)
        attributes = {name: value for name, value in file.attrs.items() if name != "digests"}
        digests = {"columns": column_digests(file), "attributes": attributes_digest(attributes)}
        file.attrs["digests"] = json.dumps(digests)


@pytest.fixture
def wished(plain: Path) -> Path:
    """Rows that grant every wish, to a hair, and have every column."""
    rng = np.random.default_rng(0)
    with h5py.File(plain) as file:
        pose, pose_2d = file["positions_3d"][:], file["positions_2d"][:]
        score, difficulty = file["score_3d"][:], file["difficulty"][:]
    columns = {
        "detected_2d": pose_2d + rng.normal(0, 0.01, pose_2d.shape).astype(np.float32),
        "confidence": rng.integers(2, size=pose_2d.shape[:2]).astype(np.float32),
        "split": rng.integers(2, size=len(pose_2d)).astype(np.int8),
    }
    ends = {
        "frame": pose_2d,  # of a square image
        "depth": pose[..., 2],
        "difficulty_range": difficulty,
    }
    wishes = {name: [float(values.min()), float(values.max())] for name, values in ends.items()}
    as_if_asked(plain, columns, **wishes, min_score=float(score.min()), noise="gaussian", split=0.5)
    return plain


def test_an_export_with_every_wish_and_column_passes(wished: Path) -> None:
    assert verify(wished).rows == 3000


def moved(wished: Path, name: str, end: int, by: float) -> None:
    """Ask for a little more than the rows grant: one row, of which a number is the first or the last, fails."""
    with h5py.File(wished) as file:
        ends = json.loads(file.attrs["config"])["export"][name]
    asked = ends + by if name == "min_score" else [value + by * (place == end) for place, value in enumerate(ends)]
    as_if_asked(wished, {}, **{name: asked})


@pytest.mark.parametrize(
    ("name", "end", "by", "column", "reason"),
    [
        ("frame", 0, 1e-5, "positions_2d", "out of the frame, of which"),
        ("frame", 1, -1e-5, "positions_2d", "out of the frame, of which"),
        ("depth", 0, 1e-4, "positions_3d", "depth is outside"),
        ("depth", 1, -1e-4, "positions_3d", "depth is outside"),
        ("difficulty_range", 0, 1e-5, "difficulty", "difficulty is .* was asked for"),
        ("difficulty_range", 1, -1e-3, "difficulty", "difficulty is .* was asked for"),
        ("min_score", 0, 1e-5, "score_3d", "score_3d is .* at least"),
    ],
)
def test_a_row_that_does_not_grant_a_wish_is_found(
    name: str, end: int, by: float, column: str, reason: str, wished: Path
) -> None:
    with h5py.File(wished) as file:
        values = file[column][:].reshape(3000, -1)
    values = values[:, 2::3] if column == "positions_3d" else values
    row = int((values.max(1) if end else -values.min(1)).argmax())
    moved(wished, name, end, by)
    with pytest.raises(PoseAugError, match=rf"aug\.h5: row {row}: .*{reason}"):
        verify(wished)


def test_a_row_beyond_the_joint_limits_is_found_where_rows_within_them_were_asked_for(drawn: Path) -> None:
    with h5py.File(drawn) as file:
        found = beyond_limits(file["positions_3d"][:], load_skeleton())
    assert found is not None
    row = int(np.any(list(found.values()), axis=0).argmax())
    first = next(name for name, rows in found.items() if rows[row]).replace("_", " ")
    as_if_asked(drawn, {}, within_limits=True)
    with pytest.raises(PoseAugError, match=rf"aug\.h5: row {row}: {first}.* is beyond what joints allow, and rows"):
        verify(drawn)


@pytest.mark.parametrize(
    ("column", "how", "reason"),
    [
        ("detected_2d", lambda v: v * np.nan, "detected_2d holds a value that is not finite"),
        ("detected_2d", lambda v: v + np.float32(1), None),
        ("confidence", lambda v: v * np.nan, "confidence holds a value that is not finite"),
        ("confidence", lambda v: v + np.float32(1.5), "confidence is between 1.5 and 2.5, allowed 0 to 1"),
        ("confidence", lambda v: v - np.float32(1e-3), "confidence is between -0.001"),
        ("split", lambda v: 2, "split is 2, and must be 0 or 1"),
        ("split", lambda v: -1, "split is -1"),
    ],
)
def test_a_bad_row_of_an_optional_column_is_found(column: str, how: Callable, reason: str | None, wished: Path) -> None:
    change(wished, column, ROW, how)
    expected = f"the bytes of '{column}'" if reason is None else f"row {ROW}: {reason}"
    with pytest.raises(PoseAugError, match=rf"aug\.h5: {expected}"):
        verify(wished)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"noise": "mixture"}, "'confidence' is missing, and its settings ask for it"),
        ({"split": 0.1}, "'split' is missing, and its settings ask for it"),
        ({"difficulty": False}, "'difficulty' is there, and no setting asks for it"),
        ({"n": 0}, "'config' is damaged .export.n = 0 must be"),
    ],
)
def test_columns_are_those_that_the_settings_ask_for(settings: dict, reason: str, plain: Path) -> None:
    as_if_asked(plain, {}, **settings)
    with pytest.raises(PoseAugError, match=reason):
        verify(plain)


def test_settings_that_a_later_version_tells_beside_ours_do_no_harm(plain: Path) -> None:
    as_if_asked(plain, {}, told_by_a_later_version=3)
    verify(plain)


@pytest.mark.parametrize(
    ("more", "passes"),
    [({"score": 5, "not_chosen": 7}, True), ({"score": 5, "not_chosen": 8}, False), ({"score": -1, "x": 13}, False)],
)
def test_whatever_causes_there_are_add_up(more: dict[str, int], passes: bool, plain: Path) -> None:
    with h5py.File(plain, "r+") as file:
        redrawn = json.loads(file.attrs["redrawn"])
        file.attrs["redrawn"] = json.dumps({**redrawn, "candidates": redrawn["candidates"] + 12, **more})
    as_if_asked(plain, {})
    if passes:
        assert verify(plain).redrawn["not_chosen"] == 7
    else:
        with pytest.raises(PoseAugError, match="candidates are not its rows"):
            verify(plain)


# --- rows that stand twice -------------------------------------------------------------------------------------


def copy_row(path: Path, row: int, to: int) -> None:
    """Write a row again in another's place, digests and all."""
    with h5py.File(path, "r+") as file:
        for dataset in file.values():
            dataset[to] = dataset[row]
    as_if_asked(path, {})


def test_a_row_that_stands_twice_is_named_with_its_twin(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_row(plain, 2900, 2950)
    copy_row(plain, 17, 2000)
    with pytest.raises(PoseAugError, match=r"aug\.h5: row 2000: has the very pose of row 17; run"):
        verify(plain)
    monkeypatch.setattr(verify_module, "READ_ROWS", 700)
    with pytest.raises(PoseAugError, match=r"row 2000: has the very pose of row 17"):
        verify(plain)


def test_in_a_shard_both_have_the_numbers_of_the_whole_export(sharded: Path) -> None:
    copy_row(shard(sharded, 1), 3, 500)
    believe(sharded)
    with pytest.raises(PoseAugError, match=r"row 1500 \(row 500 of aug-00001-.*\): has the very pose of row 1003"):
        verify(sharded)


def test_a_shard_that_stands_twice_is_named(sharded: Path) -> None:
    shutil.copy(shard(sharded, 0), shard(sharded, 2))
    with h5py.File(shard(sharded, 2), "r+") as file:
        file.attrs["shard"] = 2
    as_if_asked(shard(sharded, 2), {})
    believe(sharded)
    with pytest.raises(PoseAugError, match=r"aug-00002-of-00003\.h5: has the very rows of aug-00000-of-00003\.h5"):
        verify(sharded)


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
    believe(sharded)
    with pytest.raises(PoseAugError, match=r"aug-00000-of-00003\.h5: is shard 2, not 0"):
        verify(sharded)


def test_a_shard_of_another_export_is_named(sharded: Path, other: Path) -> None:
    shutil.copy(shard(other, 1), shard(sharded, 1))
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: truncated, damaged or of another export"):
        verify(sharded)
    believe(sharded)
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
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: .* bytes, and its manifest says"):
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


def test_an_index_of_another_export_is_told(sharded: Path, other: Path) -> None:
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
