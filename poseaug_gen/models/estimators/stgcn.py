"""ST-GCN for one frame (Cai et al., ICCV 2019) as PoseAug trains it; layer names are the published ones.

Local to global and back: graph convolutions over the joints, then over body parts, then the whole body; what was
found there returns to each joint, and a non-local layer lets every joint see every other. With one frame all its
convolutions have one tap, so they are linear layers here.

It predicts every joint, the root too; compare its poses root-relative, as all our metrics do. PoseAug adds a joint
half-way between thorax and head to its 16, since the published graph is typed for 17; here the graph is the skeleton's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from poseaug_gen.models.estimators.body_graph import BodyGraph, body_parts, joint_graph, part_graph
from poseaug_gen.models.estimators.dropout import Dropout
from poseaug_gen.skeleton import Skeleton

# The published code gives BatchNorm1d its momentum where epsilon goes. It tames a small spread of 2D poses.
INPUT_EPSILON = 0.1


class NodeNorm(nn.BatchNorm1d):
    """Batch norm of each channel over all nodes of all rows."""

    def forward(self, x: Float[Tensor, "batch nodes channels"]) -> Float[Tensor, "batch nodes channels"]:
        return super().forward(x.flatten(0, 1)).view_as(x)


class PartitionedGraphConv(nn.Module):
    """The mean over each node's neighbours of a linear map that is another for each kind of neighbour."""

    shares: Tensor

    def __init__(self, graph: BodyGraph, inputs: int, outputs: int) -> None:
        super().__init__()
        shares = torch.as_tensor(graph.shares(), dtype=torch.float32)
        self.kinds = len(shares)
        self.conv = nn.Linear(inputs, self.kinds * outputs)
        self.register_buffer("shares", shares.permute(1, 2, 0).flatten(1), persistent=False)  # nodes, nodes * kinds

    def forward(self, x: Float[Tensor, "batch nodes inputs"]) -> Float[Tensor, "batch nodes outputs"]:
        mapped = self.conv(x).unflatten(-1, (self.kinds, -1))
        return self.shares @ mapped.flatten(1, 2)


class GraphBlock(nn.Module):
    """Graph convolution and a layer on each node, with a skip where the first block has none."""

    def __init__(self, graph: BodyGraph, inputs: int, outputs: int, dropout: float, skip: bool = True) -> None:
        super().__init__()
        self.gcn = PartitionedGraphConv(graph, inputs, outputs)
        self.tcn = nn.Sequential(
            NodeNorm(outputs),
            nn.ReLU(inplace=True),
            Dropout(dropout),
            nn.Linear(outputs, outputs),
            NodeNorm(outputs),
            Dropout(dropout),
        )
        self.skip = skip
        self.residual = nn.Sequential()  # the identity
        if skip and inputs != outputs:
            self.residual.extend([nn.Linear(inputs, outputs), NodeNorm(outputs)])

    def forward(self, x: Float[Tensor, "batch nodes inputs"]) -> Float[Tensor, "batch nodes outputs"]:
        y = self.tcn(self.gcn(x))
        return torch.relu(y + self.residual(x) if self.skip else y)


class NonLocal(nn.Module):
    """Every joint sees every other (Wang et al., CVPR 2018, embedded Gaussian); starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.theta, self.phi, self.g = (nn.Linear(channels, inner) for _ in range(3))
        norm = NodeNorm(channels)
        nn.init.zeros_(norm.weight)
        self.W = nn.Sequential(nn.Linear(inner, channels), norm)

    def forward(self, x: Float[Tensor, "batch joints channels"]) -> Float[Tensor, "batch joints channels"]:
        attention = (self.theta(x) @ self.phi(x).transpose(1, 2)).softmax(-1)
        return x + self.W(attention @ self.g(x))


def node_layer(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Linear layer, batch norm, ReLU and dropout on each node."""
    return nn.Sequential(nn.Linear(inputs, outputs), NodeNorm(outputs), nn.ReLU(inplace=True), Dropout(dropout))


class STGCN(nn.Module):
    """2D -> ``channels`` a joint -> 4 ``channels`` a part and for the whole body -> 3D of every joint.

    The published width is 128. ``dropout`` is the rate of all layers. PoseAug pre-trains with 0.05 to 0.25 from
    layer to layer, and has no dropout when it trains the estimator with the augmentor.
    """

    order: Tensor
    part_of_joint: Tensor

    def __init__(self, skeleton: Skeleton, channels: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        joints, parts = joint_graph(skeleton), part_graph(skeleton)
        self.data_bn = nn.BatchNorm1d(2 * skeleton.num_joints, eps=INPUT_EPSILON)
        self.st_gcn_networks = nn.Sequential(
            GraphBlock(joints, 2, channels, dropout, skip=False),
            GraphBlock(joints, channels, channels, dropout),
            GraphBlock(joints, channels, 2 * channels, dropout),
        )
        self.st_gcn_pool = nn.Sequential(
            GraphBlock(parts, 2 * channels, 4 * channels, dropout),
            GraphBlock(parts, 4 * channels, 4 * channels, dropout),
        )
        self.conv4 = node_layer(4 * channels, 4 * channels, dropout)
        self.conv2 = node_layer(8 * channels, 2 * channels, dropout)
        self.non_local = NonLocal(4 * channels)
        self.fcn = nn.Sequential(Dropout(dropout), nn.Linear(4 * channels, 3))

        members = body_parts(skeleton)
        self.part_sizes = [len(part) for part in members]
        order = torch.tensor([joint for part in members for joint in part])
        part_of_joint = torch.arange(len(members)).repeat_interleave(torch.tensor(self.part_sizes))[order.argsort()]
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("part_of_joint", part_of_joint, persistent=False)

    def forward(self, pose_2d: Float[Tensor, "batch joints 2"]) -> Float[Tensor, "batch joints 3"]:
        normed = self.data_bn(pose_2d.flatten(1)).unflatten(1, (-1, 2))
        joints = self.st_gcn_networks(normed)
        parts = self.st_gcn_pool(self._parts_of(joints))
        body = self.conv4(parts.amax(1, keepdim=True))
        coarse = self.conv2(torch.cat([body.expand_as(parts), parts], -1))
        seen = torch.cat([joints, coarse.index_select(1, self.part_of_joint)], -1)
        return self.fcn(self.non_local(seen))

    def _parts_of(self, joints: Float[Tensor, "batch joints channels"]) -> Float[Tensor, "batch parts channels"]:
        """The greatest value of each channel over each part's joints."""
        members = joints.index_select(1, self.order).split(self.part_sizes, 1)
        return torch.stack([part.amax(1) for part in members], 1)
