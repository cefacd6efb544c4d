"""Which rows of a sample are shown one by one: some evenly spread, and those that are worth a second look."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from poseaug_gen.report.material import Material

EVEN, EXTREME = 12, 6  # of a gallery
BROWSED, HARDEST = 240, 60  # of the browser
GOLDEN = (5**0.5 - 1) / 2

Index = Int[np.ndarray, " chosen"]


def spread_rows(rows: int, count: int) -> Index:
    """The numbers of about ``count`` of so many rows, spread evenly over them, in order.

    Steps of the golden ratio, round and round: of even steps, those over a source of several cameras would meet one
    moment of one recording through each of them.
    """
    if count >= rows:
        return np.arange(rows)
    steps = (np.arange(count) + 0.5) * GOLDEN % 1
    return np.unique((steps * rows).astype(int))


def even_rows(material: Material, count: int = EVEN) -> Index:
    """Rows of the sample, evenly spread, in equal parts of each kind where there are two."""
    kinds = [np.flatnonzero(mask) for mask in material.series.values()]
    return np.sort(np.concatenate([kind[spread_rows(len(kind), count // len(kinds))] for kind in kinds]))


def most(material: Material, column: str, count: int = EXTREME, least: bool = False) -> Index:
    """The rows of the sample that have the most in a column, or the ``least``, the farthest first."""
    values = material.rows[column]
    order = np.argsort(values if least else -values, kind="stable")
    return order[:count]


def hardest_by(material: Material) -> str | None:
    """The column that tells best how hard a row is; None: no such column."""
    return next((name for name in ("difficulty", "angle_change") if material.tells(name)), None)


def browsed_rows(material: Material) -> Index:
    """Rows of the sample for the browser, in the file's order: evenly spread, and the hardest."""
    rows = spread_rows(len(material.pairs), BROWSED)
    column = hardest_by(material)
    return rows if column is None else np.union1d(rows, most(material, column, HARDEST))
