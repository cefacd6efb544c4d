"""Which source `train` takes, and how its options reach the readers."""

import json

import pytest
from click.testing import CliRunner

from poseaug_gen.cli import main
from poseaug_gen.commands.train import default_source
from poseaug_gen.sources.canonical import read_poses, write_poses

TINY = ["--preset", "quick", "--epochs", "1", "--rows", "400"]
TINY += ["--set", "schedule.pretrain_epochs=1", "--set", "estimator.channels=8", "--set", "run.preview_every=0"]
TINY += ["--set", "postures.built_in_rows=0", "--set", "postures.judge_steps=0"]


def run(*words: str) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_poses_the_built_in_source_is_taken_and_named(here):
    (here / "data").mkdir()
    (here / "data" / "README.md").write_text("# Poses")
    output = run("train", *TINY)
    assert "built-in source, anatomy" in output
    assert "400 poses" in output
    (folder,) = (here / "outputs").iterdir()
    info = json.loads((folder / "run.json").read_text())
    assert info["state"] == "finished"
    assert info["source"]["name"] == "anatomy"
    assert "Gordon" in info["source"]["citation"]
    assert "finished already" in run("train", *TINY)  # the same command finds its run


def test_poses_in_data_are_taken_wherever_they_lie_in_it(here, make_poses, skeleton):
    assert default_source() == "anatomy"
    below = here / "data" / "mine" / "first"
    below.mkdir(parents=True)
    write_poses(below / "poses.h5", make_poses(skeleton, rows=60))
    assert default_source() == "data"
    output = run("train", *TINY, "--name", "mine")
    assert "poses in data/" in output
    assert "60 poses" in output


def test_views_rig_and_seed_reach_the_built_in_source(here):
    run("train", *TINY, "--source", "anatomy", "--rig", "ring:height=2-3", "--seed", "5", "--name", "ring")
    poses = read_poses(here / "outputs" / "ring" / "poses.h5")
    assert set(poses.camera.counts()) == {"ring"}
    assert poses.provenance["seed"] == 5
    assert "height=2-3" in poses.provenance["cameras"][0]
