"""MPI-INF-3DHP's own annotations: ``annot.mat`` of its training set and ``annot_data.mat`` of its test set.

Read is ``annot3``, joints in the camera's frame, millimetres, of people of their own sizes. ``univ_annot3`` has the
same poses scaled until everybody is of one height: it would teach that all bodies are alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.mpi_inf_3dhp_cameras import calibrated, fitted
from poseaug_gen.sources.mpi_inf_3dhp_rows import CITATION, LICENCE, OWNER, SeenBy, annotated_set, person
from poseaug_gen.sources.safe_h5 import looks_like_hdf5, names_in, opened, read_dataset
from poseaug_gen.sources.safe_mat import looks_like_mat, read_variables, variables

CALIBRATION_FILE = "camera.calibration"
# The data set's mpii_get_activity_name.m; a file counts them from 1.
ACTIVITIES = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On The Floor",
    "Sports",
    "Miscellaneous",
)
# Frames in whose published annotations left and right are mixed up: vegesm/pose_refinement,
# src/databases/mpii_3dhp.py, commit 59e94de.
MIXED_UP = {("S4", "Seq2"): slice(3759, 5853)}

Pose3D = Float[np.ndarray, "frames joints 3"]
Pose2D = Float[np.ndarray, "frames joints 2"]


# --- the training set -----------------------------------------------------------------------------------------


def holds_training(path: Path) -> bool:
    """Whether the file is an annot.mat: MATLAB's version 5, with 2D and 3D annotations."""
    return looks_like_mat(path) and {"annot2", "annot3"} <= set(variables(path))


def read_training(path: Path, request: Request) -> PoseSet:
    """Every frame of a sequence as each of its cameras saw it, camera by camera.

    Raises:
        PoseAugError: there is no calibration beside the file, or either is not what it should be.
    """
    subject, sequence = _folders(path, r"(S\d+)/(Seq\d+)") or (path.stem, "unknown")
    joints = request.names.layouts["mpi28"]
    views = [_unmixed(view, joints, MIXED_UP.get((subject, sequence))) for view in _views(path, len(joints))]
    known = calibrated(path.with_name(CALIBRATION_FILE))
    missing = [number for number in range(len(views)) if number not in known]
    if missing:
        raise PoseAugError(
            f"{path}: was seen by {len(views)} cameras, but {CALIBRATION_FILE} beside it lacks number {missing[0]}; "
            f"give the one of the same sequence"
        )
    frames = [len(pose) for pose, _ in views]
    by = SeenBy([known[number] for number in range(len(views))], np.repeat(np.arange(len(views)), frames))
    pixels = np.concatenate([pixel for _, pixel in views])
    return annotated_set(
        np.concatenate([pose for pose, _ in views]),
        by.normalised(pixels).astype(np.float32),
        by,
        joints,
        path,
        request,
        subject=Labels.constant(person(subject), len(pixels)),
        action=Labels.constant(sequence, len(pixels)),
        name="MPI-INF-3DHP, training set",
    )


def _views(path: Path, joints: int) -> list[tuple[Pose3D, Pose2D]]:
    """What each camera saw, from its cells: joints in metres and in pixels, float32."""
    cells = read_variables(path, ("annot2", "annot3"))
    flat_2d, flat_3d = cells.get("annot2"), cells.get("annot3")
    if not (isinstance(flat_2d, tuple) and isinstance(flat_3d, tuple) and 0 < len(flat_3d) == len(flat_2d)):
        raise PoseAugError(
            f"{path}: 'annot2' and 'annot3' must be cells of one array a camera; give the annot.mat as published"
        )
    views = []
    for pixels, millimetres in zip(flat_2d, flat_3d, strict=True):
        frames = len(millimetres)
        if pixels.shape != (frames, 2 * joints) or millimetres.shape != (frames, 3 * joints):
            raise PoseAugError(
                f"{path}: a camera has annotations of the shapes {pixels.shape} and {millimetres.shape}; "
                f"they must be (frames, {2 * joints}) and (frames, {3 * joints}), of {joints} joints"
            )
        with np.errstate(all="ignore"):  # what is no number, or too large for float32, agrees with no 2D
            pose = (millimetres / 1000).astype(np.float32).reshape(frames, joints, 3)
            views.append((pose, pixels.astype(np.float32).reshape(frames, joints, 2)))
    return views


def _unmixed(view: tuple[Pose3D, Pose2D], joints: Sequence[str], mixed_up: slice | None) -> tuple[Pose3D, Pose2D]:
    """The view with left and right put right in the frames that have them mixed up.

    Only where the body jumps at the first of them, and not if it is put right: a mended file stays as it is.
    """
    pose, pixel = view
    if mixed_up is None or len(pose) <= mixed_up.start:
        return view
    other = {"l_": "r_", "r_": "l_"}
    twin = [joints.index(other[name[:2]] + name[2:]) if name[:2] in other else i for i, name in enumerate(joints)]
    before, first = pose[mixed_up.start - 1], pose[mixed_up.start]
    if np.linalg.norm(first - before, axis=-1).sum() <= np.linalg.norm(first[twin] - before, axis=-1).sum():
        return view
    pose, pixel = pose.copy(), pixel.copy()
    pose[mixed_up], pixel[mixed_up] = pose[mixed_up][:, twin], pixel[mixed_up][:, twin]
    return pose, pixel


