"""The folded network is the trained one in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from poseaug_gen.bones import bones_of, directions_of, lengths_of
from poseaug_gen.camera import project
from poseaug_gen.export import frozen as frozen_module
from poseaug_gen.export.frozen import STEP_ROWS, TILE_ROWS, AugmentedRows, FrozenAugmentor, fold
from poseaug_gen.memory import rows_last
from poseaug_gen.models.augmentor import NETWORKS, Augmentor
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.run_folder import RunFolder


def made_of(
    frozen: FrozenAugmentor, pose: torch.Tensor, intrinsics: torch.Tensor, noise: torch.Tensor
) -> AugmentedRows:
    """What it makes of absolute poses with noise that is given."""
    bones = bones_of(pose, frozen.skeleton)
    tiles = iter(noise.split(TILE_ROWS, 1))
    return frozen(rows_last(directions_of(bones)), rows_last(lengths_of(bones)), intrinsics, lambda rows: next(tiles))


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_equals_the_module_in_evaluation_mode(name: str, make_run: Callable, make_poses: Callable) -> None:
    skeleton = load_skeleton(name)
    augmentor = make_run(skeleton).augmentor()
    poses = make_poses(skeleton, rows=TILE_ROWS + 100)
    pose, intrinsics = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics)
    noise = augmentor.draw_noise(len(poses))
    with torch.no_grad():
        expected = augmentor(pose, intrinsics, noise)
    made = made_of(FrozenAugmentor(augmentor), pose, intrinsics, noise)
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(made.pose, expected.pose_rt, **close)
    torch.testing.assert_close(made.pose_2d, expected.pose_2d, **close)
    torch.testing.assert_close(made.rotation, expected.rotation, **close)
    torch.testing.assert_close(made.length_ratio, expected.length_ratio, **close)
    torch.testing.assert_close(made.angle_change, expected.angle_change.mean(-1), **close)


def test_in_bfloat16_the_networks_alone_are_coarser(make_run: Callable, make_poses: Callable) -> None:
    """What they say is within bfloat16's eight bits; what is made of it is as exact as ever."""
    augmentor: Augmentor = make_run().augmentor()
    poses = make_poses(augmentor.skeleton, rows=3000)
    pose, intrinsics = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics)
    noise = augmentor.draw_noise(len(poses))
    fine, coarse = (
        made_of(FrozenAugmentor(augmentor, dtype), pose, intrinsics, noise) for dtype in (torch.float32, torch.bfloat16)
    )
    off = (coarse.pose - fine.pose).norm(dim=-1)
    assert 1e-4 < off.mean() < 0.05, "metres"
    torch.testing.assert_close(coarse.pose_2d, project(coarse.pose, intrinsics), rtol=0, atol=1e-6)
    lengths = lengths_of(bones_of(pose, augmentor.skeleton))
    grown = lengths_of(bones_of(coarse.pose, augmentor.skeleton)) / lengths
    expected = 1 + coarse.length_ratio[:, torch.from_numpy(augmentor.skeleton.group_of_bone)]
    torch.testing.assert_close(grown, expected, rtol=1e-4, atol=1e-4)
    # Numbers that the file holds are not eight bits wide: as many different depths as in single precision.
    assert len(coarse.pose[:, 0, 2].unique()) > 0.9 * len(poses)


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
    together = made_of(frozen, pose, intrinsics, noise)
    alone = made_of(frozen, pose[17:18], intrinsics[17:18], noise[:, 17:18])
    torch.testing.assert_close(together.pose[17:18], alone.pose, rtol=1e-5, atol=1e-5)


def test_is_not_moved_by_later_training(fake_run: RunFolder) -> None:
    augmentor: Augmentor = fake_run.augmentor()
    frozen = FrozenAugmentor(augmentor)
    before = [weight.clone() for weight, _ in frozen.layers["rotation"]]
    with torch.no_grad():
        for parameter in augmentor.parameters():
            parameter.add_(1)
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, frozen.layers["rotation"], strict=True))


def test_products_are_of_few_sizes(fake_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of rows: oneDNN keeps code for every size, and memory would grow with the rows."""
    seen, compute = set(), frozen_module.run

    def spied(layers: list, x: torch.Tensor, slope: float, hidden: torch.Tensor, answer: torch.Tensor) -> None:
        seen.add(len(x))
        compute(layers, x, slope, hidden, answer)

    monkeypatch.setattr(frozen_module, "run", spied)
    frozen, poses = FrozenAugmentor(fake_run.augmentor(), torch.bfloat16), fake_run.poses
    pose, lens = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics)
    for rows in (1, 37, 255, 256, 257, 300):
        made = made_of(frozen, pose[:rows], lens[:rows], torch.randn(4, rows, frozen.noise))
        assert len(made.pose) == rows
        assert made.pose.isfinite().all()
    assert seen == {STEP_ROWS, 2 * STEP_ROWS}
