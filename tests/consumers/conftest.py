"""Small real exports, which nobody may change: plain with a split and detections, and in shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from export.conftest import fake_run, make_run  # noqa: F401 - fixtures

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.dataset import export
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, fake_run: RunFolder) -> Path:  # noqa: F811
    """A file of 9,001 rows, three chunks, a tenth for validation."""
    path = tmp_path_factory.mktemp("plain") / "aug.h5"
    export(fake_run, ExportSettings(n=9001, split=0.1, noise="mixture"), path)
    return path


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory, fake_run: RunFolder) -> Path:  # noqa: F811
    """9,001 rows in three shards, none of them of whole chunks."""
    path = tmp_path_factory.mktemp("sharded") / "aug.h5"
    export(fake_run, ExportSettings(n=9001, shard_rows=3200), path)
    return path


@pytest.fixture(params=["plain", "shards", "folder"])
def exported(request: pytest.FixtureRequest, plain: Path, sharded: Path) -> Path:
    """An export in each of its forms: one file, the virtual dataset over shards, the folder of shards."""
    return {"plain": plain, "shards": sharded, "folder": sharded.with_name("aug.shards")}[request.param]
