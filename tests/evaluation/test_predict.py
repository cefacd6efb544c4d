"""A lifter's answers: flip test-time augmentation is symmetric, root-relative, and the same in tiles."""

import numpy as np
import torch
from hypothesis import given
from strategies import builtin_or_random, light, seeds

from poseaug_gen.evaluation import predict as module
from poseaug_gen.evaluation.predict import predict
from poseaug_gen.models.estimators import build_estimator


def a_lifter(skeleton, name="videopose"):
    torch.manual_seed(0)
    return build_estimator(name, skeleton, 16, 0.25).eval()


@light
@given(builtin_or_random(), seeds)
def test_the_mirror_image_of_a_2d_pose_gives_the_mirror_image_of_its_prediction(skeleton, seed):
    seen = torch.from_numpy(np.random.default_rng(seed).normal(size=(5, skeleton.num_joints, 2)).astype(np.float32))
    model = a_lifter(skeleton)
    mirrored = seen[:, skeleton.mirror_joints] * torch.tensor([-1.0, 1.0])
    expected = predict(model, seen, skeleton)[:, skeleton.mirror_joints] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(predict(model, mirrored, skeleton), expected, rtol=0, atol=1e-5)


def test_a_prediction_is_the_mean_of_both_and_root_relative(skeleton, source):
    model, seen = a_lifter(skeleton, "semgcn"), torch.from_numpy(source.project())
    with torch.no_grad():
        once = model(seen).numpy()
        flipped = model(torch.from_numpy(source.mirrored().project())).numpy()
    flipped_back = flipped[:, skeleton.mirror_joints] * [-1, 1, 1]
    expected = (once + flipped_back) / 2
    np.testing.assert_allclose(predict(model, seen, skeleton), expected - expected[:, :1], atol=1e-5)
    assert np.abs(once - flipped_back).max() > 0.1, "neither alone is the mean"
    assert (predict(model, seen, skeleton)[:, 0] == 0).all()


def test_tiles_change_nothing(skeleton, source, monkeypatch):
    model, seen = a_lifter(skeleton), torch.from_numpy(source.project())
    whole = predict(model, seen, skeleton)
    monkeypatch.setattr(module, "TILE_ROWS", 7)
    torch.testing.assert_close(predict(model, seen, skeleton), whole, rtol=0, atol=1e-6)
    assert predict(model, seen[:0], skeleton).shape == (0, skeleton.num_joints, 3)
