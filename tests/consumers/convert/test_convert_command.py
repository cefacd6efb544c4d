"""``poseaug-gen convert`` as a user types it, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from poseaug_gen.cli import main
from poseaug_gen.consumers.convert.registry import FORMATS


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, words)])


def test_it_says_what_it_wrote_what_has_no_place_and_what_to_do(exports) -> None:
    done = run(exports["lenses"], "--to", "videopose3d", "--rows", 50)
    assert done.exit_code == 0
    said = done.stdout.splitlines()
    assert said[0] == "aug.videopose3d: 50 training pairs and 50 validation pairs in 4 files, 0.1 MB"
    assert said[1].startswith("these files have no place for rotation, translation, length_ratio, angle_change")
    assert said[2].startswith("Next: train VideoPose3D on it with -d aug -k gt")
    assert done.stderr.splitlines()[0] == f"100 pairs of {exports['lenses']}"
    assert "needs about" in done.stderr
    assert "convert: 500 of 500 (100%)" in done.stderr
    again = run(exports["lenses"], "--to", "videopose3d", "--rows", 50)
    assert "all 4 files are there and as they were written: nothing to do" in again.stdout


def test_a_derived_joint_is_told(exports) -> None:
    done = run(exports["shards"], "--to", "motionbert", "--skeleton", "h36m17", "--rows", 20, "--out", "out")
    assert "out: 20 pairs in 2 files" in done.stdout
    assert "nose was derived: 0.5 thorax + 0.5 head" in done.stdout


def test_nothing_is_told_of_columns_where_all_have_a_place(exports) -> None:
    done = run(exports["fov"], "--to", "webdataset", "--rows", 20)
    assert "no place" not in done.stdout
    assert "aug.webdataset: 20 pairs in 2 files" in done.stdout


def test_json_lines(exports) -> None:
    done = run(exports["lenses"], "--to", "coco", "--rows", 50, "--split", "validation", "--log-json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1] | {"bytes": 0, "next_step": "", "left_out": []} == {
        "event": "done",
        "path": "aug.coco",
        "rows": {"validation": 50},
        "files": 1,
        "bytes": 0,
        "made": 1,
        "left_out": [],
        "derived": {},
        "next_step": "",
    }
    assert events[0]["event"] == "progress"
    assert not done.stderr


def test_help_has_every_format_with_what_it_is() -> None:
    said = run("--help").output
    for name, what in FORMATS.items():
        assert f"{name:<13}{what}" in said
    assert "Which files:" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["no.h5", "--to", "coco"], 1, "no.h5: missing"),
        (["no.h5"], 2, "--to"),
        (["no.h5", "--to", "cocoa"], 2, "'cocoa' is not one of"),
        (["no.h5", "--to", "mmpose", "--rows-per-file", "9"], 2, "mmpose has all rows in one file"),
    ],
)
def test_bad_usage_is_one_sentence_with_an_exit_code(words: list[str], code: int, said: str) -> None:
    done = run(*words)
    assert done.exit_code == code
    assert said in done.output
    assert not list(Path().iterdir())
