"""SimpleBaseline (Martinez et al., ICCV 2017) as PoseAug trains it; layer names are those of its PyTorch version."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from poseaug_gen.models.estimators.dropout import dropout
from poseaug_gen.models.estimators.videopose import with_root
from poseaug_gen.skeleton import Skeleton

STAGES = 2


class Stage(nn.Module):
    """Two layers and a skip."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.w1 = nn.Linear(channels, channels)
        self.batch_norm1 = nn.BatchNorm1d(channels)
        self.w2 = nn.Linear(channels, channels)
        self.batch_norm2 = nn.BatchNorm1d(channels)

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        y = dropout(torch.relu_(self.batch_norm1(self.w1(x))), self.dropout, self.training)
        return x + dropout(torch.relu_(self.batch_norm2(self.w2(y))), self.dropout, self.training)


class SimpleBaseline(nn.Module):
    """2D -> ``channels`` -> two residual stages -> 3D of every joint but the root."""

    def __init__(self, skeleton: Skeleton, channels: int = 1024, dropout: float = 0.25) -> None:
        super().__init__()
        self.dropout = dropout
        self.w1 = nn.Linear(2 * skeleton.num_joints, channels)
        self.batch_norm1 = nn.BatchNorm1d(channels)
        self.linear_stages = nn.ModuleList(Stage(channels, dropout) for _ in range(STAGES))
        self.w2 = nn.Linear(channels, 3 * skeleton.num_bones)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, pose_2d: Float[Tensor, "batch joints 2"]) -> Float[Tensor, "batch joints 3"]:
        x = self.batch_norm1(self.w1(pose_2d.flatten(1)))
        x = dropout(torch.relu_(x), self.dropout, self.training)
        for stage in self.linear_stages:
            x = stage(x)
        return with_root(self.w2(x).unflatten(-1, (-1, 3)))
