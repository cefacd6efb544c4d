"""The virtual dataset over the shards of an export: ``aug.h5``, which opens as one file.

It is written last: where it is, the export is complete. Paths in it are relative: it can be moved with its shards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from poseaug_gen import storage
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.reading import OWN_ATTRIBUTES, read_attributes, skeleton_of
from poseaug_gen.export.schema import Column, all_columns, to_json
from poseaug_gen.export.shard import label_axes, set_attributes
from poseaug_gen.export.stores import Store
from poseaug_gen.hdf5 import Writer


def write_index(store: Store, layout: Layout, redrawn: Mapping[str, int]) -> None:
    """Put the virtual dataset at ``layout.out``, unless it is there already.

    Columns and attributes are those of the first shard.

    Args:
        redrawn: counts over all shards.

    Raises:
        PoseAugError: the first shard cannot be read, or the disk is full or cannot be written.
    """
    first = layout.path(0)
    with store.opened(first) as file:
        found = read_attributes(file, first)
        columns = [c for c in all_columns(skeleton_of(found, first)) if c.name in file]
    attributes = {name: value for name, value in found.items() if name not in OWN_ATTRIBUTES}
    draft = store.draft(layout.out)
    try:
        with Writer(draft) as writer:
            for column in columns:
                label_axes(_virtual_dataset(writer.file, layout, column), column)
            set_attributes(writer.file, {**attributes, "row_count": layout.rows, "redrawn": to_json(redrawn)})
        if not store.exists(layout.out) or store.sha256(layout.out) != storage.sha256(draft):
            store.publish(draft, layout.out)
    except OSError as error:
        raise storage.write_failure(Path(store.show(layout.out)), error) from error
    finally:
        draft.unlink(missing_ok=True)


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
