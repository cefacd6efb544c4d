"""A Poses2D as an HDF5 file: a run's ``extra_2d.h5``, and a format of extra 2D poses.

Datasets ``positions_2d`` f4 and ``visible`` u1; root attributes as in :mod:`.canonical`, ``provenance`` a list of
records. Equal sets make equal bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.hdf5 import Writer
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.assemble import provenance
from poseaug_gen.sources.assemble_2d import on_skeleton
from poseaug_gen.sources.canonical import checked_header, is_of_format, write_header
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.safe_h5 import json_attribute, names_in, opened, read_dataset

FORMAT = "poseaug-gen 2D poses"


def write_poses_2d(path: Path, poses: Poses2D) -> None:
    """Write a Poses2D, whole or not at all; the same set writes the same bytes.

    Raises:
        PoseAugError: the file cannot be written.
    """
    with storage.replacing(path) as temporary, Writer(temporary) as writer:
        frame = "image: x = 2u/w - 1, y = 2v/w - h/w"
        write_header(writer.file, FORMAT, poses.skeleton, poses.provenance, units="half image widths", frame=frame)
        writer.file.create_dataset("positions_2d", data=poses.positions, dtype="<f4")
        writer.file.create_dataset("visible", data=poses.visible, dtype="u1")


def read_poses_2d(path: Path) -> Poses2D:
    """The Poses2D that :func:`write_poses_2d` wrote, with the skeleton it was written with.

    Raises:
        PoseAugError: there is no such file, or it is not one of ours or not whole.
    """
    with opened(path) as file:
        skeleton = checked_header(file, FORMAT)
        missing = {"positions_2d", "visible"} - names_in(file)
        if missing:
            raise PoseAugError(f"{path}: lacks {', '.join(sorted(missing))}; write the file again")
        positions, visible = read_dataset(file, "positions_2d"), read_dataset(file, "visible")
        records = json_attribute(file, "provenance")
    numbers = positions.dtype.kind in "fiu" and visible.dtype.kind in "biu"
    if not numbers or visible.shape[1:] != (skeleton.num_joints,) or positions.shape != (*visible.shape, 2):
        raise PoseAugError(
            f"{path}: its 2D poses are {positions.dtype} of shape {positions.shape}, known where {visible.dtype} of "
            f"shape {visible.shape}; write the file again"
        )
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise PoseAugError(f"{path}: its attribute 'provenance' is not a list of records; write the file again")
    return Poses2D.of(skeleton, positions, visible != 0, *records)


def recognises(path: Path) -> bool:
    """Whether the file is one that :func:`write_poses_2d` wrote."""
    return is_of_format(path, FORMAT)


def read(path: Path, request: Request) -> Poses2D:
    """One of our files for any skeleton; its own records are kept under ``parts``.

    Raises:
        PoseAugError: the file is not whole.
    """
    poses = read_poses_2d(path)
    licences = dict.fromkeys(str(record["licence"]) for record in poses.provenance if "licence" in record)
    record = {"licence": "; ".join(licences), "parts": list(poses.provenance)}
    mapped = on_skeleton(poses.positions.astype(np.float64), poses.visible, poses.skeleton.joints, request)
    return Poses2D.of(request.skeleton, *mapped, provenance(path, len(poses), record))
