"""What lies in a folder after an export, or after one was stopped; and exports in a process of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from poseaug_gen import storage

ROOT = Path(__file__).parents[2]
UNFINISHED = re.compile(r"\.tmp-\d+$|\.lock$")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def files_in(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder."""
    return {name: storage.sha256(folder / name) for name in files_in(folder)}


def started(*words: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """The command line with these words, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "poseaug_gen.cli", *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_heeds_ctrl_c,
    )


def _heeds_ctrl_c() -> None:
    """A test run in the background (``pytest &``) ignores Ctrl-C, and would pass that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def in_session(leader: int) -> list[int]:
    """The processes that are alive in a session."""
    alive = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            alive.append(int(path.parent.name))
    return alive


def wait_until(true: object, seconds: float = 60.0) -> None:
    """Wait until a function says so."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def stopping_after(rows: int, error: type[BaseException] = KeyboardInterrupt) -> Callable[[int], None]:
    """An ``advance`` that ends an export once more than so many rows are written."""
    written = 0

    def advance(more: int) -> None:
        nonlocal written
        written += more
        if written > rows:
            raise error

    return advance


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and nothing of it left: its children end with it."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    wait_until(lambda: not in_session(process.pid), 20)


def check_whole(folder: Path, undisturbed: dict[str, str], manifest: dict) -> int:
    """Whatever has a final name has the bytes of the undisturbed export; returns how many shards are entered."""
    entered = 0
    for name in files_in(folder):
        if UNFINISHED.search(name):
            continue
        if not name.endswith("manifest.json"):
            assert storage.sha256(folder / name) == undisturbed[name], name
            continue
        found = json.loads((folder / name).read_text())
        assert {**found, "shards": []} == {**manifest, "shards": []}
        assert all(entry in manifest["shards"] for entry in found["shards"])
        assert all((folder / name).with_name(entry["file"]).exists() for entry in found["shards"])
        entered = len(found["shards"])
    if "aug.h5" in files_in(folder):
        assert entered == len(manifest["shards"]), "the virtual dataset is there before its shards"
    return entered
