"""What tells real poses from made ones: a part-aware 3D and a 2D discriminator (SPEC, "Discriminators")."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from poseaug_gen.bones import bones_of, directions_of, gram
from poseaug_gen.skeleton import Skeleton


class PartCritic(nn.Module):
    """One part's network: Gram matrix of its bones -> score.

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

    def forward(self, grams: Float[Tensor, "batch entries"]) -> Float[Tensor, "batch 1"]:
        x = leaky_relu(self.into(grams))
        x = x + self.res1(leaky_relu(self.res0(x)))
        return self.pred(leaky_relu(self.last(x)))


class Discriminator3D(nn.Module):
    """Scores the posture of each body part by the angles between its bones; blind to size, place and view."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.skeleton = skeleton
        self.critics = nn.ModuleList(PartCritic(len(bones), skeleton.num_bones) for _, bones in skeleton.parts)

    def forward(self, pose: Float[Tensor, "batch joints 3"]) -> Float[Tensor, "batch parts"]:
        """Scores of each part, near 1 for what looks real. Poses in metres, any frame."""
        directions = directions_of(bones_of(pose, self.skeleton))
        scores = [
            critic(gram(directions[:, list(bones)]).flatten(1))
            for critic, (_, bones) in zip(self.critics, self.skeleton.parts, strict=True)
        ]
        return torch.cat(scores, -1)


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
