"""What tells real poses from made ones: a part-aware 3D and a 2D discriminator (SPEC, "Discriminators")."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, leaky_relu_

from poseaug_gen.bones import bones_of, directions_of, gram
from poseaug_gen.models.grouped import grouped_linear
from poseaug_gen.skeleton import Skeleton


class PartCritic(nn.Module):
    """One part's network: Gram matrix of its bones -> score. :class:`PartCritics` runs those of all parts at once.

    The published input is the skeleton's whole Gram matrix with the entries outside the part zeroed. A zero
    input neither adds to the output nor moves its weight, so only the part's entries are kept; the weights
    start as in the full layer.
    """

    def __init__(self, part_bones: int, all_bones: int) -> None:
        super().__init__()
        self.into = nn.Linear(part_bones**2, 256)
        self.res0 = nn.Linear(256, 256)
        self.res1 = nn.Linear(256, 256)
        self.last = nn.Linear(256, 100)
        self.pred = nn.Linear(100, 1)
        for layer in (self.into, self.res0, self.res1, self.last, self.pred):
            nn.init.kaiming_normal_(layer.weight)
        with torch.no_grad():
            # Kaiming's weights and torch's biases as of the full layer: both shrink with the number of inputs.
            self.into.weight.mul_(part_bones / all_bones)
            self.into.bias.mul_(part_bones / all_bones)


class PartCritics(nn.ModuleList):
    """The networks of all parts, layer by layer as one matrix product."""

    def forward(self, grams: Float[Tensor, "parts batch entries"]) -> Float[Tensor, "batch parts"]:
        """Of each part, the score of the entries that it has; what follows them in its row is not read."""
        x = leaky_relu_(self._layer("into", grams))
        x = x + self._layer("res1", leaky_relu_(self._layer("res0", x)))
        return self._layer("pred", leaky_relu_(self._layer("last", x)))[..., 0].T

    def _layer(self, name: str, x: Float[Tensor, "parts batch inputs"]) -> Float[Tensor, "parts batch outputs"]:
        return grouped_linear([getattr(critic, name) for critic in self], x)


class Discriminator3D(nn.Module):
    """Scores the posture of each body part by the angles between its bones; blind to size, place and view."""

    entries: Tensor

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.skeleton = skeleton
        self.critics = PartCritics(PartCritic(len(bones), skeleton.num_bones) for _, bones in skeleton.parts)
        self.register_buffer("entries", _part_entries(skeleton), persistent=False)

    def forward(self, pose: Float[Tensor, "batch joints 3"]) -> Float[Tensor, "batch parts"]:
        """Scores of each part, near 1 for what looks real. Poses in metres, any frame."""
        whole = gram(directions_of(bones_of(pose, self.skeleton))).flatten(1)
        parts = whole.index_select(1, self.entries.flatten()).unflatten(1, self.entries.shape)
        return self.critics(parts.transpose(0, 1))


def _part_entries(skeleton: Skeleton) -> Int[Tensor, "parts entries"]:
    """Where in the flattened Gram matrix the entries of each part stand; smaller parts are filled up with the first."""
    entries = [[row * skeleton.num_bones + column for row in bones for column in bones] for _, bones in skeleton.parts]
    longest = max(map(len, entries))
    return torch.tensor([part + [0] * (longest - len(part)) for part in entries])


class Discriminator2D(nn.Module):
    """Scores a 2D pose in the frame: posture, viewpoint and place together."""

    def __init__(self, skeleton: Skeleton, width: int = 100) -> None:
        super().__init__()
        self.into = nn.Linear(2 * skeleton.num_joints, width)
        self.res0 = nn.Linear(width, width)
        self.res1 = nn.Linear(width, width)
        self.mid = nn.Linear(width, width)
        self.last = nn.Linear(width, width)
        self.pred = nn.Linear(width, 1)
        for layer in (self.into, self.res0, self.res1, self.mid, self.last, self.pred):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, pose_2d: Float[Tensor, "batch joints 2"]) -> Float[Tensor, "batch 1"]:
        """The score of each 2D pose (normalised image plane), near 1 for what looks real."""
        first = leaky_relu(self.into(pose_2d.flatten(1)))
        x = leaky_relu(self.res0(first))
        x = leaky_relu(self.res1(x) + first)
        return self.pred(leaky_relu(self.last(self.mid(x))))
