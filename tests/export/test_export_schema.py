"""The exported file is DESIGN.md's schema 1, to the letter, and says the truth about itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from poseaug_gen.bones import bones_of
from poseaug_gen.camera import INTRINSICS, project
from poseaug_gen.config import ExportSettings, config_from_dict
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.schema import all_columns, columns_of, export_attributes, source_facts
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import load_skeleton, skeleton_from_json
from poseaug_gen.sources.canonical_2d import write_poses_2d
from poseaug_gen.storage import sha256, write_text
from poseaug_gen.training.run_folder import EXTRA_2D, RunFolder

N, J, G = 5000, 16, 9  # pairs; joints and length groups of h36m16
SCHEMA = {  # DESIGN.md, "The exported file, schema 1"
    "positions_3d": ((N, J, 3), "<f4"),
    "positions_2d": ((N, J, 2), "<f4"),
    "intrinsics": ((N, 9), "<f4"),
    "image_size": ((N, 2), "<i2"),
    "rotation": ((N, 3), "<f4"),
    "translation": ((N, 3), "<f4"),
    "length_ratio": ((N, G), "<f4"),
    "angle_change": ((N,), "<f4"),
    "score_3d": ((N,), "<f4"),
    "score_2d": ((N,), "<f4"),
    "difficulty": ((N,), "<f4"),
    "source_index": ((N,), "<i8"),
    "mirrored": ((N,), "<i1"),
    "snapshot": ((N,), "<i2"),
}
OPTIONAL = {"score_3d", "score_2d", "difficulty"}
ATTRIBUTES = {
    "schema_version", "tool_version", "units", "frame", "skeleton", "config", "run", "seed", "source", "row_count",
    "created_from", "redrawn", "digests",
}  # fmt: skip


@pytest.fixture(params=[False, True], ids=["plain", "virtual"])
def full(request: pytest.FixtureRequest, make_export: Callable[..., Summary]) -> Path:
    """An export with every column, as one file and as three shards."""
    return make_export(n=N, scores=True, difficulty=True, shard_rows=2000 if request.param else N).path


def test_datasets(full: Path) -> None:
    with h5py.File(full) as file:
        assert set(file) == set(SCHEMA)
        for name, (shape, dtype) in SCHEMA.items():
            assert file[name].shape == shape
            assert file[name].dtype == np.dtype(dtype)
            assert file[name].dims[0].label == "pair"
            assert all(dim.label and not len(dim) for dim in file[name].dims), "labels, but no dimension scales"


def test_storage_of_a_plain_file(make_export: Callable[..., Summary]) -> None:
    with h5py.File(make_export(n=N).path) as file:
        assert set(file) == set(SCHEMA) - OPTIONAL
        for dataset in file.values():
            assert dataset.chunks == (4096, *dataset.shape[1:])
            assert dataset.compression is None
            assert not dataset.shuffle
            assert not dataset.fletcher32
        assert file.id.get_create_plist().get_version()[0] == 0, "the oldest superblock, which every reader knows"


def test_a_virtual_dataset_fills_holes_with_what_is_no_data(make_export: Callable[..., Summary]) -> None:
    path = make_export(n=N, shard_rows=2000).path
    (path.parent / "aug.shards" / "aug-00001-of-00003.h5").unlink()
    with h5py.File(path) as file:
        assert np.isnan(file["positions_3d"][2000:4000]).all()
        assert (file["source_index"][2000:4000] == -1).all()
        assert np.isfinite(file["positions_3d"][:2000]).all()


def test_attributes(full: Path, fake_run: RunFolder) -> None:
    with h5py.File(full) as file:
        attributes = dict(file.attrs)
    is_virtual = (full.parent / "aug.shards").exists()
    assert set(attributes) == ATTRIBUTES - ({"digests"} if is_virtual else set())
    assert attributes["schema_version"] == 1
    assert attributes["row_count"] == N
    assert attributes["seed"] == 0
    assert attributes["created_from"] == sha256(fake_run.path / "augmentor.safetensors")
    assert skeleton_from_json(attributes["skeleton"], "attribute") == load_skeleton()
    described = json.loads(attributes["skeleton"])
    assert len(described["joint_names"]) == len(described["parents"]) == J
    assert len(described["length_groups"]) == G
    source = json.loads(attributes["source"])
    assert {"licence", "citation", "rows"} <= set(source)
    assert source["rows"] == 300
    assert source["built_in"] == {"name": "anatomy", "citation": "Measured 2026"}, "whose postures it stands on too"
    lengths = fake_run.poses.bone_lengths()
    np.testing.assert_allclose(source["bone_length_m"]["min"], lengths.min(0))
    np.testing.assert_allclose(source["bone_length_m"]["max"], lengths.max(0))
    config = json.loads(attributes["config"])
    assert config["train"]["visibility"]["nearest"] == fake_run.config.visibility.nearest
    assert config["export"]["n"] == N
    assert json.loads(attributes["run"])["best_epoch"] == 7


def test_no_clock_and_no_folder_of_the_user(full: Path, fake_run: RunFolder) -> None:
    with h5py.File(full) as file:
        text = " ".join(str(value) for value in file.attrs.values())
    assert "/home/" not in text
    assert str(fake_run.path) not in text
    assert "seconds" not in json.loads(h5py.File(full).attrs["run"])["health"]
    assert "NaN" not in text, "NaN is no JSON"


def test_opens_with_h5py_alone(full: Path) -> None:
    code = (
        "import sys, h5py; f = h5py.File(sys.argv[1]); print(f['positions_3d'].shape, f['positions_3d'][-1].sum() > 0);"
        "assert not any(name.startswith(('poseaug', 'torch')) for name in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, full], capture_output=True, text=True, cwd="/", check=True)
    assert found.stdout.strip() == f"({N}, {J}, 3) True"


@pytest.mark.parametrize("share", ["learned_run", "drawn_run"])
@pytest.mark.parametrize("shard_rows", [N, 2000], ids=["plain", "virtual"])
def test_pairs_are_consistent(
    share: str, shard_rows: int, make_export: Callable[..., Summary], request: pytest.FixtureRequest
) -> None:
    """Every column against its definition, from the file and the run's poses alone; no posture has limbs of others."""
    run = request.getfixturevalue(share)
    with h5py.File(make_export(run=run, n=N, shard_rows=shard_rows).path) as file:
        rows = {name: torch.from_numpy(dataset[:]) for name, dataset in file.items()}
    poses, pose, camera = run.poses, rows["positions_3d"], rows["intrinsics"]
    assert (rows["image_size"] == 1000).all()
    assert (rows["snapshot"] == (7 if share == "learned_run" else 0)).all()
    assert camera.shape[1] == len(INTRINSICS)
    torch.testing.assert_close(project(pose, camera), rows["positions_2d"], rtol=0, atol=1e-6)
    assert (rows["positions_2d"].abs() <= 1).all()
    torch.testing.assert_close(pose[:, 0], rows["translation"], rtol=0, atol=1e-6)
    # The posture's own camera sees what the augmentor made; a drawn row has its own.
    place = rows["mirrored"].long(), rows["source_index"]
    lens = torch.from_numpy(np.stack([poses.intrinsics, poses.mirrored().intrinsics]))[place]
    own_lens = (camera == lens).all(-1)
    assert own_lens.all() if share == "learned_run" else own_lens.double().mean() < 0.5
    # Undo the rigid transform: what is left has the source's bones, but for their direction, on the body of one of its
    # subjects, but for their ratio.
    bones = bones_of((pose - pose[:, :1]) @ rotation_matrix(rows["rotation"]), poses.skeleton)
    source = torch.from_numpy(np.stack([poses.positions, poses.mirrored().positions]))[place]
    cosine = torch.cosine_similarity(bones, bones_of(source, poses.skeleton), dim=-1)
    torch.testing.assert_close((1 - cosine).mean(-1), rows["angle_change"], rtol=1e-3, atol=1e-4)
    length = bones.norm(dim=-1) / (1 + rows["length_ratio"][:, poses.skeleton.group_of_bone])
    bodies = torch.from_numpy(run.source_poses.subject_bone_lengths())
    nearest = (length[:, None] - bodies).abs().amax(-1).min(1)
    assert nearest.values.max() < 1e-4
    assert set(nearest.indices.tolist()) == set(range(len(bodies)))


