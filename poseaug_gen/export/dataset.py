"""An export: one plain file or, of more pairs than one holds, shards, their manifest and a virtual dataset.

A shard is written under a temporary name, closed, fsynced, hashed and renamed; then it is entered in the manifest,
which is replaced whole. So what has a name is whole, and the same command goes on where it was stopped, by whatever:
it makes those shards that the manifest does not know, or whose SHA-256 is not the one that it knows.
A plain file needs no manifest: as every file of ours it holds the SHA-256 of its own columns and attributes.
Last of all comes the card, which is made of what the files say and is of no matter to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.card import write_card
from poseaug_gen.export.existing import REMOVE, begun, entry_files, refuse_folder, whole_shards
from poseaug_gen.export.index import write_index
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.machine import cores, resolved
from poseaug_gen.export.maker import Recipe
from poseaug_gen.export.manifest import Entry, Manifest
from poseaug_gen.export.rows import Sampler
from poseaug_gen.export.schema import Column, columns_of, export_attributes
from poseaug_gen.export.shard import Advance
from poseaug_gen.export.stores import Store, store_of
from poseaug_gen.export.workers import make_here, make_in_processes
from poseaug_gen.training.run_folder import RunFolder

Say = Callable[[str], object]  # told what a user may want to know before the work begins


@dataclass(frozen=True)
class Summary:
    """What an export consists of now.

    Attributes:
        bytes: of its files, manifest and all but the card.
        redrawn: candidates, and why some were not kept.
        made: how many shards were made just now; the others were there, and whole.
    """

    path: Path | str
    rows: int
    shards: int
    bytes: int
    redrawn: dict[str, int]
    made: int


def export(
    run: RunFolder,
    settings: ExportSettings,
    out: Path | str,
    overwrite: bool = False,
    advance: Advance = lambda rows: None,
    workers: int = 1,
    engine: str = "local",
    say: Say = lambda text: None,
) -> Summary:
    """Make ``settings.n`` pairs from a finished run at ``out``, or those of them that are missing there.

    Args:
        out: a file, or a URL that fsspec knows.
        overwrite: remove the export that is there now; it goes before the new one is made.
        advance: told how many rows were written, or found to be there, since it was last called.
        workers: processes that make a shard each; no more than there are shards.
        engine: ``local``, or ``ray``: the Ray cluster that is there, else one of ``workers`` cores.

    Raises:
        PoseAugError: what is at ``out`` is of other settings, another process makes it, the run cannot be read, hardly
            a candidate is valid, or there is no room. Finished shards stay, and the same call goes on from them.
    """
    settings = resolved(settings)  # here, once: another machine might decide otherwise
    store, name = store_of(out)
    layout, attributes = Layout(name, settings.n, settings.shard_rows), export_attributes(run, settings)
    recipe = Recipe(run.path, settings, layout, attributes, store)
    refuse_folder(store, layout)
    with alone(store, layout):
        if overwrite:
            Sampler(run, settings)  # a run that cannot be read must not cost anybody their old export
            manifest = Manifest.begun(layout, attributes)
        else:
            manifest = whole_shards(store, layout, begun(store, layout, attributes), cores(), advance)
        todo = manifest.missing
        if todo:
            freed = sum(sizes(store, layout).values()) if overwrite else 0
            _check_room(store, layout, columns_of(run.skeleton, settings), todo, freed, say)
        if overwrite:
            _remove(store, layout)
        try:
            tidy(store, layout)
            if todo:
                store.remove(layout.card)  # it may be of another export that lay here
                _make(recipe, manifest, advance, workers, engine)
            complete(store, layout, manifest)
        finally:
            tidy(store, layout)
        size = sum(sizes(store, layout).values())
    return Summary(out, layout.rows, layout.shards, size, manifest.redrawn(), len(todo))


def export_shard(
    run: RunFolder,
    settings: ExportSettings,
    out: Path | str,
    shard: int,
    overwrite: bool = False,
    advance: Advance = lambda rows: None,
    say: Say = lambda text: None,
) -> Summary:
    """Make one shard of several, and an entry file beside it, whoever makes the others; the summary is of it alone.

    Args:
        settings: with ``shard_rows`` as :func:`poseaug_gen.export.layout.shard_layout` has it.
        overwrite: make it though it is there and whole.

    Raises:
        PoseAugError: as :func:`export`.
    """
    settings = resolved(settings)  # here, once: another machine might decide otherwise
    store, name = store_of(out)
    layout, attributes = Layout(name, settings.n, settings.shard_rows), export_attributes(run, settings)
    if not layout.sharded:
        return export(run, settings, out, overwrite, advance, say=say)
    refuse_folder(store, layout)
    path = layout.path(shard)
    if store.is_locked(layout.out):
        raise PoseAugError(f"{store.show(layout.out)}: another export is writing it; wait for its end")
    with store.locked(path, f"{store.show(path)}: another job is making it; wait for its end"):
        known = begun(store, layout, attributes, REMOVE, only=shard)
        known = known.with_entries(entry for entry in known.entries.values() if entry.shard == shard and not overwrite)
        known = whole_shards(store, layout, known, 1, advance)
        there = shard in known.entries
        if not there:
            for own in (path, layout.entry(shard)):
                store.discard_drafts(own)
            _check_room(store, layout, columns_of(run.skeleton, settings), [shard], 0, say)
            recipe = Recipe(run.path, settings, layout, attributes, store)
            make_here(recipe, [shard], lambda entry: known.entries.update({shard: entry}), advance)
            store.write_text(layout.entry(shard), known.to_text())
    entry = known.entries[shard]
    return Summary(store.show(path), entry.rows, 1, entry.bytes, known.redrawn(), int(not there))


def complete(store: Store, layout: Layout, manifest: Manifest) -> None:
    """Put the virtual dataset over shards that are all there, and the card beside; no entry file is needed any more.

    Raises:
        PoseAugError: a file with rows cannot be read, or the place not be written.
    """
    if layout.sharded:
        _write_manifest(store, layout, manifest)
        write_index(store, layout, manifest.redrawn())
        for name in entry_files(store, layout):
            store.remove(layout.folder / name)
    write_card(store, layout)


@contextmanager
def alone(store: Store, layout: Layout) -> Iterator[None]:
    """Hold an output; raises a PoseAugError where another process makes it, or a job one of its shards."""
    busy = "another export is writing it; wait for its end or choose another --out"
    try:
        with store.locked(layout.out, f"{store.show(layout.out)}: {busy}"):
            for shard in _locks(store, layout):
                if store.is_locked(shard):
                    raise PoseAugError(f"{store.show(shard)}: another job is making it; wait for its end")
            yield
    finally:
        store.release()


def tidy(store: Store, layout: Layout) -> None:
    """Remove what killed processes left of this output: drafts, locks, and shards of which no manifest knows."""
    drafts = [layout.folder / name for name in store.drafts(layout.folder) if layout.shard_names().fullmatch(name)]
    for draft in {layout.out, layout.manifest, layout.card, *drafts}:
        store.discard_drafts(draft)
    for shard in _locks(store, layout):
        store.discard_lock(shard)
    for name in store.names(layout.folder):
        match = layout.shard_names().fullmatch(name)
        if match and (int(match["shards"]) != layout.shards or not layout.sharded):
            store.remove(layout.folder / name)
    store.discard_folder(layout.folder)


def sizes(store: Store, layout: Layout) -> dict[Path, int]:
    """The files of an export at this place, whatever its shards, and their bytes. Others beside them are not ours."""
    shards = [layout.folder / name for name in store.names(layout.folder) if layout.shard_names().fullmatch(name)]
    found = {name: store.size(name) for name in (layout.out, layout.manifest, *shards)}
    return {name: size for name, size in found.items() if size is not None}


def _locks(store: Store, layout: Layout) -> list[Path]:
    """The shards of which there are lock files."""
    names = [name.removesuffix(".lock") for name in store.locks(layout.folder)]
    return [layout.folder / name for name in names if layout.shard_names().fullmatch(name)]


def _remove(store: Store, layout: Layout) -> None:
    """Delete an export, the index first: what is left of it can then not be taken for a whole one."""
    for name in sizes(store, layout):
        store.remove(name)


def _make(recipe: Recipe, manifest: Manifest, advance: Advance, workers: int, engine: str) -> None:
    """Make the shards that a manifest lacks; each is entered in it as soon as it is there."""
    store, layout, todo = recipe.store, recipe.layout, manifest.missing
    if layout.sharded and (store.exists(layout.out) or manifest.entries):
        store.remove(layout.out)  # where it is, the export is complete
        _write_manifest(store, layout, manifest)  # those that are damaged are not in it

    def finished(entry: Entry) -> None:
        manifest.entries[entry.shard] = entry
        if layout.sharded:
            _write_manifest(store, layout, manifest)

    workers = min(workers, len(todo))
    if engine == "ray":
        from poseaug_gen.export.ray_engine import make_on_ray

        make_on_ray(recipe, todo, workers, finished, advance)
    elif workers > 1:
        make_in_processes(recipe, todo, workers, finished, advance)
    else:
        make_here(recipe, todo, finished, advance)


def _write_manifest(store: Store, layout: Layout, manifest: Manifest) -> None:
    text = manifest.to_text()
    if store.read_text(layout.manifest) != text:
        store.write_text(layout.manifest, text)


def _check_room(
    store: Store, layout: Layout, columns: Sequence[Column], todo: Sequence[int], freed: int, say: Say
) -> None:
    """Say before the work, not after it, how much room its result needs, and that there is not so much."""
    needed, free = layout.bytes_needed(columns, todo), store.free_bytes()
    if free is None:
        say(f"needs {in_bytes(needed)}")
        return
    if needed > free + freed:
        rows = sum(layout.rows_of(shard) for shard in todo)
        raise PoseAugError(
            f"{store.show(layout.out)}: {rows:,} pairs need {needed:,} bytes and its disk has {free + freed:,} free; "
            f"make room, choose another --out, or ask for fewer with --n"
        )
    say(f"needs {in_bytes(needed)}, {in_bytes(free + freed)} free")


def in_bytes(amount: int) -> str:
    """A number of bytes as people read it."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if amount >= size:
            return f"{amount / size:,.1f} {unit}"
    return f"{amount / 1000:,.1f} kB"
