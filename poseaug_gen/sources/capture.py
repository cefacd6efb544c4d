"""A clip of motion capture: as its file has it, in metres with z up, and as poses that a rig sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from poseaug_gen.bones import bones_of, lengths_of, with_lengths
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.assemble import world_set
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import to_skeleton
from poseaug_gen.sources.units import AUTO, body_of, metres, recognised_unit, recognised_up, to_z_up

FARTHEST = 1e6  # in the file's unit: a kilometre in millimetres; no number of a clip is beyond it

# 02_01 and cmu_02_01 are CMU's subject 02; LAFAN1's walk1_subject5 says it.
_SUBJECT = (re.compile(r"^((?:[a-z]+_)?\d+)_\d+$", re.IGNORECASE), re.compile(r"_(subject\d+)$", re.IGNORECASE))


@dataclass(frozen=True, eq=False)
class Capture:
    """A clip as its file has it.

    Attributes:
        positions: of its joints, in the file's unit and axes; NaN where one was not seen.
        joints: their names.
        rate: frames a second; None: the file does not say.
        rest: the joints with all angles at zero; None: the file has no skeleton.
        unit: of :data:`poseaug_gen.sources.units.UNITS`, as the file states it; None: it does not.
        scale: what lengths in that unit were multiplied by, as the file states it.
        up: of :data:`poseaug_gen.sources.units.AXES`, as the file states it; None: it does not.
        placed: whether the file says where the body is; one that does not has it hang from the origin.
    """

    positions: Float[np.ndarray, "frames joints 3"]
    joints: Sequence[str]
    rate: float | None = None
    rest: Float[np.ndarray, "joints 3"] | None = None
    unit: str | None = None
    scale: float = 1.0
    up: str | None = None
    placed: bool = True


@dataclass(frozen=True, eq=False)
class World:
    """A clip in metres, z up.

    Attributes:
        positions: of the file's joints; NaN where one was not seen.
        joints: their names.
        rate: frames a second; None: the file does not say.
        rigid: whether they are of a skeleton, whose bones keep their length.
        unit, up: what the file's was found to be.
    """

    positions: Float[np.ndarray, "frames joints 3"]
    joints: Sequence[str]
    rate: float | None
    rigid: bool
    unit: str
    up: str


def in_world(capture: Capture, request: Request, where: str) -> World:
    """A clip in metres, z up.

    What the request gives holds, of the numbers as they stand; else what the file states; else what the body in it
    shows. The body of a clip that is not placed stands on the floor with its lowest joint, frame by frame.

    Raises:
        PoseAugError: unit or vertical axis cannot be told, or the request names one that does not exist.
    """
    unit, up, scale = request.unit, request.up, 1.0
    if AUTO in (unit, up):
        body = body_of(capture.positions, capture.joints, request.names, where)
        if unit == AUTO:
            scale = capture.scale
            unit = capture.unit or recognised_unit(body.shin / scale, where)
        if up == AUTO:
            rest = capture.rest
            standing = None if rest is None else body_of(rest[None], capture.joints, request.names, where)
            up = recognised_up(body, standing, capture.up, where)
    positions = capture.positions @ to_z_up(up).T * (metres(unit, where) / scale)
    if not capture.placed:
        positions[..., 2] -= np.nanmin(positions[..., 2], axis=1, keepdims=True)
    return World(positions, capture.joints, capture.rate, capture.rest is not None, unit, up)


def pose_set(world: World, path: Path, request: Request) -> PoseSet:
    """A clip's poses as the request's rig sees them; frames on which a joint of the skeleton is missing are left out.

    Of a skeleton's clip the bones are steadied (:func:`with_steady_bones`). The record says how many frames were left
    out, at how many a second they were taken, and unit and axis of the file.

    Raises:
        PoseAugError: the skeleton's joints are not in the file, or on no frame; there is no rig.
    """
    where = str(path)
    poses = to_skeleton(world.positions, world.joints, request.skeleton, request.names, where)
    known = np.isfinite(poses).all(-1)
    whole = known.all(1)
    if not whole.any():
        least = request.skeleton.joints[int(known.sum(0).argmin())]
        raise PoseAugError(
            f"{where}: none of its {len(poses):,} frames has every joint of skeleton {request.skeleton.name!r} "
            f"({least!r} is missing most); choose another --skeleton or fill the gaps in the tool that wrote it"
        )
    poses = poses[whole]
    return world_set(
        with_steady_bones(poses, request.skeleton) if world.rigid else poses,
        None,
        path,
        request,
        subject=subject_of(path),
        clip=path.stem,
        record={"frames_left_out": int((~whole).sum()), "rate": world.rate, "unit": world.unit, "up": world.up},
    )


def with_steady_bones(
    poses: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton
) -> Float[np.ndarray, "frames joints 3"]:
    """A clip whose bones each have one length throughout: half-way between the shortest and the longest.

    A captured skeleton has more joints in the trunk than ours, so that a bone of ours over several of its gets shorter
    when they bend: the spine's of CMU's clips by up to 2.5 cm. Directions and the root's path stay.
    """
    pose = torch.from_numpy(poses)
    lengths = lengths_of(bones_of(pose, skeleton))
    steady = (lengths.amin(0) + lengths.amax(0)) / 2
    return with_lengths(pose, steady.expand_as(lengths), skeleton).numpy()


def subject_of(path: Path) -> str:
    """Who moves, from a file's name: ``cmu_02_01`` and ``02_01`` have CMU's numbers of subject and clip.

    Of a name that ends in ``_subject5``, that; else the whole name, so that nobody's clips are taken for another's.
    """
    found = next((match for pattern in _SUBJECT if (match := pattern.search(path.stem))), None)
    return found[1] if found else path.stem


def read_text(path: Path) -> str:
    """The text of a file; bytes that are not UTF-8 are replaced (they are in names only).

    Raises:
        PoseAugError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    return data.decode("utf-8-sig", errors="replace")


def numbers(words: Sequence[str], where: str) -> list[float]:
    """Numbers from their text.

    Raises:
        PoseAugError: one is not a number, or no number of a clip is as large.
    """
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise PoseAugError(f"{where}: {error}; write the file again") from error
    wrong = next((word for word, value in zip(words, values, strict=True) if not abs(value) <= FARTHEST), None)
    if wrong is not None:
        raise PoseAugError(f"{where}: holds {wrong[:40]}, which no clip does; leave the frame out")
    return values
