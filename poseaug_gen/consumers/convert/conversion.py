"""A conversion: which rows, into which files, which of those are there already, and writing the others.

A file is written under a temporary name, fsynced, renamed and then entered in the journal with its SHA-256. So what has
a name is whole, and the same conversion goes on where it was stopped, by whatever: file by file. A format whose readers
want all rows in one file begins that file again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseaug_gen import __version__, storage
from poseaug_gen.consumers.convert.joints import choose_joints, own_joints
from poseaug_gen.consumers.convert.journal import NAME, Entry, Journal
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task
from poseaug_gen.consumers.convert.registry import FORMATS, format_of
from poseaug_gen.consumers.convert.rows import Rows
from poseaug_gen.consumers.pairs import SPLITS, Pairs
from poseaug_gen.errors import BadConfigError, PoseAugError, nearest
from poseaug_gen.export.dataset import in_bytes
from poseaug_gen.export.manifest import differences
from poseaug_gen.export.schema import settings_hash

MEND = "repeat the old ones, choose another --out, or start again with --overwrite"


@dataclass(frozen=True)
class Summary:
    """What a conversion consists of now.

    Attributes:
        rows: of each split; ``all`` where they are not told apart.
        files, bytes: of all of it.
        made: how many files were written just now; the others were there, and whole.
        left_out: columns of the export that such files have no place for.
        derived: joints that the export lacks, and what they were made of.
        next_step: what to do with it.
    """

    path: Path
    rows: dict[str, int]
    files: int
    bytes: int
    made: int
    left_out: list[str]
    derived: dict[str, str]
    next_step: str


@dataclass(frozen=True, eq=False)
class Conversion:
    """What is to be written, before anything is. Made by :func:`prepare`."""

    out: Path
    format: Format
    task: Task
    pieces: Sequence[Piece]
    facts: dict[str, Any]

    @property
    def work(self) -> int:
        """How many rows are read to write all files, counted as often as they are."""
        return sum(piece.rows for piece in self.pieces)

    def run(
        self,
        overwrite: bool = False,
        advance: Advance = lambda rows: None,
        say: Callable[[str], object] = lambda text: None,
    ) -> Summary:
        """Write the files that are not there, or not whole.

        Args:
            overwrite: begin again, whatever conversion is there.
            advance: told how much of :attr:`work` was done, or found to be done, since it was last called.
            say: told how much room is needed.

        Raises:
            PoseAugError: another conversion is there, or none that we know; another process writes it; there is no
                room. Whole files stay, and the same call goes on from them.
        """
        if self.out.exists() and not self.out.is_dir():
            raise PoseAugError(f"{self.out}: is a file; give the name of a folder with --out")
        with storage.locked(self.out, f"{self.out}: another conversion is writing it; wait for its end"):
            journal, old = self._begun(overwrite)
            todo = [piece for piece in self.pieces if piece.name not in journal.entries]
            advance(self.work - sum(piece.rows for piece in todo))
            if todo:
                self._check_room(todo, sum(entry.bytes for entry in old), say)
                for name in (NAME, *(entry.file for entry in old)):  # what is left is then no conversion's
                    (self.out / name).unlink(missing_ok=True)
                journal.begin()
            for piece in todo:
                self._write(piece, journal, advance)
            if todo:  # in one order, in whichever they were made
                journal.entries = {piece.name: journal.entries[piece.name] for piece in self.pieces}
                journal.begin()
        size = sum(entry.bytes for entry in journal.entries.values())
        rows = {name or "all": len(rows) for name, rows in self.task.splits.items()}
        left_out = [name for name in self.task.pairs.columns if name not in (*self.format.keeps, "split")]
        next_step = self.format.next_step(self.task, self.out)
        derived = self.task.joints.derived
        return Summary(self.out, rows, len(self.pieces), size, len(todo), left_out, derived, next_step)

    def _begun(self, overwrite: bool) -> tuple[Journal, list[Entry]]:
        """The journal of this conversion with those files alone that are there and whole; and files to be removed.

        Raises:
            PoseAugError: something else is there.
        """
        own = Journal(self.out / NAME, self.facts)
        found = Journal.found(self.out)
        if found is None:
            if self.out.is_dir() and any(self.out.iterdir()):
                raise PoseAugError(f"{self.out}: holds files that are of no conversion; choose another --out")
            return own, []
        storage.clear_temporaries(self.out)
        if overwrite:
            return own, list(found.entries.values())
        different = differences(found.facts, self.facts)
        if different:
            raise PoseAugError(f"{self.out}: was made with other settings ({different}); {MEND}")
        names = {piece.name for piece in self.pieces}
        own.entries.update(
            (name, entry) for name, entry in found.entries.items() if name in names and self._is_whole(entry)
        )
        return own, []

    def _is_whole(self, entry: Entry) -> bool:
        path = self.out / entry.file
        return path.is_file() and path.stat().st_size == entry.bytes and storage.sha256(path) == entry.sha256

    def _check_room(self, todo: Sequence[Piece], freed: int, say: Callable[[str], object]) -> None:
        """Say before the work how much room its result needs, or that there is not so much."""
        needed = sum(piece.bytes for piece in todo)
        place = next(folder for folder in (self.out, *self.out.absolute().parents) if folder.is_dir())
        free = shutil.disk_usage(place).free + freed
        if needed > free:
            raise PoseAugError(
                f"{self.out}: needs about {in_bytes(needed)} and its disk has {in_bytes(free)} free; make room, choose "
                f"another --out, or ask for fewer with --rows"
            )
        say(f"needs about {in_bytes(needed)}, {in_bytes(free)} free")

    def _write(self, piece: Piece, journal: Journal, advance: Advance) -> None:
        path = self.out / piece.name
        with storage.replacing(path) as temporary:
            piece.write(temporary, advance)
        journal.add(Entry(piece.name, path.stat().st_size, storage.sha256(path)))


def prepare(
    export: str | Path,
    to: str,
    out: str | Path | None = None,
    split: str | None = None,
    rows: int | None = None,
    rows_per_file: int | None = None,
    skeleton: str | None = None,
) -> Conversion:
    """What the conversion of an export writes; nothing is written yet.

    Args:
        export: a plain export, the virtual dataset over shards, or a folder of shards.
        to: one of :data:`poseaug_gen.consumers.convert.registry.FORMATS`.
        out: folder to write; None: the export's name with that of the format, here.
        split: ``training`` or ``validation``: only such rows.
        rows: at most so many; of each split, where the format keeps them apart.
        rows_per_file: at most so many in one file, where the format may have several.
        skeleton: whose joints the files are to have; those that the export lacks are derived.

    Raises:
        PoseAugError: the export is not whole, or lacks a joint that such files have.
        BadConfigError: a setting is unknown or does not fit the format.
    """
    if to not in FORMATS:
        raise BadConfigError(f"--to {to}: no such format; {nearest(to, FORMATS)}")
    form = format_of(to)
    _check_settings(form, to, rows, rows_per_file, skeleton)
    form.check()
    pairs = Pairs(export, split=split)
    joints = own_joints(pairs.skeleton)
    if form.derives:
        joints = choose_joints(pairs.skeleton, form.layouts, skeleton, form.title, str(export))
    splits = _splits(pairs, split, rows, form)
    name = Path(export).stem
    task = Task(pairs, splits, joints, name, rows_per_file or form.rows_per_file)
    if not task.rows:
        raise PoseAugError(f"{export}: has no {split} rows; export again with another share of them (--split)")
    facts = {
        "format": to,
        "tool_version": __version__,
        "export_sha256": _identity(pairs),
        "rows": {name or "all": len(rows) for name, rows in splits.items()},
        "rows_per_file": task.rows_per_file,
        "joints": list(joints.skeleton.joints),
        "derived": joints.derived,
        "name": name,
    }
    place = Path(f"{name}.{to}") if out is None else Path(out)
    return Conversion(place, form, task, form.pieces(task), facts)


def _check_settings(form: Format, to: str, rows: int | None, rows_per_file: int | None, skeleton: str | None) -> None:
    """Raises a BadConfigError where a setting does not fit the format."""
    for name, value in (("rows", rows), ("rows-per-file", rows_per_file)):
        if value is not None and value < 1:
            raise BadConfigError(f"--{name} {value}: must be at least 1")
    if rows_per_file is not None and not form.rows_per_file:
        raise BadConfigError(f"--rows-per-file: {to} has all rows in one file, as its readers want; leave it out")
    if skeleton is not None and not form.derives:
        raise BadConfigError(f"--skeleton: {to} has the export's columns as they are; leave it out")


def _splits(pairs: Pairs, split: str | None, most: int | None, form: Format) -> dict[str, Rows]:
    """The rows by split, where the format keeps splits apart and the export has them."""
    if split is None and form.splits and "split" in pairs.columns:
        apart = {name: Rows(Pairs(pairs.path, split=name), most) for name in SPLITS}
        return {name: rows for name, rows in apart.items() if len(rows)}
    return {split or "": Rows(pairs, most)}


def _identity(pairs: Pairs) -> str:
    """One hash of all that is in an export: its settings and, by the hashes that it was written with, its rows."""
    parts = [part.sha256 or pairs.attributes.get("digests") for part in pairs.parts]
    return hashlib.sha256(json.dumps([settings_hash(pairs.attributes), parts]).encode()).hexdigest()
