"""The folded network is the trained one in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from poseaug_gen.export.frozen import TILE_ROWS, FrozenAugmentor, fold
from poseaug_gen.models.augmentor import NETWORKS, Augmentor
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.run_folder import RunFolder


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_equals_the_module_in_evaluation_mode(name: str, make_run: Callable, make_poses: Callable) -> None:
    skeleton = load_skeleton(name)
    augmentor = make_run(skeleton).augmentor()
    poses = make_poses(skeleton, rows=TILE_ROWS + 100)
    arguments = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics), augmentor.draw_noise(len(poses))
    with torch.no_grad():
        expected = augmentor(*arguments)
    made = FrozenAugmentor(augmentor)(*arguments)
    for field, value in vars(expected).items():
        torch.testing.assert_close(getattr(made, field), value, rtol=1e-5, atol=1e-5, msg=field)


def test_folding_is_exact_but_for_rounding(fake_run: RunFolder) -> None:
    """In float64 the fold and the network agree to float32's rounding of the folded weights."""
    for name in NETWORKS:
        network = fake_run.augmentor().nets[name]
        layers = fold(network)
        assert len(layers) == sum(isinstance(module, nn.Linear) for module in network)
        x = torch.randn(50, network[0].in_features, dtype=torch.float64)
        expected = network.double()(x)
        for weight, bias in layers[:-1]:
            x = nn.functional.leaky_relu(x @ weight.double() + bias.double(), 0.01)
        made = x @ layers[-1][0].double() + layers[-1][1].double()
        torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-6)


def test_a_row_does_not_depend_on_its_neighbours(fake_run: RunFolder) -> None:
    frozen = FrozenAugmentor(fake_run.augmentor())
    poses = fake_run.poses
    pose, intrinsics = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics)
    noise = torch.randn(4, len(poses), frozen.noise)
    together = frozen(pose, intrinsics, noise)
    alone = frozen(pose[17:18], intrinsics[17:18], noise[:, 17:18])
    torch.testing.assert_close(together.pose_rt[17:18], alone.pose_rt, rtol=1e-5, atol=1e-5)


def test_is_not_moved_by_later_training(fake_run: RunFolder) -> None:
    augmentor: Augmentor = fake_run.augmentor()
    frozen = FrozenAugmentor(augmentor)
    before = [weight.clone() for weight, _ in frozen.layers["rotation"]]
    with torch.no_grad():
        for parameter in augmentor.parameters():
            parameter.add_(1)
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, frozen.layers["rotation"], strict=True))
