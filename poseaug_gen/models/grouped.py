"""Layers of several networks of one shape as one matrix product, which costs less than a small one for each.

Under autocast the products are taken in its type, and each weight is converted once for forward and backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def grouped_linear(
    layers: Sequence[nn.Linear], x: Float[Tensor, "groups batch inputs"]
) -> Float[Tensor, "groups batch outputs"]:
    """Each group's layer applied to its own input. A layer that has fewer inputs than others reads the first ones."""
    return _GroupedLinear.apply(x, *(layer.weight for layer in layers), *(layer.bias for layer in layers))


class _GroupedLinear(Function):
    """``y = x W' + b`` for every group; weights as they are, of one height, not wider than the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights_and_biases: Tensor) -> Tensor:
        groups, _, inputs = x.shape
        weights, biases = weights_and_biases[:groups], weights_and_biases[groups:]
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        x, weight = x.to(dtype), x.new_zeros(groups, len(biases[0]), inputs, dtype=dtype)
        for place, own in zip(weight, weights, strict=True):
            place[:, : own.shape[1]] = own
        ctx.save_for_backward(x, weight)
        ctx.widths = [own.shape[1] for own in weights]
        ctx.dtype = weights[0].dtype
        return torch.baddbmm(torch.stack(biases)[:, None].to(dtype), x, weight.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        into_x, *into_parameters = ctx.needs_input_grad
        to_x = torch.bmm(gradient, weight) if into_x else None
        if not any(into_parameters):
            return to_x, *[None] * len(into_parameters)
        to_weights = torch.bmm(gradient.mT, x).to(ctx.dtype)
        to_biases = gradient.sum(1).to(ctx.dtype)
        return to_x, *(one[:, :width] for one, width in zip(to_weights, ctx.widths, strict=True)), *to_biases
