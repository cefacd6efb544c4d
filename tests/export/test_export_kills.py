"""Exports that are killed for real, at any moment, and gone on with: no row is lost, doubled or wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from export_files import check_whole, files_in, hashes, in_session, kill, started, wait_until

from poseaug_gen.export.verify import verify
from poseaug_gen.training.run_folder import RunFolder

ROWS, SHARD_ROWS = 50_000, 5000


def words(run: RunFolder, workers: int = 1) -> list[str]:
    return f"export --n {ROWS} --shard-rows {SHARD_ROWS} --run {run.path} --workers {workers}".split()


def begun(folder: Path) -> bool:
    return (folder / "aug.h5.lock").exists()


@pytest.mark.parametrize(
    ("workers", "kills"),
    [(1, 7), (2, 3), pytest.param(1, 150, marks=pytest.mark.slow), pytest.param(2, 50, marks=pytest.mark.slow)],
)
def test_killed_at_random_moments(fake_run: RunFolder, tmp_path: Path, workers: int, kills: int) -> None:
    """The moments lie evenly over the time from when the output is locked to the end of an export."""
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # pytest shows it where the test fails
    chance = random.Random(seed)
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    folder.mkdir()
    process = started(*words(fake_run, workers), cwd=undisturbed)
    wait_until(lambda: begun(undisturbed) or process.poll() is not None)
    start = time.monotonic()
    assert process.wait(60) == 0, process.communicate()
    length = time.monotonic() - start
    expected, manifest = hashes(undisturbed), json.loads((undisturbed / "aug.shards" / "manifest.json").read_text())
    assert verify(undisturbed / "aug.h5").rows == ROWS
    entered = 0
    for _ in range(kills):
        process = started(*words(fake_run, workers), cwd=folder)
        wait_until(lambda process=process: begun(folder) or process.poll() is not None)
        time.sleep(chance.uniform(0, length))
        kill(process)
        now = check_whole(folder, expected, manifest)
        assert now >= entered, "a finished shard is never lost"
        entered = now
        if (folder / "aug.h5").exists():  # it was complete: begin again
            shutil.rmtree(folder)
            folder.mkdir()
            entered = 0
    process = started(*words(fake_run, workers), cwd=folder)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, out + error
    assert hashes(folder) == expected


def test_a_killed_parent_takes_its_workers_along_at_once(fake_run: RunFolder, tmp_path: Path) -> None:
    process = started(*words(fake_run, 2), cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("aug.shards/*.tmp-*"))) == 2)
    assert len(in_session(process.pid)) >= 3
    process.kill()
    wait_until(lambda: not in_session(process.pid), 5)
    process.communicate()


def test_a_killed_worker_is_one_sentence_and_the_same_command_goes_on(fake_run: RunFolder, tmp_path: Path) -> None:
    process = started(*words(fake_run, 2), cwd=tmp_path)
    wait_until(lambda: any(tmp_path.glob("aug.shards/*.tmp-*")))
    path = next(tmp_path.glob("aug.shards/*.tmp-*"))
    worker = int(path.name.rpartition("-")[2])
    assert worker != process.pid
    os.kill(worker, signal.SIGKILL)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    said = [line for line in error.splitlines() if line.startswith("Error")]
    assert len(said) == 1
    assert "aug.h5: a worker was killed (SIGKILL) over aug-0" in said[0]
    assert "Traceback" not in error
    assert not [name for name in files_in(tmp_path) if ".tmp-" in name or ".lock" in name]
    again = started(*words(fake_run, 2), cwd=tmp_path)
    assert again.wait(60) == 0
    assert verify(tmp_path / "aug.h5").rows == ROWS


def lets_through(process: int, number: signal.Signals) -> bool:
    """Whether a process neither blocks nor ignores a signal, by what the system says of it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigBlk:", "SigIgn:"))]
    return not any(mask >> (number - 1) & 1 for mask in masks)


def test_ctrl_c_goes_to_the_parent_alone_from_the_first_moment(fake_run: RunFolder, tmp_path: Path) -> None:
    """Else a worker that is still importing would show its user where."""
    process = started(*words(fake_run, 2), cwd=tmp_path)
    try:
        wait_until(lambda: len(in_session(process.pid)) >= 4)  # two workers and multiprocessing's own process
        others = [pid for pid in in_session(process.pid) if pid != process.pid]
        assert not [pid for pid in others if lets_through(pid, signal.SIGINT)]
        wait_until(lambda: lets_through(process.pid, signal.SIGINT))
    finally:
        kill(process)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_promptly_and_leaves_nothing_half_written(
    fake_run: RunFolder, tmp_path: Path, workers: int
) -> None:
    process = started(*words(fake_run, workers), cwd=tmp_path)
    wait_until(lambda: any(tmp_path.glob("aug.shards/*.tmp-*")))
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: the workers get it too
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "run the same command again to finish" in error
    assert "Traceback" not in error
    wait_until(lambda: not in_session(process.pid), 5)
    left = files_in(tmp_path)
    assert not [name for name in left if ".tmp-" in name or name.endswith(".lock")]
    assert "aug.h5" not in left
    again = started(*words(fake_run, workers), cwd=tmp_path)
    assert again.wait(60) == 0
    assert verify(tmp_path / "aug.h5").rows == ROWS
