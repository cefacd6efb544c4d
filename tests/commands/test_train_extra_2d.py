"""``poseaug-gen train --extra-2d`` as a user meets it."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from poseaug_gen.cli import main
from poseaug_gen.sources.canonical import write_poses

SMALL = [
    "--source", "poses.h5", "--name", "run", "--preset", "quick", "--device", "cpu", "--set", "estimator.channels=16",
    "--set", "augmentor.width=16", "--set", "schedule.batch_size=32", "--set", "schedule.pretrain_epochs=1",
    "--set", "schedule.epochs=2", "--set", "schedule.warmup_epochs=1", "--set", "run.preview_every=0",
    "--set", "postures.built_in_rows=0", "--set", "postures.judge_steps=0",
]  # fmt: skip


@pytest.fixture
def seen(tmp_path, monkeypatch, make_poses, skeleton) -> np.ndarray:
    """A folder with ``poses.h5`` and ``seen.npz``, in which one of thirty people is too small."""
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, rows=100))
    seen = make_poses(skeleton, rows=30, seed=1).project()
    seen[4] *= 0.01
    np.savez(tmp_path / "seen.npz", positions_2d=seen, licence="CC0")
    return seen


def typed(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", *SMALL, *words])
    return result.exit_code, " ".join(result.output.split())


def test_it_says_what_it_took_and_keeps_it(seen):
    code, output = typed("--extra-2d", "seen.npz", "--extra-2d", "poses.h5", "--set", "source.extra_2d_share=0.25")
    assert code == 0, output
    assert "129 extra 2D poses (and 1 too small, too far out or with too few joints), from seen.npz, poses.h5" in output
    info = json.loads(Path("outputs/run/run.json").read_text())
    assert [record["licence"] for record in info["source"]["extra_2d"]] == ["CC0", "none needed"]
    assert info["rows"]["extra_2d"] == 129
    settings = tomllib.loads(Path("outputs/run/config.toml").read_text())["source"]
    assert settings["extra_2d"] == ["seen.npz", "poses.h5"]
    assert settings["extra_2d_share"] == 0.25


def test_the_same_command_goes_on_without_the_file(seen):
    assert typed("--extra-2d", "seen.npz")[0] == 0
    Path("seen.npz").unlink()
    run = Path("outputs/run/run.json")
    run.write_text(run.read_text().replace('"finished"', '"running"'))
    code, output = typed("--extra-2d", "seen.npz")
    assert code == 0, output
    assert "Going on with" in output
    code, output = typed()
    assert code == 2
    assert "source.extra_2d: ['seen.npz'] -> []" in output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--extra-2d", "none.json"], 1, "none.json: there is no such file"),
        (["--extra-2d", "."], 1, "is a folder"),
        (["--extra-2d", "seen.npz", "--set", "source.extra_2d_share=1.5"], 2, "must be between 0.0 and 1.0"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(seen, words, code, said):
    found, output = typed(*words)
    assert found == code
    assert said in output
    assert not Path("outputs").exists()