def test_a_mixed_export_has_rows_of_both_kinds_and_says_how_it_was_mixed(full: Path) -> None:
    with h5py.File(full) as file:
        snapshot, change = file["snapshot"][:], file["angle_change"][:]
        settings = json.loads(file.attrs["config"])["train"]
    assert set(snapshot) == {0, 7}
    assert 0 < (snapshot == 7).mean() < 1.5 * settings["postures"]["learned"]
    assert ((change == 0) == (snapshot == 0)).all()
    assert settings["views"]["own_lens"] > 0


def test_columns_of_another_skeleton_have_its_sizes() -> None:
    skeleton = load_skeleton("coco17")
    shapes = {column.name: column.shape for column in all_columns(skeleton)}
    assert shapes["positions_3d"] == (17, 3)
    assert shapes["detected_2d"] == (17, 2)
    assert shapes["confidence"] == (17,)
    assert shapes["length_ratio"] == (skeleton.num_groups,)


@pytest.mark.parametrize(
    ("settings", "added"),
    [
        ({}, set()),
        ({"noise": "gaussian"}, {"detected_2d", "confidence"}),
        ({"noise": "mixture"}, {"detected_2d", "confidence"}),
        ({"split": 0.02}, {"split"}),
        ({"scores": True}, {"score_3d", "score_2d"}),
        ({"min_score": 0.0}, {"score_3d", "score_2d"}),
        ({"difficulty": True}, {"difficulty"}),
        ({"difficulty_range": (1.0, 3.0)}, {"difficulty"}),
    ],
)
def test_a_setting_brings_the_columns_that_it_needs(settings: dict, added: set[str]) -> None:
    skeleton = load_skeleton()
    always = {column.name for column in all_columns(skeleton) if not column.optional}
    assert {column.name for column in columns_of(skeleton, ExportSettings(**settings))} == always | added


