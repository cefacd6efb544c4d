"""A PoseSet as an HDF5 file: a run's ``poses.h5``, and a source format; and plain HDF5 files of camera-frame poses.

Ours has the datasets ``positions_3d`` f4, ``intrinsics`` f4 and ``image_size`` i2, ``detected_2d`` f4 where a
detector's 2D poses are known, and ``subject``, ``action`` and ``camera`` as i4 codes into the JSON list in their
attribute ``names``. Root attributes: ``format``,
``schema_version``, ``units``, ``frame``, and as JSON ``skeleton`` and ``provenance``. No clock: equal sets make equal
bytes. A plain file has the fields of :mod:`.fields`, texts as root attributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, Shaped

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.hdf5 import Writer
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton, skeleton_from_json
from poseaug_gen.sources.assemble import TEXTS
from poseaug_gen.sources.checks import check_bodies, checked_image_size, checked_intrinsics, checked_positions
from poseaug_gen.sources.fields import CAMERA, camera_poses, every_row
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.joints import joint_names, to_skeleton
from poseaug_gen.sources.safe_h5 import (
    json_attribute,
    looks_like_hdf5,
    names_in,
    opened,
    read_dataset,
    set_text,
    text_attribute,
)

FORMAT = "poseaug-gen poses"
SCHEMA_VERSION = 1
LABELS = ("subject", "action", "camera")


def write_poses(path: Path, poses: PoseSet) -> None:
    """Write a PoseSet, whole or not at all; the same set writes the same bytes.

    Raises:
        PoseAugError: the file cannot be written.
    """
    with storage.replacing(path) as temporary, Writer(temporary) as writer:
        file = writer.file
        write_header(
            file, FORMAT, poses.skeleton, poses.provenance, units="metres", frame="camera: x right, y down, z forward"
        )
        file.create_dataset("positions_3d", data=poses.positions, dtype="<f4")
        file.create_dataset("intrinsics", data=poses.intrinsics, dtype="<f4")
        file.create_dataset("image_size", data=poses.image_size, dtype="<i2")
        if poses.detected_2d is not None:
            file.create_dataset("detected_2d", data=poses.detected_2d, dtype="<f4")
        for name in LABELS:
            labels: Labels = getattr(poses, name)
            dataset = file.create_dataset(name, data=labels.codes, dtype="<i4")
            set_text(dataset, "names", json.dumps(labels.names))


def write_header(
    file: h5py.File, format: str, skeleton: Skeleton, provenance: Mapping | Sequence, *, units: str, frame: str
) -> None:
    """The root attributes of a file of ours."""
    file.attrs["schema_version"] = SCHEMA_VERSION
    set_text(file, "format", format)
    set_text(file, "units", units)
    set_text(file, "frame", frame)
    set_text(file, "skeleton", json.dumps(skeleton.to_dict()))
    set_text(file, "provenance", json.dumps(provenance))


def read_poses(path: Path) -> PoseSet:
    """The PoseSet that :func:`write_poses` wrote, with the skeleton it was written with.

    Raises:
        PoseAugError: there is no such file, or it is not one of ours or not whole.
    """
    where = str(path)
    with opened(path) as file:
        skeleton = checked_header(file, FORMAT)
        missing = {"positions_3d", "intrinsics", "image_size", *LABELS} - names_in(file)
        if missing:
            raise PoseAugError(f"{where}: lacks {', '.join(sorted(missing))}; write the file again")
        positions = checked_positions(read_dataset(file, "positions_3d"), None, skeleton, joint_names(), where)
        return PoseSet(
            skeleton=skeleton,
            positions=positions,
            intrinsics=checked_intrinsics(_rows(file, "intrinsics", len(positions), 2), where),
            image_size=checked_image_size(_rows(file, "image_size", len(positions), 2), where),
            subject=_labels(file, "subject", len(positions)),
            action=_labels(file, "action", len(positions)),
            camera=_labels(file, "camera", len(positions)),
            provenance=_provenance(file),
            detected_2d=_detected_2d(file, positions.shape[:2]) if "detected_2d" in file else None,
        )


def checked_header(file: h5py.File, format: str) -> Skeleton:
    """The skeleton of a file of ours that is of this format and version.

    Raises:
        PoseAugError: it is another, or the skeleton is none.
    """
    if text_attribute(file, "format", "") != format:
        raise PoseAugError(f"{file.filename}: not a file of {format}; give one that poseaug-gen wrote")
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise PoseAugError(f"{file.filename}: has schema version {version}, not {SCHEMA_VERSION}; update poseaug-gen")
    return skeleton_from_json(text_attribute(file, "skeleton"), file.filename)


def _rows(file: h5py.File, name: str, rows: int, dims: int) -> Shaped[np.ndarray, "..."]:
    return every_row(read_dataset(file, name), rows, dims, name, file.filename)


def _detected_2d(file: h5py.File, shape: tuple[int, ...]) -> Float[np.ndarray, "rows joints 2"]:
    values = read_dataset(file, "detected_2d")
    if values.shape != (*shape, 2) or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise PoseAugError(
            f"{file.filename}: 'detected_2d' is not a finite 2D pose for each pose; write the file again"
        )
    return values.astype(np.float32)


def _labels(file: h5py.File, name: str, rows: int) -> Labels:
    """Labels from a dataset of codes, with the list of names that is its attribute."""
    codes = _rows(file, name, rows, 1)
    names = json_attribute(file[name], "names")
    known = len(names) if isinstance(names, list) and all(isinstance(n, str) for n in names) else 0
    if codes.dtype.kind not in "iu" or not ((codes >= 0) & (codes < known)).all():
        raise PoseAugError(f"{file.filename}: {name!r} has codes that its list of names lacks; write the file again")
    return Labels(codes.astype(np.int32), tuple(names[:known]))


def _provenance(file: h5py.File) -> dict[str, Any]:
    provenance = json_attribute(file, "provenance")
    if not isinstance(provenance, dict):
        raise PoseAugError(f"{file.filename}: its attribute 'provenance' is not a JSON object; write the file again")
    return provenance


# --- as source formats ------------------------------------------------------------------------------------


def holds_pose_set(path: Path) -> bool:
    """Whether the file is one that :func:`write_poses` wrote."""
    return is_of_format(path, FORMAT)


def is_of_format(path: Path, format: str) -> bool:
    """Whether the file is HDF5 and says that it is of this format of ours."""
    if not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return text_attribute(file, "format", "") == format


def read_pose_set(path: Path, request: Request) -> PoseSet:
    """One of our files for any skeleton whose joints it has; a rig is not used.

    Raises:
        PoseAugError: the file is not whole, holds no poses, or lacks one of the skeleton's joints.
    """
    poses = read_poses(path)
    theirs, skeleton = poses.skeleton.joints, request.skeleton
    if theirs != skeleton.joints:
        values = [poses.positions] if poses.detected_2d is None else [poses.positions, poses.detected_2d]
        mapped = [to_skeleton(value, theirs, skeleton, request.names, str(path)) for value in values]
        poses = replace(poses, positions=mapped[0], detected_2d=mapped[1] if len(mapped) > 1 else None)
    check_bodies(poses.positions, skeleton, str(path))
    return replace(poses, skeleton=skeleton)


def holds_camera_poses(path: Path) -> bool:
    """Whether the file is HDF5 with ``positions_3d``."""
    if not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return "positions_3d" in names_in(file)


def read_camera(path: Path, request: Request) -> PoseSet:
    """Camera-frame poses from any HDF5 file, our exports among them; a rig is not used.

    The file's joints are those of its dataset ``joints`` or its attribute ``skeleton``, else the skeleton's own.

    Raises:
        PoseAugError: the file does not hold what it should.
    """
    with opened(path) as file:
        present = names_in(file)
        fields = {name: read_dataset(file, name) for name in CAMERA if name in present}
        fields |= {name: np.array(text_attribute(file, name)) for name in TEXTS if name in file.attrs}
        if "joints" not in fields and "skeleton" in file.attrs:
            fields["joints"] = np.array(skeleton_from_json(text_attribute(file, "skeleton"), str(path)).joints)
        # An export's own source, with its licence, stays on record.
        history = {"source": json_attribute(file, "source")} if "created_from" in file.attrs else {}
    poses = camera_poses(fields, path, request)
    return replace(poses, provenance=poses.provenance | history)


FORMATS = (
    Format(
        "poseaug-gen poses",
        "the poses.h5 of a run, or of `poseaug-gen sources convert`",
        holds_pose_set,
        read_pose_set,
        owner="poseaug-gen",
    ),
    Format(
        "HDF5, camera-frame poses",
        "positions_3d (rows, joints, 3) in metres, with intrinsics (rows, 9) and image_size (rows, 2); our exports too",
        holds_camera_poses,
        read_camera,
        owner="you, or poseaug-gen export",
    ),
)
