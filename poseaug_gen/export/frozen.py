"""A trained augmentor as plain matrix products: batch norms folded away, nothing kept for a gradient.

In evaluation mode a batch norm is a fixed scale and shift of each feature, so it becomes part of the linear layer
before it. The pose that the networks read is a fixed linear map of its bone vectors, so that map becomes part of their
first layers. The folded network equals the trained one but for rounding (the folding itself is done in float64).

In bfloat16 the hidden layers alone are: what the networks read and say, bones, rotation and projection stay in single
precision, so that a pair is as consistent as in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from poseaug_gen.bones import chain_of, pose_of, scaled
from poseaug_gen.camera import project
from poseaug_gen.models.augmentor import (
    NETWORKS,
    Augmentor,
    Generator,
    angle_change,
    length_ratios,
    rigid_transform,
    turn_bones,
)
from poseaug_gen.rotation import rotate, rotation_matrix
from poseaug_gen.skeleton import Skeleton

NoiseDraw = Callable[[int], Float[Tensor, "nets rows noise"]]
Layer = tuple[Tensor, Tensor]  # weight (inputs, outputs) and bias (outputs,): y = x weight + bias

# Rows that go through a network at once on a CPU: 2,048 x 256 float32 are two megabytes, so that a layer's input and
# output stay in a core's cache.
TILE_ROWS = 2048
# They are one of a few numbers of rows: for each size of a product oneDNN makes code of its own, and keeps it.
STEP_ROWS = 256


@dataclass
class AugmentedRows:
    """What a frozen augmentor made of some rows, as a file has it. Poses in metres, camera frame, absolute."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]  # normalised image plane
    rotation: Float[Tensor, "rows 3"]  # rotation vector, radians
    length_ratio: Float[Tensor, "rows groups"]
    angle_change: Float[Tensor, " rows"]  # mean 1 - cos over the bones


class FrozenAugmentor:
    """A trained augmentor in evaluation mode, for making many pairs.

    Weights are copies: training the augmentor further does not change a frozen one.
    """

    def __init__(
        self, augmentor: Augmentor, dtype: torch.dtype = torch.float32, device: torch.device | None = None
    ) -> None:
        device = device or torch.device("cpu")
        self.skeleton = augmentor.skeleton
        self.noise = augmentor.noise
        self.dtype = dtype
        nets = {name: cast(Generator, augmentor.nets[name]) for name in NETWORKS}
        self.layers = {
            name: _placed(read_bones(fold(net), self.skeleton, self.noise), dtype, device) for name, net in nets.items()
        }
        self.slopes = {name: _slope(net) for name, net in nets.items()}

    @torch.inference_mode()
    def __call__(
        self,
        directions: Float[Tensor, "rows bones 3"],
        lengths: Float[Tensor, "rows bones"],
        intrinsics: Float[Tensor, "rows 9"],
        noise: NoiseDraw,
    ) -> AugmentedRows:
        """Augment postures on bodies (unit bone vectors, metres), each with its own camera and noise.

        Fastest with the rows innermost in memory (see :mod:`poseaug_gen.memory`).

        Args:
            noise: draws each network's noise for the next so many rows, ``(nets, rows, noise)``.
        """
        skeleton = self.skeleton
        angle_out, length_out, rotation_out, translation_out = self._answers(directions, lengths, noise)
        turned = turn_bones(directions, angle_out.unflatten(-1, (-1, 3)), skeleton)
        ratio = length_ratios(length_out, skeleton)
        body = pose_of(turned * scaled(lengths, ratio, skeleton)[..., None], skeleton)
        vector, translation = rigid_transform(rotation_out, translation_out)
        pose = rotate(rotation_matrix(vector), body) + translation[:, None]
        change = angle_change(directions, turned).mean(-1)
        return AugmentedRows(pose, project(pose, intrinsics), vector, ratio, change)

    def _answers(
        self, directions: Float[Tensor, "rows bones 3"], lengths: Float[Tensor, "rows bones"], noise: NoiseDraw
    ) -> list[Float[Tensor, "rows outputs"]]:
        """What each network says, rows innermost.

        All read one buffer, ``[lengths, bones, noise]``, in which the noise is each one's own; the lengths are for the
        bone length network alone. The networks' first layers as one product would multiply each one's noise with the
        others' zeros: more work than the calls that it saves.
        """
        rows, device = len(lengths), lengths.device
        tile_rows = TILE_ROWS if device.type == "cpu" else rows
        ends = 0, lengths.shape[1], 4 * lengths.shape[1]
        read = torch.zeros(min(stepped(rows), tile_rows), ends[2] + self.noise, dtype=self.dtype, device=device)
        hidden = torch.empty(2, len(read), self.width, dtype=self.dtype, device=device)
        sizes = [self.layers[name][-1][1].numel() for name in NETWORKS]
        answers = torch.empty(sum(sizes), stepped(rows), device=device).split(sizes)
        bones = (directions * lengths[..., None]).flatten(1)
        for start in range(0, rows, tile_rows):
            tile = slice(start, min(start + tile_rows, rows))
            size = tile.stop - start
            x = read[: stepped(size)]  # what is behind the tile's rows is computed in vain
            x[:size, : ends[1]] = lengths[tile]
            x[:size, ends[1] : ends[2]] = bones[tile]
            for name, z, answer in zip(NETWORKS, noise(size), answers, strict=True):
                x[:size, ends[2] :] = z
                own = x[:, ends[name != "bone_length"] :]
                run(self.layers[name], own, self.slopes[name], hidden[:, : len(x)], answer[:, start : start + len(x)])
        return [answer[:, :rows].T for answer in answers]

    @property
    def width(self) -> int:
        return self.layers[NETWORKS[0]][0][1].numel()


