"""The augmentor: bone angle -> bone length -> rigid transform (PoseAug, eq. 4-7).

Four networks of one shape read the root-relative source pose and each its own noise. Numbers in the code are
those of the published implementation (SPEC, "Augmentor").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from poseaug_gen.bones import bones_of, constant, directions_of, lengths_of, pose_of, root_relative, scaled
from poseaug_gen.camera import project
from poseaug_gen.memory import stacked
from poseaug_gen.models.grouped import grouped_linear
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton

NETWORKS = ("bone_angle", "bone_length", "rotation", "translation")
NOISE = 48  # length of the noise vector of each network
WIDTH = 256
BLOCKS = 2
LENGTH_LIMIT = 0.2  # a bone grows or shrinks by at most this share
HALF_TURN = 3.1415  # radians about each axis at most; the published code's pi, so that its weights give its numbers


@dataclass
class Augmented:
    """What the augmentor made of a batch. Poses in metres, camera frame, absolute."""

    pose_ba: Float[Tensor, "batch joints 3"]  # after bone angle, at the source's root
    angle_change: Float[Tensor, "batch bones"]  # 1 - cos between old and new direction
    pose_bl: Float[Tensor, "batch joints 3"]  # and bone length
    length_ratio: Float[Tensor, "batch groups"]  # length' = length (1 + ratio)
    rotation: Float[Tensor, "batch 3"]  # rotation vector, radians
    translation: Float[Tensor, "batch 3"]  # the new root, metres
    pose_rt: Float[Tensor, "batch joints 3"]  # and rigid transform: the augmented pose
    pose_2d: Float[Tensor, "batch joints 2"]  # its projection, normalised


class Generator(nn.Sequential):
    """``[features, noise] -> Linear, BatchNorm, LeakyReLU -> two blocks of two of them -> Linear``."""

    def __init__(self, features: int, out: int, noise: int = NOISE, width: int = WIDTH) -> None:
        layers: list[nn.Module] = []
        size = features + noise
        for _ in range(1 + 2 * BLOCKS):
            layers += [nn.Linear(size, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.01)]
            size = width
        layers.append(nn.Linear(width, out))
        super().__init__(*layers)
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    @property
    def stages(self) -> list[tuple[nn.Linear, nn.BatchNorm1d, nn.LeakyReLU]]:
        """The layers before the output layer, each with its norm and activation."""
        layers = list(self)[:-1]
        return cast(list[tuple[nn.Linear, nn.BatchNorm1d, nn.LeakyReLU]], list(zip(*[iter(layers)] * 3, strict=True)))

    @property
    def out(self) -> nn.Linear:
        """The output layer."""
        return cast(nn.Linear, self[-1])


class Generators(nn.ModuleDict):
    """The four networks by name; they run layer by layer, all at once."""

    def forward(self, inputs: Sequence[Float[Tensor, "batch _"]]) -> Float[Tensor, "batch outputs"]:
        """What each network says to its own input, side by side."""
        nets = [cast(Generator, net) for net in self.values()]
        x = pad_sequence([one.T for one in inputs], batch_first=True).transpose(1, 2)
        for stages in zip(*(net.stages for net in nets), strict=True):
            linears, norms, activations = zip(*stages, strict=True)
            normed = [norm(one) for norm, one in zip(norms, grouped_linear(linears, x), strict=True)]
            x = activations[0](torch.stack(normed))
        return torch.cat([net.out(one) for net, one in zip(nets, x, strict=True)], -1)


class Augmentor(nn.Module):
    """The learned augmentation of one skeleton's poses. It owns no optimiser and draws no hidden noise."""

    def __init__(self, skeleton: Skeleton, noise: int = NOISE, width: int = WIDTH) -> None:
        super().__init__()
        self.skeleton = skeleton
        self.noise = noise
        pose, bones = 3 * skeleton.num_joints, skeleton.num_bones
        self.nets = Generators(
            {
                "bone_angle": Generator(pose, 3 * bones, noise, width),
                "bone_length": Generator(pose + bones, skeleton.num_groups, noise, width),
                "rotation": Generator(pose, 3, noise, width),
                "translation": Generator(pose, 3, noise, width),
            }
        )

    @torch.no_grad()
    def shape_start(self, output_scale: float, root: Float[Tensor, "3"] | None) -> None:
        """Before training: shrink the output layers' weights, and place all bodies at ``root`` (metres), if given."""
        for net in self.nets.values():
            cast(Generator, net).out.weight *= output_scale
        if root is not None:
            translation = cast(Generator, self.nets["translation"])
            translation.out.bias.copy_(torch.cat([root[:2], root[2:].clamp_min(0).sqrt()]))

    def draw_noise(self, batch: int, generator: torch.Generator | None = None) -> Float[Tensor, "nets batch noise"]:
        """One standard normal draw for each network, in the order of :data:`NETWORKS`."""
        device = next(self.parameters()).device
        return torch.randn(len(NETWORKS), batch, self.noise, generator=generator, device=device)

    def forward(
        self,
        pose: Float[Tensor, "batch joints 3"],
        intrinsics: Float[Tensor, "batch 9"],
        noise: Float[Tensor, "nets batch noise"],
    ) -> Augmented:
        """Augment a batch of absolute camera-frame poses and project the result with each pose's own camera."""
        inputs = [torch.cat([x, z], -1) for x, z in zip(features_of(pose, self.skeleton), noise, strict=True)]
        sizes = [cast(Generator, self.nets[name]).out.out_features for name in NETWORKS]
        outputs = self.nets(inputs).split(sizes, -1)
        return compose(pose, intrinsics, *outputs, skeleton=self.skeleton)


