"""How rows lie in memory: the fastest arithmetic has them innermost.

A pose tensor is ``(rows, joints, 3)`` whoever made it. PyTorch keeps such a tensor row after row, and an operation on
the three coordinates of a joint then runs in steps of three numbers. With the same shape but all rows of one
coordinate side by side ("rows last" in memory) it runs over thousands of rows at once, and broadcasting a bone's
length over its coordinates costs nothing. Elementwise operations keep the layout of what they are given, so code is
written for the shape alone; what is read from files, and what goes into them, is row after row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def rows_last(values: Shaped[Tensor, "rows *row"]) -> Shaped[Tensor, "rows *row"]:
    """The same tensor with its rows innermost in memory."""
    return values.movedim(0, -1).contiguous().movedim(-1, 0)


def stacked(columns: Sequence[Shaped[Tensor, " rows"]], *shape: int) -> Shaped[Tensor, "rows *row"]:
    """Columns as one tensor ``(rows, *shape)``, rows innermost; the last axis of the shape runs fastest."""
    return torch.stack(list(columns)).unflatten(0, shape or (-1,)).movedim(-1, 0)


def mapped(values: Float[Tensor, "*batch inputs"], matrix: Float[Tensor, "inputs outputs"]) -> Tensor:
    """``values @ matrix``; where the rows are innermost in ``values``, they are in the result."""
    if values.ndim == 2 and values.stride(0) == 1:
        return (matrix.T @ values.T).T
    return values @ matrix
