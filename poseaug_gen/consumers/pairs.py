"""The rows of an export in blocks of whole chunks, for whichever process or thread asks.

Random rows are read a hundred times slower than whole chunks in every layout, so consumers read blocks and shuffle in
memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseaug_gen.consumers.files import Files
from poseaug_gen.consumers.view import Block, View
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export.intact import intact
from poseaug_gen.export.reading import REMAKE, Part, check_form, find, opened, parsed, read_attributes, skeleton_of
from poseaug_gen.export.schema import CHUNK_ROWS, all_columns

SPLITS = ("training", "validation")  # what 0 and 1 mean in the column ``split``


@dataclass(frozen=True)
class Span:
    """Consecutive rows of one file.

    Attributes:
        part: number of the file among the export's.
        start: first row, within the file.
        stop: after the last row.
        rows: how many of them are wanted: all, or those of one split.
    """

    part: int
    start: int
    stop: int
    rows: int


class Pairs:
    """An export that is whole, and what of it a consumer wants. Can be pickled; holds no rows.

    Attributes:
        path: of the export.
        skeleton: whose poses it holds.
        attributes: of the file, JSON in strings (see docs/format.md).
        view: what is seen of a row.
        parts: the files with the rows.
        spans: the blocks, at most :data:`CHUNK_ROWS` rows each, in the order of the export; those with no wanted row
            are left out.
    """

    def __init__(self, path: str | Path, view: View | None = None, split: str | None = None, hashes: bool = False):
        """
        Args:
            path: a plain export, the virtual dataset over shards, or a folder of shards.
            split: ``training`` or ``validation`` where the export has such a column; None: all rows.
            hashes: read all files first and compare their SHA-256, so that not a bit was changed since.

        Raises:
            PoseAugError: the export is not whole: a shard is missing, truncated, damaged or another export's.
            BadConfigError: it has no such field or split.
        """
        found, self.view = find(Path(path)), view or View()
        intact(found, hashes)
        self.path, self.parts, self.split = found.path, found.parts, split
        first = self.parts[0].path
        with opened(first, heaps=False) as file:
            self.attributes = read_attributes(file, first)
            self.skeleton = skeleton_of(self.attributes, first)
            self.columns = {column.name: column for column in all_columns(self.skeleton) if column.name in file}
        self.view.check(self.columns, str(self.path))
        self._wanted = self._split_value(split)
        self.spans = tuple(span for number, part in enumerate(self.parts) for span in self._spans(number, part))
        self._files = Files([part.path for part in self.parts])

    def __len__(self) -> int:
        return sum(span.rows for span in self.spans)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one row of a column."""
        return self.columns[name].shape

    def dtype(self, name: str) -> np.dtype:
        """Of a column, as NumPy names it."""
        return np.dtype(self.columns[name].dtype)

    def fact(self, name: str) -> Any:
        """What is in an attribute that holds JSON, such as ``source``."""
        return parsed(self.attributes, name, self.path)

    def read(self, span: Span) -> Block:
        """The wanted rows of a span, as the view sees them.

        Raises:
            PoseAugError: the file is damaged or was removed meanwhile.
        """
        columns = self.room_for(span.rows)
        self.fill(columns, 0, span, 0, span.rows)
        return self.view.of(columns)

    def room_for(self, rows: int) -> Block:
        """Memory for so many rows as they lie in the file, for :meth:`fill`: the view is still to come."""
        return {name: np.empty((rows, *self.shape(name)), self.dtype(name)) for name in self.view.reads}

    def fill(self, columns: Block, at: int, span: Span, start: int, stop: int) -> int:
        """Put the wanted rows ``start`` to ``stop`` of a span into columns, from row ``at`` on.

        Returns:
            the row after them.

        Raises:
            PoseAugError: the file is damaged or was removed meanwhile.
        """
        path, end = self.parts[span.part].path, at + stop - start
        try:
            first, last, kept = span.start + start, span.start + stop, slice(None)
            if span.rows < span.stop - span.start:  # some rows are not wanted
                split = self._files.dataset(span.part, "split")[span.start : span.stop]
                marks = span.start + np.flatnonzero(split == self._wanted)[start:stop]
                first, last, kept = marks[0], marks[-1] + 1, marks - marks[0]
            for name, values in columns.items():
                values[at:end] = self._files.dataset(span.part, name)[first:last][kept]
        except (OSError, RuntimeError, LookupError, ValueError) as error:
            raise PoseAugError(f"{path}: damaged, or changed since it was opened ({error}); {REMAKE}") from error
        return end

    def close(self) -> None:
        """Close the files that this process opened; they are opened again where they are needed."""
        self._files.close()

    def _split_value(self, split: str | None) -> int | None:
        if split is None:
            return None
        if split not in SPLITS:
            raise BadConfigError(f"split={split!r}: is one of {', '.join(map(repr, SPLITS))}, or None for all rows")
        if "split" not in self.columns:
            raise BadConfigError(f"{self.path}: has no column 'split'; export with --split val=0.02 for one")
        return SPLITS.index(split)

    def _spans(self, number: int, part: Part) -> list[Span]:
        """The blocks of one file, whose form is checked on the way."""
        with opened(part.path, heaps=False) as file:
            check_form(file, part.path, self.skeleton, part.rows)
            marks = None if self._wanted is None else file["split"][:] == self._wanted
        spans = []
        for start in range(0, part.rows, CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, part.rows)
            rows = stop - start if marks is None else int(marks[start:stop].sum())
            if rows:
                spans.append(Span(number, start, stop, rows))
        return spans
