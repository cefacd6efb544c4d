"""The command line as a user meets it: fast help, one sentence an error, the right exit codes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from poseaug_gen.cli import COMMANDS, main


def run(*words: str, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and everything printed."""
    if cwd is None:
        result = CliRunner().invoke(main, list(words))
        return result.exit_code, result.output
    done = subprocess.run([sys.executable, "-m", "poseaug_gen.cli", *words], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_needs_no_heavy_library(words):
    """What makes help slow is importing torch (a second) or h5py; no time is asserted, these machines are noisy."""
    code = (
        "import sys; from poseaug_gen.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "heavy = {'torch', 'h5py', 'scipy', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_command_says_the_same_of_itself_in_both_places():
    code, listing = run("--help")
    assert code == 0
    for name in COMMANDS:
        assert name in listing


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "--source", "no.npz"], 1, "no.npz"),
        (["train", "--set", "schedule.epoch=3"], 2, "schedule.epochs"),
        (["train", "--set", "schedule.epochs=many"], 2, "whole number"),
        (["train", "--set", "schedule.epochs"], 2, "section.key=value"),
        (["train", "--config", "no.toml"], 1, "no.toml"),
        (["train", "--estimator", "videopos"], 2, "did you mean 'videopose'"),
        (["train", "--skeleton", "h36m61", "--source", "."], 1, "h36m17"),
        (["train", "--preset", "quickly"], 2, "quick"),
        (["train", "--source", "."], 1, "no file in this folder"),
        (["export", "--n", "10"], 1, "poseaug-gen train"),
        (["export", "--n", "ten"], 2, "ten"),
        (["export", "--n", "0"], 2, "export.n"),
        (["verify", "no.h5"], 1, "no.h5"),
        (["info", "no.h5"], 1, "no.h5"),
        (["exprot"], 2, "exprot"),
    ],
)
def test_bad_usage_is_one_sentence_with_an_exit_code(tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    exit_code, output = run(*words)
    assert exit_code == code, output
    assert said in output
    assert "Traceback" not in output
    assert not list(tmp_path.iterdir()), "nothing half-written"


def spoiled(kind: str, pose: np.ndarray) -> np.ndarray:
    if kind == "NaN":
        pose[3, 5, 1] = np.nan
    if kind == "millimetres":
        pose *= 1000
    return pose[:, :14] if kind == "joints" else pose


@pytest.mark.parametrize(("kind", "said"), [("NaN", "row 3"), ("millimetres", "1000"), ("joints", "14")])
def test_bad_poses_are_refused(tmp_path, monkeypatch, make_poses, skeleton, kind, said):
    monkeypatch.chdir(tmp_path)
    poses = make_poses(skeleton, rows=20)
    np.savez(
        "poses.npz",
        positions_3d=spoiled(kind, poses.positions),
        intrinsics=poses.intrinsics,
        image_size=poses.image_size,
    )
    code, output = run("train", "--source", "poses.npz")
    assert code == 1
    assert said in output
    assert "poses.npz" in output
    assert not (tmp_path / "outputs").exists()


def test_interrupt_exits_with_130(tmp_path, monkeypatch):
    import poseaug_gen.sources

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(poseaug_gen.sources, "read_sources", interrupted)
    code, output = run("train", "--source", "poses.npz")
    assert code == 130
    assert "same command" in output


def test_debug_shows_the_traceback(tmp_path):
    code, output = run("--debug", "verify", "no.h5", cwd=tmp_path)
    assert code == 1
    assert "Traceback" in output


def test_overwrite_with_a_source_that_cannot_be_read_keeps_the_old_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "outputs" / "mine" / "run.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"state": "finished"}')
    code, output = run("train", "--source", "no.npz", "--name", "mine", "--overwrite")
    assert code == 1
    assert "no.npz" in output
    assert old.exists()


@pytest.mark.parametrize(("rows", "settings", "sentence"), [
    (1, [], "training needs at least 2"),
    (20, ["views.fills_least=8", "views.fills_most=9", "views.own_lens=0"], "hardly a drawn"),
])  # fmt: skip
def test_overwrite_with_poses_that_cannot_be_trained_on_keeps_the_old_run(
    rows, settings, sentence, tmp_path, monkeypatch, make_poses, skeleton
):
    from poseaug_gen.sources.canonical import write_poses

    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, rows=rows))
    old = tmp_path / "outputs" / "mine" / "run.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"state": "finished"}')
    words = ["train", "--source", "poses.h5", "--name", "mine", "--overwrite"]
    code, output = run(*words, *(f"--set={setting}" for setting in ["postures.built_in_rows=0", *settings]))
    assert code == 1
    assert sentence in output
    assert old.exists()


def test_overwrite_does_not_delete_a_folder_that_is_no_run(tmp_path, monkeypatch, make_poses, skeleton):
    from poseaug_gen.sources.canonical import write_poses

    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, rows=20))
    thesis = tmp_path / "outputs" / "mine" / "thesis.tex"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("all of it")
    words = ["train", "--source", "poses.h5", "--name", "mine", "--set", "postures.built_in_rows=0"]
    code, output = run(*words, "--overwrite")
    assert code == 1
    assert "not a run folder" in output
    assert thesis.exists()
