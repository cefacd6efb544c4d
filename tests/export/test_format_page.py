"""docs/format.md is the format: its tables are the code's, its code runs, its hashes come out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from export_files import ENVIRONMENT, ROOT
from jsonschema import Draft202012Validator
from written_by_hand import write_by_hand

from poseaug_gen.camera import INTRINSICS, project, to_pixels
from poseaug_gen.config import Config, ExportSettings
from poseaug_gen.export.checks import BONE_SLACK, REPROJECTION, ROUNDING
from poseaug_gen.export.checks import ROOT as ROOT_SLACK
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.filters import REASONS
from poseaug_gen.export.json_schemas import HOLD_JSON, as_object, json_schema
from poseaug_gen.export.reading import ATTRIBUTES
from poseaug_gen.export.schema import CHUNK_ROWS, FRAME, SCHEMA_VERSION, UNITS, all_columns
from poseaug_gen.export.verify import verify
from poseaug_gen.models.augmentor import LENGTH_LIMIT
from poseaug_gen.skeleton import load_skeleton

MakeExport = Callable[..., Summary]
PAGE = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What stands under a heading, up to the next of its level or a higher one."""
    level, begun = title.partition(" ")[0], PAGE.index(f"\n{title}\n")
    rest = PAGE[begun + len(title) + 2 :]
    end = re.search(rf"^#{{1,{len(level)}}} ", rest, flags=re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str) -> list[list[str]]:
    """The cells of the rows of a text's tables, headers among them."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def listed(title: str) -> set[str]:
    """What the first column of a section's table names."""
    return {name for row in table(section(title)) for name in words(row[0])}


# --- its tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["h36m16", "coco17"])
def test_the_datasets_are_those_of_the_code(name: str) -> None:
    skeleton = load_skeleton(name)
    sizes = {"joint": "J", "length_group": "G"}
    expected = []
    for column in all_columns(skeleton):
        shape = ["N", *(sizes.get(axis, str(size)) for axis, size in zip(column.axes, column.shape, strict=True))]
        expected.append(
            [
                f"`{column.name}`",
                f"({', '.join(shape)})" if column.shape else "(N,)",
                column.dtype.removeprefix("<"),
                column.unit,
                "NaN" if np.isnan(column.fill_value) else str(column.fill_value),
                ", ".join(f"`{axis}`" for axis in column.axes) or "–",
                "optional" if column.optional else "always",
            ]
        )
    assert table(section("## Datasets"))[1:] == expected
    meanings = re.findall(r"^- ((?:`\w+`(?:, )?)+)", section("## Datasets"), flags=re.MULTILINE)
    assert [name for meaning in meanings for name in words(meaning)] == [c.name for c in all_columns(skeleton)]


def test_the_attributes_are_those_of_the_code() -> None:
    rows = {words(row[0])[0]: row for row in table(section("## Attributes").partition("###")[0])[1:]}
    assert list(rows) == [*ATTRIBUTES, "shard", "digests"]
    for name, kind in ATTRIBUTES.items():
        assert rows[name][1] == ("integer" if kind is int else "JSON" if name in HOLD_JSON else "string")
    assert {name for name, row in rows.items() if row[1] == "JSON"} == set(HOLD_JSON)
    assert words(rows["units"][2]) == [UNITS]
    assert words(rows["frame"][2]) == [FRAME]
    assert rows["schema_version"][2] == str(SCHEMA_VERSION)


def test_what_holds_json_is_told_key_by_key() -> None:
    assert listed("### skeleton") == set(load_skeleton().describe())
    assert listed("### config") - {"export"} == {field.name for field in dataclasses.fields(ExportSettings)} | {
        "lenses"
    }
    sections = words(section("### config").partition("sections")[2].partition(";")[0])
    assert sections == [field.name for field in dataclasses.fields(Config)]
    assert words(section("### redrawn"))[1 : 1 + len(REASONS)] == list(REASONS)
    assert listed("### run") == {"best_epoch", "epochs", "versions", "health", "rows", "source_sha256"}


def test_every_key_that_an_export_has_is_told(make_export: MakeExport) -> None:
    with h5py.File(make_export(n=20, scores=True).path) as file:
        for name in ("skeleton", "run", "redrawn"):
            assert set(json.loads(file.attrs[name])) <= set(words(section(f"### {name}"))), name
        assert set(json.loads(file.attrs["config"])["export"]) <= set(words(section("### config")))
        assert {"rows", "bone_length_m", "built_in"} <= set(json.loads(file.attrs["source"]))


