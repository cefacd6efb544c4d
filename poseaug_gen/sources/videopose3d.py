"""VideoPose3D's files of Human3.6M: 3D poses of a world frame, and the 2D poses of each camera that belong to them.

Both are .npz files of pickled dicts. ``data_3d_h36m.npz`` has ``positions_3d``: subject -> action -> (frames, 32, 17 or
16 joints, 3) in metres, z up, 50 frames a second. ``data_2d_h36m_*.npz`` has ``positions_2d``: subject -> action -> an
array (frames, joints, 2) of pixels for each camera, in the published order (:mod:`.h36m_cameras`); and ``metadata``:
``num_joints``, and in ``keypoints_symmetry`` which joints are on the left and which on the right. Other data sets come
in this layout too; where a subject's cameras are not published, a rig sees the poses.

As written by facebookresearch/VideoPose3D, data/prepare_data_h36m.py and data/data_utils.py (Pavllo et al., CVPR 2019).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from poseaug_gen import storage
from poseaug_gen.camera import to_normalised
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet, concatenate
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.assemble import camera_set, provenance, world_set
from poseaug_gen.sources.assemble_2d import on_skeleton
from poseaug_gen.sources.checks import LONGEST_LABEL, checked_image_size, checked_positions
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.h36m_cameras import CITATION, LICENCE, h36m_cameras, h36m_subjects
from poseaug_gen.sources.joints import to_skeleton
from poseaug_gen.sources.rigs import FixedRig
from poseaug_gen.sources.safe_npz import holds_object, members, read_object

POSES, KEYPOINTS, METADATA = "positions_3d", "positions_2d", "metadata"
LAYOUTS = {32: "h36m32", 17: "h36m17", 16: "h36m16"}
RECORD = {"name": "Human3.6M (VideoPose3D's files)", "licence": LICENCE, "citation": CITATION}

# A stranger's numbers may be too large for float32, or NaN: that is looked for, and no matter for a warning.
_quiet = np.errstate(over="ignore", invalid="ignore")
_TAKE_NUMBER = re.compile(r" \d+$")
_FILE_2D = re.compile(r"data_2d_([^_.]+)")


@dataclass(frozen=True, eq=False)
class Take:
    """One person doing one thing.

    Attributes:
        name: of the action with the number of its repetition, as the file has it: ``Walking 1``.
        world: joints in the world frame, metres.
        pixels: what a detector found, one array a camera; empty where nothing is known.
    """

    subject: str
    name: str
    world: Shaped[np.ndarray, "frames joints 3"]
    pixels: tuple[Shaped[np.ndarray, "_ joints_2d 2"], ...] = ()

    @property
    def action(self) -> str:
        return _TAKE_NUMBER.sub("", self.name)

    def cut(self, frames: int) -> Take:
        """The first frames of it."""
        return replace(self, world=self.world[:frames], pixels=tuple(p[:frames] for p in self.pixels))


@dataclass(frozen=True, eq=False)
class Keypoints:
    """2D poses of a file.

    Attributes:
        pixels: (subject, action with number) -> one array a camera.
        joints: the names of the joints.
        metadata: what else the file says.
    """

    pixels: Mapping[tuple[str, str], tuple[Shaped[np.ndarray, "_ joints_2d 2"], ...]]
    joints: Sequence[str]
    metadata: Mapping[Any, Any]


def holds_poses(path: Path) -> bool:
    """Whether the file is a .npz with a pickled ``positions_3d``."""
    return holds_object(path, POSES)


def holds_keypoints(path: Path) -> bool:
    """Whether the file is a .npz with a pickled ``positions_2d``."""
    return holds_object(path, KEYPOINTS)


def read_poses(path: Path, request: Request) -> PoseSet:
    """The 3D poses as the published cameras of each subject see them, and as the rig sees those of other subjects.

    Raises:
        PoseAugError: the file does not hold what it should, or a subject has no published cameras and there is no rig.
    """
    takes = _takes(path)
    filmed = [take for take in takes if take.subject in h36m_subjects()]
    others = [take for take in takes if take.subject not in h36m_subjects()]
    sets = [_by_own_cameras(filmed, (), path, request, RECORD)] if filmed else []
    if others:
        sets.append(_by_rig(others, path, request))
    return concatenate(sets)


def read_pairs(path: Path, request: Request) -> PoseSet:
    """The 2D poses of a file with the 3D poses beside it, of those actions that both have.

    Where the frames of an action are not equally many, the last ones are left out; a warning says how often.

    Raises:
        PoseAugError: a file is missing or does not hold what it should, or they have nothing in common.
    """
    beside = _poses_beside(path)
    if not beside.is_file():
        raise PoseAugError(
            f"{path}: holds 2D poses, whose 3D poses must be beside it in {beside.name}; put that file there, or give "
            f"this one with --extra-2d"
        )
    keypoints, takes = _keypoints(path, request), _takes(beside)
    both = [replace(t, pixels=p) for t in takes if (p := keypoints.pixels.get((t.subject, t.name)))]
    if not both:
        raise PoseAugError(
            f"{path}: has no subject and action in common with {beside.name}; give files of one data set"
        )
    for take in both:
        _check_cameras(take, path)
    message = _mismatch(both, alone=len(takes) + len(keypoints.pixels) - 2 * len(both))
    if message:
        warnings.warn(f"{path}: {message}", stacklevel=2)
    cut = [take.cut(min(len(take.world), *map(len, take.pixels))) for take in both]
    record = {**RECORD, "poses_3d": {"file": beside.name, "sha256": storage.sha256(beside)}}
    return _by_own_cameras(cut, keypoints.joints, path, request, record)


@_quiet
def read_2d(path: Path, request: Request) -> Poses2D:
    """The 2D poses of a file by themselves.

    Image sizes are those of Human3.6M's cameras, or of ``video_metadata`` where the file has it.

    Raises:
        PoseAugError: the file does not hold what it should, or does not say how large the images were.
    """
    keypoints = _keypoints(path, request)
    positions, known = [], []
    for (subject, name), views in keypoints.pixels.items():
        for camera, pixels in enumerate(views):
            size = _image_size(keypoints, subject, camera, f"{path}: {subject!r}, {name!r}")
            seen = to_normalised(pixels.astype(np.float64), np.broadcast_to(size, (len(pixels), 2)))
            mapped, visible = on_skeleton(seen, np.ones(seen.shape[:2], dtype=bool), keypoints.joints, request)
            positions.append(mapped.astype(np.float32))
            known.append(visible)
    published = all(subject in h36m_subjects() for subject, _ in keypoints.pixels)
    record = provenance(path, sum(map(len, positions)), RECORD if published else None)
    return Poses2D.of(request.skeleton, np.concatenate(positions), np.concatenate(known), record)


def companions(path: Path) -> list[Path]:
    """The 3D poses beside a file of 2D poses.

    Raises:
        PoseAugError: other files of 2D poses lie beside it, each of which would count the same people again.
    """
    beside = _poses_beside(path)
    rivals = [p.name for p in sorted(path.parent.glob("data_2d_*.npz")) if _poses_beside(p) == beside]
    if beside.is_file() and len(rivals) > 1:
        raise PoseAugError(
            f"{path.parent}: has several files of 2D poses for {beside.name} ({', '.join(rivals)}); name one of them "
            f"with --source"
        )
    return [beside] if beside.is_file() else []


def _poses_beside(path: Path) -> Path:
    """Where the 3D poses of a file of 2D poses are: ``data_3d_h36m.npz`` for ``data_2d_h36m_gt.npz``."""
    named = _FILE_2D.match(path.name)
    return path.with_name(f"data_3d_{named[1] if named else 'h36m'}.npz")


# --- what the files hold --------------------------------------------------------------------------------------


def _entries(path: Path, name: str) -> list[tuple[str, str, Any]]:
    """Subject, action and what there is of them, of a dict of dicts."""
    held = read_object(path, name)
    if not isinstance(held, dict) or not all(isinstance(actions, dict) for actions in held.values()):
        raise PoseAugError(f"{path}: {name!r} is not subject -> action -> poses; write it as VideoPose3D does")
    entries = [(subject, action, value) for subject, actions in held.items() for action, value in actions.items()]
    for label in (label for subject, action, _ in entries for label in (subject, action)):
        if not isinstance(label, str) or not 0 < len(label) <= LONGEST_LABEL:
            raise PoseAugError(f"{path}: {name!r} has a subject or action that is no name; use short strings")
    if not entries:
        raise PoseAugError(f"{path}: {name!r} holds no poses; leave the file out")
    return entries


def _takes(path: Path) -> list[Take]:
    takes = [
        Take(subject, name, _poses(value, 3, f"{path}: {subject!r}, {name!r}"))
        for subject, name, value in _entries(path, POSES)
    ]
    joints = {take.world.shape[1] for take in takes}
    if len(joints) != 1 or not joints <= LAYOUTS.keys():
        raise PoseAugError(
            f"{path}: its poses have {_listed(joints)} joints; all must have as many: {_listed(LAYOUTS)}"
        )
    return takes


def _keypoints(path: Path, request: Request) -> Keypoints:
    pixels = {}
    for subject, name, value in _entries(path, KEYPOINTS):
        where = f"{path}: {subject!r}, {name!r}"
        if not isinstance(value, list | tuple) or not value:
            raise PoseAugError(f"{where} is not a list of poses, one array a camera; write it as VideoPose3D does")
        pixels[subject, name] = tuple(_poses(each, 2, where) for each in value)
    joints = {each.shape[1] for views in pixels.values() for each in views}
    if len(joints) != 1:
        raise PoseAugError(f"{path}: its 2D poses have {_listed(joints)} joints; all must have as many")
    metadata = read_object(path, METADATA) if METADATA in members(path) else {}
    if not isinstance(metadata, dict):
        raise PoseAugError(f"{path}: {METADATA!r} is no dict; write it as VideoPose3D does")
    return Keypoints(pixels, _layout(joints.pop(), metadata, request, str(path)), metadata)


def _poses(value: Any, dims: int, where: str) -> Shaped[np.ndarray, "frames joints dims"]:
    """An array of poses. A third number of a 2D pose, the detector's score, is not used."""
    if (
        not isinstance(value, np.ndarray)
        or value.dtype.kind not in "fiu"
        or value.ndim != 3
        or value.shape[2] not in (dims, 3)
    ):
        raise PoseAugError(f"{where} has no array of numbers (frames, joints, {dims}); write it as VideoPose3D does")
    return value[..., :dims]


