"""How evenly the cameras stand round a body: the entropy of its viewpoints."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

BANDS, SECTORS = 6, 12  # of the sphere, in height and round about: bins of 24 by 24 degrees at most
MOST_BITS = math.log2(BANDS * SECTORS)


def viewpoint_bins(directions: Float[np.ndarray, "rows 3"]) -> Int[np.ndarray, " bins"]:
    """How many unit vectors (forward, left, up) lie in each bin of the sphere; all bins have the same area.

    A band of the sphere has an area in proportion to its height (Archimedes), so bands of the same height are cut into
    sectors of the same width.
    """
    forward, left, up = directions.T
    band = np.clip(np.floor((up + 1) / 2 * BANDS), 0, BANDS - 1)
    sector = np.floor((np.arctan2(left, forward) / (2 * math.pi)) % 1 * SECTORS) % SECTORS
    return np.bincount((band * SECTORS + sector).astype(np.int64), minlength=BANDS * SECTORS)


def entropy_bits(counts: Int[np.ndarray, " bins"]) -> float:
    """The entropy of the distribution that counts were drawn from, bits; at most that of even bins.

    A sample's own entropy is too small by about ``(m - 1) / 2n`` nats, with ``n`` drawn and ``m`` bins that have any:
    so much is added (Miller, "Note on the bias of information estimates", 1955).
    """
    drawn = counts[counts > 0]
    share = drawn / drawn.sum()
    bits = -(share * np.log2(share)).sum() + (len(drawn) - 1) / (2 * drawn.sum() * math.log(2))
    return float(min(bits, math.log2(len(counts))))
