"""Human3.6M as MMPose cuts it: ``h36m_train.npz`` and ``h36m_test.npz``, with ``cameras.pkl`` beside or a folder above.

As written by MMPose's ``tools/dataset_converters/preprocess_h36m.py``: ``imgname`` (N,) says whose image it is,
``S`` (N, 17, 4) are joints in the camera's frame, metres, and whether they are visible, ``part`` (N, 17, 3) the same in
pixels. Its configuration of 2021 calls the right leg the left one and so on; the order is Human3.6M's, right side first
(open-mmlab/mmpose, issue 1478). ``part`` holds projections, no detections: it serves to check the cameras.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from poseaug_gen.camera import normalised_intrinsics, to_normalised
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources import safe_pickle
from poseaug_gen.sources.assemble import camera_set, provenance
from poseaug_gen.sources.assemble_2d import on_skeleton
from poseaug_gen.sources.checks import checked_image_size, checked_intrinsics
from poseaug_gen.sources.fields import Fields, strings
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.h36m_cameras import CITATION, LICENCE, h36m_cameras
from poseaug_gen.sources.placing import residuals
from poseaug_gen.sources.safe_npz import first_entry, read_members

CAMERAS = "cameras.pkl"
LAYOUT = "h36m17"
# Pixels between what a camera of the file sees and ``part``, median. The release's own 2D are projections of its 3D:
# with the right camera 0.0001 px remain, without distortion 1.5, with another of the four 5 to 10.
LARGEST_ERROR = 1.0
_CHECKED_ROWS = 500  # of each camera
_IMAGE = re.compile(r"(S\d{1,2})_([\w ]{1,60})\.(\d{8})_\d+\.\w+")
_PARAMETERS = {"f": 2, "c": 2, "k": 3, "p": 2}  # of a camera in cameras.pkl: how many numbers each is

OWNER = "IMAR, Human3.6M (cut by MMPose's preprocess_h36m.py)"


@dataclass(frozen=True, eq=False)
class _Camera:
    """Intrinsics, normalised, and image size of one camera."""

    intrinsics: Float[np.ndarray, "9"]
    image_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Images:
    """What the images' names say, one row an image.

    Attributes:
        subject, action: who does what.
        camera: which of the cameras saw it.
        cameras: subject and id of each, as the keys of cameras.pkl.
    """

    subject: Labels
    action: Labels
    camera: Int[np.ndarray, " rows"]
    cameras: tuple[tuple[str, str], ...]

    def camera_ids(self) -> Labels:
        return Labels.of([camera_id for _, camera_id in self.cameras]).take(self.camera)


def holds_poses(path: Path) -> bool:
    """Whether the file is a .npz with MMPose's ``imgname`` and ``S``, of images of Human3.6M."""
    return _names_human36m(path, "S")


def holds_detections(path: Path) -> bool:
    """Whether the file is a .npz with MMPose's ``imgname`` and ``part``, of images of Human3.6M."""
    return _names_human36m(path, "part")


def _names_human36m(path: Path, beside: str) -> bool:
    """Whether the first image that a file names is of Human3.6M, and it has the member ``beside`` too."""
    first = first_entry(path, ("imgname", beside))
    return first is not None and _IMAGE.fullmatch(_base(str(strings(first, "imgname", str(path))[0]))) is not None


def read(path: Path, request: Request) -> PoseSet:
    """The poses all of whose joints are visible.

    Raises:
        PoseAugError: the file is not what it should be, or its cameras do not see the 3D poses where its 2D poses are.
    """
    fields = read_members(path, ("imgname", "S", "part"))
    images = _images(fields, path)
    labelled = _numbers(fields, "S", 4, len(images.camera), path)
    cameras = _cameras(images, path)
    whole = np.flatnonzero((labelled[..., 3] > 0).all(1))
    error = None
    if "part" in fields:
        part = _numbers(fields, "part", 3, len(images.camera), path)
        error = _checked_error(labelled, part, whole, images, cameras, path)
    seen_by = images.camera[whole]
    return camera_set(
        labelled[whole, :, :3],
        request.names.layouts[LAYOUT],
        path,
        request,
        intrinsics=np.stack([camera.intrinsics for camera in cameras])[seen_by],
        image_size=np.array([camera.image_size for camera in cameras], dtype=np.int32)[seen_by],
        subject=images.subject.take(whole),
        action=images.action.take(whole),
        camera=images.camera_ids().take(whole),
        record={
            "name": f"Human3.6M (MMPose's {path.name})",
            "licence": LICENCE,
            "citation": CITATION,
            "left_out": {"poses with joints that are not visible": len(labelled) - len(whole)},
            "reprojection_px": error,
        },
    )


