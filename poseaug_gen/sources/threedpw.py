"""3DPW: one Python 2 pickle a sequence, people outdoors before a camera in somebody's hand.

Read are, as its read-me has them: ``jointPositions``, for each actor (N, 72), SMPL's 24 joints in the world, metres;
``campose_valid``, for each actor (N,), whether a frame's camera was aligned with the image; ``cam_poses`` (N, 4, 4),
rigid motions from the world to the camera (x right, y down, z forward: public readers of 3DPW project with them as they
stand); ``cam_intrinsics`` (3, 3), pixels; ``poses2d``, for each actor (N, 3, 18), OpenPose's detections.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from poseaug_gen.camera import normalised_intrinsics, to_normalised
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources import safe_pickle
from poseaug_gen.sources.assemble import camera_set, provenance
from poseaug_gen.sources.assemble_2d import on_skeleton, visible_joints
from poseaug_gen.sources.checks import LONGEST_LABEL, checked_image_size
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.placing import NEAREST

LAYOUT = "smpl24"
# OpenPose's 18 joints, in the order of its COCO model.
OPENPOSE = (
    "nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist", "r_hip", "r_knee",
    "r_ankle", "l_hip", "l_knee", "l_ankle", "r_eye", "l_eye", "r_ear", "l_ear",
)  # fmt: skip
CAMERA = "handheld"
_RIGID = 1e-3  # how far a rotation's matrix may be from orthonormal: they are stored in single precision
_KEYS = ("jointPositions", "campose_valid", "cam_poses", "cam_intrinsics")
_MEND = "give a sequence's file as 3DPW has it"

OWNER = "Max Planck Institute for Intelligent Systems, 3DPW"
LICENCE = "3DPW: non-commercial research"
CITATION = (
    'von Marcard, Henschel, Black, Rosenhahn, Pons-Moll, "Recovering Accurate 3D Human Pose in The Wild Using IMUs and '
    'a Moving Camera", ECCV 2018'
)


def recognises(path: Path) -> bool:
    """Whether the file is a pickle that names what a sequence of 3DPW has; it is not unpickled for this."""
    if not safe_pickle.looks_like_pickle(path):
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return all(data.find(key.encode()) >= 0 for key in _KEYS)


def read(path: Path, request: Request) -> PoseSet:
    """The poses of the frames whose camera is known, actor by actor, in the camera's frame.

    A person is named by sequence and number: 3DPW does not say who is who in another sequence.

    Raises:
        PoseAugError: the file is not what it should be.
    """
    data = _loaded(path)
    motion = _numbers(data.get("cam_poses"), "cam_poses", (None, 4, 4), path)
    frames = len(motion)
    world = [_numbers(actor, "jointPositions", (frames, 72), path) for actor in _actors(data, "jointPositions", path)]
    known = [_numbers(actor, "campose_valid", (frames,), path) for actor in _actors(data, "campose_valid", path)]
    if len(known) != len(world):
        raise PoseAugError(
            f"{path}: has 'jointPositions' of {len(world)} actors, 'campose_valid' of {len(known)}; {_MEND}"
        )
    actor, frame = np.nonzero(np.stack(known))
    joints = _seen(np.stack(world)[actor, frame].reshape(-1, 24, 3), motion[frame], path)
    before = np.flatnonzero(~(joints[..., 2] < NEAREST).any(1))
    intrinsics, image_size = _camera(data, path)
    sequence = _sequence(data, path)
    return camera_set(
        joints[before],
        request.names.layouts[LAYOUT],
        path,
        request,
        intrinsics=np.tile(intrinsics, (len(before), 1)),
        image_size=np.tile(image_size, (len(before), 1)),
        subject=Labels.of([f"{sequence}-{number}" for number in actor[before]]),
        action=re.sub(r"_\d+$", "", sequence),
        camera=CAMERA,
        record={
            **_origin(sequence),
            "left_out": {
                "frames without a camera": frames * len(world) - len(frame),
                "people not before the camera": len(frame) - len(before),
            },
        },
    )


def detections(
    path: Path, request: Request
) -> tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"], dict[str, Any]]:
    """The 2D poses that OpenPose found: positions (normalised), which joints are known, the record of their origin.

    Raises:
        PoseAugError: the file is not what it should be.
    """
    data = _loaded(path)
    found = [_numbers(actor, "poses2d", (None, 3, 18), path) for actor in _actors(data, "poses2d", path)]
    x, y, confidence = np.moveaxis(np.concatenate(found), 1, 0)
    pixels = np.stack([x, y], -1)
    _, image_size = _camera(data, path)
    with np.errstate(all="ignore"):  # numbers that are none are joints that are not known
        seen = to_normalised(pixels, np.tile(image_size, (len(pixels), 1)))
        mapped = on_skeleton(seen, visible_joints(pixels, confidence), OPENPOSE, request)
    return *mapped, provenance(path, len(pixels), _origin(_sequence(data, path)))


def _seen(
    world: Float[np.ndarray, "rows joints 3"], motion: Float[np.ndarray, "rows 4 4"], path: Path
) -> Float[np.ndarray, "rows joints 3"]:
    """World points as cameras see them that are given by their rigid motions.

    Raises:
        PoseAugError: a motion is not rigid.
    """
    with np.errstate(all="ignore"):  # what overflows is reported, here or as not finite
        rotation = motion[:, :3, :3]
        last_row = np.abs(motion[:, 3] - [0, 0, 0, 1]).max(1)
        bent = np.abs(rotation @ np.swapaxes(rotation, 1, 2) - np.eye(3)).max((1, 2))
        rigid = (last_row < _RIGID) & (bent < _RIGID) & (np.linalg.det(rotation) > 0)
        if not rigid.all():
            wrong = motion[np.argmin(rigid)].tolist()
            raise PoseAugError(f"{path}: 'cam_poses' has {wrong}, which is no rigid motion; {_MEND}")
        return world @ np.swapaxes(rotation, 1, 2) + motion[:, None, :3, 3]


def _camera(data: Mapping[Any, Any], path: Path) -> tuple[Float[np.ndarray, "9"], Int[np.ndarray, "2"]]:
    """Normalised intrinsics and the image's size: the file gives none, and the principal point is in its middle."""
    matrix = _numbers(data.get("cam_intrinsics"), "cam_intrinsics", (3, 3), path)
    with np.errstate(all="ignore"):  # what overflows is reported as too large or not finite
        width, height = checked_image_size(np.round(2 * matrix[:2, 2]), f"{path}: 'cam_intrinsics'").tolist()
        focal = matrix[[0, 1], [0, 1]]
        return normalised_intrinsics(focal, matrix[:2, 2], (width, height)), np.array([width, height])


