"""The schedule with each of the estimators, from the first step to the run folder that an export reads."""

import pytest
import torch
from tiny_runs import tiny

from poseaug_gen.models.estimators import ESTIMATORS
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder


@pytest.mark.parametrize("name", ESTIMATORS)
def test_training_goes_to_its_end(name, make_poses, tmp_path):
    config = tiny(estimator__name=name, estimator__dropout=0.25, schedule__epochs=2)
    run = train(config, make_poses(load_skeleton(), rows=100), RunFolder(tmp_path / name))
    assert run.finished
    losses = [row["estimator_loss"] for row in run.metrics() if "estimator_loss" in row]
    assert len(losses) == 2, "pre-training and one joint epoch; the first is warm-up"
    assert torch.tensor(losses).isfinite().all()
    kept = run.estimator()
    assert isinstance(kept, ESTIMATORS[name])
    assert kept(torch.zeros(2, 16, 2)).isfinite().all()
