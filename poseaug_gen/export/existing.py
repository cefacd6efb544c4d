"""What lies at the place of an export already: another export, a whole one, or a part to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.manifest import Entry, Manifest, differences, shared_of
from poseaug_gen.export.reading import parsed, read_attributes
from poseaug_gen.export.shard import Advance, is_as_written
from poseaug_gen.export.stores import Store

BEGIN_AGAIN = "repeat the old ones, choose another --out, or start again with --overwrite"
REMOVE = "repeat the old ones, choose another --out, or remove it first"  # one job does not begin again for all


def refuse_folder(store: Store, layout: Layout) -> None:
    """Raise a PoseAugError where the output is to be written over a folder."""
    if store.is_folder(layout.out):
        raise PoseAugError(f"{store.show(layout.out)}: is a folder; give the name of the file to write, such as aug.h5")


def begun(
    store: Store, layout: Layout, attributes: Mapping[str, Any], mend: str = BEGIN_AGAIN, only: int | None = None
) -> Manifest:
    """What is said to be finished of an export with these attributes: by its manifest, entry files or plain file.

    Args:
        mend: what to do about another export that is there.
        only: the shard of one job, which need not know of the others' entry files.

    Raises:
        PoseAugError: what is there is of another export, or of none, or damaged so that it cannot tell.
    """
    known = manifests(store, layout, only)
    for shown, manifest in known:
        _refuse_other(shown, "begun", manifest.shared, attributes, mend)
    begun = Manifest.begun(layout, attributes)
    plain = _plain_file(store, layout, attributes, bool(known), mend) if store.exists(layout.out) else None
    if not layout.sharded:
        return begun.with_entries([plain] if plain else [])
    # The manifest has the last word, if an entry file says otherwise.
    return begun.with_entries(entry for _, manifest in reversed(known) for entry in manifest.entries.values())


def _plain_file(store: Store, layout: Layout, attributes: Mapping[str, Any], told: bool, mend: str) -> Entry | None:
    """The entry of a whole plain file; None where it is damaged, or where it is a virtual dataset.

    Args:
        told: whether a manifest has told already whose the file is.

    Raises:
        PoseAugError: it is of another export, or of none.
    """
    shown = Path(store.show(layout.out))
    try:
        with store.opened(layout.out) as file:
            found = read_attributes(file, shown)
    except PoseAugError as error:
        if told:  # the virtual dataset, damaged: it is made again from whole shards
            return None
        raise PoseAugError(
            f"{shown}: exists already and is no whole export; choose another --out, or replace it with --overwrite"
        ) from error
    _refuse_other(str(shown), "made", shared_of(found), attributes, mend)
    if layout.sharded or "digests" not in found or found["row_count"] != layout.rows:
        return None
    try:
        with store.opened(layout.out) as file:
            good = is_as_written(file, found, parsed(found, "digests", shown))
        redrawn = parsed(found, "redrawn", shown)
    except PoseAugError:  # a chunk is where the file is not any more
        return None
    return Entry(0, layout.out.name, layout.rows, store.size(layout.out) or 0, "", redrawn) if good else None


def manifests(store: Store, layout: Layout, only: int | None = None) -> list[tuple[str, Manifest]]:
    """The manifest, if there is one, and the entry files; each with its name as the user would type it.

    Args:
        only: of the entry files that of one shard, and another's to tell by whether the settings are the same: were a
            thousand jobs to read those of all others, they would read a million.

    Raises:
        PoseAugError: one is damaged.
    """
    entries = [layout.folder / name for name in entry_files(store, layout)]
    if only is not None:
        own = layout.entry(only)
        entries = [name for name in entries if name == own] + [name for name in entries if name != own][:1]
    names = [layout.manifest, *entries]
    texts = [(store.show(name), store.read_text(name)) for name in names]
    return [(shown, Manifest.from_text(text, shown)) for shown, text in texts if text is not None]


def entry_files(store: Store, layout: Layout) -> list[str]:
    """The names of the entry files in the folder of the shards."""
    pattern = layout.shard_names()
    matches = [(name, pattern.fullmatch(name)) for name in store.names(layout.folder)]
    return [name for name, match in matches if match and match["kind"] == "json"]


def _refuse_other(shown: str, how: str, old: Mapping[str, Any], attributes: Mapping[str, Any], mend: str) -> None:
    different = differences(old, shared_of(attributes))
    if different:
        raise PoseAugError(f"{shown}: was {how} with other settings ({different}); {mend}")


def whole_shards(store: Store, layout: Layout, manifest: Manifest, threads: int, advance: Advance) -> Manifest:
    """The same export's manifest with those entries alone whose file is there with its SHA-256, computed anew.

    Of a plain file, which has none, this was found out when its attributes were read.

    Args:
        advance: told the rows of every shard that is whole.
    """

    def is_whole(entry: Entry) -> bool:
        if not layout.sharded:
            return True
        name = layout.path(entry.shard)
        fits = (entry.file, entry.rows) == (name.name, layout.rows_of(entry.shard))
        return fits and store.size(name) == entry.bytes and store.sha256(name) == entry.sha256

    entries, found = list(manifest.entries.values()), []
    with ThreadPoolExecutor(threads) as pool:
        for entry, good in zip(entries, pool.map(is_whole, entries), strict=True):
            if good:
                found.append(entry)
                advance(entry.rows)
    return manifest.with_entries(found)
