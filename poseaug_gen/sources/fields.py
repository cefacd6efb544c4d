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

import numpy as np
from jaxtyping import Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources.assemble import TEXTS, camera_set, world_set
from poseaug_gen.sources.checks import LONGEST_LABEL
from poseaug_gen.sources.formats import Request

WORLD = ("positions", "joints", "subject", "clip", "action", *TEXTS)
CAMERA = ("positions_3d", "intrinsics", "image_size", "joints", "subject", "action", "camera", *TEXTS)

Fields = Mapping[str, Shaped[np.ndarray, "..."]]


def world_poses(fields: Fields, path: Path, request: Request) -> PoseSet:
    """World poses as the rig sees them.

    Raises:
        PoseAugError: there is no rig, a field is missing, or one does not hold what it should.
    """
    where = str(path)
    require(fields, ("positions",), where)
    rows = len(fields["positions"]) if fields["positions"].ndim else 0
    return world_set(
        fields["positions"],
        joint_names_in(fields, where),
        path,
        request,
        subject=_labels(fields, "subject", path.stem, rows, where),
        action=_labels(fields, "action", "unknown", rows, where),
        clip=_labels(fields, "clip", path.stem, rows, where),
        record=record_in(fields, where),
    )


def camera_poses(fields: Fields, path: Path, request: Request) -> PoseSet:
    """Camera-frame poses as they stand.

    Raises:
        PoseAugError: a field is missing, or one does not hold what it should.
    """
    where = str(path)
    require(fields, ("positions_3d", "intrinsics", "image_size"), where)
    rows = len(fields["positions_3d"]) if fields["positions_3d"].ndim else 0
    return camera_set(
        fields["positions_3d"],
        joint_names_in(fields, where),
        path,
        request,
        intrinsics=every_row(fields["intrinsics"], rows, 2, "intrinsics", where),
        image_size=every_row(fields["image_size"], rows, 2, "image_size", where),
        subject=_labels(fields, "subject", path.stem, rows, where),
        action=_labels(fields, "action", "unknown", rows, where),
        camera=_labels(fields, "camera", "unknown", rows, where),
        record=record_in(fields, where),
    )


def require(fields: Fields, names: Sequence[str], where: str) -> None:
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
    return Labels.of(every_row(strings(fields[name], name, where), rows, 1, name, where))


def joint_names_in(fields: Fields, where: str) -> list[str] | None:
    return [str(joint) for joint in strings(fields["joints"], "joints", where).flat] if "joints" in fields else None


def strings(values: Shaped[np.ndarray, "..."], name: str, where: str) -> Shaped[np.ndarray, "..."]:
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


def record_in(fields: Fields, where: str) -> dict[str, str]:
    """What the file itself says of its origin."""
    return {name: _one_text(fields[name], name, where) for name in TEXTS if name in fields}


def _one_text(value: Shaped[np.ndarray, "..."], name: str, where: str) -> str:
    """One text, of any length, in an array of one string."""
    if value.size != 1 or value.dtype.kind not in "SU":
        raise PoseAugError(f"{where}: {name!r} must be one string; write it as a str")
    return str(_text(value, name, where).reshape(-1)[0])
