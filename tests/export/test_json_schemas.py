"""What exports say of themselves is what the published schemas describe, and what they do not describe is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from poseaug_gen.cli import main
from poseaug_gen.config import CHOICES, ExportSettings
from poseaug_gen.export.dataset import Summary, export_shard
from poseaug_gen.export.filters import REASONS
from poseaug_gen.export.json_schemas import HOLD_JSON, SCHEMAS, as_object, json_schema
from poseaug_gen.export.merge import merge
from poseaug_gen.export.reading import ATTRIBUTES
from poseaug_gen.export.schema import FRAME, RUN_FACTS, SCHEMA_VERSION, UNITS
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]
TEXTS = {name: json.loads(json_schema(name)) for name in SCHEMAS}
REGISTRY = Registry().with_resources([(text["$id"], Resource.from_contents(text)) for text in TEXTS.values()])
VALIDATORS = {name: Draft202012Validator(text, registry=REGISTRY) for name, text in TEXTS.items()}
DEFS = TEXTS["attributes"]["$defs"]


def complaints(name: str, value: Any) -> list[str]:
    """What a schema has against a value."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(value)]


def attributes_of(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return as_object(file.attrs)


# --- what it describes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one_and_can_be_printed(name: str) -> None:
    Draft202012Validator.check_schema(TEXTS[name])
    assert TEXTS[name]["$id"] == f"urn:poseaug-gen:schema:{SCHEMA_VERSION}:{name}"
    assert {"title", "description", "$schema"} <= set(TEXTS[name])
    printed = CliRunner().invoke(main, ["info", "--schema", name])
    assert printed.exit_code == 0
    assert printed.stdout == json_schema(name)


def test_it_names_what_the_code_has() -> None:
    shared, export = DEFS["shared"], DEFS["config"]["properties"]["export"]
    own = set(TEXTS["attributes"]["required"])
    assert set(shared["required"]) | own == set(ATTRIBUTES)
    assert set(shared["required"]) == set(shared["properties"])
    assert set(TEXTS["attributes"]["properties"]) == own | {"shard", "digests"}
    assert (shared["properties"]["units"]["const"], shared["properties"]["frame"]["const"]) == (UNITS, FRAME)
    assert shared["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    names = {field.name for field in fields(ExportSettings)}
    assert set(export["required"]) == names
    assert set(export["properties"]) == names | {"lenses"}
    for name, words in CHOICES.items():
        section, _, key = name.partition(".")
        if section == "export":
            assert export["properties"][key]["enum"] == [word for word in words if word != "auto"]
    assert DEFS["redrawn"]["required"] == ["candidates", *REASONS]
    assert set(DEFS["run"]["properties"]) == set(RUN_FACTS)
    described = load_skeleton().describe()
    assert set(DEFS["skeleton"]["required"]) == set(DEFS["skeleton"]["properties"]) == set(described)


def test_every_word_of_it_is_described_or_says_itself() -> None:
    """A key whose meaning its name does not give has a description."""
    shared = DEFS["shared"]["properties"]
    assert all("description" in value or "$ref" in value or "const" in value for value in shared.values())
    assert all("description" in DEFS[name] for name in ("redrawn", "skeleton", "config", "run", "source", "record"))


# --- what is valid ----------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"seed": 2**63 - 1},
    {"scores": True, "difficulty": True},
    {"min_score": -1e6, "difficulty_range": (0.0, 1e6), "candidates": 2},
    {"noise": "gaussian", "noise_scale": 0.5},
    {"noise": "mixture", "split": 0.3},
    {"frame": (-0.9, 1.0), "depth": (1.0, 20.0), "mirror": True, "balance": "view"},
    {"mirror": False, "snapshots": "7", "precision": "fp32", "device": "cpu"},
    {"snapshots": "all", "compression": "gzip"},
    {"cameras": "fov:40:75"},
    {"within_limits": True},
    {"cameras": "rig:ring"},
    {"cameras": "rig:studio"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=[" ".join(options) or "defaults" for options in OPTIONS])
@pytest.mark.parametrize("shard_rows", [1000, 40], ids=["plain", "sharded"])
def test_every_export_is_valid(make_export: MakeExport, options: dict[str, Any], shard_rows: int) -> None:
    path = make_export(n=100, shard_rows=shard_rows, **options).path
    files = [path, *path.parent.glob("aug.shards/*.h5")]
    assert len(files) == (1 if shard_rows == 1000 else 4)
    for file in files:
        found = attributes_of(file)
        assert complaints("attributes", found) == []
        assert ("digests" in found) == (len(files) == 1 or file != path)
        assert ("shard" in found) == (file.parent.name == "aug.shards")
    for manifest in path.parent.glob("aug.shards/manifest.json"):
        assert complaints("manifest", json.loads(manifest.read_text())) == []


@pytest.mark.parametrize("name", ["h36m17", "coco17"])
def test_exports_of_other_skeletons_are_valid(make_export: MakeExport, make_run: Any, name: str) -> None:
    found = attributes_of(make_export(run=make_run(load_skeleton(name)), n=100).path)
    assert complaints("attributes", found) == []
    assert found["skeleton"]["name"] == name


def test_entries_of_jobs_and_what_is_merged_of_them_are_valid(fake_run: RunFolder, tmp_path: Path) -> None:
    settings = ExportSettings(n=100, shard_rows=60)
    for shard in (1, 0):
        export_shard(fake_run, settings, tmp_path / "aug.h5", shard)
    entries = list(tmp_path.glob("aug.shards/*.json"))
    assert len(entries) == 2
    for entry in entries:
        assert complaints("manifest", json.loads(entry.read_text())) == []
    merge(tmp_path / "aug.h5")
    assert complaints("attributes", attributes_of(tmp_path / "aug.h5")) == []
    assert complaints("manifest", json.loads((tmp_path / "aug.shards/manifest.json").read_text())) == []


def test_what_holds_json_is_what_is_parsed(make_export: MakeExport) -> None:
    with h5py.File(make_export(n=10).path) as file:
        texts = {name for name, value in file.attrs.items() if isinstance(value, str) and value.startswith("{")}
    assert texts == set(HOLD_JSON)


# --- what is not ------------------------------------------------------------------------------------------

Place = tuple[tuple[str | int, ...], bool, list[Mapping[str, Any]]]  # where, whether it must be there, what it must be


def applying(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A schema and those that it refers to."""
    others = [*schema.get("allOf", ())]
    if "$ref" in schema:
        root, _, place = schema["$ref"].rpartition("#/$defs/")
        assert root in ("", TEXTS["attributes"]["$id"])
        others.append(DEFS[place])
    return [schema, *(found for other in others for found in applying(other))]


def places(schemas: list[Mapping[str, Any]], value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every place in a value of which the schemas say something."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in items:
        said: list[Mapping[str, Any]] = []
        for schema in schemas:
            inner = schema.get("items") if isinstance(value, list) else schema.get("properties", {}).get(key)
            others = schema.get("additionalProperties")
            if inner is None and isinstance(others, dict) and isinstance(value, dict):
                inner = others
            said += applying(inner) if inner is not None else []
        if said:
            yield (*path, key), any(key in schema.get("required", ()) for schema in schemas), said
            yield from places(said, item, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy of a value with something else at a place; without it where that is ``KeyError``."""
    value = copy.deepcopy(value)
    *above, last = path
    inner = value
    for key in above:
        inner = inner[key]
    if new is KeyError:
        del inner[last]
    else:
        inner[last] = new
    return value


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory, fake_run: RunFolder) -> dict[str, dict[str, Any]]:
    """A valid object of each schema, with as much in it as may be."""
    from poseaug_gen.export.dataset import export

    out = tmp_path_factory.mktemp("valid") / "aug.h5"
    export(fake_run, ExportSettings(n=100, shard_rows=60, depth=(0.5, 20.0), cameras="rig:studio", scores=True), out)
    shards = out.parent / "aug.shards"
    found = attributes_of(shards / "aug-00001-of-00002.h5")
    record = {
        "name": "a",
        "licence": "b",
        "citation": "c",
        "file": "d",
        "sha256": "0" * 64,
        "rows": 3,
        "cameras": ["e"],
    }
    found["source"] |= {**record, "parts": [{**record, "source": record}], "extra_2d": [record], "built_in": record}
    found["run"]["source_sha256"] = "0" * 64
    values = {"attributes": found, "manifest": json.loads((shards / "manifest.json").read_text())}
    assert all(complaints(name, value) == [] for name, value in values.items())
    return values


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_must_be_there_may_not_be_left_out(name: str, valid: dict[str, dict[str, Any]]) -> None:
    value, seen = valid[name], 0
    for path, required, _ in places(applying(TEXTS[name]), value):
        if isinstance(path[-1], str):
            assert bool(complaints(name, changed(value, path, KeyError))) == required, path
            seen += required
    assert seen > {"attributes": 70, "manifest": 60}[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_of_another_type_is_refused(name: str, valid: dict[str, dict[str, Any]]) -> None:
    value, seen = valid[name], 0
    for path, _, said in places(applying(TEXTS[name]), value):
        if any(schema.keys() & {"type", "const", "enum", "pattern"} for schema in said):
            for wrong in ({"wrong": "type"}, "wrong\ntype", -1.5, True, None):
                allowed = complaints(name, changed(value, path, wrong)) == []
                kinds = [schema["type"] for schema in said if "type" in schema]
                assert not allowed or fits(wrong, kinds), (path, wrong)
            seen += 1
    assert seen > {"attributes": 100, "manifest": 90}[name]


def fits(value: Any, kinds: list[Any]) -> bool:
    """Whether a value is of every one of some JSON Schema types."""
    return bool(kinds) and all(Draft202012Validator({"type": kind}).is_valid(value) for kind in kinds)


@pytest.mark.parametrize(
    ("name", "path", "wrong"),
    [
        ("attributes", ("schema_version",), 2),
        ("attributes", ("schema_version",), "1"),
        ("attributes", ("units",), "millimetres"),
        ("attributes", ("row_count",), 0),
        ("attributes", ("seed",), 2**63),
        ("attributes", ("shard",), -1),
        ("attributes", ("created_from",), "A" * 64),
        ("attributes", ("created_from",), "a" * 63),
        ("attributes", ("digests", "columns"), {}),
        ("attributes", ("redrawn", "depth"), -1),
        ("attributes", ("redrawn", "other"), 0.5),
        ("attributes", ("skeleton", "parents", 0), 0),
        ("attributes", ("config", "export", "precision"), "auto"),
        ("attributes", ("config", "export", "depth"), [3.0]),
        ("attributes", ("config", "export", "split"), 0.95),
        ("attributes", ("config", "train", "postures", "learned"), 1.5),
        ("manifest", ("schema_version",), 2),
        ("manifest", ("shared", "schema_version"), 2),
        ("manifest", ("shards", 0, "file"), "../aug-00000-of-00002.h5"),
        ("manifest", ("shards", 0, "sha256"), ""),
        ("manifest", ("shard_count",), 1),
    ],
)
def test_what_no_export_can_say_is_refused(
    name: str, path: tuple[str | int, ...], wrong: Any, valid: dict[str, dict[str, Any]]
) -> None:
    assert complaints(name, changed(valid[name], path, wrong))


def test_what_a_later_version_adds_is_no_fault(valid: dict[str, dict[str, Any]]) -> None:
    for path in (
        ("later",),
        ("skeleton", "later"),
        ("config", "export", "later"),
        ("run", "later"),
        ("source", "later"),
    ):
        assert complaints("attributes", changed(valid["attributes"], path, "something")) == []
    assert complaints("attributes", changed(valid["attributes"], ("redrawn", "later"), 3)) == []
    for path in (("later",), ("shared", "later"), ("shards", 0, "later")):
        assert complaints("manifest", changed(valid["manifest"], path, "something")) == []
