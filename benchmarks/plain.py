"""The same arithmetic written the plain way, to measure against: what a reader of the paper would type first.

Training: a DataLoader that collates row by row, discriminators on the whole zero-padded Gram matrix, gradients
for weights that are not stepped, one estimator pass for each kind of pose, the history pool as a loop over rows.
Export: the augmentor's module in evaluation mode, batch norms and all, and nothing is written.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, mse_loss
from torch.utils.data import DataLoader, TensorDataset

from poseaug_gen.bones import bones_of, directions_of, root_relative
from poseaug_gen.camera import project
from poseaug_gen.models.augmentor import NETWORKS, Augmented, Augmentor, compose, features_of
from poseaug_gen.training.losses import augmentor_loss, discriminator_loss, feedback_loss
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs


class PlainDiscriminator3D(nn.Module):
    """Five networks on 15 x 15 Gram matrices in which the bones outside the part are zeroed."""

    def __init__(self, skeleton) -> None:
        super().__init__()
        self.skeleton = skeleton
        inputs = skeleton.num_bones**2
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Linear(a, b) for a, b in ((inputs, 256), (256, 256), (256, 256), (256, 100), (100, 1)))
            for _ in skeleton.parts
        )

    def forward(self, pose: Tensor) -> Tensor:
        directions = directions_of(bones_of(pose, self.skeleton))
        scores = []
        for (_, bones), (into, res0, res1, last, pred) in zip(self.skeleton.parts, self.layers, strict=True):
            mask = torch.zeros(self.skeleton.num_bones, 1)
            mask[list(bones)] = 1
            masked = directions * mask
            x = leaky_relu(into((masked @ masked.transpose(1, 2)).flatten(1)))
            x = x + res1(leaky_relu(res0(x)))
            scores.append(pred(leaky_relu(last(x))))
        return torch.cat(scores, -1)


class PlainAugmentor(Augmentor):
    """One network after the other."""

    def forward(self, pose: Tensor, intrinsics: Tensor, noise: Tensor) -> Augmented:
        outputs = []
        for name, x, z in zip(NETWORKS, features_of(pose, self.skeleton), noise, strict=True):
            x = torch.cat([x, z], -1)
            for layer in self.nets[name]:
                x = layer(x)
            outputs.append(x)
        return compose(pose, intrinsics, *outputs, skeleton=self.skeleton)


class PlainPool:
    """The history pool as the published code has it: a list and a loop."""

    def __init__(self, size: int) -> None:
        self.size, self.stored = size, []

    def exchange(self, fakes: Tensor) -> Tensor:
        returned = []
        for fake in fakes.detach():
            if len(self.stored) < self.size:
                self.stored.append(fake)
                returned.append(fake)
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                returned.append(self.stored[place].clone())
                self.stored[place] = fake
            else:
                returned.append(fake)
        return torch.stack(returned)


def loader(pairs: Pairs, batch_size: int) -> DataLoader:
    rows = TensorDataset(pairs.pose, pairs.pose_2d, pairs.intrinsics)
    return DataLoader(rows, batch_size, shuffle=True, drop_last=True)


def train_gan(networks: Networks, source: Pairs) -> int:
    """One pass of augmentor and discriminators; returns the number of steps."""
    settings = networks.config
    augmentor = PlainAugmentor(networks.skeleton, settings.augmentor.noise, settings.augmentor.width)
    d3d, pools = PlainDiscriminator3D(networks.skeleton), {name: PlainPool(settings.loss.pool_size) for name in "23"}
    optimisers = {
        "augmentor": torch.optim.Adam(augmentor.parameters(), lr=1e-4),
        "d3d": torch.optim.Adam(d3d.parameters(), lr=1e-4),
        "d2d": torch.optim.Adam(networks.d2d.parameters(), lr=1e-4),
    }
    augmentor.train()
    networks.estimator.eval()
    loaders = [loader(source, settings.schedule.batch_size) for _ in range(3)]
    steps = 0
    for (pose, pose_2d, intrinsics), (real_3d, *_), (_, real_2d, _) in zip(*loaders, strict=True):
        fakes = augmentor(pose, intrinsics, augmentor.draw_noise(len(pose)))
        loss, parts = augmentor_loss(
            fakes,
            (d3d(real_3d), d3d(fakes.pose_ba)),
            (networks.d2d(real_2d), networks.d2d(fakes.pose_2d)),
            settings.loss,
        )
        judged = [
            (root_relative(networks.estimator(seen)), root_relative(target))
            for seen, target in (
                (pose_2d, pose),
                (project(fakes.pose_ba, intrinsics), fakes.pose_ba),
                (fakes.pose_2d, fakes.pose_rt),
            )
        ]
        feedback, _ = feedback_loss(*judged, networks.skeleton, settings.feedback, 0.0)
        _minimise(loss + feedback, augmentor, optimisers["augmentor"])
        for part in parts.values():
            part.item()
        if steps % settings.schedule.discriminator_every == 0:
            loss_3d = discriminator_loss(d3d(real_3d), d3d(pools["3"].exchange(fakes.pose_ba)))
            _minimise(loss_3d, d3d, optimisers["d3d"])
            loss_2d = discriminator_loss(networks.d2d(real_2d), networks.d2d(pools["2"].exchange(fakes.pose_2d)))
            _minimise(loss_2d, networks.d2d, optimisers["d2d"])
        steps += 1
    return steps


def train_estimator(networks: Networks, pairs: Pairs) -> int:
    """One pass of the estimator; returns the number of steps."""
    networks.estimator.train()
    optimiser = torch.optim.Adam(networks.estimator.parameters(), lr=1e-4)
    steps = 0
    for pose, pose_2d, _ in loader(pairs, networks.config.schedule.batch_size):
        loss = mse_loss(networks.estimator(pose_2d), root_relative(pose))
        _minimise(loss, networks.estimator, optimiser)
        loss.item()
        steps += 1
    return steps


@torch.no_grad()
def augment(augmentor: Augmentor, poses: Tensor, intrinsics: Tensor, rows: int, batch: int = 8192) -> int:
    """Augmented poses and their projections, thrown away; returns how many."""
    augmentor.eval()
    made = 0
    while made < rows:
        source = torch.randint(len(poses), (batch,))
        augmentor(poses[source], intrinsics[source], torch.randn(4, batch, augmentor.noise))
        made += batch
    return made


def _minimise(loss: Tensor, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimiser.step()
