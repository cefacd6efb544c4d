"""Random numbers in single precision, thousands at a time, from NumPy's generators on the device that wants them.

The uniform ones are NumPy's own, so any of its counter-based generators gives the same on every device; what is made
of them is made there. A generator is asked for all that a step needs at once.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

CPU = torch.device("cpu")


def uniforms(random: np.random.Generator, *shape: int, device: torch.device = CPU) -> Tensor:
    """Numbers in [0, 1), float32."""
    return torch.from_numpy(random.random(shape, dtype=np.float32)).to(device)


def normals(random: np.random.Generator, *shape: int, device: torch.device = CPU) -> Tensor:
    """Standard normal numbers, float32, within 5.8 standard deviations.

    Two uniform numbers make two normal ones (Box and Muller, 1958): vectorised, twice as fast as NumPy's own.
    """
    count = math.prod(shape)
    pairs = uniforms(random, 2, -(-count // 2), device=device)
    radius = (1 - pairs[0]).log_().mul_(-2).sqrt_()
    angle = pairs[1].mul_(2 * math.pi)
    both = torch.empty_like(pairs)
    torch.mul(radius, angle.cos(), out=both[0])
    torch.mul(radius, angle.sin_(), out=both[1])
    return both.flatten()[:count].view(shape)


class Weighted:
    """Draws from a list of places in proportion to their weights, in the same short time however many there are.

    By Walker's aliases (1974): each place has a bin of equal width that it shares with at most one other.
    """

    def __init__(self, weights: Float[np.ndarray, " places"]) -> None:
        share, alias = _aliases(weights / weights.sum())
        self.share = torch.from_numpy(share.astype(np.float32))
        self.alias = torch.from_numpy(alias)

    def to(self, device: torch.device) -> Weighted:
        """The same on another device."""
        copy = object.__new__(Weighted)
        copy.share, copy.alias = self.share.to(device), self.alias.to(device)
        return copy

    def draw(self, random: np.random.Generator, *shape: int) -> Int[Tensor, "*shape"]:
        """Random places."""
        count = math.prod(shape)
        place = torch.from_numpy(random.integers(len(self.share), size=count, dtype=np.int32))
        place = place.to(self.share.device).long()
        stays = uniforms(random, count, device=place.device) < self.share.index_select(0, place)
        return torch.where(stays, place, self.alias.index_select(0, place)).view(shape)


def _aliases(probability: Float[np.ndarray, " places"]) -> tuple[np.ndarray, np.ndarray]:
    """Of each bin, the share that is its own place's, and the place that has the rest (Vose, 1991)."""
    height = probability * len(probability)
    alias = np.arange(len(height))
    # The lowest first: a place of no weight must have given its bin away before rounding leaves none to take it.
    falling = np.argsort(-height, kind="stable").tolist()
    tall_ones = int((height >= 1).sum())
    low, high = falling[tall_ones:], falling[:tall_ones]
    while low and high:
        short, tall = low.pop(), high[-1]
        alias[short] = tall
        height[tall] -= 1 - height[short]
        if height[tall] < 1:
            low.append(high.pop())
    height[low + high] = 1  # all that is left is full but for rounding
    return height, alias
