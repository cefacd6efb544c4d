"""Conversions that are killed for real, at any moment, and gone on with: the same bytes as one left in peace."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poseaug_gen import storage
from poseaug_gen.consumers.convert.journal import NAME

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def started(*words: str | Path, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "poseaug_gen.cli", "convert", *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): storage.sha256(p) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("to", "options", "kills"),
    [
        ("coco", ["--rows-per-file", "500"], 2),
        ("videopose3d", [], 1),
        pytest.param("coco", ["--rows-per-file", "500"], 50, marks=pytest.mark.slow),
        *(pytest.param(to, [], 20, marks=pytest.mark.slow) for to in ("mmpose", "motionbert", "parquet", "tfrecord")),
    ],
)
def test_killed_at_random_moments(to: str, options: list[str], kills: int, exports, convert, tmp_path) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # pytest shows it where the test fails
    chance = random.Random(seed)
    per_file = {"rows_per_file": int(options[1])} if options else {}
    convert(exports["lenses"], to, tmp_path / "undisturbed", **per_file)
    expected, out, entered = hashes(tmp_path / "undisturbed"), tmp_path / "out", 0
    words = [exports["lenses"], "--to", to, "--out", out, *options]
    for _ in range(kills):
        process = started(*words, cwd=tmp_path)
        end = time.monotonic() + 60
        # The moments begin with the first file that is being written: what comes before leaves nothing.
        while not list(tmp_path.glob("out/**/*.tmp-*")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        for name, digest in hashes(out).items():
            if ".tmp-" not in name and name != NAME:
                assert digest == expected[name], f"{name} has its final name and is not whole"
        now = len((out / NAME).read_text().splitlines()) - 1
        assert now >= entered, "a finished file is never lost"
        entered = now
    process = started(*words, cwd=tmp_path)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert hashes(out) == expected
    assert "Next: " in printed
    assert not (tmp_path / "out.lock").exists()


def test_ctrl_c_is_130_and_the_same_command_goes_on(exports, tmp_path) -> None:
    words = [exports["lenses"], "--to", "coco", "--rows-per-file", "500", "--log-json"]
    process = started(*words, cwd=tmp_path)
    end = time.monotonic() + 60
    while not (tmp_path / "aug.coco" / "aug-00001-of-00010.json").exists() and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "run the same command again" in said
    assert not list(tmp_path.rglob("*.tmp-*"))
    process = started(*words, cwd=tmp_path)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    done = json.loads(printed.splitlines()[-1])
    assert (done["event"], done["files"], done["rows"]) == ("done", 10, {"all": 5000})
    assert 0 < done["made"] < 10
