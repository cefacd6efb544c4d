"""The journal of a conversion: what is converted into what, and every file that is whole. A line each, only added to.

A kill may cut the last line short; then its file is made again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError

NAME = ".conversion.jsonl"  # hidden, as readers of whole folders (pyarrow, Spark, HuggingFace) pass over such files


@dataclass(frozen=True)
class Entry:
    """A file that is whole."""

    file: str
    bytes: int
    sha256: str


@dataclass
class Journal:
    """What is in a journal.

    Attributes:
        path: of the journal.
        facts: what is converted, and how; plain data.
        entries: of the files that are whole, by name.
    """

    path: Path
    facts: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def found(cls, folder: Path) -> Journal | None:
        """The journal in a folder; None where there is none.

        Raises:
            PoseAugError: it is damaged.
        """
        path = folder / NAME
        if not path.is_file():
            return None
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            first, *others = lines[:-1]  # what follows the last line's end is a line that a kill cut short, or nothing
            entries = [Entry(**json.loads(line)) for line in others]
            strange = [e.file for e in entries if Path(e.file).is_absolute() or ".." in Path(e.file).parts]
            if strange:
                raise ValueError(f"the file {strange[0]!r} is not in the folder")
            return cls(path, dict(json.loads(first)), {entry.file: entry for entry in entries})
        except OSError as error:
            raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise PoseAugError(f"{path}: damaged ({error}); remove the folder, or choose another --out") from error

    def begin(self) -> None:
        """Write all of it anew: with whole lines, one an entry."""
        lines = [json.dumps(self.facts), *(_line(entry) for entry in self.entries.values())]
        storage.write_text(self.path, "".join(f"{line}\n" for line in lines))

    def add(self, entry: Entry) -> None:
        """Note that a file is whole."""
        self.entries[entry.file] = entry
        storage.append_text(self.path, f"{_line(entry)}\n")


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry))