def _layout(joints: int, metadata: Mapping[Any, Any], request: Request, where: str) -> tuple[str, ...]:
    """The names of 2D joints: the first layout of so many whose left and right joints are those of the file.

    Without ``keypoints_symmetry``, Human3.6M's.

    Raises:
        PoseAugError: there is none.
    """
    said = metadata.get("num_joints", joints)
    if type(said) is not int or said != joints:
        raise PoseAugError(f"{where}: 'num_joints' is not the {joints} of its 2D poses; write the file again")
    if metadata.get("keypoints_symmetry") is None and joints in LAYOUTS:
        return request.names.layouts[LAYOUTS[joints]]
    left, right = _sides(metadata.get("keypoints_symmetry"), joints, where)
    for layout in request.names.layouts.values():
        if len(layout) == joints and all(
            (i in left) == name.startswith("l_") and (i in right) == name.startswith("r_")
            for i, name in enumerate(layout)
            if name
        ):
            return layout
    raise PoseAugError(
        f"{where}: no layout that we know has {joints} joints with {_listed(left)} on the left and {_listed(right)} on "
        f"the right; name them in the [layouts] of a TOML file (--joints)"
    )


def _sides(symmetry: Any, joints: int, where: str) -> tuple[set[int], set[int]]:
    """The joints on the left and those on the right."""
    sides = [_list(side) for side in _list(symmetry)]
    if len(sides) != 2 or not all(type(joint) is int and 0 <= joint < joints for side in sides for joint in side):
        raise PoseAugError(
            f"{where}: 'keypoints_symmetry' is not two lists of joints, left and right, from 0 to {joints - 1}; "
            f"write it as VideoPose3D does"
        )
    return set(sides[0]), set(sides[1])