# --- what the pickle holds ------------------------------------------------------------------------------------


def _loaded(path: Path) -> Mapping[Any, Any]:
    data = safe_pickle.load(path)
    if not isinstance(data, dict):
        raise PoseAugError(f"{path}: holds no dict; {_MEND}")
    return data


def _sequence(data: Mapping[Any, Any], path: Path) -> str:
    """The sequence's name: what the file says, or the file's own where that is no name."""
    name = data.get("sequence")
    return name if isinstance(name, str) and 0 < len(name) <= LONGEST_LABEL // 2 and name.isprintable() else path.stem


def _origin(sequence: str) -> dict[str, str]:
    return {"name": f"3DPW ({sequence})", "licence": LICENCE, "citation": CITATION}


def _actors(data: Mapping[Any, Any], key: str, path: Path) -> list[Any]:
    """What the file has under a key, one entry an actor."""
    value = data.get(key)
    if not isinstance(value, list) or not value:
        raise PoseAugError(f"{path}: {key!r} is {_shown(value)}; it must be a list of arrays, one an actor; {_MEND}")
    return value


def _numbers(value: Any, key: str, shape: tuple[int | None, ...], path: Path) -> Float[np.ndarray, "..."]:
    """An array of the file's as float64; None in the shape stands for any number.

    Raises:
        PoseAugError: it is no array of numbers of this shape.
    """
    fits = isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.ndim == len(shape)
    if not fits or any(wanted not in (None, side) for wanted, side in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise PoseAugError(f"{path}: {key!r} has {_shown(value)}; it must be numbers of shape ({wanted}); {_MEND}")
    return np.asarray(value, dtype=np.float64)


def _shown(value: Any) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


FORMATS = (
    Format(
        "3DPW",
        "a sequence's pickle: jointPositions, cam_poses, cam_intrinsics, campose_valid",
        recognises,
        read,
        owner=OWNER,
        licence=LICENCE,
        citation=CITATION,
    ),
)
