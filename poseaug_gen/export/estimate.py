"""What an export would make, and how long that takes: a few blocks are made in memory and thrown away."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.existing import begun, refuse_folder
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.machine import cores, resolved
from poseaug_gen.export.manifest import Manifest
from poseaug_gen.export.rows import Sampler
from poseaug_gen.export.schema import columns_of, export_attributes
from poseaug_gen.export.stores import store_of
from poseaug_gen.training.run_folder import RunFolder

MEASURED_SECONDS = 1.0  # after the first blocks, which pay for what is only done once
MEASURED_BLOCKS = 64
MANY_ROWS = 10**12  # of a shard that does not end before enough is measured


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Attributes:
        shards: files with pairs that were asked for.
        to_make: of these, those that are not finished; whether the others are still whole was not looked at.
        rows, bytes: of those.
        free_bytes: of the disk; None: there is no telling.
        seconds: that the arithmetic takes, on all cores of this machine.
        measured_rows: of which the rate is.
        settings: that the files would record.
    """

    shards: int
    to_make: int
    rows: int
    bytes: int
    free_bytes: int | None
    seconds: float
    rows_per_second: float
    measured_rows: int
    settings: ExportSettings


def estimate(
    run: RunFolder, settings: ExportSettings, out: Path | str, shard: int | None = None, overwrite: bool = False
) -> Plan:
    """What the same export, or one shard of it, would make; writes nothing.

    Args:
        overwrite: as if nothing were there.

    Raises:
        PoseAugError: the export would be refused, or the run cannot be read.
    """
    settings = resolved(settings)
    store, name = store_of(out)
    layout = Layout(name, settings.n, settings.shard_rows)
    refuse_folder(store, layout)
    attributes = export_attributes(run, settings)
    known = Manifest.begun(layout, attributes) if overwrite else begun(store, layout, attributes, only=shard)
    asked = range(layout.shards) if shard is None else [shard]
    todo = [number for number in asked if number in known.missing]
    rows = sum(layout.rows_of(number) for number in todo)
    needed = layout.bytes_needed(columns_of(run.skeleton, settings), todo)
    measured, rate = _measured(run, settings) if rows else (0, 1.0)
    return Plan(len(asked), len(todo), rows, needed, store.free_bytes(), rows / rate, rate, measured, settings)


def _measured(run: RunFolder, settings: ExportSettings) -> tuple[int, float]:
    """How many rows were made to measure with, and how many of them a second."""
    threads = cores()
    blocks = islice(Sampler(run, settings, threads).blocks(0, MANY_ROWS), threads + 2, None)
    next(blocks)  # those that were begun beside the first ones are not counted
    start, measured, seconds = time.perf_counter(), 0, 0.0
    for number, (block, _) in enumerate(blocks, start=1):
        measured += len(block["source_index"])
        seconds = time.perf_counter() - start
        if seconds > MEASURED_SECONDS or number >= MEASURED_BLOCKS:
            break
    return measured, measured / max(seconds, 1e-9)
