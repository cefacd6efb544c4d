"""The trained augmentor as plain matrix products: batch norms folded away, nothing kept for a gradient.

In evaluation mode a batch norm is a fixed scale and shift of each feature, so it becomes part of the linear layer
before it. The folded network equals the trained one but for rounding (the folding itself is done in float64).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from poseaug_gen.models.augmentor import NETWORKS, Augmented, Augmentor, Generator, compose, features_of

Layer = tuple[Tensor, Tensor]  # weight (inputs, outputs) and bias (outputs,): y = x weight + bias

# Rows that go through a network at once: 2,048 x 256 float32 are two megabytes, so that a layer's input and output
# stay in a core's cache; fewer rows cost two threads more in waiting for each other than the cache saves.
TILE_ROWS = 2048


class FrozenAugmentor:
    """A trained augmentor in evaluation mode, for making many pairs: same arguments and results as the module.

    Weights are copies: training the augmentor further does not change a frozen one.
    """

    def __init__(self, augmentor: Augmentor) -> None:
        self.skeleton = augmentor.skeleton
        self.noise = augmentor.noise
        self.layers = {name: fold(augmentor.nets[name]) for name in NETWORKS}  # type: ignore[arg-type]
        self.slopes = {name: _slope(augmentor.nets[name]) for name in NETWORKS}  # type: ignore[arg-type]

    @torch.inference_mode()
    def __call__(
        self,
        pose: Float[Tensor, "batch joints 3"],
        intrinsics: Float[Tensor, "batch 9"],
        noise: Float[Tensor, "nets batch noise"],
    ) -> Augmented:
        """Augment absolute camera-frame poses (metres), each with its own camera and noise."""
        inputs = features_of(pose, self.skeleton)
        outputs = [self._network(name, x, z) for name, x, z in zip(NETWORKS, inputs, noise, strict=True)]
        return compose(pose, intrinsics, *outputs, skeleton=self.skeleton)

    def _network(
        self, name: str, features: Float[Tensor, "batch features"], noise: Float[Tensor, "batch noise"]
    ) -> Float[Tensor, "batch out"]:
        """What one network says, tile by tile."""
        out = features.new_empty(len(features), self.layers[name][-1][1].numel())
        for start in range(0, len(features), TILE_ROWS):
            tile = slice(start, start + TILE_ROWS)
            run(self.layers[name], torch.cat([features[tile], noise[tile]], -1), self.slopes[name], out[tile])
        return out


def run(
    layers: list[Layer], x: Float[Tensor, "batch inputs"], slope: float, out: Float[Tensor, "batch outputs"]
) -> None:
    """The folded network's answer to ``x``, written to ``out``: linear, leaky ReLU, …, linear."""
    for weight, bias in layers[:-1]:
        x = leaky_relu_(torch.addmm(bias, x, weight), slope)
    weight, bias = layers[-1]
    torch.addmm(bias, x, weight, out=out)


@torch.no_grad()
def fold(generator: Generator) -> list[Layer]:
    """The linear layers of a network with each batch norm, as in evaluation mode, made part of the layer before it.

    ``norm(x W + b) = x (W s) + (b - mean) s + shift`` with ``s = gain / sqrt(variance + eps)``.
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
    return [(weight.float().contiguous(), bias.float().contiguous()) for weight, bias in folded]


def _slope(generator: Generator) -> float:
    """The negative slope of the network's leaky ReLUs, one for all."""
    return next(float(module.negative_slope) for module in generator if isinstance(module, nn.LeakyReLU))