def _list(value: Any) -> list[Any]:
    """What a file may have as a list, a tuple or an array; else nothing."""
    values = value.tolist() if isinstance(value, np.ndarray) else value
    return list(values) if isinstance(values, list | tuple) else []


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values)))


def _image_size(keypoints: Keypoints, subject: str, camera: int, where: str) -> Int[np.ndarray, "2"]:
    """Width and height of what a camera saw, pixels."""
    videos = keypoints.metadata.get("video_metadata")
    video = videos.get(subject) if isinstance(videos, dict) else None
    if isinstance(video, dict):
        sides = [video.get(side) for side in ("w", "h")]
        if not all(type(side) in (int, float) for side in sides):
            raise PoseAugError(f"{where} is of a video without 'w' and 'h' in 'video_metadata'; give them in pixels")
        return checked_image_size(np.array(sides, dtype=np.float64), where)
    if subject in h36m_subjects() and camera < len(h36m_cameras(subject)):
        return np.array(h36m_cameras(subject)[camera].image_size)
    raise PoseAugError(
        f"{where} is of images of unknown size; give 'w' and 'h' in metadata['video_metadata'][{subject!r}]"
    )


@_quiet
def _check_cameras(take: Take, path: Path) -> None:
    where = f"{path}: {take.subject!r}, {take.name!r}"
    if take.subject not in h36m_subjects():
        raise PoseAugError(
            f"{where} is of a subject without published cameras, so its 2D poses cannot be paired with 3D poses; give "
            f"the file with --extra-2d"
        )
    cameras = len(h36m_cameras(take.subject))
    if len(take.pixels) != cameras:
        raise PoseAugError(f"{where} has 2D poses of {len(take.pixels)} cameras; there are {cameras}")
    for pixels in take.pixels:
        if not np.isfinite(pixels.astype(np.float32)).all():
            raise PoseAugError(f"{where} has 2D poses with NaN or infinity; leave those frames out, 3D and 2D")


