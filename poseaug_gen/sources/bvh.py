"""Motion capture as BVH (Biovision hierarchy): a skeleton's offsets, then a line of channels a frame.

The format as in Meredith and Maddock, "Motion Capture File Formats Explained" (Sheffield, 2001). A joint turns by the
product of its rotations in the order of its channels, ``R = R_first R_second R_third``, in degrees. What the
description leaves open is read as in Blender: position channels stand in the place of an offset. Of a joint that is
not the root they are added to it where that leaves the bone nearer to its length at rest.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.capture import FARTHEST, Capture, World, in_world, numbers, pose_set, read_text
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.kinematics import Shifts, places, turns

LONGEST_HIERARCHY = 2**20  # characters: four thousand joints; a hand-animated figure has two hundred
END = "_end"  # an End Site is called as its joint, with this behind
_START = re.compile(rb"^(\xef\xbb\xbf)?\s*HIERARCHY\b", re.IGNORECASE)
_MOTION = re.compile(r"^[ \t]*MOTION\s+Frames\s*:\s*(\S+)\s+Frame\s+Time\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_CHANNEL = re.compile(r"^([XYZ])(position|rotation)$", re.IGNORECASE)

Motion = Float[np.ndarray, "frames channels"]


@dataclass
class Joint:
    """One joint: its parent's number (-1: the root), where it is at rest in the parent's frame, and what moves it."""

    name: str
    parent: int
    offset: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    channels: list[tuple[int, str]] = field(default_factory=list)  # (axis, "position" or "rotation")


def recognises(path: Path) -> bool:
    """Whether the file begins with HIERARCHY."""
    with path.open("rb") as file:
        return bool(_START.match(file.read(256)))


def read(path: Path, request: Request) -> PoseSet:
    """A clip's poses as the request's rig sees them. Raises as :func:`read_world` and :func:`.capture.pose_set`."""
    return pose_set(read_world(path, request), path, request)


def read_world(path: Path, request: Request) -> World:
    """A clip in metres, z up.

    Raises:
        PoseAugError: the file is not a whole BVH file of one skeleton, or its unit or vertical axis cannot be told.
    """
    return in_world(read_capture(path), request, str(path))


def read_capture(path: Path) -> Capture:
    """A clip as its file has it. Raises a PoseAugError where that is not a whole BVH file of one skeleton."""
    where, text = str(path), read_text(path)
    motion = _MOTION.search(text)
    if motion is None:
        raise PoseAugError(f"{where}: has no MOTION with 'Frames:' and 'Frame Time:'; it was cut short, copy it again")
    joints = _Hierarchy(text[: motion.start()], where).joints
    (seconds,) = numbers([motion[2]], f"{where}, 'Frame Time:'")
    if seconds <= 0:
        raise PoseAugError(f"{where}: 'Frame Time:' is {seconds:g}; give the seconds from frame to frame")
    frames = _frames(text[motion.end() :], motion[1], sum(len(joint.channels) for joint in joints), where)
    if frames.shape[0] * len(joints) > len(text):  # every joint has at least a digit a frame, or ends one that has
        raise PoseAugError(f"{where}: {len(joints):,} joints are moved by {frames.shape[1]} channels; leave some out")
    at_rest = np.zeros((1, frames.shape[1]))
    return Capture(
        positions=_positions(joints, frames),
        joints=[joint.name for joint in joints],
        rate=1 / seconds,
        rest=_positions([Joint(joint.name, joint.parent, joint.offset) for joint in joints], at_rest)[0],
        placed=any(kind == "position" for _, kind in joints[0].channels),
    )


# --- the skeleton ---------------------------------------------------------------------------------------------


class _Hierarchy:
    """The joints of a hierarchy, parents before children, in the order of their channels."""

    def __init__(self, text: str, where: str) -> None:
        if len(text) > LONGEST_HIERARCHY:
            raise PoseAugError(f"{where}: its hierarchy has {len(text):,} characters; no body has, write it again")
        self.where = where
        self.words = text.replace("{", " { ").replace("}", " } ").split()
        self.at = 1  # behind HIERARCHY
        self.joints: list[Joint] = []
        self.inside: list[int] = []  # the joints whose braces are open
        while self.inside or self.at < len(self.words) or not self.joints:
            self._entry()

    def _entry(self) -> None:
        word = self._next()
        match word.upper(), bool(self.inside):
            case "ROOT", False if self.joints:
                raise PoseAugError(f"{self.where}: holds several skeletons; export each person to a file of their own")
            case "ROOT", False:
                self._open(self._name(), -1)
            case "JOINT", True:
                self._open(self._name(), self.inside[-1])
            case "END", True:
                self._name()
                self._open(self.joints[self.inside[-1]].name + END, self.inside[-1])
            case "}", True:
                self.inside.pop()
            case "OFFSET", True:
                joint = self.joints[self.inside[-1]]
                joint.offset = numbers([self._next() for _ in range(3)], f"{self.where}, OFFSET of {joint.name[:40]}")
            case "CHANNELS", True:
                self.joints[self.inside[-1]].channels = self._channels()
            case _:
                raise self._not_bvh(word)

    def _open(self, name: str, parent: int) -> None:
        self.inside.append(len(self.joints))
        self.joints.append(Joint(name, parent))

    def _name(self) -> str:
        """The words up to the brace that opens."""
        words = []
        while (word := self._next()) != "{":
            words.append(word)
        return " ".join(words)

    def _channels(self) -> list[tuple[int, str]]:
        count = self._next()
        if not re.fullmatch("[0-6]", count):
            raise self._not_bvh(f"CHANNELS {count}")
        found = [_CHANNEL.match(word) for word in (self._next() for _ in range(int(count)))]
        if not all(found):
            raise self._not_bvh(self.words[self.at - int(count) + found.index(None)])
        return [("XYZ".index(match[1].upper()), match[2].lower()) for match in found if match]

    def _next(self) -> str:
        if self.at >= len(self.words):
            raise PoseAugError(f"{self.where}: its hierarchy breaks off; the file was cut short, copy it again")
        self.at += 1
        return self.words[self.at - 1]

    def _not_bvh(self, words: str) -> PoseAugError:
        return PoseAugError(f"{self.where}: {words[:40]!r} in its hierarchy is not BVH; write the file again")


# --- the motion -----------------------------------------------------------------------------------------------


def _frames(text: str, said: str, channels: int, where: str) -> Motion:
    """The numbers behind ``Frame Time:``, one row a frame. Lines do not count: some tools break long ones."""
    values = array("d")
    try:
        for line in text.splitlines():
            values.extend(map(float, line.split()))
    except ValueError as error:
        raise PoseAugError(f"{where}: in its frames {error}; write the file again") from error
    if not channels or not values or len(values) % channels:
        raise PoseAugError(
            f"{where}: its frames hold {len(values):,} numbers, no multiple of the {channels} channels of "
            f"its hierarchy; it was cut short or damaged, copy it again"
        )
    frames = np.frombuffer(values, dtype=np.float64).reshape(-1, channels)
    if said != str(len(frames)):
        raise PoseAugError(
            f"{where}: says {said[:40]} frames but has {len(frames):,}; copy it again, or mend 'Frames:'"
        )
    bad = np.flatnonzero(~(np.abs(frames) <= FARTHEST).all(1))
    if len(bad):
        raise PoseAugError(f"{where}: frame {bad[0] + 1} holds NaN or a number over {FARTHEST:g}; leave the frame out")
    return frames


def _positions(joints: Sequence[Joint], frames: Motion) -> Float[np.ndarray, "frames joints 3"]:
    """Where the joints are on every frame, in the file's unit and axes."""
    rotations, offsets = [], []
    first = 0
    for joint in joints:
        moved = frames[:, first : first + len(joint.channels)]
        first += len(joint.channels)
        rotating = [i for i, (_, kind) in enumerate(joint.channels) if kind == "rotation"]
        rotations.append(turns([joint.channels[i][0] for i in rotating], np.radians(moved[:, rotating])))
        offsets.append(_offset(joint, moved))
    return places([joint.parent for joint in joints], rotations, offsets)


def _offset(joint: Joint, moved: Motion) -> Shifts:
    """Where a joint is in its parent's frame, by its offset and position channels."""
    fixed = np.tile(joint.offset, (len(moved), 1))
    moving = {axis: moved[:, i] for i, (axis, kind) in enumerate(joint.channels) if kind == "position"}
    if not moving:
        return fixed
    instead, added = fixed.copy(), fixed.copy()
    for axis, values in moving.items():
        instead[:, axis] = values
        added[:, axis] += values
    if joint.parent < 0:
        return instead
    length = np.linalg.norm(joint.offset)
    off = [abs(np.median(np.linalg.norm(shift, axis=-1)) - length) for shift in (instead, added)]
    return instead if off[0] <= off[1] else added


FORMATS = (
    Format(
        "BVH",
        "motion capture: HIERARCHY and MOTION, in any unit (--unit) with any axis up (--up); seen by a --rig",
        recognises,
        read,
        needs="a rig of cameras (--rig; studio where none is named)",
        owner="CMU (mocap.cs.cmu.edu, as BVH by B. Hahne), Ubisoft (LAFAN1), Bandai Namco, Mixamo, …; or your studio",
        licence="its owner's",
    ),
)
