"""Tar files for WebDataset: a sample is a block of 1,024 rows, with a .npy file for each column.

``000000012.positions_2d.npy``, and so on: ``webdataset.WebDataset(…).decode()`` makes arrays of them, with nothing of
ours. Times and owners are left out, so that the same rows are the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from poseaug_gen.consumers.convert.blocks import ROWS_PER_FILE, block_pieces
from poseaug_gen.consumers.convert.pieces import Format, Task
from poseaug_gen.consumers.view import Block
from poseaug_gen.export.schema import all_columns
from poseaug_gen.skeleton import load_skeleton


def _write(path: Path, blocks: Iterable[tuple[int, Block]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, block in blocks:
            for name, values in block.items():
                data = io.BytesIO()
                np.save(data, values)
                member = tarfile.TarInfo(f"{number:09d}.{name}.npy")
                member.size = data.tell()
                data.seek(0)
                archive.addfile(member, data)


def next_step(task: Task, out: Path) -> str:
    return f"webdataset.WebDataset(sorted(glob('{out}/*.tar'))).decode(); a sample is a block of rows (docs/convert.md)"


FORMAT = Format(
    title="WebDataset",
    pieces=partial(block_pieces, suffix="tar", write=_write),
    next_step=next_step,
    keeps=tuple(column.name for column in all_columns(load_skeleton())),
    derives=False,
    rows_per_file=ROWS_PER_FILE,
)
