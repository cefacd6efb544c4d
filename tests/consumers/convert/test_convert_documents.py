"""What docs/convert.md and examples/train_videopose3d.md say is run: commands, snippets, and lines for others' code."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from test_to_videopose3d import MocapDataset, Skeleton

from poseaug_gen.cli import main

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "convert.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples" / "train_videopose3d.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^    poseaug-gen (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = {"tensorflow": "tensorflow", "webdataset": "webdataset", "pyarrow": "pyarrow", "datasets": "datasets"}


def snippets(text: str, kind: str) -> list[str]:
    return [code for language, code in FENCE.findall(text) if language == kind]


def run(words: str) -> str:
    result = CliRunner().invoke(main, shlex.split(words))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def converted(exports, tmp_path_factory) -> Path:
    """A folder in which every command of docs/convert.md was run, on some rows."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "aug.h5").symlink_to(exports["lenses"])
    commands = COMMAND.findall(DOCUMENT)
    assert len(commands) == 8
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in commands:
            said = run(f"{words} --rows 600")
            assert "Next: " in said
    return folder


@pytest.mark.parametrize("number", range(9))
def test_a_snippet_of_the_document_runs(number: int, converted: Path, tmp_path, monkeypatch) -> None:
    codes = snippets(DOCUMENT, "python")
    assert len(codes) == 9
    for package in NEEDS:
        if re.search(rf"^import .*\b{package}\b", codes[number], re.MULTILINE):
            pytest.importorskip(package)
    if "poseaug_gen.consumers.tfrecord" in codes[number]:
        pytest.importorskip("tensorflow")
    monkeypatch.chdir(converted)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    exec(compile(codes[number], f"docs/convert.md, snippet {number}", "exec"), {})


def test_the_document_names_every_format(converted: Path) -> None:
    from poseaug_gen.consumers.convert.registry import FORMATS

    for name in FORMATS:
        assert f"\n## {name}\n" in DOCUMENT
        assert (converted / f"aug.{name}").is_dir()


def test_the_examples_own_commands_lead_to_the_files_that_it_names(fake_run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = COMMAND.findall(EXAMPLE)
    assert [words.split()[0] for words in commands] == ["export", "convert"]
    run(commands[0].replace("--n 200000", "--n 2000") + f" --run {fake_run.path}")
    run(commands[1])
    for name in re.findall(r"`(data_[23]d_aug(?:_gt)?\.npz|aug_dataset\.py)`", EXAMPLE):
        assert (tmp_path / "aug.videopose3d" / name).is_file()
    (code,) = snippets(EXAMPLE, "python")
    exec(compile(code, "examples/train_videopose3d.md", "exec"), {})
    subjects = set(re.findall(r"-(?:str|ste) (\S+)", EXAMPLE)) - {"S9,S11"}
    assert subjects == set(np.load("aug.videopose3d/data_3d_aug.npz", allow_pickle=True)["positions_3d"].item())


def test_the_lines_for_others_code_do_what_they_say(converted: Path, monkeypatch) -> None:
    """Those that the example adds to run.py, data_preparation.py and data_utils.py, in what stands around them."""
    for name, content in {"mocap_dataset": MocapDataset, "skeleton": Skeleton}.items():
        module = types.ModuleType(f"common.{name}")
        setattr(module, content.__name__, content)
        monkeypatch.setitem(sys.modules, f"common.{name}", module)
    monkeypatch.setitem(sys.modules, "common", types.ModuleType("common"))
    monkeypatch.syspath_prepend(converted / "aug.videopose3d")
    monkeypatch.delitem(sys.modules, "aug_dataset", raising=False)
    monkeypatch.chdir(converted / "aug.videopose3d")
    run_py, preparation, fetch = (added(diff) for diff in snippets(EXAMPLE, "diff"))

    names = {"args": types.SimpleNamespace(dataset="aug"), "dataset_path": "data_3d_aug.npz"}
    exec(run_py.replace("elif", "if", 1), names)
    exec(preparation, names)
    assert names["subjects_train"] == ["train-1000x1002", "train-1920x1080"]
    assert names["subjects_test"] == ["val-1000x1002", "val-1920x1080"]
    dataset, cams = names["dataset"], []
    for subject in names["subjects_train"]:
        for action, animation in dataset[subject].items():
            around = {"dataset": dataset, "subject": subject, "action": action, "i": 0, "out_cam": cams}
            exec(fetch, around | {"poses_3d": [animation["positions"]]})
    assert np.concatenate(cams).shape == (600, 9)


def added(diff: str) -> str:
    """The lines that a diff adds, moved to the left."""
    lines = [line[1:] for line in diff.splitlines() if line.startswith("+")]
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[indent:] for line in lines)