def calibration_beside(path: Path) -> list[Path]:
    """The calibration that :func:`read_training` takes in."""
    beside = path.with_name(CALIBRATION_FILE)
    return [beside] if beside.exists() else []


# --- the test set ---------------------------------------------------------------------------------------------


def holds_test(path: Path) -> bool:
    """Whether the file is an annot_data.mat: MATLAB's version 7.3, which is HDF5, with annotations."""
    if not looks_like_hdf5(path):
        return False
    with opened(path) as file:
        return {"annot2", "annot3", "valid_frame"} <= names_in(file)


def read_test(path: Path, request: Request) -> PoseSet:
    """The valid frames of a test sequence, by the camera that its 2D and 3D annotations tell.

    Raises:
        PoseAugError: the file is not what it should be, or of no camera of the test set.
    """
    with opened(path) as file:
        held = names_in(file)
        flat_2d, flat_3d, valid = (read_dataset(file, name) for name in ("annot2", "annot3", "valid_frame"))
        activity = read_dataset(file, "activity_annotation") if "activity_annotation" in held else np.zeros(valid.size)
    joints = request.names.layouts["mpi17"]
    with np.errstate(all="ignore"):  # what is no number agrees with no 2D
        frames = _one_a_frame(valid, "valid_frame", valid.size, path) != 0
        pixels = _joints_of(flat_2d, "annot2", (len(frames), len(joints), 2), path)[frames]
        positions = _joints_of(flat_3d, "annot3", (len(frames), len(joints), 3), path)[frames] / 1000
        doing = _activity_codes(_one_a_frame(activity, "activity_annotation", len(frames), path)[frames])
    camera = fitted(positions, pixels, str(path))
    by = SeenBy([camera], np.zeros(len(positions), dtype=np.int64))
    (subject,) = _folders(path, r"(TS\d+)") or (path.stem,)
    return annotated_set(
        positions,
        by.normalised(pixels),
        by,
        joints,
        path,
        request,
        subject=Labels.constant(person(subject), len(positions)),
        action=Labels(doing, ("unknown", *ACTIVITIES)),
        name="MPI-INF-3DHP, test set",
    )


def _joints_of(
    values: Shaped[np.ndarray, "..."], name: str, shape: tuple[int, int, int], path: Path
) -> Float[np.ndarray, "frames joints dims"]:
    """Annotations as poses: the file has one axis more, of the one person."""
    if values.dtype.kind not in "fiu" or values.shape not in (shape, (shape[0], 1, *shape[1:])):
        raise PoseAugError(
            f"{path}: {name!r} is {values.dtype} of shape {values.shape}; it must be "
            f"({shape[0]}, 1, {shape[1]}, {shape[2]}), one pose a frame; give the annot_data.mat as published"
        )
    return values.reshape(shape).astype(np.float64)


def _one_a_frame(
    values: Shaped[np.ndarray, "..."], name: str, frames: int, path: Path
) -> Shaped[np.ndarray, " frames"]:
    if values.dtype.kind not in "fiub" or values.size != frames:
        raise PoseAugError(
            f"{path}: {name!r} is {values.dtype} of shape {values.shape}; it must be one number for each of "
            f"{frames:,} frames; give the annot_data.mat as published"
        )
    return values.reshape(-1)


def _activity_codes(number: Shaped[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    """Codes into ``unknown`` and :data:`ACTIVITIES`."""
    known = np.isin(number, np.arange(1, len(ACTIVITIES) + 1))
    return np.where(known, number, 0).astype(np.int32)


def _folders(path: Path, pattern: str) -> tuple[str, ...] | None:
    """What the folders that a file lies in say by their names."""
    match = re.search(rf"/{pattern}$", path.absolute().parent.as_posix())
    return match.groups() if match else None


FORMATS = (
    Format(
        "MPI-INF-3DHP training annotations",
        "annot.mat of a sequence S?/Seq?: annot3 (people of their own sizes) and annot2, a cell a camera",
        holds_training,
        read_training,
        needs=f"{CALIBRATION_FILE} of the same sequence beside it",
        owner=OWNER,
        licence=LICENCE,
        citation=CITATION,
        companions=calibration_beside,
    ),
    Format(
        "MPI-INF-3DHP test annotations",
        "annot_data.mat of a sequence TS?: annot3 (people of their own sizes), annot2 and valid_frame",
        holds_test,
        read_test,
        owner=OWNER,
        licence=LICENCE,
        citation=CITATION,
    ),
)
