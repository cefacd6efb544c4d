"""An export: one plain file or, of more pairs than one holds, shards, their manifest and a virtual dataset.

``aug.h5`` alone, or ``aug.shards/aug-00000-of-00003.h5`` …, ``aug.shards/manifest.json`` (rows and SHA-256 of each)
and ``aug.h5``, which opens as one file over them. Paths in it are relative: the two can be moved together.
A plain file needs no manifest: as every file of ours it holds the SHA-256 of its own columns and attributes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import MANIFEST
from poseaug_gen.export.rows import Sampler, Tally
from poseaug_gen.export.schema import CHUNK_ROWS, Column, export_attributes, settings_hash, to_json
from poseaug_gen.export.shard import Advance, label_axes, make_shard, set_attributes
from poseaug_gen.hdf5 import Writer
from poseaug_gen.training.run_folder import RunFolder

_OVERHEAD = 256 * 1024  # bytes of a file beside its rows: attributes and HDF5's own tables
_TEMPORARY = r"\.tmp-\d+"
_SHARD = re.compile(rf".+-\d{{5,}}-of-\d{{5,}}\.h5({_TEMPORARY})?")


@dataclass(frozen=True)
class Layout:
    """Which files an export consists of."""

    out: Path
    rows: int
    shard_rows: int

    @property
    def shards(self) -> int:
        return -(-self.rows // self.shard_rows)

    @property
    def folder(self) -> Path:
        """Where the shards lie if there are several."""
        return self.out.with_name(f"{self.out.stem}.shards")

    def path(self, shard: int) -> Path:
        """The file of one shard."""
        if self.shards == 1:
            return self.out
        return self.folder / f"{self.out.stem}-{shard:05d}-of-{self.shards:05d}.h5"

    def rows_of(self, shard: int) -> int:
        """How many rows that file holds: only the last is short."""
        return min(self.shard_rows, self.rows - shard * self.shard_rows)

    def bytes_needed(self, columns: Sequence[Column]) -> int:
        """What the files take on the disk; HDF5 fills up the last chunk of each."""
        row_bytes = sum(column.row_bytes for column in columns)
        rows = (self.rows_of(shard) for shard in range(self.shards))
        return sum(-(-n // CHUNK_ROWS) * CHUNK_ROWS * row_bytes + _OVERHEAD for n in rows)


@dataclass(frozen=True)
class Summary:
    """What an export made."""

    path: Path
    rows: int
    shards: int
    bytes: int
    tally: Tally


def export(
    run: RunFolder,
    settings: ExportSettings,
    out: Path,
    overwrite: bool = False,
    advance: Advance = lambda rows: None,
) -> Summary:
    """Make ``settings.n`` pairs from a finished run and put them at ``out``, whole or not at all.

    Args:
        overwrite: remove the export that is there now; it goes before the new one is made.
        advance: told how many rows were written since it was last called.

    Raises:
        PoseAugError: there is an export at ``out``, another process makes one, the run cannot be read, hardly a
            candidate is valid, or there is no room.
    """
    layout = Layout(out, settings.n, settings.shard_rows)
    with storage.locked(out, f"{out}: another export is writing it; wait for its end or choose another --out"):
        _refuse_existing(layout, overwrite)
        sampler = Sampler(run, settings)
        attributes = export_attributes(run, settings)
        old = _old_files(layout)
        _check_room(layout, sampler.columns, freed=sum(path.stat().st_size for path in old))
        _remove(old, layout.folder)
        try:
            tallies = [make_one(sampler, layout, shard, attributes, advance) for shard in range(layout.shards)]
            total = sum(tallies, Tally())
            if layout.shards > 1:
                write_manifest(layout, attributes)
                write_index(layout, sampler.columns, attributes, total)
        except BaseException:
            # Without its manifest a shard is of no use, and it would fill a disk that may be full.
            _remove(_old_files(layout), layout.folder)
            raise
    size = sum(path.stat().st_size for path in _old_files(layout))
    return Summary(out, settings.n, layout.shards, size, total)


def make_one(sampler: Sampler, layout: Layout, shard: int, attributes: Mapping[str, Any], advance: Advance) -> Tally:
    """Make one shard of the layout. It depends on no other."""
    own = {"shard": shard} if layout.shards > 1 else {}
    return make_shard(sampler, layout.path(shard), shard, layout.rows_of(shard), {**attributes, **own}, advance)


def write_manifest(layout: Layout, attributes: Mapping[str, Any]) -> None:
    """Rows and SHA-256 of every shard, and what they have in common."""
    shards = [
        {
            "file": path.name,
            "rows": layout.rows_of(shard),
            "bytes": path.stat().st_size,
            "sha256": storage.sha256(path),
        }
        for shard, path in ((shard, layout.path(shard)) for shard in range(layout.shards))
    ]
    manifest = {
        "schema_version": attributes["schema_version"],
        "tool_version": attributes["tool_version"],
        "config_sha256": settings_hash(attributes),
        "rows": layout.rows,
        "shards": shards,
    }
    storage.write_json(layout.folder / MANIFEST, manifest)


def write_index(layout: Layout, columns: Sequence[Column], attributes: Mapping[str, Any], total: Tally) -> None:
    """The virtual dataset: every column as one dataset over all shards, with the attributes of the whole."""
    with storage.replacing(layout.out) as temporary, Writer(temporary) as writer:
        for column in columns:
            label_axes(_virtual_dataset(writer.file, layout, column), column)
        set_attributes(writer.file, {**attributes, "row_count": layout.rows, "redrawn": to_json(total.to_dict())})


def _virtual_dataset(file: h5py.File, layout: Layout, column: Column) -> h5py.Dataset:
    """One column over all shards.

    Made with HDF5's own functions, as h5py's ``create_virtual_dataset`` writes the time of day into the file.
    """
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.VIRTUAL)
    creation.set_obj_track_times(False)
    creation.set_fill_value(np.array([column.fill_value], column.dtype))
    origin = (0,) * len(column.shape)
    for shard in range(layout.shards):
        rows = layout.rows_of(shard)
        into = h5py.h5s.create_simple((layout.rows, *column.shape))
        into.select_hyperslab((shard * layout.shard_rows, *origin), (rows, *column.shape))
        name = f"{layout.folder.name}/{layout.path(shard).name}"  # relative to the index, wherever it lies
        all_of_it = h5py.h5s.create_simple((rows, *column.shape))
        creation.set_virtual(into, os.fsencode(name), column.name.encode(), all_of_it)
    space = h5py.h5s.create_simple((layout.rows, *column.shape))
    kind = h5py.h5t.py_create(np.dtype(column.dtype))
    return h5py.Dataset(h5py.h5d.create(file.id, column.name.encode(), kind, space, creation))


def _refuse_existing(layout: Layout, overwrite: bool) -> None:
    """What is at the place already is only removed where that was asked for."""
    if layout.out.is_dir():
        raise PoseAugError(f"{layout.out}: is a folder; give the name of the file to write, such as aug.h5")
    there = [path for path in (layout.out, layout.folder / MANIFEST) if path.exists()]
    if there and not overwrite:
        raise PoseAugError(f"{there[0]}: exists already; choose another --out, or replace it with --overwrite")


def _old_files(layout: Layout) -> list[Path]:
    """The files of an export at this place, finished or left by a killed one. Others beside them are not ours."""

    def found(path: Path) -> list[Path]:
        temporary = re.compile(re.escape(path.name) + _TEMPORARY)
        return [p for p in path.parent.glob("*") if p == path or temporary.fullmatch(p.name)]

    shards = [path for path in layout.folder.glob("*") if _SHARD.fullmatch(path.name)]
    return found(layout.out) + found(layout.folder / MANIFEST) + sorted(shards)


def _remove(files: Sequence[Path], folder: Path) -> None:
    """Delete an export, the index first: what is left of it can then not be taken for a whole one."""
    for path in files:
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _check_room(layout: Layout, columns: Sequence[Column], freed: int) -> None:
    """Say before the work, not after it, that there is no room for its result."""
    needed = layout.bytes_needed(columns)
    free = shutil.disk_usage(layout.out.absolute().parent).free + freed
    if needed > free:
        raise PoseAugError(
            f"{layout.out}: {layout.rows:,} pairs need {needed:,} bytes and its disk has {free:,} free; "
            f"make room, choose another --out, or ask for fewer with --n"
        )