def detections(
    path: Path, request: Request
) -> tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"], dict[str, Any]]:
    """The 2D poses of ``part``: positions (normalised), which joints are known, and the record of their origin.

    Raises:
        PoseAugError: the file is not what it should be.
    """
    fields = read_members(path, ("imgname", "part"))
    images = _images(fields, path)
    part = _numbers(fields, "part", 3, len(images.camera), path)
    size = np.array([camera.image_size for camera in _cameras(images, path)])[images.camera]
    with np.errstate(all="ignore"):  # numbers that are none are joints that are not known
        seen = to_normalised(part[..., :2].astype(np.float64), size)
        mapped = on_skeleton(seen, part[..., 2] > 0, request.names.layouts[LAYOUT], request)
    record = {"name": f"Human3.6M (MMPose's {path.name}, 2D)", "licence": LICENCE, "citation": CITATION}
    return *mapped, provenance(path, len(part), record)


def companions(path: Path) -> list[Path]:
    """The file of cameras, where it lies beside the poses."""
    beside = path.with_name(CAMERAS)
    return [beside] if beside.is_file() else []


# --- images ---------------------------------------------------------------------------------------------------


def _images(fields: Fields, path: Path) -> _Images:
    """What the images' names say.

    Raises:
        PoseAugError: a name is not one of Human3.6M's images.
    """
    names = strings(fields["imgname"], "imgname", str(path))
    if names.ndim != 1 or not len(names):
        raise PoseAugError(f"{path}: 'imgname' has the shape {names.shape}; it must name one image a row")
    said: dict[str, tuple[str, str, str]] = {}  # by clip: a name up to the number of its frame
    clips = []
    for name in names.tolist():
        clip = _base(name).rpartition("_")[0]
        if clip not in said:
            said[clip] = _said(name, path)
        clips.append(clip)
    keys = sorted({(subject, camera) for subject, _, camera in said.values()})
    number = {clip: keys.index((subject, camera)) for clip, (subject, _, camera) in said.items()}
    return _Images(
        subject=Labels.of([said[clip][0] for clip in clips]),
        action=Labels.of([said[clip][1] for clip in clips]),
        camera=np.array([number[clip] for clip in clips], dtype=np.int64),
        cameras=tuple(keys),
    )


def _said(name: str, path: Path) -> tuple[str, str, str]:
    """Subject, action and camera's id of an image: ``S1_Directions_1.54138969_000001.jpg``, in any folder.

    An action's trailing number counts its repetitions and is dropped.
    """
    match = _IMAGE.fullmatch(_base(name))
    if match is None:
        raise PoseAugError(
            f"{path}: 'imgname' has {name!r}, which is no image of Human3.6M (such as "
            f"S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg); give the file as MMPose writes it"
        )
    subject, action, camera = match.groups()
    return subject, re.sub(r"_\d+$", "", action), camera


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _numbers(fields: Fields, name: str, width: int, rows: int, path: Path) -> Shaped[np.ndarray, "rows 17 width"]:
    """The field with ``width`` numbers a joint."""
    values = fields.get(name, np.zeros(0))
    if values.dtype.kind not in "fiu" or values.shape != (rows, 17, width):
        raise PoseAugError(
            f"{path}: {name!r} is {values.dtype} of shape {values.shape}; it must be numbers of shape ({rows}, 17, "
            f"{width}), a row for each image; give the file as MMPose writes it"
        )
    return values


# --- cameras --------------------------------------------------------------------------------------------------


