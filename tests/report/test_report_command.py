"""``poseaug-gen report`` as a user types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from export.export_files import ENVIRONMENT, files_in
from markupsafe import Markup

from poseaug_gen.cli import main
from poseaug_gen.config import ExportSettings
from poseaug_gen.evaluation.realism import realism
from poseaug_gen.export.dataset import export
from poseaug_gen.export.reading import find
from poseaug_gen.report.material import of_export
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, ["report", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_run_is_found_among_others_and_the_figures_are_those_of_the_rows(
    make_run: Callable[..., RunFolder], told_run: RunFolder, full_export: Path
) -> None:
    for number, run in enumerate((told_run, make_run(seed=9))):  # the other is the newer one
        shutil.copytree(run.path, Path("outputs") / f"run{number}")
    result = typed(full_export, "--html", "page.html", "--json", "page.json")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["page.html", "page.json"]
    assert result.stderr == ""
    figures = json.loads(Path("page.json").read_text())
    assert (figures["kind"], figures["rows"], figures["name"]) == ("export", 800, "full.h5")
    material = of_export(find(full_export), told_run.path, Path("none"))
    own = {figure.name: figure.value for figure in realism(material.pairs, told_run.source_poses)}
    assert {name: figure["value"] for name, figure in figures["figures"].items()} == pytest.approx(own)
    assert None not in own.values()
    assert figures["distributions"]["depth"]["percentiles"].keys() == {"source", "drawn", "learned"}
    source = told_run.source_poses.positions[:, 0, 2]
    assert figures["distributions"]["depth"]["percentiles"]["source"]["p50"] == pytest.approx(
        np.median(source), rel=1e-6
    )


def test_another_run_of_the_same_poses_lends_them_but_not_its_curves(told_run: RunFolder, full_export: Path) -> None:
    other = RunFolder(Path("outputs/other"))
    shutil.copytree(told_run.path, other.path)
    shutil.copy(other.path / "discriminators.safetensors", other.path / "augmentor.safetensors")
    result = typed(full_export, "--json", "page.json")
    assert (result.exit_code, "Name it" in result.stderr) == (0, True)
    figures = json.loads(Path("page.json").read_text())
    assert "source" in figures["distributions"]["elevation"]["percentiles"]
    assert figures["figures"]["viewpoint_entropy"]["source_value"] > 0
    assert "over its epochs" not in Path("report.html").read_text()
    assert "not at hand" in Path("report.html").read_text()


def test_the_same_command_writes_the_same_bytes_in_another_process(told_run: RunFolder, full_export: Path) -> None:
    words = [full_export, "--run", told_run.path, "--html", "page.html", "--json", "page.json"]
    assert typed(*words).exit_code == 0
    first = [Path(name).read_bytes() for name in ("page.html", "page.json")]
    environment = {**ENVIRONMENT, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    again = [sys.executable, "-m", "poseaug_gen.cli", "report", *map(str, words)]
    subprocess.run(again, check=True, env=environment, capture_output=True)
    assert [Path(name).read_bytes() for name in ("page.html", "page.json")] == first


def test_a_run_and_shards_have_pages_under_the_default_name(told_run: RunFolder) -> None:
    export(told_run, ExportSettings(n=90, shard_rows=30), Path("aug.h5"))
    for what in (told_run.path, "aug.h5"):
        assert typed(what, "--outputs", told_run.path.parent).exit_code == 0
        assert Path("report.html").read_text().startswith("<!doctype html>")
        Path("report.html").unlink()
    assert not [name for name in files_in(Path()) if ".tmp-" in name]


def test_a_shard_that_is_missing_or_of_another_export_is_refused(told_run: RunFolder) -> None:
    for name, seed in (("aug.h5", 0), ("other.h5", 1)):
        export(told_run, ExportSettings(n=90, shard_rows=30, seed=seed), Path(name))
    shard = Path("aug.shards/aug-00001-of-00003.h5")
    shutil.copy(Path("other.shards/other-00001-of-00003.h5"), shard)
    result = typed("aug.h5", "--run", told_run.path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(shard) in result.stderr
    shard.unlink()
    assert f"{shard}: missing" in typed("aug.h5", "--run", told_run.path).stderr
    assert not Path("report.html").exists()


def test_mistakes_are_one_sentence_and_leave_nothing(
    make_run: Callable[..., RunFolder], told_run: RunFolder, full_export: Path
) -> None:
    Path("notes.txt").write_text("nothing")
    before = files_in(Path())
    for words, code, says in [
        (["none.h5"], 1, "none.h5: missing"),
        (["notes.txt"], 1, "notes.txt: truncated, damaged or not HDF5"),
        ([full_export, "--run", "nowhere"], 1, "nowhere: not a run folder"),
        ([full_export, "--run", make_run(seed=9).path], 1, "was not made by the run"),
        ([told_run.path, "--run", told_run.path], 1, "is a run itself"),
        ([full_export, "--html", full_export], 2, "the page is HTML"),
        ([full_export, "--json", full_export], 2, "the figures are JSON"),
    ]:
        result = typed(*words)
        assert result.exit_code == code, result.output
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
        assert files_in(Path()) == before


STRANGE = '{"export": [1], "train": [2], "health": [3], "parts": 4, "candidates": "5", "joints": [6]}'


@pytest.mark.parametrize("name", ["config", "run", "source", "redrawn", "skeleton"])
def test_attributes_of_any_kind_make_a_page_or_a_sentence(
    told_run: RunFolder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for what, instead in (
        ("histogram", Markup()),
        ("realism", ()),
    ):  # neither sees attributes, and both take their time
        monkeypatch.setattr(f"poseaug_gen.report.content.{what}", lambda *_, instead=instead: instead)
    export(told_run, ExportSettings(n=20), Path("aug.h5"))
    for text in ("[]", "3", "null", "{}", STRANGE, "{"):
        with h5py.File("aug.h5", "r+") as file:
            file.attrs[name] = text
        result = typed("aug.h5", "--outputs", "none")
        assert result.exit_code in (0, 1)
        assert (result.stderr.count("\n"), Path("report.html").exists()) == (1, result.exit_code == 0)
        Path("report.html").unlink(missing_ok=True)


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_what_is_not_installed_is_said_in_one_sentence(
    full_export: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = typed(full_export)
    assert result.exit_code == 1
    assert result.stderr.endswith("pip install 'poseaug-gen[report]'\n")
    assert not Path("report.html").exists()
