"""A run with a history, exports of it, and the pages that tell of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from export.conftest import MakeRun, make_run  # noqa: F401 - a fixture, for this room too
from reported import EVERYTHING, HOSTILE, STRANGE_JOINTS, renamed, with_history

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.dataset import export
from poseaug_gen.export.reading import find
from poseaug_gen.report.content import Content
from poseaug_gen.report.material import of_export, of_run
from poseaug_gen.report.page import render
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture(scope="session")
def told_run(make_run: MakeRun) -> RunFolder:  # noqa: F811 - as pytest has it
    """A finished run of ``h36m16`` with a history."""
    return with_history(make_run(learned=0.5))


@pytest.fixture(scope="session")
def full_export(told_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 rows of that run with every column that there is."""
    path = tmp_path_factory.mktemp("exports") / "full.h5"
    export(told_run, ExportSettings(n=800, **EVERYTHING), path)
    return path


@pytest.fixture(scope="session")
def full_content(told_run: RunFolder, full_export: Path) -> Content:
    """What a page on it says."""
    return Content(of_export(find(full_export), told_run.path, Path("none")))


@pytest.fixture(scope="session")
def full_page(full_content: Content) -> str:
    """That page."""
    return render(full_content)


@pytest.fixture(scope="session")
def run_page(told_run: RunFolder) -> str:
    """The page on the run itself."""
    return render(Content(of_run(told_run)))


@pytest.fixture(scope="session")
def hostile_page(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: F811
    """The page on an export whose source, subjects, actions and joints have names that are markup and scripts."""
    skeleton = Skeleton.from_dict({"name": HOSTILE, "joints": STRANGE_JOINTS})
    provenance = {"name": HOSTILE, "licence": HOSTILE, "citation": HOSTILE, HOSTILE: [HOSTILE]}
    run = renamed(with_history(make_run(skeleton, seed=5)), provenance, subject=HOSTILE, action=HOSTILE)
    path = tmp_path_factory.mktemp("hostile") / "aug.h5"
    export(run, ExportSettings(n=60, **EVERYTHING), path)
    return render(Content(of_export(find(path), run.path, Path("none"))))


@pytest.fixture
def page_on(tmp_path: Path) -> Callable[..., str]:
    """``page_on(run, named=True, n=…, …)``: the page on an export that is just made; its run is named or not."""

    def page(run: RunFolder, named: bool = True, **settings: object) -> str:
        path = tmp_path / "aug.h5"
        export(run, ExportSettings(**settings), path, overwrite=path.exists())
        return render(Content(of_export(find(path), run.path if named else None, tmp_path / "none")))

    return page
