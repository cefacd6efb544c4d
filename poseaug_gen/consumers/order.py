"""Which rows of an export come when, as numbers alone: every loader's order, whatever the framework.

In each epoch the pieces of an export (whole chunks, read in one go) are laid end to end in an order drawn from the
seed and the epoch. Ranks cut that line into equal lengths, so that each row is one rank's. A rank reads its length in
groups of batches and mixes the rows of each group in memory. All of it follows from the seed, the epoch, the rank and
the group's number, so a loader can begin anywhere without reading what came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from poseaug_gen.errors import BadConfigError


@dataclass(frozen=True)
class Piece:
    """Rows that are read in one go: the wanted rows ``start`` to ``stop`` of a span."""

    span: int
    start: int
    stop: int


@dataclass(frozen=True)
class Group:
    """Batches whose rows are mixed with each other.

    Attributes:
        pieces: what is read for them, one after the other.
        mix: in the order of the batches, which of the rows read.
        ends: where among these each batch ends, and 0 before them.
    """

    pieces: tuple[Piece, ...]
    mix: np.ndarray
    ends: tuple[int, ...]


@dataclass(frozen=True)
class Dealing:
    """How rows are dealt into batches.

    Attributes:
        batch: rows of a batch.
        buffer_rows: how many rows are mixed with each other in memory: those of so many whole batches, of one at least.
        piece: the most rows that are read in one go.
        shuffle: else the rows come as they lie in the export.
        seed: of the orders of all epochs.
        drop_remainder: leave out what does not fill a batch; else the last batch is smaller.
        rank: which of ``world`` processes, each of which sees other rows.
    """

    batch: int
    buffer_rows: int
    piece: int
    shuffle: bool = True
    seed: int = 0
    drop_remainder: bool = False
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        for name, least in {"batch": 1, "buffer_rows": 1, "piece": 1, "seed": 0, "rank": 0, "world": 1}.items():
            check_count(name, getattr(self, name), least)
        if self.rank >= self.world:
            raise BadConfigError(f"rank={self.rank}: is one of 0 to {self.world - 1}, as world={self.world}")

    @property
    def group(self) -> int:
        """How many batches are mixed with each other."""
        return max(1, self.buffer_rows // self.batch)


class Order:
    """The order of every epoch over spans with so many wanted rows each."""

    def __init__(self, spans: np.ndarray, dealing: Dealing, where: str):
        """
        Raises:
            BadConfigError: there are too few rows for a batch on every rank; ``where`` is named.
        """
        self.dealing = dealing
        pieces = -(-spans // dealing.piece)
        self._span = np.repeat(np.arange(len(spans)), pieces)
        before = np.repeat(np.cumsum(pieces) - pieces, pieces)  # pieces of the spans before
        self._start = (np.arange(len(self._span)) - before) * dealing.piece
        self._rows = np.minimum(dealing.piece, spans[self._span] - self._start)
        self._total = int(self._rows.sum())
        self._line: tuple[int, np.ndarray, np.ndarray] | None = None
        if not self.batches:
            wanted = f"a batch of {dealing.batch:,}" if dealing.drop_remainder else "one"
            ranks = f" on each of {dealing.world} ranks" if dealing.world > 1 else ""
            mend = "take smaller batches" if dealing.drop_remainder else "take fewer ranks or other rows"
            raise BadConfigError(f"{where}: its {self._total:,} rows are too few for {wanted}{ranks}; {mend}")

    @cached_property
    def batches(self) -> int:
        """Batches of an epoch: as many on every rank, or with ``batch=1`` one more or less."""
        dealing, (start, stop) = self.dealing, self._stretch
        if dealing.drop_remainder:
            return self._total // dealing.world // dealing.batch
        most = -(-self._total // dealing.world)
        return min(-(-most // dealing.batch), stop - start)

    @property
    def groups(self) -> int:
        """Groups of an epoch; all but the last have :attr:`Dealing.group` batches."""
        return -(-self.batches // self.dealing.group)

    def batches_of(self, group: int) -> int:
        """How many batches a group has."""
        return min(self.dealing.group, self.batches - group * self.dealing.group)

    def rows_of(self, group: int) -> int:
        """How many rows a group has."""
        first = group * self.dealing.group
        return self._end(first + self.batches_of(group)) - self._end(first)

    def place(self, epoch: int, skip: int) -> tuple[int, int]:
        """The epoch, and the batches of it that are past, after so many batches from an epoch's beginning on.

        Raises:
            BadConfigError: a number is no whole one or negative.
        """
        check_count("epoch", epoch, 0)
        check_count("skip", skip, 0)
        return int(epoch) + int(skip) // self.batches, int(skip) % self.batches

    def state(self, epoch: int, skip: int) -> dict[str, Any]:
        """A place as JSON has it, with all that the order depends on but the rank."""
        return {"epoch": epoch, "batch": skip, "order": self._facts()}

    def place_in(self, state: Mapping[str, Any]) -> tuple[int, int]:
        """The place that a :meth:`state` tells.

        Raises:
            BadConfigError: it is none, or of batches in another order.
        """
        if not {"epoch", "batch", "order"} <= set(state):
            raise BadConfigError("a loader's state has 'epoch', 'batch' and 'order'; take what state_dict() gave")
        for name, ours in self._facts().items():
            theirs = state["order"].get(name)
            if theirs != ours:
                raise BadConfigError(f"the state is of a loader with {name}={theirs!r}; this one has {name}={ours!r}")
        for name in ("epoch", "batch"):
            check_count(name, state[name], 0)
        return self.place(state["epoch"], state["batch"])

    def _facts(self) -> dict[str, int]:
        facts = {**asdict(self.dealing), "rows": self._total}
        return {name: int(value) for name, value in facts.items() if name != "rank"}

    def group(self, epoch: int, number: int) -> Group:
        """The group of that number in an epoch."""
        first = number * self.dealing.group
        ends = [self._end(batch) for batch in range(first, first + self.batches_of(number) + 1)]
        rows = self.rows_of(number)
        mix = np.arange(rows)
        if self.dealing.shuffle:  # + 1: NumPy takes no notice of zeros at the end, and the line's seed is the first two
            mix = np.random.default_rng((self.dealing.seed, epoch, self.dealing.rank + 1, number + 1)).permutation(rows)
        pieces = self._pieces(epoch, self._stretch[0] + ends[0], self._stretch[0] + ends[-1])
        return Group(pieces, mix, tuple(end - ends[0] for end in ends))

    @cached_property
    def _stretch(self) -> tuple[int, int]:
        """Where on the line this rank's rows begin and end: lengths differ by a row at most."""
        rank, world = self.dealing.rank, self.dealing.world
        return rank * self._total // world, (rank + 1) * self._total // world

    def _end(self, batch: int) -> int:
        """Rows of this rank before a batch.

        Where this rank's rows fill whole batches and another's are one more, both make one batch more: ours takes a
        row off the one before. Ranks with unequal numbers of batches would wait for each other for ever.
        """
        full, (start, stop) = batch * self.dealing.batch, self._stretch
        return full if self.dealing.drop_remainder else min(full, stop - start - (self.batches - batch))

    def _pieces(self, epoch: int, start: int, stop: int) -> tuple[Piece, ...]:
        """What lies on an epoch's line from ``start`` to ``stop``."""
        order, ends = self._line_of(epoch)
        found = []
        for place in range(int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, stop)) + 1):
            piece = order[place]
            begin = int(ends[place] - self._rows[piece])  # of the piece, on the line
            at = int(self._start[piece]) - begin
            found.append(Piece(int(self._span[piece]), max(start, begin) + at, min(stop, int(ends[place])) + at))
        return tuple(found)

    def _line_of(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The pieces in an epoch's order, and where each ends on the line. The last epoch's are kept."""
        kept = self._line
        if kept is None or kept[0] != epoch:
            order = np.arange(len(self._rows))
            if self.dealing.shuffle:
                order = np.random.default_rng((self.dealing.seed, epoch)).permutation(len(self._rows))
            self._line = kept = epoch, order, np.cumsum(self._rows[order])
        return kept[1:]


def check_count(name: str, value: object, least: int) -> None:
    """Raises a BadConfigError where a number is no whole one or smaller than the least that makes sense."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise BadConfigError(f"{name}={value!r}: is a whole number, {least} or more")
