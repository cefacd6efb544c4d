"""A PoseSet as an HDF5 file: a run's ``poses.h5``, and a source format; and plain HDF5 files of camera-frame poses.

Ours has the datasets ``positions_3d`` f4, ``intrinsics`` f4 and ``image_size`` i2, and ``subject``, ``action`` and
``camera`` as i4 codes into the JSON list in their attribute ``names``. Root attributes: ``format``,
``schema_version``, ``units``, ``frame``, and as JSON ``skeleton`` and ``provenance``. No clock: equal sets make equal
bytes. A plain file has the fields of :mod:`.fields`, texts as root attributes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Shaped

from poseaug_gen import storage
from poseaug_gen.camera import Camera
from poseaug_gen.errors import PoseAugError
from poseaug_gen.hdf5 import Writer
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton, skeleton_from_json
from poseaug_gen.sources.checks import check_bodies, checked_image_size, checked_intrinsics, checked_positions
from poseaug_gen.sources.fields import CAMERA, TEXTS, camera_poses, every_row
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
        file.attrs["schema_version"] = SCHEMA_VERSION
        set_text(file, "format", FORMAT)
        set_text(file, "units", "metres")
        set_text(file, "frame", "camera: x right, y down, z forward")
        set_text(file, "skeleton", json.dumps(poses.skeleton.to_dict()))
        set_text(file, "provenance", json.dumps(poses.provenance))
        file.create_dataset("positions_3d", data=poses.positions, dtype="<f4")
        file.create_dataset("intrinsics", data=poses.intrinsics, dtype="<f4")
        file.create_dataset("image_size", data=poses.image_size, dtype="<i2")
        for name in LABELS:
            labels: Labels = getattr(poses, name)
            dataset = file.create_dataset(name, data=labels.codes, dtype="<i4")
            set_text(dataset, "names", json.dumps(labels.names))


def read_poses(path: Path) -> PoseSet:
    """The PoseSet that :func:`write_poses` wrote, with the skeleton it was written with.

    Raises:
        PoseAugError: there is no such file, or it is not one of ours or not whole.
    """
    where = str(path)
    with opened(path) as file:
        if text_attribute(file, "format", "") != FORMAT:
            raise PoseAugError(f"{where}: not a file of poses that poseaug-gen wrote; give one that is")
        version = file.attrs.get("schema_version")
        if version != SCHEMA_VERSION:
            raise PoseAugError(f"{where}: has schema version {version}, not {SCHEMA_VERSION}; update poseaug-gen")
        missing = {"positions_3d", "intrinsics", "image_size", *LABELS} - names_in(file)
        if missing:
            raise PoseAugError(f"{where}: lacks {', '.join(sorted(missing))}; write the file again")
        skeleton = skeleton_from_json(text_attribute(file, "skeleton"), where)
        positions = checked_positions(read_dataset(file, "positions_3d"), None, skeleton, where)
        return PoseSet(
            skeleton=skeleton,
            positions=positions,
            intrinsics=checked_intrinsics(_rows(file, "intrinsics", len(positions), 2), where),
            image_size=checked_image_size(_rows(file, "image_size", len(positions), 2), where),
            subject=_labels(file, "subject", len(positions)),
            action=_labels(file, "action", len(positions)),
            camera=_labels(file, "camera", len(positions)),
            provenance=_provenance(file),
        )


def _rows(file: h5py.File, name: str, rows: int, dims: int) -> Shaped[np.ndarray, "..."]:
    return every_row(read_dataset(file, name), rows, dims, name, file.filename)


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
    if not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return text_attribute(file, "format", "") == FORMAT


def read_pose_set(path: Path, skeleton: Skeleton, cameras: Sequence[Camera]) -> PoseSet:
    """One of our files for any skeleton whose joints it has; a rig is not used.

    Raises:
        PoseAugError: the file is not whole, holds no poses, or lacks one of the skeleton's joints.
    """
    poses = read_poses(path)
    if poses.skeleton.joints != skeleton.joints:
        order = skeleton.indices_of(list(poses.skeleton.joints), str(path))
        poses = replace(poses, positions=np.ascontiguousarray(poses.positions[:, order]))
    check_bodies(poses.positions, skeleton, str(path))
    return replace(poses, skeleton=skeleton)


def holds_camera_poses(path: Path) -> bool:
    """Whether the file is HDF5 with ``positions_3d``."""
    if not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return "positions_3d" in names_in(file)


def read_camera(path: Path, skeleton: Skeleton, cameras: Sequence[Camera]) -> PoseSet:
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
    poses = camera_poses(fields, path, skeleton)
    return replace(poses, provenance=poses.provenance | history)
