"""Body frames and the turns that anatomy names: bend, lean, twist; many bodies at once.

A frame is three unit vectors, forward, left and up, of a pelvis, a thorax or a limb whose end hangs down. World:
metres, z up. Everything is float32, one row a body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Scalars = Float[np.ndarray, " rows"]
Vectors = Float[np.ndarray, "rows 3"]


@dataclass(frozen=True, eq=False)
class Frame:
    """A right-handed frame: ``forward × left = up``."""

    forward: Vectors
    left: Vectors
    up: Vectors

    def bend(self, angle: Scalars) -> Frame:
        """Turned about its left axis so that up tips forward (and what hangs down swings back)."""
        cos, sin = _cos_sin(angle)
        return Frame(cos * self.forward - sin * self.up, self.left, cos * self.up + sin * self.forward)

    def lean(self, angle: Scalars) -> Frame:
        """Turned about its forward axis so that up tips to the right (and what hangs down swings to the left)."""
        cos, sin = _cos_sin(angle)
        return Frame(self.forward, cos * self.left + sin * self.up, cos * self.up - sin * self.left)

    def twist(self, angle: Scalars) -> Frame:
        """Turned about its up axis so that forward tips to the left."""
        cos, sin = _cos_sin(angle)
        return Frame(cos * self.forward + sin * self.left, cos * self.left - sin * self.forward, self.up)

    def vector(self, forward: Scalars | float, left: Scalars | float, up: Scalars | float) -> Vectors:
        """The vector with these components in the frame."""
        sizes = (np.asarray(size, dtype=np.float32)[..., None] for size in (forward, left, up))
        ahead, aside, above = sizes
        return ahead * self.forward + aside * self.left + above * self.up

    def components(self, vectors: Vectors) -> Vectors:
        """Forward, left and up components of vectors: the inverse of :meth:`vector`."""
        return np.stack([(vectors * axis).sum(-1) for axis in (self.forward, self.left, self.up)], -1)


def facing(heading: Scalars) -> Frame:
    """Upright frames that face ``heading`` (radians from the world's x axis, counter-clockwise)."""
    zero, one = np.zeros_like(heading), np.ones_like(heading)
    return Frame(
        np.stack([one, zero, zero], -1), np.stack([zero, one, zero], -1), np.stack([zero, zero, one], -1)
    ).twist(heading)


def unit(vectors: Vectors) -> Vectors:
    """Vectors of length 1; a zero vector stays."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    return vectors / np.maximum(length, np.float32(1e-9))[..., None]


def _cos_sin(angle: Scalars) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(angle)[:, None], np.sin(angle)[:, None]
