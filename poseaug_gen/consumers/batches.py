"""Batches of an export's rows: what every loader hands on, and the options that all of them have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from poseaug_gen.consumers.order import Dealing, Group, Order
from poseaug_gen.consumers.pairs import Pairs
from poseaug_gen.consumers.view import Block, View
from poseaug_gen.export.schema import CHUNK_ROWS

Batch = tuple[np.ndarray, ...]  # the fields in the order in which they were asked for, each (rows, …)

BUFFER_ROWS = 65536  # 16 chunks; at 320 bytes a row, the group that is read and the one that is dealt take 42 MB
PIECE_ROWS = 256  # of a batch that is read by itself: one of 1,024 rows is from four places of the export


class Options(TypedDict, total=False):
    """What every loader can be asked for.

    Attributes:
        fields: columns of the export, in the order in which a batch has them; ``("positions_2d", "positions_3d")``.
        pixels: 2D points and intrinsics in pixels; else (the default) normalised by half the image's width.
        root_relative: ``positions_3d`` about its root joint (the default); else absolute in the camera frame. Metres.
        split: ``"training"`` or ``"validation"``, of an export with that column; None, the default: all rows.
        hashes: read all files first and compare their SHA-256, so that not a bit of them was changed; else (the
            default) only that they are the right files and of the right length.
        shuffle: another order in each epoch (the default); else the export's.
        seed: of the orders; 0.
        drop_remainder: leave out what does not fill a batch; else (the default) the last batch is smaller.
        rank, world: this process's number among how many, each of which sees other rows. By default what the
            framework says (``torch.distributed``, ``jax.process_index()``), else 0 of 1.
    """

    fields: Sequence[str]
    pixels: bool
    root_relative: bool
    split: str | None
    hashes: bool
    shuffle: bool
    seed: int
    drop_remainder: bool
    rank: int
    world: int


class StreamOptions(Options, total=False):
    """What loaders that read one batch after the other can be asked for.

    Attributes:
        buffer_rows: how many rows are mixed with each other in memory; 65,536, and twice as many are in memory.
    """

    buffer_rows: int


class Batches:
    """The batches of every epoch. Can be pickled; holds no rows.

    Attributes:
        pairs: the export.
        order: of its rows.
    """

    def __init__(self, pairs: Pairs, dealing: Dealing):
        """
        Raises:
            BadConfigError: the export has too few rows for such batches.
        """
        self.pairs = pairs
        self.order = Order(np.array([span.rows for span in pairs.spans], dtype=np.int64), dealing, str(pairs.path))

    def __len__(self) -> int:
        """Batches of an epoch on this rank."""
        return self.order.batches

    def stream(self, epoch: int, skip: int = 0, part: int = 0, parts: int = 1, lump: int = 1) -> Iterator[Batch]:
        """The batches of an epoch. While those of a group are dealt, a thread reads the next group.

        Args:
            skip: leave out so many batches; of those, only the ones in the first group that is needed are read.
            part: take the groups numbered ``part``, ``part + parts``, … alone.
            lump: hand on up to so many full batches as one.
        """
        groups = range(part, self.order.groups, parts)
        while groups and skip >= self.order.batches_of(groups[0]):
            skip, groups = skip - self.order.batches_of(groups[0]), groups[1:]
        rooms = [self.pairs.room_for(self.order.rows_of(group)) for group in groups[:2]]
        with ThreadPoolExecutor(1, "poseaug-gen-reader") as reader:
            ahead = [reader.submit(self._read, epoch, group, rooms[0]) for group in groups[:1]]
            for turn, _ in enumerate(groups):
                columns, group = ahead.pop().result()
                for number in groups[turn + 1 : turn + 2]:
                    ahead.append(reader.submit(self._read, epoch, number, rooms[(turn + 1) % 2]))
                for start, stop in _lumps(group.ends, skip if turn == 0 else 0, lump, self.order.dealing.batch):
                    yield self._take(columns, group.mix[start:stop])

    def at(self, epoch: int, batch: int) -> Batch:
        """One batch, for which its group is read: so let groups be of one batch."""
        number, within = divmod(batch, self.order.dealing.group)
        columns, group = self._read(epoch, number, self.pairs.room_for(self.order.rows_of(number)))
        return self._take(columns, group.mix[group.ends[within] : group.ends[within + 1]])

    def _read(self, epoch: int, number: int, columns: Block) -> tuple[Block, Group]:
        """The rows of a group, not mixed yet, in memory that is there for them."""
        group, at = self.order.group(epoch, number), 0
        for piece in group.pieces:
            at = self.pairs.fill(columns, at, self.pairs.spans[piece.span], piece.start, piece.stop)
        return columns, group

    def _take(self, columns: Block, rows: np.ndarray) -> Batch:
        """Some rows as the view sees them, in memory of their own."""
        seen = self.pairs.view.of({name: values.take(rows, axis=0) for name, values in columns.items()})
        return tuple(seen[name] for name in self.pairs.view.fields)


def in_sequence(path: str | Path, batch: int, **options: Unpack[StreamOptions]) -> Batches:
    """Batches that are read one after the other: whole chunks, mixed over many batches.

    Raises:
        PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
        BadConfigError: an option does not make sense, or not for this export.
    """
    options.setdefault("buffer_rows", BUFFER_ROWS)
    return _opened(path, batch, CHUNK_ROWS, **options)


def one_by_one(path: str | Path, batch: int, **options: Unpack[Options]) -> Batches:
    """Batches any of which can be read by itself, each from several places of the export. Raises as the other does."""
    return _opened(path, batch, PIECE_ROWS, buffer_rows=1, **options)


def _opened(
    path: str | Path,
    batch: int,
    piece: int,
    buffer_rows: int,
    fields: Sequence[str] = View.fields,
    pixels: bool = False,
    root_relative: bool = True,
    split: str | None = None,
    hashes: bool = False,
    **dealing: Any,
) -> Batches:
    view = View((fields,) if isinstance(fields, str) else tuple(fields), pixels, root_relative)
    return Batches(Pairs(path, view, split, hashes), Dealing(batch, buffer_rows, piece, **dealing))


def _lumps(ends: Sequence[int], skip: int, lump: int, full: int) -> Iterator[tuple[int, int]]:
    """Where the batches of a group begin and end, up to ``lump`` full ones in one."""
    sizes = [stop - start for start, stop in pairwise(ends)]
    while skip < len(sizes):
        last = skip + 1
        while last < min(skip + lump, len(sizes)) and sizes[last] == sizes[skip] == full:
            last += 1
        yield ends[skip], ends[last]
        skip = last
