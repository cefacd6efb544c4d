"""What pages may begin with: a small finished run, and an export of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_runs import COLUMNS, ROOT
from tiny_runs import tiny_words

from poseaug_gen.cli import main

EXPORTED = 20_000

sys.path.append(str(ROOT / "scripts" / "site"))  # MkDocs has the folder of its hooks there


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[set[str], Path], None]:
    """``begun({"run", "export"}, folder)`` puts a run, and pairs of it, into a folder; both are made once."""
    kept = tmp_path_factory.mktemp("kept")

    def typed(*words: str | Path) -> None:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output

    def begin(wanted: set[str], folder: Path) -> None:
        assert wanted <= {"run", "export"}, f"{folder.name}: pages begin with a run, an export, or nothing"
        if not wanted:
            return
        outputs, export = kept / "outputs", kept / "aug.h5"
        if not outputs.exists():
            size = {"schedule__epochs": 2, "schedule__pretrain_epochs": 2, "schedule__batch_size": 64}
            words = tiny_words(**size, estimator__channels=64, augmentor__width=64, postures__judge_steps=20)
            typed("train", "--rows", "2000", "--name", "tiny", "--outputs", outputs, *words)
            typed("export", "--outputs", outputs, "--n", str(EXPORTED), "--out", export)
        shutil.copytree(outputs, folder / "outputs")
        if "export" in wanted:
            shutil.copy(export, folder)

    return begin


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As wide as the pages show it."""
    monkeypatch.setenv("COLUMNS", COLUMNS)
