"""The manifest of a folder of shards: what they share, and rows, bytes and SHA-256 of each that is finished.

It is there from the first finished shard on and holds the same bytes in the end, whoever made the shards in whatever
order. An entry file, which a job leaves beside the one shard that it makes, is a manifest with one entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.reading import BEGIN_AGAIN, OWN_ATTRIBUTES
from poseaug_gen.export.schema import settings_hash

_SHOWN = 4  # differences in one sentence
_VALUE = 40  # characters of a value in it


@dataclass(frozen=True)
class Entry:
    """One finished shard."""

    shard: int
    file: str  # its name in the folder
    rows: int
    bytes: int
    sha256: str
    redrawn: dict[str, int]  # how many candidates were drawn for its rows, and why others were not kept


@dataclass
class Manifest:
    """What is in a manifest.

    Attributes:
        shared: the attributes that all files share, those that hold JSON as what it holds.
        entries: of the finished shards, by number.
    """

    shared: dict[str, Any]
    config_sha256: str
    rows: int
    shard_count: int
    entries: dict[int, Entry] = field(default_factory=dict)

    @classmethod
    def begun(cls, layout: Layout, attributes: Mapping[str, Any]) -> Manifest:
        """That of an export of which nothing is finished yet."""
        return cls(shared_of(attributes), settings_hash(attributes), layout.rows, layout.shards)

    def with_entries(self, entries: Iterable[Entry]) -> Manifest:
        """The same export's with these entries alone."""
        found = {entry.shard: entry for entry in entries}
        return Manifest(self.shared, self.config_sha256, self.rows, self.shard_count, found)

    @property
    def complete(self) -> bool:
        return len(self.entries) == self.shard_count

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that have no entry."""
        return [shard for shard in range(self.shard_count) if shard not in self.entries]

    def redrawn(self) -> dict[str, int]:
        """Counts of all entries together, in one order whatever theirs is."""
        counts = [entry.redrawn for entry in self.entries.values()]
        causes = sorted({cause for count in counts for cause in count} - {"candidates"})
        return {cause: sum(count.get(cause, 0) for count in counts) for cause in ("candidates", *causes)}

    def to_text(self) -> str:
        """The file's contents."""
        value = {
            "schema_version": self.shared["schema_version"],
            "tool_version": self.shared["tool_version"],
            "config_sha256": self.config_sha256,
            "shared": self.shared,
            "rows": self.rows,
            "shard_count": self.shard_count,
            "shards": [asdict(self.entries[shard]) for shard in sorted(self.entries)],
        }
        return json.dumps(value, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_text(cls, text: str, where: str) -> Manifest:
        """A manifest from a file's contents.

        Raises:
            PoseAugError: they are not a manifest's.
        """
        try:
            value = json.loads(text)
            shards = [
                Entry(**{**entry, "redrawn": {cause: int(n) for cause, n in entry["redrawn"].items()}})
                for entry in value["shards"]
            ]
            if not all(0 <= entry.shard < int(value["shard_count"]) for entry in shards):
                raise ValueError("the number of a shard is not one of them")
            found = cls(
                dict(value["shared"]), str(value["config_sha256"]), int(value["rows"]), int(value["shard_count"])
            )
            return found.with_entries(shards)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise PoseAugError(f"{where}: damaged ({error}); {BEGIN_AGAIN}") from error

    def layout(self, out: Path) -> Layout:
        """The files that it is about. Raises KeyError or TypeError where its settings do not say."""
        return Layout(out, self.rows, int(self.shared["config"]["export"]["shard_rows"]))


def shared_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a file's attributes have in common with those of the export's other files, in a form that can be shown."""
    return {name: _plain(value) for name, value in attributes.items() if name not in OWN_ATTRIBUTES}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value) if value.startswith("{") else value
        except ValueError:
            return value
    return int(value)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """In what two exports differ, ``key: old -> new``, the settings first; empty where they are the same."""
    was, now = (dict(_leaves(shared)) for shared in (old, new))
    keys = sorted({**now, **was}, key=lambda key: not key.startswith("export."))
    changed = [key for key in keys if (key in was, was.get(key)) != (key in now, now.get(key)) and key != "seed"]
    found = [f"{key}: {_short(was.get(key))} -> {_short(now.get(key))}" for key in changed]
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _leaves(value: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no section, with the name of its setting; the export's ``seed`` is among them twice."""
    for name, item in value.items():
        key = f"{section}.{name}" if section else name
        if isinstance(item, Mapping):
            yield from _leaves(item, "" if key in ("config", "train") else key)
        else:
            yield key, item


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
