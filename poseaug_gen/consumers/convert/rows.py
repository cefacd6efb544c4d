"""The rows that are converted, in blocks of the size that a format wants, whatever files they come from."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from poseaug_gen.consumers.pairs import Pairs
from poseaug_gen.consumers.view import Block, View
from poseaug_gen.export.schema import CHUNK_ROWS


class Rows:
    """The rows of an export, or the first of them; as they are in the file: normalised, absolute.

    A format that needs a column at a time reads them as often as it has columns, so that it never holds them all.

    Attributes:
        pairs: the export; of its view nothing is used.
    """

    def __init__(self, pairs: Pairs, most: int | None = None) -> None:
        """
        Args:
            most: how many rows at most; None: all.
        """
        self.pairs = pairs
        self._starts = list(accumulate((span.rows for span in pairs.spans), initial=0))
        self._count = min(self._starts[-1], self._starts[-1] if most is None else most)

    def __len__(self) -> int:
        return self._count

    def blocks(
        self, fields: Sequence[str], size: int = CHUNK_ROWS, start: int = 0, stop: int | None = None
    ) -> Iterator[Block]:
        """The columns ``fields`` of rows ``start`` to ``stop``, ``size`` rows at a time; the last block may be shorter.

        Raises:
            PoseAugError: a file is damaged or was removed meanwhile.
        """
        held: list[Block] = []
        have = 0
        for block in self._read(fields, start, min(len(self) if stop is None else stop, len(self))):
            held.append(block)
            have += _length(block)
            if have < size:
                continue
            joined = _joined(held)
            whole = have - have % size
            for at in range(0, whole, size):
                yield _cut(joined, at, at + size)
            held, have = ([_cut(joined, whole, have)], have - whole) if have > whole else ([], 0)
        if have:
            yield _joined(held)

    def _read(self, fields: Sequence[str], start: int, stop: int) -> Iterator[Block]:
        """The same in the blocks in which they are read."""
        pairs = copy.copy(self.pairs)  # with files of its own, so that two may be read in turn
        pairs.view = View(tuple(fields), root_relative=False)
        try:
            for span, first in zip(pairs.spans, self._starts, strict=False):
                low, high = max(start - first, 0), min(stop - first, span.rows)
                if low < high:
                    yield _cut(pairs.read(span), low, high)
        finally:
            pairs.close()


def _length(block: Block) -> int:
    return len(next(iter(block.values())))


def _cut(block: Block, start: int, stop: int) -> Block:
    return {name: values[start:stop] for name, values in block.items()}


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