def test_its_numbers_are_the_code_s() -> None:
    limits = section("## What a row may hold")
    powers = {1e-5: "10⁻⁵", 1e-6: "10⁻⁶", 1e-4: "10⁻⁴"}
    assert f"projection to within {powers[REPROJECTION]};" in limits
    assert f"to within {powers[ROOT_SLACK]} m" in limits
    assert f"slack of {powers[ROUNDING]}, bones one of {powers[BONE_SLACK]} m" in limits
    assert f"between −{LENGTH_LIMIT} and {LENGTH_LIMIT};" in limits
    assert f"{1 - LENGTH_LIMIT} times the least and no longer than {1 + LENGTH_LIMIT} times" in limits
    assert f"min({CHUNK_ROWS:,}, N)" in section("## HDF5")
    assert f"`{' '.join(INTRINSICS)}`" in section("## Frames and formulas")


def test_every_link_within_it_leads_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)
    }
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert len(links) > 15
    assert set(links) <= anchors


# --- what it says of HDF5 and of hashes -------------------------------------------------------------------


def filters_of(path: Path) -> set[tuple[Any, ...]]:
    with h5py.File(path) as file:
        lists = [dataset.id.get_create_plist() for dataset in file.values()]
    return {tuple(plist.get_filter(i)[0] for i in range(plist.get_nfilters())) for plist in lists}


def test_filters(make_export: MakeExport) -> None:
    assert filters_of(make_export("a.h5", n=50).path) == {()}
    path = make_export("b.h5", n=50, compression="gzip").path
    assert filters_of(path) == {(h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE)}
    assert h5py.File(path)["rotation"].compression_opts == 4
    pytest.importorskip("hdf5plugin")
    path = make_export("c.h5", n=50, compression="blosc").path
    assert filters_of(path) == {(32001,)}
    *_, level, shuffle, codec = h5py.File(path)["rotation"].id.get_create_plist().get_filter(0)[2]
    assert (level, shuffle, codec) == (5, 1, 1), "Blosc's own numbers: level, byte shuffle, LZ4"


def test_form_of_the_files(make_export: MakeExport) -> None:
    path = make_export(n=5000, shard_rows=4500).path
    shard = path.parent / "aug.shards" / "aug-00000-of-00002.h5"
    for each in (path, shard):
        with h5py.File(each) as file:
            assert file.id.get_create_plist().get_version()[0] == 0
            assert all(isinstance(file.get(name, getlink=True), h5py.HardLink) for name in file)
            for name, value in file.attrs.items():
                kind = file.attrs.get_id(name).get_type()
                assert file.attrs.get_id(name).shape == ()
                if isinstance(value, str):
                    assert kind.is_variable_str()
                    assert kind.get_cset() == h5py.h5t.CSET_UTF8
                    assert value.isascii()
                else:
                    assert kind.get_size() == 8
            for column in all_columns(load_skeleton()):
                if column.name in file:
                    labels = [dimension.label for dimension in file[column.name].dims]
                    assert labels == ["pair", *column.axes]
                    assert file[column.name].chunks == (None if each == path else (4096, *column.shape))


