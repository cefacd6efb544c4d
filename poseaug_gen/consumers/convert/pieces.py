"""What a format is, what it is asked for, and the files that it answers with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseaug_gen.consumers.convert.joints import Joints
from poseaug_gen.consumers.convert.rows import Rows
from poseaug_gen.consumers.pairs import Pairs

Advance = Callable[[int], object]  # told how many rows were written since it was last called

# Attributes in which the files of one export differ, and those that say how large it is.
_PER_FILE = ("row_count", "redrawn", "shard", "digests")


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be converted.

    Attributes:
        pairs: the export.
        splits: the rows by the split that they are of, ``training`` or ``validation``; all of them under ``""`` where
            the export has none or the format does not tell them apart.
        joints: that the files are to have.
        name: what the files are called: the export's, without its suffix.
        rows_per_file: at most so many are in one file; 0: all.
    """

    pairs: Pairs
    splits: Mapping[str, Rows]
    joints: Joints
    name: str
    rows_per_file: int

    @property
    def rows(self) -> int:
        return sum(map(len, self.splits.values()))

    @property
    def all_rows(self) -> Rows:
        """The rows, for a format that does not keep splits apart."""
        (rows,) = self.splits.values()
        return rows

    @property
    def detected(self) -> bool:
        """Whether the export has a detector's 2D poses beside the projections."""
        return "detected_2d" in self.pairs.columns

    def attributes(self) -> dict[str, str | int]:
        """The export's attributes, less those of one file."""
        return {name: value for name, value in self.pairs.attributes.items() if name not in _PER_FILE}


@dataclass(frozen=True, eq=False)
class Piece:
    """One file of a conversion, which is there whole or not at all.

    Attributes:
        name: in the folder of the conversion; may have folders of its own.
        rows: how many rows are read to write it, counted as often as they are.
        bytes: about how long it will be.
        write: makes the file at a path.
    """

    name: str
    rows: int
    bytes: int
    write: Callable[[Path, Advance], None]


@dataclass(frozen=True)
class Format:
    """One of the forms into which exports are converted.

    Attributes:
        title: how sentences call its files.
        pieces: the files that a task becomes, in the order in which they are written.
        next_step: what a user does with them, in a line; the folder is the argument.
        keeps: the columns whose contents are in the files.
        layouts: the skeletons whose joints its files may have, the most wanted first; none: any.
        derives: whether joints may be chosen or derived; else poses stay as they are.
        splits: whether its files keep training and validation rows apart.
        rows_per_file: where nothing else is asked; 0: one file holds all, as its readers want.
        check: raises a PoseAugError where a package that it needs is not installed.
    """

    title: str
    pieces: Callable[[Task], list[Piece]]
    next_step: Callable[[Task, Path], str]
    keeps: Sequence[str]
    layouts: Sequence[str] = ()
    derives: bool = True
    splits: bool = False
    rows_per_file: int = 0
    check: Callable[[], object] = lambda: None


def parts_of(task: Task) -> list[tuple[int, int, str]]:
    """First row, row after the last, and number of each of the files that share the rows: ``00000-of-00004``."""
    rows = task.rows
    size = task.rows_per_file or rows
    starts = range(0, rows, size)
    return [(start, min(start + size, rows), f"{i:05d}-of-{len(starts):05d}") for i, start in enumerate(starts)]


def every_column(task: Task) -> list[dict[str, Any]]:
    """The export's columns as they are: name, shape of a row, type and what they mean."""
    columns = task.pairs.columns.values()
    return [
        {"name": c.name, "shape": list(c.shape), "dtype": np.dtype(c.dtype).name, "unit": c.unit, "meaning": c.meaning}
        for c in columns
    ]


def json_piece(name: str, value: Any) -> Piece:
    """A small file of readable JSON."""
    return text_piece(name, json.dumps(value, indent=2) + "\n")


def text_piece(name: str, text: str) -> Piece:
    """A small file of text."""
    data = text.encode("utf-8")

    def write(path: Path, advance: Advance) -> None:
        path.write_bytes(data)

    return Piece(name, 0, len(data), write)


def about(task: Task) -> dict[str, Any]:
    """What lies beside the files of formats that have no place for it: whose poses these are, and whence."""
    skeleton = task.joints.skeleton.describe()
    export = task.attributes()
    return {
        "joint_names": skeleton["joint_names"],
        "parents": skeleton["parents"],
        "left": skeleton["left"],
        "right": skeleton["right"],
        "derived_joints": task.joints.derived,
        "rows": {name or "all": len(rows) for name, rows in task.splits.items()},
        "export": {name: _plain(value) for name, value in export.items() if name != "skeleton"},
    }


def _plain(value: str | int) -> Any:
    """What is in an attribute: those that hold JSON begin with a brace."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value