def stepped(rows: int) -> int:
    """So many rows, rounded up to whole steps."""
    return -(-rows // STEP_ROWS) * STEP_ROWS


def run(
    layers: list[Layer],
    x: Float[Tensor, "rows inputs"],
    slope: float,
    hidden: Float[Tensor, "2 rows width"],
    answer: Float[Tensor, "outputs rows"],
) -> None:
    """Write the folded network's answer to ``x``, in single precision, to ``answer``: linear, leaky ReLU, …, linear.

    ``hidden`` is room for two layers' values, which take turns.
    """
    for place, (weight, bias) in enumerate(layers[:-1]):
        x = leaky_relu_(torch.addmm(bias, x, weight, out=hidden[place % 2]), slope)
    weight, bias = layers[-1]
    torch.mm(weight.T, x.float().T, out=answer)
    answer += bias[:, None]


@torch.no_grad()
def fold(generator: Generator) -> list[Layer]:
    """The linear layers of a network with each batch norm, as in evaluation mode, made part of the layer before it.

    ``norm(x W + b) = x (W s) + (b - mean) s + shift`` with ``s = gain / sqrt(variance + eps)``. In float64.
    """
    folded: list[Layer] = []
    for module in generator:
        if isinstance(module, nn.Linear):
            folded.append((module.weight.double().T, module.bias.double()))
        elif isinstance(module, nn.BatchNorm1d):
            weight, bias = folded[-1]
            assert module.running_mean is not None  # a batch norm without statistics has no evaluation mode
            assert module.running_var is not None
            scale = module.weight.double() / (module.running_var.double() + module.eps).sqrt()
            folded[-1] = weight * scale, (bias - module.running_mean.double()) * scale + module.bias.double()
    return folded


def read_bones(layers: list[Layer], skeleton: Skeleton, noise: int) -> list[Layer]:
    """The same network for ``[lengths, bones, noise]`` in place of ``[pose, lengths, noise]``.

    Only the bone length network has lengths. The root-relative pose is ``bones @ chain``: ``pose W = bones (chain W)``.
    """
    (weight, bias), *others = layers
    chain = chain_of(skeleton, weight.device, weight.dtype)
    pose, lengths, rest = weight.split([chain.shape[1], len(weight) - chain.shape[1] - noise, noise])
    return [(torch.cat([lengths, chain @ pose, rest]), bias), *others]


def _placed(layers: list[Layer], dtype: torch.dtype, device: torch.device) -> list[Layer]:
    """The layers as they are used: hidden ones in ``dtype``, the last in single precision."""

    def placed(layer: Layer, dtype: torch.dtype) -> Layer:
        weight, bias = (value.to(device, dtype).contiguous() for value in layer)
        return weight, bias

    weight, bias = placed(layers[-1], torch.float32)
    # The last product is taken the other way round, for answers with the rows innermost.
    return [*(placed(layer, dtype) for layer in layers[:-1]), (weight.T.contiguous().T, bias)]


def _slope(generator: Generator) -> float:
    """The negative slope of the network's leaky ReLUs, one for all."""
    return next(float(module.negative_slope) for module in generator if isinstance(module, nn.LeakyReLU))
