"""Which files an export consists of, by name alone.

``aug.h5`` alone or, of more pairs than one file holds, ``aug.shards/aug-00000-of-00003.h5`` …, a manifest beside them
and ``aug.h5``, a virtual dataset over them. Beside a whole export is its card, ``aug.README.md``. A shard that a job
made by itself has an entry file beside it until it is merged: ``aug.shards/aug-00000-of-00003.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.schema import CHUNK_ROWS, Column

FOLDER = ".shards"  # the end of the name of the folder of the shards
MANIFEST = "manifest.json"  # in it
_OVERHEAD = 256 * 1024  # bytes of a file beside its rows: attributes and HDF5's own tables


@dataclass(frozen=True)
class Layout:
    """The files of an export of ``rows`` pairs at ``out``, at most ``shard_rows`` in each."""

    out: Path
    rows: int
    shard_rows: int

    @property
    def shards(self) -> int:
        return -(-self.rows // self.shard_rows)

    @property
    def sharded(self) -> bool:
        """Whether there are shards with a manifest, and not one plain file."""
        return self.shards > 1

    @property
    def folder(self) -> Path:
        """Where the shards lie if there are several."""
        return self.out.with_name(f"{self.out.stem}{FOLDER}")

    @property
    def manifest(self) -> Path:
        return self.folder / MANIFEST

    @property
    def card(self) -> Path:
        """What is to be read of it by people; a folder may hold several exports, and a README of its own."""
        return self.out.with_name(f"{self.out.stem}.README.md")

    def path(self, shard: int) -> Path:
        """The file of one shard."""
        if not self.sharded:
            return self.out
        return self.folder / f"{self.out.stem}-{shard:05d}-of-{self.shards:05d}.h5"

    def entry(self, shard: int) -> Path:
        """The entry file of a shard that a job made by itself."""
        return self.path(shard).with_suffix(".json")

    def rows_of(self, shard: int) -> int:
        """How many rows that file holds: only the last is short."""
        return min(self.shard_rows, self.rows - shard * self.shard_rows)

    def bytes_needed(self, columns: Sequence[Column], shards: Iterable[int] | None = None) -> int:
        """What the files (all of them, or those of some shards) take on the disk.

        HDF5 fills up the last chunk of each.
        """
        row_bytes = sum(column.row_bytes for column in columns)
        rows = (self.rows_of(shard) for shard in (range(self.shards) if shards is None else shards))
        return sum(-(-n // CHUNK_ROWS) * CHUNK_ROWS * row_bytes + _OVERHEAD for n in rows)

    def shard_names(self) -> re.Pattern[str]:
        """What the name of any file in the folder looks like that an export at ``out`` may have made, manifest apart.

        Group ``kind`` is ``h5`` or ``json``; temporaries and locks are others.
        """
        return re.compile(rf"{re.escape(self.out.stem)}-(?P<shard>\d{{5,}})-of-(?P<shards>\d{{5,}})\.(?P<kind>h5|json)")


def shard_layout(out: Path, rows: int, shard_rows: int, shards: int, given: bool) -> Layout:
    """The layout of which one job makes a single shard of ``shards``.

    Args:
        shard_rows: most rows in one file, where it was ``given``; else the rows are spread over so many shards.

    Raises:
        PoseAugError: the rows are not so many shards.
    """
    layout = Layout(out, rows, shard_rows if given else -(-rows // shards))
    if layout.shards != shards:
        mend = f"ask for --shard i/{layout.shards}" + (", or leave --shard-rows out" if given else "")
        raise PoseAugError(
            f"--shard i/{shards}: {rows:,} pairs, {layout.shard_rows:,} a shard, are {layout.shards:,} shards; {mend}"
        )
    return layout
