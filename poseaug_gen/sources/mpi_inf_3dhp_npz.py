"""MPI-INF-3DHP as other projects cut it: PoseAug's ``test_3dhp.npz``, SPIN's ``mpi_inf_3dhp_{valid,train}.npz``.

Their 3D poses are about the pelvis and they have no cameras: those are the published ones, and where a person stood is
found from the 2D poses (:mod:`.placing`). In the test set's files everybody is scaled to one height (they are cut from
``univ_annot3``); SPIN's training file has people of their own sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources.assemble import provenance
from poseaug_gen.sources.assemble_2d import on_skeleton
from poseaug_gen.sources.fields import require, strings
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.mpi_inf_3dhp_cameras import published
from poseaug_gen.sources.mpi_inf_3dhp_rows import CITATION, LICENCE, OWNER, SeenBy, annotated_set, person
from poseaug_gen.sources.placing import LARGEST_RESIDUAL, absolute, residuals
from poseaug_gen.sources.safe_npz import first_entry, looks_like_zip, members, read_members

# Valid frames of TS1 to TS6: the README of the test set's own evaluation.
TEST_FRAMES = (603, 540, 505, 553, 276, 452)
OUTDOOR = 4  # from here on (TS5, TS6) the test set was filmed by the second of its cameras
_TEST_IMAGES = re.compile(r"(?:^|/)(TS([1-6]))/imageSequence$")
_TRAINING_IMAGES = re.compile(r"(?:^|/)(S[1-8])/(Seq[12])/imageFrames/video_(\d{1,2})$")

Detections = tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"], dict[str, Any]]


# --- PoseAug --------------------------------------------------------------------------------------------------


def holds_poseaug(path: Path) -> bool:
    """Whether the file is a .npz with ``pose3d`` and ``pose2d``."""
    return looks_like_zip(path) and {"pose3d", "pose2d"} <= set(members(path))


def read_poseaug(path: Path, request: Request) -> PoseSet:
    """PoseAug's test set.

    The file names neither people nor cameras. As published it has every valid frame of the test set, in order, and
    :data:`TEST_FRAMES` tells both; of a part of it, still in order, :func:`first_outdoor_row` tells the camera.

    Raises:
        PoseAugError: the file is not what it should be, or most poses do not fit their 2D.
    """
    fields = _members(path, "pose3d", "pose2d")
    layout = request.names.layouts["h36m16"]
    rows = _rows(fields["pose3d"])
    pose = _numbers(fields, "pose3d", (rows, len(layout), 3), path)
    seen = _numbers(fields, "pose2d", (rows, len(layout), 2), path)
    if rows == sum(TEST_FRAMES):
        sequence = np.repeat(np.arange(len(TEST_FRAMES)), TEST_FRAMES)
        outdoors = sequence >= OUTDOOR
        subject = Labels(sequence.astype(np.int32), tuple(person(f"TS{n + 1}") for n in range(len(TEST_FRAMES))))
    else:
        outdoors = np.arange(rows) >= first_outdoor_row(pose, seen)
        subject = Labels.constant(path.stem, rows)
    by = SeenBy(published("test"), outdoors.astype(np.int64))
    return annotated_set(
        absolute(pose, seen, by.intrinsics),
        seen,
        by,
        layout,
        path,
        request,
        subject=subject,
        action=Labels.constant("unknown", rows),
        name="MPI-INF-3DHP, test set, people of one height (PoseAug's selection)",
    )


def first_outdoor_row(pose: Float[np.ndarray, "rows joints 3"], seen: Float[np.ndarray, "rows joints 2"]) -> int:
    """Where rows in the order of the test set change to its second camera: where they then fit their 2D best."""
    cost = []
    for camera in published("test"):
        intrinsics = np.tile(camera.intrinsics, (len(pose), 1))
        residual = residuals(absolute(pose, seen, intrinsics), seen, intrinsics)
        cost.append(np.minimum(residual, LARGEST_RESIDUAL))  # a row that fits neither shall not decide
    studio_before = np.concatenate([[0], np.cumsum(cost[0])])
    outdoor_after = np.concatenate([np.cumsum(cost[1][::-1])[::-1], [0]])
    return int(np.argmin(studio_before + outdoor_after))


# --- SPIN -----------------------------------------------------------------------------------------------------


class _View(NamedTuple):
    """What the folder of an image says: who does what before which of :func:`_cameras`."""

    subject: str
    action: str
    camera: int


def _cameras() -> tuple:
    return (*published("training"), *published("test"))


def _view(folder: str) -> _View | None:
    """What a folder of images is of; None: not one of MPI-INF-3DHP."""
    training = len(published("training"))
    if match := _TEST_IMAGES.search(folder):
        return _View(person(match[1]), "unknown", training + (int(match[2]) > OUTDOOR))
    if (match := _TRAINING_IMAGES.search(folder)) and int(match[3]) < training:
        return _View(person(match[1]), match[2], int(match[3]))
    return None


def holds_spin(path: Path) -> bool:
    """Whether the file is a .npz with SPIN's ``imgname``, ``part`` and ``S``, of images of MPI-INF-3DHP."""
    first = first_entry(path, ("imgname", "part", "S"))
    if first is None:
        return False
    (name,) = strings(first, "imgname", str(path))
    return _view(str(name).rpartition("/")[0]) is not None


