"""Shards on Ray: the same bytes, and a lost worker's shard is made again."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from export_files import files_in, hashes, in_session, started, wait_until

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import export
from poseaug_gen.training.run_folder import RunFolder


def test_without_ray_it_is_one_sentence(fake_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PoseAugError, match=r"--engine ray needs the package ray; install it with: pip install 'pos"):
        export(fake_run, ExportSettings(n=100), tmp_path / "aug.h5", engine="ray")
    assert files_in(tmp_path) == set()


def test_a_cluster_that_does_not_answer_is_one_sentence(
    fake_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra `ray`")

    def nobody(**_: object) -> None:
        raise ConnectionError("no cluster")

    monkeypatch.setattr(ray, "init", nobody)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(PoseAugError, match=r"RAY_ADDRESS=10\.0\.0\.1:6379: no Ray cluster answers there"):
        export(fake_run, ExportSettings(n=100), tmp_path / "aug.h5", engine="ray")


@pytest.mark.slow  # Ray starts, and starts another worker: half a minute beside other tests
def test_two_workers_one_of_which_is_killed(fake_run: RunFolder, tmp_path: Path) -> None:
    """One start of Ray for both: the bytes are those of an ordinary export, though a worker died over a shard."""
    pytest.importorskip("ray", reason="needs the extra `ray`")
    settings = ExportSettings(n=160_000, shard_rows=40_000)
    export(fake_run, settings, tmp_path / "ordinary" / "aug.h5")
    (tmp_path / "ray").mkdir()
    words = f"export --n {settings.n} --shard-rows {settings.shard_rows} --run {fake_run.path}".split()
    process = started(*words, "--engine", "ray", "--workers", "2", cwd=tmp_path / "ray")
    wait_until(lambda: any((tmp_path / "ray").glob("aug.shards/*.tmp-*")) or process.poll() is not None, 90)
    draft = next((tmp_path / "ray").glob("aug.shards/*.h5.tmp-*"))
    worker = int(draft.name.rpartition("-")[2])
    assert worker != process.pid
    os.kill(worker, signal.SIGKILL)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, out + error
    assert "Traceback" not in error
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "ordinary")
    wait_until(lambda: not in_session(process.pid), 30)