def features_of(pose: Float[Tensor, "batch joints 3"], skeleton: Skeleton) -> tuple[Tensor, ...]:
    """What each network reads beside its noise: the root-relative pose, the bone length net its lengths too."""
    features = root_relative(pose).flatten(1)
    lengths = lengths_of(bones_of(pose, skeleton))
    return features, torch.cat([features, lengths], -1), features, features


def compose(
    pose: Float[Tensor, "batch joints 3"],
    intrinsics: Float[Tensor, "batch 9"],
    angle_out: Float[Tensor, "batch bones_3"],
    length_out: Float[Tensor, "batch groups"],
    rotation_out: Float[Tensor, "batch 3"],
    translation_out: Float[Tensor, "batch 3"],
    *,
    skeleton: Skeleton,
) -> Augmented:
    """Apply what the four networks say to the poses: the geometry of the method, without its networks."""
    root = pose[:, :1]
    bones = bones_of(pose, skeleton)
    lengths, directions = lengths_of(bones), directions_of(bones)

    turned = turn_bones(directions, angle_out.unflatten(-1, (-1, 3)), skeleton)
    pose_ba = pose_of(turned * lengths[..., None], skeleton) + root
    ratio = length_ratios(length_out, skeleton)
    relative_bl = pose_of(turned * scaled(lengths, ratio, skeleton)[..., None], skeleton)
    vector, translation = rigid_transform(rotation_out, translation_out)
    pose_rt = relative_bl @ rotation_matrix(vector).transpose(-1, -2) + translation[:, None]
    pose_2d = project(pose_rt, intrinsics)
    change = angle_change(directions, turned)
    return Augmented(pose_ba, change, relative_bl + root, ratio, vector, translation, pose_rt, pose_2d)


def turn_bones(
    directions: Float[Tensor, "batch bones 3"], change: Float[Tensor, "batch bones 3"], skeleton: Skeleton
) -> Float[Tensor, "batch bones 3"]:
    """Unit bones plus the network's output, renormalised; the trunk's bones stay (eq. 4)."""
    turnable = constant(skeleton, "turnable_bones", directions.device, directions.dtype)
    return directions_of(directions + change * turnable[:, None])


def length_ratios(out: Float[Tensor, "batch groups"], skeleton: Skeleton) -> Float[Tensor, "batch groups"]:
    """``0.2 tanh(out)`` for each length group, 0 for the one that would trade size for depth (eq. 5)."""
    return LENGTH_LIMIT * torch.tanh(out) * constant(skeleton, "scalable_groups", out.device, out.dtype)


def angle_change(
    before: Float[Tensor, "batch bones 3"], after: Float[Tensor, "batch bones 3"]
) -> Float[Tensor, "batch bones"]:
    """``1 - cos`` between unit bone vectors."""
    (x, y, z), (u, v, w) = before.unbind(-1), after.unbind(-1)
    return 1 - (x * u + y * v + z * w)


def rigid_transform(
    rotation_out: Float[Tensor, "batch 3"], translation_out: Float[Tensor, "batch 3"]
) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, "batch 3"]]:
    """The rotation vector (radians) and the new root (metres) that the networks ask for (eq. 6)."""
    right, down, forward = translation_out.unbind(-1)
    return HALF_TURN * torch.tanh(rotation_out), stacked([right, down, forward.square()])
