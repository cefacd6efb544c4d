"""Files of poses, in any format that is known, as one PoseSet.

A format is a module that recognises a file by its content and reads it; :data:`FORMATS` is the list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseaug_gen.camera import Camera
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources import canonical, npz
from poseaug_gen.sources.rigs import load_rig


@dataclass(frozen=True)
class Format:
    """A kind of file that holds poses.

    Attributes:
        name: how errors and lists call it.
        description: what such a file holds, for a person who wants to write one.
        recognises: whether a file is one, by its content. Raises a PoseAugError where it is a damaged one.
        read: the poses of such a file for a skeleton; the cameras are the rig's (none: no rig was given).
    """

    name: str
    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Skeleton, Sequence[Camera]], PoseSet]


# The first that recognises a file reads it, so a special format stands before a general one.
FORMATS: tuple[Format, ...] = (
    Format(
        "npz, world poses",
        "positions (rows, joints, 3) in metres, z up; seen by a --rig",
        npz.holds_world_poses,
        npz.read_world,
    ),
    Format(
        "npz, camera-frame poses",
        "positions_3d (rows, joints, 3) in metres, with intrinsics (rows, 9) and image_size (rows, 2)",
        npz.holds_camera_poses,
        npz.read_camera,
    ),
    Format(
        "poseaug-gen poses",
        "the poses.h5 of a run",
        canonical.holds_pose_set,
        canonical.read_pose_set,
    ),
    Format(
        "HDF5, camera-frame poses",
        "positions_3d (rows, joints, 3) in metres, with intrinsics (rows, 9) and image_size (rows, 2)",
        canonical.holds_camera_poses,
        canonical.read_camera,
    ),
)


def read_sources(paths: Sequence[str | Path], rig: str, skeleton: Skeleton) -> PoseSet:
    """The poses of files and folders, as one set.

    Args:
        paths: files, or folders of them (:func:`source_files`).
        rig: ``FILE:NAME`` of the virtual cameras that see world poses; empty: none.

    Raises:
        PoseAugError: a file is missing, of no known format, or does not hold what its format should.
    """
    cameras = load_rig(rig) if rig else ()
    files = [found for path in paths for found in source_files(Path(path))]
    if not files:
        raise PoseAugError("no source of poses was given; name a file or a folder with --source")
    return concatenate([format.read(path, skeleton, cameras) for path, format in files])


def source_files(path: Path) -> list[tuple[Path, Format]]:
    """A file and its format; of a folder, every file in it that is of a known format, by name.

    Subfolders, README.md and names that begin with a dot are passed over, as is what no format recognises.

    Raises:
        PoseAugError: there is no such file, no format recognises it, or the folder holds none.
    """
    if not path.exists():
        raise PoseAugError(f"{path}: there is no such file or folder; put poses there, or name yours with --source")
    try:
        if not path.is_dir():
            return [(path, _format_of(path))]
        names = [p for p in sorted(path.iterdir()) if p.is_file() and not _passed_over(p)]
        found = [(p, format) for p in names if (format := _recognised(p))]
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    if not found:
        raise PoseAugError(f"{path}: no file in this folder is of a known format; {_known_formats()}")
    return found


def _passed_over(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "README.md"


def _format_of(path: Path) -> Format:
    found = _recognised(path)
    if found is None:
        raise PoseAugError(f"{path}: not of a known format; {_known_formats()}")
    return found


def _recognised(path: Path) -> Format | None:
    return next((format for format in FORMATS if format.recognises(path)), None)


def _known_formats() -> str:
    return "known: " + "; ".join(f"{format.name} ({format.description})" for format in FORMATS)
