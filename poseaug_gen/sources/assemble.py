"""From a file's poses, cameras and labels to a PoseSet: what every reader ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources.checks import check_bodies, checked_image_size, checked_intrinsics, checked_positions
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import recentring

TEXTS = ("name", "licence", "citation")
NOT_STATED = "not stated"  # a licence of which nothing is known


def world_set(
    positions: Shaped[np.ndarray, "..."],
    joints: Sequence[str] | None,
    path: Path,
    request: Request,
    *,
    subject: Labels | str,
    action: Labels | str = "unknown",
    clip: Labels | str = "",
    record: Mapping[str, Any] | None = None,
) -> PoseSet:
    """Poses of a world frame as the request's rig sees them.

    Args:
        positions: ``(poses, file's joints, 3)``, metres, z up.
        joints: their names; None: the skeleton's own.
        clip: which poses belong together; each clip of each subject is brought to the middle (:func:`recentring`).
        record: what to note of their origin beside the file: name, licence, citation.

    Raises:
        PoseAugError: there is no rig, or the poses are not what they should be.
    """
    where = str(path)
    if request.rig is None:
        raise PoseAugError(f"{where}: its poses are in a world frame and need cameras to see them; give --rig")
    world = checked_positions(positions, joints, request.skeleton, request.names, where)
    check_bodies(world, request.skeleton, where)
    whose, what, part = (_each(label, len(world)) for label in (subject, action, clip))
    # Two people's clips may bear one name; each is centred by itself.
    own_clip = whose.codes.astype(np.int64) * len(part.names) + part.codes
    views = request.rig.see(world + recentring(world[:, 0], own_clip)[:, None], request.seed)
    return PoseSet(
        skeleton=request.skeleton,
        positions=views.positions,
        intrinsics=views.intrinsics,
        image_size=views.image_size,
        subject=whose.take(views.pose),
        action=what.take(views.pose),
        camera=views.camera,
        provenance=provenance(path, len(world), record) | {"cameras": request.rig.names},
    )


def camera_set(
    positions: Shaped[np.ndarray, "..."],
    joints: Sequence[str] | None,
    path: Path,
    request: Request,
    *,
    intrinsics: Shaped[np.ndarray, "rows numbers"],
    image_size: Shaped[np.ndarray, "rows sides"],
    subject: Labels | str,
    action: Labels | str = "unknown",
    camera: Labels | str = "unknown",
    detected_2d: Float[np.ndarray, "rows joints 2"] | None = None,
    record: Mapping[str, Any] | None = None,
) -> PoseSet:
    """Poses of camera frames as they stand.

    Args:
        positions: ``(rows, file's joints, 3)``, metres, absolute, camera frame.
        joints: their names; None: the skeleton's own.
        detected_2d: detections of the skeleton's joints (not the file's), normalised.

    Raises:
        PoseAugError: the poses or cameras are not what they should be.
    """
    where = str(path)
    camera_frame = checked_positions(positions, joints, request.skeleton, request.names, where)
    check_bodies(camera_frame, request.skeleton, where)
    rows = len(camera_frame)
    return PoseSet(
        skeleton=request.skeleton,
        positions=camera_frame,
        intrinsics=checked_intrinsics(intrinsics, where),
        image_size=checked_image_size(image_size, where),
        subject=_each(subject, rows),
        action=_each(action, rows),
        camera=_each(camera, rows),
        detected_2d=detected_2d,
        provenance=provenance(path, rows, record),
    )


def provenance(path: Path, rows: int, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Where poses come from. The file without its folder: the record is the same wherever the file lies."""
    defaults = {"name": path.stem, "licence": NOT_STATED, "citation": ""}
    return {**defaults, **(record or {}), "file": path.name, "sha256": storage.sha256(path), "rows": rows}


def _each(label: Labels | str, rows: int) -> Labels:
    return Labels.constant(label, rows) if isinstance(label, str) else label
