"""A run of a second, poses that it never saw, and the budget of a lifter of a second."""

from collections.abc import Callable

import pytest
import torch

from poseaug_gen.config import resolve
from poseaug_gen.evaluation.transfer import Target
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.lifter import Budget
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder

CPU = torch.device("cpu")
SMALL = {
    "estimator.channels": 16,
    "augmentor.width": 16,
    "schedule.batch_size": 32,
    "schedule.pretrain_epochs": 1,
    "schedule.epochs": 2,
    "schedule.warmup_epochs": 1,
    "postures.built_in_rows": 0,
    "postures.judge_steps": 0,
    "run.preview_every": 0,
    "run.device": "cpu",
}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> RunFolder:
    """A finished run of the default skeleton."""
    folder = RunFolder(tmp_path_factory.mktemp("outputs") / "small")
    return train(resolve("quick", options=SMALL), make_poses(skeleton, rows=150), folder)


@pytest.fixture
def source(make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> PoseSet:
    return make_poses(skeleton, rows=100, seed=1)


@pytest.fixture
def target(make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> Target:
    return Target("others", make_poses(skeleton, rows=60, seed=2))


@pytest.fixture
def budget() -> Budget:
    return Budget(steps=6, batch_size=32, channels=16)