def sha256(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_hashes_come_out_as_it_says(make_export: MakeExport, compression: str) -> None:
    """Computed from the page's words alone."""
    path = make_export(n=5000, shard_rows=3000, compression=compression).path
    manifest = json.loads((path.parent / "aug.shards" / "manifest.json").read_text())
    for entry in manifest["shards"]:
        shard = path.parent / "aug.shards" / entry["file"]
        assert entry["sha256"] == sha256(shard.read_bytes())
        with h5py.File(shard) as file:
            attributes = {name: value if isinstance(value, str) else int(value) for name, value in file.attrs.items()}
            digests = json.loads(attributes.pop("digests"))
            assert digests["columns"] == {name: sha256(dataset[:].tobytes()) for name, dataset in file.items()}
        assert digests["attributes"] == sha256(dict(sorted(attributes.items())))
        kept = ("schema_version", "skeleton", "config", "run", "seed", "source", "created_from")
        assert manifest["config_sha256"] == sha256([attributes[name] for name in kept])
        for name in kept:
            assert f"`{name}`" in section("## Hashes")


# --- its code ---------------------------------------------------------------------------------------------

READER, SCHEMA_CHECK = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def run_code(program: str, *words: str | Path, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    """A program as a user's own, in a process that cannot find us."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"} | {"PATH": path}
    command = [sys.executable, "-P", "-c", program, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/", check=False)


def functions_of_the_reader() -> dict[str, Any]:
    """What the reader is made of, without its last lines, which read a file."""
    functions: dict[str, Any] = {}
    exec(READER.partition("skeleton, pair =")[0], functions)
    return functions


@pytest.mark.parametrize("shard_rows", [1000, 40], ids=["plain", "sharded"])
@pytest.mark.parametrize("skeleton", ["h36m16", "coco17"])
def test_the_reader_reads_and_checks(make_export: MakeExport, make_run: Any, shard_rows: int, skeleton: str) -> None:
    assert len(READER.splitlines()) <= 35
    path = make_export(run=make_run(load_skeleton(skeleton)), n=100, shard_rows=shard_rows, noise="gaussian").path
    done = run_code(READER, path, 77)
    assert done.returncode == 0, done.stderr
    with h5py.File(path) as file:
        seen = to_pixels(file["positions_2d"][77], file["image_size"][77])
    printed = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in printed] == list(load_skeleton(skeleton).joints)
    np.testing.assert_allclose([[float(line[5]), float(line[6])] for line in printed], seen, atol=0.06)


def test_the_reader_s_projection_is_ours_with_strong_distortion() -> None:
    import torch

    random = np.random.default_rng(0)
    pose = random.uniform([-4, -4, 1], [4, 4, 5], (50, 3)).astype(np.float32)
    camera = random.normal(size=9).astype(np.float32)
    expected = project(torch.from_numpy(pose), torch.from_numpy(camera)).numpy()
    np.testing.assert_allclose(functions_of_the_reader()["project"](pose, camera), expected, rtol=1e-5, atol=1e-5)


def test_the_reader_refuses(make_export: MakeExport) -> None:
    path = make_export("a.h5", n=100).path
    with h5py.File(path, "r+") as file:
        file["positions_2d"][3, 5, 1] += 0.01
    assert "not the projection" in run_code(READER, path, 3).stderr
    assert run_code(READER, path, 4).returncode == 0
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 2
    assert "not an export of schema 1" in run_code(READER, path, 4).stderr
    path = make_export("b.h5", n=100, shard_rows=40).path
    (path.parent / "b.shards" / "b-00001-of-00003.h5").unlink()
    assert "a shard is missing" in run_code(READER, path, 50).stderr
    assert run_code(READER, path, 30).returncode == 0


def test_the_schema_is_checked_as_it_says(make_export: MakeExport, tmp_path: Path) -> None:
    path = make_export(n=50).path
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "poseaug-gen"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom poseaug_gen.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    code = SCHEMA_CHECK.replace("aug.h5", str(path))
    reach = f"{program.parent}:{os.environ['PATH']}"
    done = run_code(code, path=reach)
    assert done.returncode == 0, done.stderr
    with h5py.File(path, "r+") as file:
        file.attrs["units"] = "feet"
    assert "was expected" in run_code(code, path=reach).stderr


def test_the_validator_finds_what_a_row_may_not_hold(make_export: MakeExport) -> None:
    """verify is what the page says that it is; what it finds one by one is in test_verify."""
    path = make_export(n=50).path
    assert verify(path).rows == 50
    with h5py.File(path, "r+") as file:
        file.create_dataset("later", data=np.zeros(50, "<f4"))
    with pytest.raises(Exception, match="unknown dataset 'later'"):
        verify(path)


# --- a writer from the page alone -------------------------------------------------------------------------


def test_a_file_that_was_written_from_the_page_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "bird.h5"
    write_by_hand(path, 200, functions_of_the_reader()["project"])
    assert verify(path).rows == 200
    assert run_code(READER, path, 100).returncode == 0
    with h5py.File(path) as file:
        attributes = as_object(file.attrs)
    schema = json.loads(json_schema("attributes"))
    Draft202012Validator(schema).validate(attributes)
