"""A pool of earlier fakes, so that a discriminator does not forget what it has seen (Shrivastava et al., 2017)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class HistoryPool:
    """Up to ``size`` fakes on the training device.

    While the pool fills, fakes are stored and passed on; then each new one is, with probability 1/2, swapped for
    a stored one. The swaps of a batch take different places, which the published loop over rows leaves to chance.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.stored: Tensor | None = None  # (filled, ...)

    def exchange(self, fakes: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """As many fakes as came in: some of them, some old."""
        fakes = fakes.detach()
        if self.stored is None:
            self.stored = fakes[:0].clone()
        fresh = min(len(fakes), self.size - len(self.stored))
        filling, rest = fakes[:fresh], fakes[fresh:]
        old = len(self.stored)
        if fresh:
            self.stored = torch.cat([self.stored, filling])
        if not len(rest) or not old:  # a pool that was empty a moment ago has nothing old to give
            return fakes
        # A batch larger than the pool can swap at most `old` of its rows.
        place = torch.randperm(old, device=fakes.device)[: len(rest)]
        candidates, passed = rest[: len(place)], rest[len(place) :]
        swap = (torch.rand(len(place), device=fakes.device) < 0.5).view(-1, *[1] * (fakes.dim() - 1))
        returned = torch.where(swap, self.stored[place], candidates)
        self.stored[place] = torch.where(swap, candidates, self.stored[place])
        return torch.cat([filling, returned, passed])
