"""``poseaug-gen train`` adds built-in postures to a source of the user's, says so, and leaves them out when told to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from tiny_runs import tiny_words

from poseaug_gen.cli import main
from poseaug_gen.commands.train_monitor import LiveMonitor
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import read_poses, write_poses

ONE_EPOCH = ["--name", "run", *tiny_words(schedule__epochs=1, schedule__warmup_epochs=0)]

# Of a joint that no human has.
CENTAUR = """
name = "centaur"
[joints]
hip = ""
thorax = "hip"
l_hoof = "hip"
r_hoof = "hip"
"""


def typed(*words: str) -> str:
    result = CliRunner().invoke(main, ["train", *ONE_EPOCH, *words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def here(tmp_path, monkeypatch, make_poses) -> Path:
    """A folder with poses of the user's."""
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", make_poses(load_skeleton(), rows=100))
    return tmp_path


def rows(folder: Path) -> dict[str, int]:
    return json.loads((folder / "outputs" / "run" / "run.json").read_text())["rows"]


def test_it_says_how_many_it_adds_and_how_to_leave_them_out(here):
    output = typed("--source", "poses.h5", "--set", "postures.built_in_rows=300", "--seed", "5")
    assert "100 poses of 3 subject(s)" in output
    assert "300 built-in postures are added; --set postures.built_in_rows=0 leaves them out." in output
    assert rows(here)["built_in"] == 300
    assert rows(here)["training"] + rows(here)["validation"] == 100
    record = json.loads((here / "outputs" / "run" / "run.json").read_text())["source"]["built_in"]
    assert (record["name"], record["seed"]) == ("anatomy", 5)
    poses = read_poses(here / "outputs" / "run" / "poses.h5")
    assert len(poses) == rows(here)["training"] + 300
    assert len(set(poses.action.strings()[-300:])) > 5, "a few of many activities, not one group of a single one"


def test_they_are_seen_by_the_rig_that_was_asked_for(here):
    typed("--source", "poses.h5", "--set", "postures.built_in_rows=20", "--rig", "ring:height=2-3")
    poses = read_poses(here / "outputs" / "run" / "poses.h5")
    assert set(poses.camera.strings()[-20:]) == {"ring"}
    assert set(poses.camera.strings()[:-20]) == {"camera0", "camera1"}


def test_none_are_added_where_none_are_wanted(here):
    output = typed("--source", "poses.h5", "--set", "postures.built_in_rows=0")
    assert "built-in" not in output
    assert "built_in" not in rows(here)


@pytest.mark.parametrize("words", [["--source", "anatomy"], ["--source", "anatomy", "--source", "poses.h5"]])
def test_none_are_added_to_a_source_that_is_built_in(here, words):
    output = typed(*words, "--rows", "200", "--set", "postures.built_in_rows=300")
    assert "built-in postures" not in output
    assert "built_in" not in rows(here)


def test_a_skeleton_that_no_built_in_body_has_gets_one_sentence_and_none(here, make_poses):
    (here / "centaur.toml").write_text(CENTAUR)
    skeleton = load_skeleton(str(here / "centaur.toml"))
    write_poses(here / "centaurs.h5", make_poses(skeleton, rows=100))
    words = ["--source", "centaurs.h5", "--skeleton", "centaur.toml"]
    output = typed(*words, "--set", "postures.built_in_rows=300")
    (said,) = (line for line in output.splitlines() if "built-in" in line)
    assert said.startswith("No built-in postures are added: anatomy: ")
    assert "hoof" in said
    assert said.endswith(".")
    assert not said.endswith("..")
    assert "built_in" not in rows(here)


def test_the_same_command_goes_on_without_making_them_again(here):
    words = ["--source", "poses.h5", "--set", "postures.built_in_rows=30"]
    typed(*words)
    run = here / "outputs" / "run" / "run.json"
    run.write_text(run.read_text().replace('"finished"', '"running"'))
    output = typed(*words)
    assert "Going on with" in output
    assert "built-in" not in output
    assert rows(here)["built_in"] == 30


def test_on_a_terminal_every_phase_has_its_bar():
    """Rich writes the bars to a console that is one; the judge's phase has no end of its own."""
    shown = io.StringIO()
    with LiveMonitor(Console(file=shown, force_terminal=True, width=120)) as monitor:
        for phase in ("pretrain", "joint", "judge"):
            monitor.begin_epoch(phase, 1, 1, 2)
            monitor.step()
            monitor.progress.refresh()
    for title in ("Pre-training the estimator", "Training the augmentor", "Finding out which postures are hard"):
        assert title in shown.getvalue()
