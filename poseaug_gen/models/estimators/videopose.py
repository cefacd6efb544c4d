"""VideoPose3D with one frame (Pavllo et al., CVPR 2019; ``TemporalModelOptimized1f`` with widths of 1).

Its convolutions have one tap, so they are linear layers here; layer names are the published ones.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from poseaug_gen.models.estimators.dropout import dropout
from poseaug_gen.skeleton import Skeleton

BLOCKS = 4


class VideoPose(nn.Module):
    """2D -> ``channels`` -> four residual blocks of two layers -> 3D of every joint but the root."""

    def __init__(self, skeleton: Skeleton, channels: int = 1024, dropout: float = 0.25) -> None:
        super().__init__()
        self.dropout = dropout
        self.expand_conv = nn.Linear(2 * skeleton.num_joints, channels, bias=False)
        self.expand_bn = nn.BatchNorm1d(channels)
        self.layers_conv = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in range(2 * BLOCKS))
        self.layers_bn = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(2 * BLOCKS))
        self.shrink = nn.Linear(channels, 3 * skeleton.num_bones)

    def forward(self, pose_2d: Float[Tensor, "batch joints 2"]) -> Float[Tensor, "batch joints 3"]:
        x = self._activate(self.expand_bn(self.expand_conv(pose_2d.flatten(1))))
        layers = list(zip(self.layers_conv, self.layers_bn, strict=True))
        for (conv0, bn0), (conv1, bn1) in zip(layers[::2], layers[1::2], strict=True):
            x = x + self._activate(bn1(conv1(self._activate(bn0(conv0(x))))))
        return with_root(self.shrink(x).unflatten(-1, (-1, 3)))

    def _activate(self, x: Tensor) -> Tensor:
        return dropout(torch.relu_(x), self.dropout, self.training)


def with_root(joints: Float[Tensor, "batch bones 3"]) -> Float[Tensor, "batch joints 3"]:
    """The pose with the root, at zero, put first."""
    return torch.cat([torch.zeros_like(joints[:, :1]), joints], 1)
