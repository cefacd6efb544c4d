"""Making one export of the shards that jobs made, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary, alone, complete, sizes, tidy
from poseaug_gen.export.existing import manifests
from poseaug_gen.export.layout import FOLDER, Layout
from poseaug_gen.export.manifest import Entry, Manifest, differences
from poseaug_gen.export.shard import Advance
from poseaug_gen.export.stores import Store, store_of


def output_of(path: str) -> str:
    """The output of an export that is named by it or by the folder of its shards."""
    bare = path.rstrip("/")
    return f"{bare.removesuffix(FOLDER)}.h5" if bare.endswith(FOLDER) else path


def merge(out: Path | str, advance: Advance = lambda rows: None) -> Summary:
    """Check every shard against its entry, and write manifest and virtual dataset.

    Args:
        out: the file that the jobs were given, or the folder of its shards.
        advance: told how many rows were checked since it was last called.

    Raises:
        PoseAugError: shards are missing, one is damaged or of other settings, or somebody is still at work.
    """
    store, name = store_of(output_of(str(out)))
    any_layout = Layout(name, 2, 1)  # of whichever shards: their folder and the form of their names are the same
    if store.exists(name) and not store.exists(any_layout.manifest) and not store.names(any_layout.folder):
        raise PoseAugError(f"{store.show(name)}: is one file and has no shards, so there is nothing to merge")
    with alone(store, any_layout):
        manifest, layout = _joined(store, any_layout)
        _refuse_missing(store, layout, manifest)
        before = {name: store.sha256(name) for name in (layout.out, layout.manifest) if store.exists(name)}
        for entry in manifest.entries.values():
            _check(store, layout, entry)
            advance(entry.rows)
        try:
            complete(store, layout, manifest)
        finally:
            tidy(store, layout)
        changed = before != {name: store.sha256(name) for name in (layout.out, layout.manifest)}
        size = sum(sizes(store, layout).values())
    shown = store.show(layout.out)
    return Summary(shown, layout.rows, layout.shards, size, manifest.redrawn(), layout.shards if changed else 0)


def _joined(store: Store, any_layout: Layout) -> tuple[Manifest, Layout]:
    """One manifest of all that are there, and the layout that they are of."""
    known = manifests(store, any_layout)
    if not known:
        raise PoseAugError(
            f"{store.show(any_layout.folder)}: no shards to merge; make them with poseaug-gen export --shard i/n"
        )
    first_shown, first = known[0]
    for shown, manifest in known[1:]:
        different = differences(first.shared, manifest.shared)
        if different:
            raise PoseAugError(
                f"{shown}: is of other settings than {Path(first_shown).name} ({different}); make its shard again with "
                f"those, or remove it"
            )
    joined = first.with_entries(entry for _, manifest in reversed(known) for entry in manifest.entries.values())
    try:
        layout = joined.layout(any_layout.out)
    except (KeyError, TypeError, ValueError) as error:
        raise PoseAugError(f"{first_shown}: damaged ({error}); make its shard again") from error
    return joined, layout


def _refuse_missing(store: Store, layout: Layout, manifest: Manifest) -> None:
    missing = manifest.missing
    if missing:
        raise PoseAugError(
            f"{store.show(layout.folder)}: {len(missing)} of {layout.shards} shards are missing ({_numbers(missing)}); "
            f"make each with the same export command and --shard {missing[0]}/{layout.shards}"
        )


def _numbers(numbers: Sequence[int]) -> str:
    """Numbers in order, runs of them as first-last."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(str(end) for end in run) for run in runs)


def _check(store: Store, layout: Layout, entry: Entry) -> None:
    """The shard is there, and the one that its entry tells of."""
    name, again = layout.path(entry.shard), f"make it again with --shard {entry.shard}/{layout.shards}"
    shown, size = store.show(name), store.size(name)
    if size is None:
        raise PoseAugError(f"{shown}: missing, though there is an entry of it; {again}")
    if (entry.file, entry.rows) != (name.name, layout.rows_of(entry.shard)):
        raise PoseAugError(f"{shown}: its entry is of {entry.rows:,} rows in {entry.file}; {again}")
    if size != entry.bytes or store.sha256(name) != entry.sha256:
        raise PoseAugError(f"{shown}: its SHA-256 is not that of its entry: it was changed; {again}")
