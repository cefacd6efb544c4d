"""A CUDA device makes pairs as good as a CPU's: whole, valid, the same again, and alike in every column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from tiny_runs import tiny

from poseaug_gen import storage
from poseaug_gen.bones import bones_of, directions_of, lengths_of
from poseaug_gen.export.frozen import FrozenAugmentor
from poseaug_gen.export.reading import find
from poseaug_gen.export.verify import verify
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import FINISHED, RunFolder

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

ROWS = 300_000  # three of a GPU's blocks
EVERYTHING = {"scores": True, "difficulty": True, "noise": "mixture", "split": 0.2}


def test_the_same_bytes_again_however_many_threads(make_export: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for name, threads in (("a.h5", "1"), ("b.h5", "3")):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        paths.append(make_export(name, n=ROWS, device="cuda", **EVERYTHING).path)
    assert storage.sha256(paths[0]) == storage.sha256(paths[1])
    assert verify(find(paths[0])).rows == ROWS


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_column_is_distributed_as_on_a_cpu(make_export: Callable, precision: str) -> None:
    files = {
        device: h5py.File(make_export(f"{device}.h5", n=ROWS, device=device, precision=precision, **EVERYTHING).path)
        for device in ("cuda", "cpu")
    }
    for name in files["cpu"]:
        on_gpu, on_cpu = (files[device][name][:].reshape(ROWS, -1).astype(np.float64) for device in ("cuda", "cpu"))
        error = np.sqrt((on_gpu.var(0) + on_cpu.var(0)) / ROWS)
        assert (np.abs(on_gpu.mean(0) - on_cpu.mean(0)) <= 5 * error + 1e-12).all(), name


def test_rows_within_the_joint_limits_are_so_by_the_cpu_too(make_export: Callable) -> None:
    made = make_export(n=ROWS, device="cuda", within_limits=True)
    assert made.redrawn["joint_limits"] > 0
    assert verify(find(made.path)).rows == ROWS


def test_the_frozen_augmentor_answers_as_on_a_cpu(fake_run: RunFolder) -> None:
    poses, augmentor = fake_run.poses, fake_run.augmentor()
    bones = bones_of(torch.from_numpy(poses.positions), augmentor.skeleton)
    material = directions_of(bones), lengths_of(bones), torch.from_numpy(poses.intrinsics)
    noise = augmentor.draw_noise(len(poses))
    made = {}
    for device in (torch.device("cpu"), torch.device("cuda")):
        frozen = FrozenAugmentor(augmentor, torch.float32, device)
        there = [values.to(device) for values in material]
        made[device.type] = frozen(*there, lambda rows, device=device: noise.to(device))
    for name, on_cpu in vars(made["cpu"]).items():
        torch.testing.assert_close(getattr(made["cuda"], name).cpu(), on_cpu, rtol=1e-4, atol=1e-4)


def test_a_run_trains(tmp_path: Path, make_poses: Callable, skeleton: Skeleton) -> None:
    run = train(tiny(run__device="cuda"), make_poses(skeleton, rows=200), RunFolder(tmp_path / "run"))
    assert run.info()["state"] == FINISHED
    assert np.isfinite(run.metrics()[-1]["validation_mpjpe_mm"])