def _cameras(images: _Images, path: Path) -> list[_Camera]:
    """The cameras of the images: those of ``cameras.pkl``, or where there is no such file the published ones.

    Raises:
        PoseAugError: there is neither, or the file does not describe them.
    """
    file = next((place / CAMERAS for place in (path.parent, path.parent.parent) if (place / CAMERAS).is_file()), None)
    if file is not None:
        given = safe_pickle.load(file)
        if not isinstance(given, dict):
            raise PoseAugError(f"{file}: holds no dict of cameras by subject and id; give MMPose's {CAMERAS}")
        return [_camera(given, key, file) for key in images.cameras]
    # Between subjects the cameras were moved, not changed: their intrinsics are one set.
    published = {camera.name: _Camera(camera.intrinsics, camera.image_size) for camera in h36m_cameras("S1")}
    strange = next((camera_id for _, camera_id in images.cameras if camera_id not in published), None)
    if strange is not None:
        raise PoseAugError(
            f"{path}: its camera {strange!r} is none of Human3.6M's ({', '.join(published)}); put MMPose's {CAMERAS} "
            f"that describes it beside the file"
        )
    return [published[camera_id] for _, camera_id in images.cameras]


def _camera(given: Mapping[Any, Any], key: tuple[str, str], file: Path) -> _Camera:
    """One camera of ``cameras.pkl``.

    Its tangential pair is Human3.6M's, whose formula takes it the other way round than ours does.
    """
    where = f"{file}: camera {key[1]} of {key[0]}"
    entry = given.get(key)
    if not isinstance(entry, dict):
        raise PoseAugError(f"{where} is not there; give the {CAMERAS} that was written with these poses")
    values = {name: _vector(entry.get(name), name, count, where) for name, count in _PARAMETERS.items()}
    sides = [entry.get(side) for side in ("w", "h")]
    if not all(type(side) in (int, float) for side in sides):
        raise PoseAugError(f"{where} has an image of {sides[0]!r} x {sides[1]!r}; 'w' and 'h' must be pixels")
    width, height = checked_image_size(np.array(sides, dtype=np.float64), where).tolist()
    with np.errstate(over="ignore"):  # what is too large for float32 is reported as infinite
        intrinsics = normalised_intrinsics(
            values["f"], values["c"], (width, height), values["k"], values["p"][::-1].copy()
        )
    return _Camera(checked_intrinsics(intrinsics, where), (width, height))


def _vector(value: Any, name: str, count: int, where: str) -> Float[np.ndarray, " count"]:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or value.size != count:
        raise PoseAugError(f"{where} lacks {name!r}, an array of {count} numbers; give MMPose's {CAMERAS}")
    return value.astype(np.float64).reshape(-1)


def _checked_error(
    labelled: Shaped[np.ndarray, "rows 17 4"],
    part: Shaped[np.ndarray, "rows 17 3"],
    whole: Int[np.ndarray, " chosen"],
    images: _Images,
    cameras: Sequence[_Camera],
    path: Path,
) -> float:
    """How far the projections lie from the file's 2D poses, pixels: the median over a camera's poses, of the worst.

    Args:
        whole: the rows to look at.

    Raises:
        PoseAugError: it is over :data:`LARGEST_ERROR`, so a camera is not the one that saw them.
    """
    worst = 0.0
    for number, (camera, (subject, camera_id)) in enumerate(zip(cameras, images.cameras, strict=True)):
        rows = whole[images.camera[whole] == number]
        rows = rows[:: max(1, len(rows) // _CHECKED_ROWS)]
        intrinsics, size = (np.tile(of, (len(rows), 1)) for of in (camera.intrinsics, camera.image_size))
        with np.errstate(all="ignore"):  # numbers that are none agree with no 2D
            seen = to_normalised(part[rows, :, :2].astype(np.float64), size)
            off = residuals(labelled[rows, :, :3].astype(np.float64), seen, intrinsics) * camera.image_size[0] / 2
        error = float(np.median(off)) if len(off) else 0.0
        if error > LARGEST_ERROR:
            raise PoseAugError(
                f"{path}: its 3D poses, seen by camera {camera_id} of {subject}, lie {error:.3g} pixels from its 2D "
                f"poses (median), over {LARGEST_ERROR:g}; put the {CAMERAS} that was written with it beside it"
            )
        worst = max(worst, error)
    return round(worst, 4)


FORMATS = (
    Format(
        "MMPose's Human3.6M",
        "imgname, S (rows, 17, 4) in metres before the camera, part (rows, 17, 3) in pixels: h36m_train.npz, "
        "h36m_test.npz",
        holds_poses,
        read,
        needs=f"{CAMERAS} beside it or a folder above, for other cameras than Human3.6M's four",
        owner=OWNER,
        licence=LICENCE,
        citation=CITATION,
        companions=companions,
    ),
)
