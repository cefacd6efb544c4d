"""Finished runs without the training: random networks that put people some five metres away, mostly in frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from poseaug_gen import storage
from poseaug_gen.config import Config, ExportSettings, config_from_dict
from poseaug_gen.export.dataset import Summary, export
from poseaug_gen.models.augmentor import NETWORKS, Augmentor
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training.run_folder import DIFFICULTY, FINISHED, RunFolder

DEPTH = 5.0  # metres
SMALL = {"source": {"paths": ["/home/someone/poses.npz"]}, "estimator": {"channels": 32}, "augmentor": {"width": 32}}

SOURCE, BUILT_IN = 200, 100  # rows of poses.h5

MakeRun = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory, make_poses: Callable[..., PoseSet]) -> MakeRun:
    """``make_run(skeleton, seed=0, bias=(0, 0, sqrt(DEPTH)), judged=None, views=None, learned=0.1, …)``.

    A finished run folder with random weights and the settings ``postures`` and ``views`` as they are named;
    ``judged`` is how hard each place is.
    """

    def make(
        skeleton: Skeleton | None = None,
        seed: int = 0,
        bias: tuple[float, float, float] = (0, 0, DEPTH**0.5),
        judged: np.ndarray | None = None,
        views: dict[str, float] | None = None,
        **postures: float,
    ) -> RunFolder:
        skeleton = skeleton or load_skeleton()
        run = RunFolder(tmp_path_factory.mktemp("outputs") / "fake")
        config = config_from_dict({**SMALL, "postures": postures, "views": views or {}})
        source, built_in = (make_poses(skeleton, rows, seed + i) for i, rows in enumerate((SOURCE, BUILT_IN)))
        write_poses(run.path / "poses.h5", concatenate([source, built_in]))
        storage.write_text(run.path / "config.toml", config.to_toml())
        torch.manual_seed(seed)
        augmentor = random_augmentor(skeleton, config, bias)
        run.write_weights("augmentor.safetensors", augmentor)
        run.write_weights("snapshots/epoch-0007.safetensors", augmentor)
        critics = nn.ModuleDict({"d3d": Discriminator3D(skeleton), "d2d": Discriminator2D(skeleton)})
        run.write_weights("discriminators.safetensors", critics)
        estimator = build_estimator(config.estimator.name, skeleton, config.estimator.channels, 0.0)
        run.write_weights("estimator.safetensors", estimator)
        if judged is not None:
            run.write_tensors(DIFFICULTY, {"difficulty": torch.from_numpy(judged)})
        health = {"epoch": 7, "seconds": 12.5, "validation_mpjpe_mm": float("nan")}
        rows = {"training": SOURCE, "validation": 0, "built_in": BUILT_IN}
        source_record = {"built_in": {"name": "anatomy", "citation": "Measured 2026"}}
        facts = {"best_epoch": 7, "epochs": 9, "versions": {"torch": "x"}, "health": health}
        run.write_info(state=FINISHED, rows=rows, source=source_record, **facts)
        return run

    return make


@pytest.fixture(scope="session")
def fake_run(make_run: MakeRun) -> RunFolder:
    """A finished run of the default skeleton, whose exports are mixed as by default."""
    return make_run()


@pytest.fixture(scope="session")
def learned_run(make_run: MakeRun) -> RunFolder:
    """The same, whose augmentor makes every row from a posture with its own limbs."""
    return make_run(learned=1.0, exchange_legs=0.0, exchange_arms=0.0)


@pytest.fixture(scope="session")
def drawn_run(make_run: MakeRun) -> RunFolder:
    """The same, whose augmentor makes none."""
    return make_run(learned=0.0, exchange_legs=0.0, exchange_arms=0.0)


@pytest.fixture
def make_export(tmp_path: Path, fake_run: RunFolder) -> Callable[..., Summary]:
    """``make_export(name="aug.h5", run=fake_run, overwrite=False, …, n=…, …)``: an export in the test's own folder."""

    def make(
        name: str = "aug.h5",
        run: RunFolder = fake_run,
        overwrite: bool = False,
        advance: Callable[[int], object] = lambda rows: None,
        workers: int = 1,
        **settings: Any,
    ) -> Summary:
        return export(run, ExportSettings(**settings), tmp_path / name, overwrite, advance, workers)

    return make


def random_augmentor(skeleton: Skeleton, config: Config, bias: tuple[float, float, float] = (0, 0, 0)) -> Augmentor:
    """An augmentor as if it had been trained: batch norms with statistics of their own, gentle last layers."""
    augmentor = Augmentor(skeleton, config.augmentor.noise, config.augmentor.width)
    with torch.no_grad():
        for name in NETWORKS:
            for layer in augmentor.nets[name]:
                if isinstance(layer, nn.BatchNorm1d):
                    layer.running_mean.normal_(0, 0.5)
                    layer.running_var.uniform_(0.5, 20)
                    layer.weight.uniform_(0.5, 1.5)
                    layer.bias.normal_(0, 0.2)
            augmentor.nets[name][-1].weight *= 3 if name == "translation" else 0.1
        augmentor.nets["translation"][-1].bias.copy_(torch.tensor(bias))
    return augmentor.eval()
