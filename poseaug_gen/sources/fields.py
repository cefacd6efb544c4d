"""From a file's named arrays to a PoseSet: the rules that every container of arrays (.npz, .h5) shares.

World poses: ``positions`` (rows, joints, 3), metres, z up; a rig of virtual cameras sees them.
Camera-frame poses: ``positions_3d`` (rows, joints, 3), metres, absolute; ``intrinsics`` (rows, 9), normalised;
``image_size`` (rows, 2), pixels. The last two may lack the rows: one camera for all.
Both may have: ``joints`` (names of the file's joints, else the skeleton's own), labels ``subject``, ``action`` and
``camera`` or ``clip`` (one a row, or one for all), and texts ``name``, ``licence`` and ``citation`` for the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from poseaug_gen import storage
from poseaug_gen.camera import Camera
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.checks import (
    LONGEST_LABEL,
    check_bodies,
    checked_image_size,
    checked_intrinsics,
    checked_positions,
)
from poseaug_gen.sources.rigs import see_with_rig

TEXTS = ("name", "licence", "citation")
WORLD = ("positions", "joints", "subject", "clip", "action", *TEXTS)
CAMERA = ("positions_3d", "intrinsics", "image_size", "joints", "subject", "action", "camera", *TEXTS)

Fields = Mapping[str, Shaped[np.ndarray, "..."]]


def world_poses(fields: Fields, path: Path, skeleton: Skeleton, cameras: Sequence[Camera]) -> PoseSet:
    """World poses as every camera of the rig sees them; rows are camera-major (:func:`see_with_rig`).

    Raises:
        PoseAugError: there is no rig, a field is missing, or one does not hold what it should.
    """
    where = str(path)
    if not cameras:
        raise PoseAugError(
            f"{where}: its poses are in a world frame and need cameras to see them; give --rig FILE:NAME"
        )
    _require(fields, ("positions",), where)
    world = checked_positions(fields["positions"], _joint_names(fields, where), skeleton, where)
    check_bodies(world, skeleton, where)
    rows, views = len(world), len(cameras)
    subject = _labels(fields, "subject", path.stem, rows, where)
    action = _labels(fields, "action", "unknown", rows, where)
    clip = _labels(fields, "clip", path.stem, rows, where)
    # Two people's clips may bear one name; each is centred by itself.
    own_clip = subject.codes.astype(np.int64) * len(clip.names) + clip.codes
    every = np.tile(np.arange(rows), views)
    seen = np.repeat(np.arange(views), rows)
    return PoseSet(
        skeleton=skeleton,
        positions=see_with_rig(world, own_clip, cameras),
        intrinsics=np.stack([camera.intrinsics for camera in cameras])[seen],
        image_size=np.array([camera.image_size for camera in cameras], dtype=np.int32)[seen],
        subject=subject.take(every),
        action=action.take(every),
        camera=Labels.of([camera.name for camera in cameras]).take(seen),
        provenance=_provenance(fields, path, rows) | {"cameras": [camera.name for camera in cameras]},
    )


def camera_poses(fields: Fields, path: Path, skeleton: Skeleton) -> PoseSet:
    """Camera-frame poses as they stand.

    Raises:
        PoseAugError: a field is missing, or one does not hold what it should.
    """
    where = str(path)
    _require(fields, ("positions_3d", "intrinsics", "image_size"), where)
    positions = checked_positions(fields["positions_3d"], _joint_names(fields, where), skeleton, where)
    check_bodies(positions, skeleton, where)
    rows = len(positions)
    return PoseSet(
        skeleton=skeleton,
        positions=positions,
        intrinsics=checked_intrinsics(every_row(fields["intrinsics"], rows, 2, "intrinsics", where), where),
        image_size=checked_image_size(every_row(fields["image_size"], rows, 2, "image_size", where), where),
        subject=_labels(fields, "subject", path.stem, rows, where),
        action=_labels(fields, "action", "unknown", rows, where),
        camera=_labels(fields, "camera", "unknown", rows, where),
        provenance=_provenance(fields, path, rows),
    )


def _require(fields: Fields, names: Sequence[str], where: str) -> None:
    missing = [name for name in names if name not in fields]
    if missing:
        raise PoseAugError(f"{where}: lacks {', '.join(repr(name) for name in missing)}; poses need {', '.join(names)}")


def every_row(
    values: Shaped[np.ndarray, "..."], rows: int, dims: int, name: str, where: str
) -> Shaped[np.ndarray, "..."]:
    """The field with one entry a row: as it is, or its one entry for all rows repeated."""
    if values.ndim == dims - 1:
        return np.broadcast_to(values, (rows, *values.shape))
    if values.ndim != dims or len(values) != rows:
        raise PoseAugError(f"{where}: {name!r} has the shape {values.shape} for {rows} poses; give one a pose")
    return values


def _labels(fields: Fields, name: str, default: str, rows: int, where: str) -> Labels:
    """A label a row; ``default`` on every row where the file has none."""
    if name not in fields:
        return Labels.constant(default, rows)
    return Labels.of(every_row(_strings(fields[name], name, where), rows, 1, name, where))


def _joint_names(fields: Fields, where: str) -> list[str] | None:
    return [str(joint) for joint in _strings(fields["joints"], "joints", where).flat] if "joints" in fields else None


def _strings(values: Shaped[np.ndarray, "..."], name: str, where: str) -> Shaped[np.ndarray, "..."]:
    """An array of short, well-formed strings; bytes are read as UTF-8."""
    if values.dtype.kind not in "SU":
        raise PoseAugError(f"{where}: {name!r} must be strings, not {values.dtype}; write it as an array of str")
    values = _text(values, name, where)
    if values.dtype.itemsize // 4 > LONGEST_LABEL:
        raise PoseAugError(f"{where}: {name!r} has a label of over {LONGEST_LABEL} characters; shorten it")
    return values


def _text(values: Shaped[np.ndarray, "*shape"], name: str, where: str) -> Shaped[np.ndarray, "*shape"]:
    """Strings as ``str``, every one of which Python and UTF-8 can hold; bytes are read as UTF-8.

    An array's code points come raw from the file; on one that is no character NumPy fails in its own depths.
    """
    try:
        if values.dtype.kind == "S":
            return np.char.decode(values, "utf-8")
        points = np.ascontiguousarray(values).reshape(-1).view(values.dtype.str[0] + "u4")
        if (points > 0x10FFFF).any() or ((points >= 0xD800) & (points <= 0xDFFF)).any():
            raise ValueError("code points that are no characters")
    except ValueError as error:
        raise PoseAugError(f"{where}: {name!r} holds what is not text ({error}); write it as str") from error
    return values


def _provenance(fields: Fields, path: Path, rows: int) -> dict[str, Any]:
    """Where the poses come from. The file without its folder: the record is the same wherever the file lies."""
    texts = {name: _one_text(fields[name], name, str(path)) for name in TEXTS if name in fields}
    defaults = {"name": path.stem, "licence": "not stated", "citation": ""}
    return {**defaults, **texts, "file": path.name, "sha256": storage.sha256(path), "rows": rows}


def _one_text(value: Shaped[np.ndarray, "..."], name: str, where: str) -> str:
    """One text, of any length, in an array of one string."""
    if value.size != 1 or value.dtype.kind not in "SU":
        raise PoseAugError(f"{where}: {name!r} must be one string; write it as a str")
    return str(_text(value, name, where).reshape(-1)[0])
