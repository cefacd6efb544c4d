"""Dropout whose mask costs one random byte an element, where torch's costs a random number with 53 bits."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 256  # of a byte: the probabilities that a byte can draw exactly are multiples of 1/256


def dropout(x: Float[Tensor, "*shape"], p: float, training: bool) -> Float[Tensor, "*shape"]:
    """Zero each element with probability ``p`` and divide the others by ``1 - p``; the identity in evaluation.

    On the CPU, where drawing torch's mask takes longer than most layers, each element has a byte of 64 random bits
    and is kept where the byte is at least ``256 p``: exact where that is a whole number, as for 0.25 and 0.5. For any
    other ``p``, and on other devices, it is torch's own, so that the law is the same everywhere. The mask depends on
    torch's global generator alone.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
    """
    if not training or p == 0:
        return x
    if x.device.type != "cpu" or not 0 < p < 1 or not (p * LEVELS).is_integer():
        return functional.dropout(x, p, training)
    return x * _kept(x.shape, p).to(x.dtype).mul_(1 / (1 - p))


class Dropout(nn.Module):
    """:func:`dropout` as a layer."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dropout(x, self.p, self.training)


def _kept(shape: torch.Size, p: float) -> UInt8[Tensor, "..."]:
    """1 for elements that stay, 0 for others: 1 with probability ``1 - p``, eight of them from each 64 random bits.

    Bytes, since torch compares them in place at memory's speed, while to make and to convert booleans takes it ten
    times as long.
    """
    count = shape.numel()
    words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[:count].ge_(round(p * LEVELS)).view(shape)
