"""SemGCN without its non-local layers (Zhao et al., CVPR 2019), as PoseAug trains it; published layer names.

It predicts every joint, the root too; compare its poses root-relative, as all our metrics do.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from poseaug_gen.models.estimators.body_graph import joint_graph
from poseaug_gen.models.estimators.dropout import dropout
from poseaug_gen.skeleton import Skeleton

LAYERS = 4


class SemGraphConv(nn.Module):
    """A graph convolution with one learned weight for each edge: own and neighbours' features apart."""

    edges: Tensor

    def __init__(self, skeleton: Skeleton, inputs: int, outputs: int) -> None:
        super().__init__()
        joints = skeleton.num_joints
        linked = joint_graph(skeleton).linked
        self.register_buffer("edges", torch.as_tensor(np.argwhere(linked).T.copy()), persistent=False)  # row by row
        self.joints = joints
        self.W = nn.Parameter(torch.empty(2, inputs, outputs))
        self.e = nn.Parameter(torch.ones(1, int(linked.sum())))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-1, 1) / math.sqrt(outputs))
        nn.init.xavier_uniform_(self.W, gain=1.414)

    def forward(self, x: Float[Tensor, "batch joints inputs"]) -> Float[Tensor, "batch joints outputs"]:
        logits = x.new_full((self.joints, self.joints), -torch.inf)
        logits = logits.index_put((self.edges[0], self.edges[1]), self.e[0].to(x.dtype))
        weights = logits.softmax(-1)
        own = torch.diagonal(weights)[:, None]
        neighbours = weights - torch.diag_embed(own[:, 0])
        return own * (x @ self.W[0]) + neighbours @ (x @ self.W[1]) + self.bias


class GraphConv(nn.Module):
    """Graph convolution, batch norm, ReLU, dropout."""

    def __init__(self, skeleton: Skeleton, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.gconv = SemGraphConv(skeleton, inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Float[Tensor, "batch joints inputs"]) -> Float[Tensor, "batch joints outputs"]:
        x = self.bn(self.gconv(x).transpose(1, 2)).transpose(1, 2)
        return dropout(torch.relu(x), self.dropout, self.training)


class ResGraphConv(nn.Module):
    """Two graph convolutions and a skip."""

    def __init__(self, skeleton: Skeleton, channels: int, dropout: float) -> None:
        super().__init__()
        self.gconv1 = GraphConv(skeleton, channels, channels, dropout)
        self.gconv2 = GraphConv(skeleton, channels, channels, dropout)

    def forward(self, x: Float[Tensor, "batch joints channels"]) -> Float[Tensor, "batch joints channels"]:
        return x + self.gconv2(self.gconv1(x))


class SemGCN(nn.Module):
    """Graph convolution to ``channels`` a joint, four residual layers, graph convolution to 3D."""

    def __init__(self, skeleton: Skeleton, channels: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.gconv_input = nn.Sequential(GraphConv(skeleton, 2, channels, dropout))
        self.gconv_layers = nn.Sequential(*(ResGraphConv(skeleton, channels, dropout) for _ in range(LAYERS)))
        self.gconv_output = SemGraphConv(skeleton, channels, 3)

    def forward(self, pose_2d: Float[Tensor, "batch joints 2"]) -> Float[Tensor, "batch joints 3"]:
        return self.gconv_output(self.gconv_layers(self.gconv_input(pose_2d)))
