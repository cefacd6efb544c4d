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
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.maker import Recipe
from poseaug_gen.export.ray_engine import _files, _rig_file, _unpacked
from poseaug_gen.export.stores import LocalStore
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
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(PoseAugError, match=r"RAY_ADDRESS=127\.0\.0\.1:1: cannot be joined \(nobody listens there"):
        export(fake_run, ExportSettings(n=100), tmp_path / "aug.h5", engine="ray")


@pytest.mark.parametrize(("name", "rest"), [("hall.json", ""), ("hall.json", ":north"), ("a:b.json", ":north")])
def test_what_a_task_reads_travels_with_it(fake_run: RunFolder, tmp_path: Path, name: str, rest: str) -> None:
    """The files of the run and the rig's; the recipe that is unpacked elsewhere names them where they then lie."""
    rig = tmp_path / name
    rig.write_text("cameras")
    settings = ExportSettings(cameras=f"rig:{rig}{rest}")
    recipe = Recipe(fake_run.path, settings, Layout(Path("aug.h5"), 10, 10), {}, LocalStore(tmp_path))
    files = _files(recipe)
    assert {"config.toml", "run.json", "poses.h5", "augmentor.safetensors", "snapshots/epoch-0007.safetensors"} < set(
        files
    )
    there = tmp_path / "there"
    there.mkdir()
    unpacked = _unpacked(recipe, files, there)
    assert unpacked.run == there
    assert unpacked.settings.cameras == f"rig:{there}/rig/{name}{rest}"
    assert (there / "rig" / name).read_text() == "cameras"
    assert (there / "poses.h5").read_bytes() == (fake_run.path / "poses.h5").read_bytes()


def test_cameras_of_no_file_travel_as_they_are() -> None:
    for cameras in ("source", "rig:studio", "rig:nowhere.json:hall", "fov:40:90"):
        assert _rig_file(cameras) is None


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