def test_what_is_optional_is_typed_too() -> None:
    """The columns that no option of ``full`` brings (DESIGN.md's table ends before them)."""
    columns = {column.name: column for column in all_columns(load_skeleton()) if column.optional}
    assert columns["detected_2d"].dtype == columns["confidence"].dtype == "<f4"
    assert columns["split"].dtype == "<i1"
    assert columns["split"].fill_value == -1, "neither of its values"


def test_a_run_without_built_in_poses_names_none(make_run):
    run = make_run()
    run.write_info(source={}, rows={"training": 300, "validation": 0})
    assert "built_in" not in source_facts(run)
    assert run.built_in_rows == 0
    assert len(run.source_poses) == 300


def test_an_export_says_which_2d_poses_steered_its_augmentor_and_where_no_file_lay(make_run, skeleton):
    run = make_run()
    assert "extra_2d" not in source_facts(run)
    record = {"name": "street", "licence": "CC BY 4.0", "citation": "Somebody 2026"}
    seen, known = np.zeros((4, skeleton.num_joints, 2)), np.ones((4, skeleton.num_joints), dtype=bool)
    write_poses_2d(run.path / EXTRA_2D, Poses2D.of(skeleton, seen, known, record))
    run.write_info(rows={"training": 300, "validation": 0, "extra_2d": 4})
    source = {"paths": ["/a/b.npz"], "extra_2d": ["/home/me/street.json"], "joints": "/home/me/bones.toml"}
    write_text(run.path / "config.toml", config_from_dict({"source": source}).to_toml())
    attributes = export_attributes(RunFolder(run.path), ExportSettings())
    assert json.loads(attributes["source"])["extra_2d"] == [record]
    assert "/home" not in attributes["config"]