def _mismatch(both: Sequence[Take], alone: int) -> str:
    """What a user must be told of actions that do not match; empty where all do.

    Args:
        alone: how many actions only one of the files has.
    """
    uneven = [take for take in both if any(len(pixels) != len(take.world) for pixels in take.pixels)]
    said = []
    if uneven:
        first = uneven[0]
        said.append(
            f"{len(uneven)} of {len(both)} actions have not as many frames in 2D as in 3D and are cut to the shorter "
            f"({first.subject}, {first.name}: {'/'.join(str(len(pixels)) for pixels in first.pixels)} in 2D, "
            f"{len(first.world)} in 3D)"
        )
    if alone:
        said.append(f"{alone} actions have either 2D or 3D poses and are left out")
    return "; ".join(said)


# --- poses and their cameras ----------------------------------------------------------------------------------


@_quiet
def _by_own_cameras(
    takes: Sequence[Take], joints_2d: Sequence[str], path: Path, request: Request, record: Mapping[str, Any]
) -> PoseSet:
    """Each subject as their own cameras see them: subject by subject, camera by camera, take by take.

    Args:
        joints_2d: the names of the joints of the takes' 2D poses; empty where they have none.
    """
    world, subject, action, _ = _rows(takes, path, request)
    seen, row_of, detected = [], [], []
    for code, name in enumerate(subject.names):
        rows = np.flatnonzero(subject.codes == code)
        views = FixedRig(h36m_cameras(name)).see(world[rows])
        seen.append(views)
        row_of.append(rows[views.pose])
        if joints_2d:
            own = [take for take in takes if take.subject == name]
            pixels = np.concatenate([take.pixels[camera] for camera in range(len(own[0].pixels)) for take in own])
            plane = to_normalised(pixels, views.image_size)
            detected.append(to_skeleton(plane, joints_2d, request.skeleton, request.names, str(path)))
    row = np.concatenate(row_of)
    return camera_set(
        np.concatenate([views.positions for views in seen]),
        None,
        path,
        request,
        intrinsics=np.concatenate([views.intrinsics for views in seen]),
        image_size=np.concatenate([views.image_size for views in seen]),
        subject=subject.take(row),
        action=action.take(row),
        camera=Labels(np.concatenate([views.camera.codes for views in seen]), seen[0].camera.names),
        detected_2d=np.concatenate(detected) if detected else None,
        record=record,
    )


@_quiet
def _by_rig(takes: Sequence[Take], path: Path, request: Request) -> PoseSet:
    world, subject, action, clip = _rows(takes, path, request)
    return world_set(world, None, path, request, subject=subject, action=action, clip=clip)


def _rows(
    takes: Sequence[Take], path: Path, request: Request
) -> tuple[Float[np.ndarray, "rows joints 3"], Labels, Labels, Labels]:
    """All frames of the takes: the skeleton's joints in the world, subject, action, and action with its number."""
    world = np.concatenate([take.world for take in takes])
    layout = request.names.layouts[LAYOUTS[world.shape[1]]]
    positions = checked_positions(world, layout, request.skeleton, request.names, str(path))
    take_of = np.repeat(np.arange(len(takes)), [len(take.world) for take in takes])
    labels = ([getattr(take, name) for take in takes] for name in ("subject", "action", "name"))
    subject, action, clip = (Labels.of(values).take(take_of) for values in labels)
    return positions, subject, action, clip


FORMATS = (
    Format(
        "VideoPose3D's 3D poses",
        "a pickled positions_3d: subject -> action -> (frames, 32, 17 or 16 joints, 3) in metres, z up: "
        "data_3d_h36m.npz",
        holds_poses,
        read_poses,
        needs="nothing for Human3.6M, whose cameras are known; a rig of cameras (--rig) for others",
        owner="IMAR, Human3.6M (converted by VideoPose3D's prepare_data_h36m.py)",
        licence=LICENCE,
        citation=CITATION,
    ),
    Format(
        "VideoPose3D's 2D poses",
        "a pickled positions_2d: subject -> action -> an array (frames, joints, 2) of pixels for each camera, and "
        "metadata: data_2d_h36m_*.npz",
        holds_keypoints,
        read_pairs,
        needs="data_3d_h36m.npz beside it; by itself it serves as --extra-2d",
        owner="IMAR, Human3.6M; the detections are Meta's (VideoPose3D)",
        licence=LICENCE,
        citation=CITATION,
        companions=companions,
    ),
)
