"""A run of a second, poses that it never saw, and the budget of a lifter of a second."""

from collections.abc import Callable

import pytest
import torch
from tiny_runs import tiny

from poseaug_gen.evaluation.transfer import Target
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.lifter import Budget
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> RunFolder:
    """A finished run of the default skeleton."""
    folder = RunFolder(tmp_path_factory.mktemp("outputs") / "small")
    return train(tiny(schedule__epochs=2), make_poses(skeleton, rows=150), folder)


@pytest.fixture
def source(make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> PoseSet:
    return make_poses(skeleton, rows=100, seed=1)


@pytest.fixture
def target(make_poses: Callable[..., PoseSet], skeleton: Skeleton) -> Target:
    return Target("others", make_poses(skeleton, rows=60, seed=2))


@pytest.fixture
def budget() -> Budget:
    return Budget(steps=6, batch_size=32, channels=16)
