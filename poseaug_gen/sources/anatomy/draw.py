"""Random numbers as activities want them: one a body, float32, angles in degrees on the page and radians in the air."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

Scalars = Float[np.ndarray, " rows"]
Number = int | float


@dataclass(frozen=True, eq=False)
class Draw:
    """Draws for ``rows`` bodies."""

    rng: np.random.Generator
    rows: int

    def uniform(self, low: Number, high: Number) -> Scalars:
        """Evenly between two values."""
        return self.rng.random(self.rows, dtype=np.float32) * np.float32(high - low) + np.float32(low)

    def normal(self, mean: Number, sd: Number) -> Scalars:
        """Normal, held within two and a half standard deviations: beyond lie bodies that nobody has seen."""
        return np.float32(mean) + np.float32(sd) * np.clip(
            self.rng.standard_normal(self.rows, dtype=np.float32), -2.5, 2.5
        )

    def degrees(self, mean: Number, sd: Number) -> Scalars:
        """A normal angle, given in degrees, as radians."""
        return np.radians(self.normal(mean, sd))

    def degrees_between(self, low: Number, high: Number) -> Scalars:
        """An even angle, given in degrees, as radians."""
        return np.radians(self.uniform(low, high))

    def half(self, mean: Number, sd: Number) -> Scalars:
        """Normal, and never below zero."""
        return np.maximum(self.normal(mean, sd), 0)

    def sign(self) -> Scalars:
        """+1 or -1."""
        return np.where(self.chance(0.5), np.float32(1), np.float32(-1))

    def chance(self, share: Number) -> Bool[np.ndarray, " rows"]:
        """True for this share of the bodies."""
        return self.rng.random(self.rows, dtype=np.float32) < np.float32(share)

    def one_of(self, weights: Sequence[Number]) -> Int[np.ndarray, " rows"]:
        """Indices drawn by weight."""
        share = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(share / share[-1], self.rng.random(self.rows), side="right")

    def zeros(self) -> Scalars:
        return np.zeros(self.rows, dtype=np.float32)

    def constant(self, value: Number) -> Scalars:
        return np.full(self.rows, value, dtype=np.float32)