def read_spin(path: Path, request: Request) -> PoseSet:
    """The rows of SPIN's file whose joints are all labelled.

    Raises:
        PoseAugError: the file is not what it should be, or most poses do not fit their 2D.
    """
    fields = _members(path, "imgname", "part", "S")
    layout = request.names.layouts["spin24"]
    views = _views(fields["imgname"], path)
    part = _numbers(fields, "part", (len(views), len(layout), 3), path)
    pose = _numbers(fields, "S", (len(views), len(layout), 4), path)
    named = [i for i, joint in enumerate(layout) if joint]
    whole = ((part[:, named, 2] > 0) & (pose[:, named, 3] > 0)).all(1)
    chosen = [views[row] for row in np.flatnonzero(whole)]
    by = _seen_by(chosen)
    seen = by.normalised(part[whole][:, named, :2])
    return annotated_set(
        absolute(pose[whole][:, named, :3], seen, by.intrinsics),
        seen,
        by,
        [layout[i] for i in named],
        path,
        request,
        subject=Labels.of([view.subject for view in chosen]),
        action=Labels.of([view.action for view in chosen]),
        name=f"MPI-INF-3DHP (SPIN's {path.name})",
        left_out={"poses with joints that are not labelled": int((~whole).sum())},
    )


def _views(names: Shaped[np.ndarray, "..."], path: Path) -> list[_View]:
    """What each image's name says.

    Raises:
        PoseAugError: an image is not one of MPI-INF-3DHP.
    """
    folders = [str(name).rpartition("/")[0] for name in strings(names, "imgname", str(path)).flat]
    known = {folder: _view(folder) for folder in set(folders)}
    strange = next((folder for folder in folders if known[folder] is None), None)
    if strange is not None:
        raise PoseAugError(
            f"{path}: has images in {strange!r}, where MPI-INF-3DHP has none (it has TS1/imageSequence and "
            f"S1/Seq1/imageFrames/video_0, for example); give SPIN's file of MPI-INF-3DHP"
        )
    return [view for folder in folders if (view := known[folder])]


def _seen_by(views: Sequence[_View]) -> SeenBy:
    return SeenBy(_cameras(), np.array([view.camera for view in views], dtype=np.int64))


# --- both -----------------------------------------------------------------------------------------------------


def detections(path: Path, request: Request) -> Detections:
    """The 2D poses of either file: positions (normalised), which joints are known, and the record of their origin.

    Raises:
        PoseAugError: the file is neither or not what it should be.
    """
    if holds_poseaug(path):
        fields, joints = _members(path, "pose2d"), request.names.layouts["h36m16"]
        seen = _numbers(fields, "pose2d", (_rows(fields["pose2d"]), len(joints), 2), path)
        labelled = np.ones(seen.shape[:2], dtype=bool)
    elif holds_spin(path):
        fields, joints = _members(path, "imgname", "part"), request.names.layouts["spin24"]
        views = _views(fields["imgname"], path)
        part = _numbers(fields, "part", (len(views), len(joints), 3), path)
        seen, labelled = _seen_by(views).normalised(part[..., :2]), part[..., 2] > 0
    else:
        raise PoseAugError(f"{path}: neither PoseAug's test_3dhp.npz nor SPIN's file of MPI-INF-3DHP; give one of them")
    record = {"name": f"MPI-INF-3DHP ({path.name}, 2D)", "licence": LICENCE, "citation": CITATION}
    return *on_skeleton(seen, labelled, joints, request), provenance(path, len(seen), record)


def _members(path: Path, *names: str) -> dict[str, Shaped[np.ndarray, "..."]]:
    fields = read_members(path, names)
    require(fields, names, str(path))
    return fields


def _rows(values: Shaped[np.ndarray, "..."]) -> int:
    return len(values) if values.ndim else 0


def _numbers(
    fields: Mapping[str, Shaped[np.ndarray, "..."]], name: str, shape: tuple[int, int, int], path: Path
) -> Float[np.ndarray, "rows joints n"]:
    values = fields[name]
    if values.dtype.kind not in "fiu" or values.shape != shape:
        raise PoseAugError(
            f"{path}: {name!r} is {values.dtype} of shape {values.shape}; it must be numbers of shape "
            f"(rows, {shape[1]}, {shape[2]}), as many rows as the other arrays; write the file as published"
        )
    with np.errstate(all="ignore"):  # a NaN that signals, as damage makes them, becomes one that does not by the sum
        return values.astype(np.float64) + 0.0


FORMATS = (
    Format(
        "PoseAug's test_3dhp.npz",
        "pose3d (rows, 16, 3) in metres about the hip, pose2d (rows, 16, 2) normalised: MPI-INF-3DHP's test set, "
        "people scaled to one height",
        holds_poseaug,
        read_poseaug,
        owner=f"PoseAug, from {OWNER}",
        licence=LICENCE,
        citation=CITATION,
    ),
    Format(
        "SPIN's MPI-INF-3DHP",
        "imgname, part (rows, 24, 3) in pixels, S (rows, 24, 4) in metres about the pelvis: mpi_inf_3dhp_valid.npz, "
        "mpi_inf_3dhp_train.npz; the people of the former are scaled to one height",
        holds_spin,
        read_spin,
        owner=f"SPIN, from {OWNER}",
        licence=LICENCE,
        citation=CITATION,
    ),
)
