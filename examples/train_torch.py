"""PyTorch: a small lifter from your poses alone, and from half of them and half an export; which is better elsewhere?

    python examples/train_torch.py --source poses.npz --export aug.h5 --target test.npz
    python examples/train_torch.py --source everyday.npz --target sports.npz --rig rigs.json:studio --export aug.h5

Both lifters begin with the same weights and take as many batches of the same size. The error is MPJPE, the mean
distance of the joints from their places about the root, on poses that neither has seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from poseaug_gen.consumers import torch_dataset
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

Pairs = tuple[Tensor, Tensor]  # 2D poses (rows, J, 2), normalised; 3D poses (rows, J, 3) about the root, metres


@click.command()
@click.option("--source", required=True, help="The poses to train on.")
@click.option("--export", required=True, help="What was exported from a run on them.")
@click.option("--target", required=True, help="Poses to be tested on.")
@click.option("--rig", default="studio", show_default=True, help="The cameras, for poses of a world frame.")
@click.option("--steps", default=4000, show_default=True, help="Batches that each lifter takes.")
@click.option("--batch", default=256, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(source: str, export: str, target: str, rig: str, steps: int, batch: int, seed: int) -> None:
    """Train twice on one budget and print both errors."""
    source_pairs, target_pairs = read(source, rig), read(target, rig)

    alone = trained(from_source(source_pairs, batch, seed), steps, seed)
    print(f"MPJPE on {target}, trained on the source alone: {error_mm(alone, target_pairs):.1f} mm", flush=True)

    ours, theirs = from_source(source_pairs, batch // 2, seed), from_export(export, batch - batch // 2, seed)
    mixed = trained(halved(ours, theirs), steps, seed)
    print(f"MPJPE on {target}, trained with the export: {error_mm(mixed, target_pairs):.1f} mm")


def read(path: str, rig: str) -> Pairs:
    """The poses of a file in any format that is known, as cameras see them."""
    poses = read_sources([path], Request(load_skeleton(), load_rig(rig)))
    pose = poses.positions - poses.positions[:, :1]
    return torch.from_numpy(poses.seen_2d()), torch.from_numpy(pose)


def from_source(pairs: Pairs, batch: int, seed: int) -> Iterator[Pairs]:
    """Batches of poses in memory, for ever."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = torch.from_numpy(rng.integers(len(pairs[0]), size=batch))
        yield pairs[0][chosen], pairs[1][chosen]


def from_export(path: str, batch: int, seed: int) -> Iterator[Pairs]:
    """Batches of an export, epoch after epoch."""
    dataset = torch_dataset(path, batch, drop_remainder=True, seed=seed)
    loader = DataLoader(dataset, batch_size=None)
    for epoch in itertools.count():
        dataset.set_epoch(epoch)
        yield from loader


def halved(ours: Iterator[Pairs], theirs: Iterator[Pairs]) -> Iterator[Pairs]:
    """Batches that are half of one kind and half of the other."""
    for (seen, pose), (more_seen, more_pose) in zip(ours, theirs, strict=True):
        yield torch.cat([seen, more_seen]), torch.cat([pose, more_pose])


def lifter(joints: int, width: int = 512) -> nn.Module:
    """Three hidden layers, and a last one that begins at zero: the first steps need not undo what chance put there."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs in (2 * joints, width, width):
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1)]
    last = nn.Linear(width, 3 * joints)
    nn.init.zeros_(last.weight)
    return nn.Sequential(*layers, last, nn.Unflatten(1, (joints, 3)))


def trained(batches: Iterator[Pairs], steps: int, seed: int) -> nn.Module:
    """A lifter that has seen so many batches."""
    torch.manual_seed(seed)
    seen, pose = next(batches)
    model = lifter(seen.shape[1]).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for seen, pose in itertools.islice(batches, steps):
        loss = nn.functional.mse_loss(model(seen), pose)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def error_mm(model: nn.Module, pairs: Pairs) -> float:
    """Mean per-joint position error about the root, millimetres."""
    predicted = model(pairs[0])
    return float(mpjpe_mm(predicted - predicted[:, :1], pairs[1]).mean())


if __name__ == "__main__":
    main()
