"""What the examples need, made of the built-in source: poses, other people's poses, and an export of a tiny run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import tiny

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.dataset import export
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``source.h5``, ``target.h5`` and ``aug.h5``."""
    folder = tmp_path_factory.mktemp("material")
    crowd = read_sources(["anatomy"], Request(load_skeleton(), load_rig("studio"), rows=1500))
    source, target = crowd.split_by_subject(0.3)
    write_poses(folder / "source.h5", source)
    write_poses(folder / "target.h5", target)
    run = train(tiny(schedule__epochs=2), source, RunFolder(folder / "outputs" / "tiny"))
    export(run, ExportSettings(n=5000), folder / "aug.h5")
    return folder
