"""The shard function that every engine runs: from a recipe, one shard, written, hashed and published.

Shard after shard, hashing and publishing of one go beside the making of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.manifest import Entry
from poseaug_gen.export.rows import Rows, Sampler, Tally
from poseaug_gen.export.schema import to_json
from poseaug_gen.export.shard import Advance, set_attributes, write_rows
from poseaug_gen.export.stores import Store
from poseaug_gen.hdf5 import Writer
from poseaug_gen.training.run_folder import RunFolder

Finished = Callable[[Entry], object]  # told of every shard that lies, whole, under its name


@dataclass(frozen=True)
class Recipe:
    """All that a process needs to know to make any shard of an export; it can be sent to another machine."""

    run: Path
    settings: ExportSettings
    layout: Layout
    attributes: dict[str, str | int]  # that all files share
    store: Store
    threads: int = 1  # for the arithmetic


@dataclass(frozen=True)
class Draft:
    """A shard that is written and closed, but not yet known under its name."""

    shard: int
    path: Path
    tally: Tally


class ShardMaker:
    """Makes the shards of one recipe. A shard depends on no other, nor on who makes it."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.sampler = Sampler(RunFolder(recipe.run), recipe.settings, recipe.threads)

    def make(self, shard: int, advance: Advance = lambda rows: None) -> Entry:
        """Make one shard.

        Raises:
            PoseAugError: the disk is full or cannot be written (nothing is left), or hardly a candidate is valid.
        """
        return self.finish(self.write(shard, advance))

    def write(self, shard: int, advance: Advance) -> Draft:
        """Compute and write it. Raises as :meth:`make`."""
        layout, store = self.recipe.layout, self.recipe.store
        rows, own = layout.rows_of(shard), {"shard": shard} if layout.sharded else {}
        path, total = store.draft(layout.path(shard)), Tally()
        # Whatever happens, its threads end with this block.
        blocks = cast("Generator[tuple[Rows, Tally]]", self.sampler.blocks(shard, rows))

        def tallied() -> Iterator[Rows]:
            nonlocal total
            for block, tally in blocks:
                total += tally
                yield block

        try:
            with closing(blocks), Writer(path) as writer:
                kind = self.recipe.settings.compression
                digests = write_rows(writer, self.sampler.columns, rows, tallied(), advance, kind)
                facts = {**self.recipe.attributes, **own, "row_count": rows, "redrawn": to_json(total.to_dict())}
                set_attributes(writer.file, facts, digests)
        except BaseException as error:
            _remove(path)
            if isinstance(error, OSError):
                raise storage.write_failure(Path(store.show(layout.path(shard))), error) from error
            raise
        return Draft(shard, path, total)

    def finish(self, draft: Draft) -> Entry:
        """Give it its name, safe on the disk, and tell its hash. Raises as :meth:`make`."""
        layout = self.recipe.layout
        name = layout.path(draft.shard)
        try:
            size, digest = self.recipe.store.publish(draft.path, name)
        except BaseException:
            _remove(draft.path)
            raise
        rows, redrawn = layout.rows_of(draft.shard), draft.tally.to_dict()
        return Entry(draft.shard, name.name, rows, size, digest, redrawn)


def make_shards(maker: ShardMaker, shards: Iterable[int], finished: Finished, advance: Advance) -> None:
    """Make some shards, one after the other; ``finished`` is called in a thread of its own.

    Raises:
        PoseAugError: as :meth:`ShardMaker.make`; a shard that is written by then is finished first.
    """
    with ThreadPoolExecutor(1, "finish") as thread:
        last: Future[object] | None = None
        for shard in shards:
            draft = maker.write(shard, advance)
            try:
                if last is not None:
                    last.result()
            except BaseException:
                _remove(draft.path)
                raise
            last = thread.submit(lambda draft: finished(maker.finish(draft)), draft)
        if last is not None:
            last.result()


def _remove(path: Path) -> None:
    with suppress(OSError):  # what went wrong before says enough
        path.unlink(missing_ok=True)
