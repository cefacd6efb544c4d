"""Motion capture in the Acclaim format: a skeleton (.asf), and the angles of its bones frame by frame (.amc).

The format as in M. Schafer's "Acclaim Skeleton File Definition V1.10" (1994). With C the rotation of a bone's ``axis``,
M that of its degrees of freedom, each about fixed axes in the order of its letters (XYZ: ``R_z R_y R_x``), and d its
``direction``: the bone turns by ``C M C^-1`` in its parent's frame, and its far end then lies ``length * d`` from its
parent's. So a bone's name stands for the joint at its far end: the femur's is the knee.

A clip is its .amc. The .asf is found beside it: of the same stem, else of the longest stem that the clip's begins with
(``02_01.amc``: ``02.asf``), else the only one in the folder.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.capture import Capture, World, in_world, numbers, pose_set, read_text
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.kinematics import places, turns

LARGEST_SKELETON = 2**20  # characters; CMU's have 7,000
ROOT = "root"
_BLANK = str.maketrans(",()", "   ")  # what stands for a space
_HEADS = (":fully-specified", ":fully_specified", ":degrees", ":radians", ":samples-per-second")
_TURNS = ("rx", "ry", "rz")
_MOVES = ("tx", "ty", "tz", *_TURNS)

Line = list[str]


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone, or the root.

    Attributes:
        end: the far end from the near one, at rest; the root's place.
        axis: C.
        moves: what its numbers on a frame are: rx, ry, rz, and of the root tx, ty, tz.
    """

    name: str
    end: Float[np.ndarray, "3"]
    axis: Float[np.ndarray, "3 3"]
    moves: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """What an .asf describes.

    Attributes:
        bones: the root first, parents before children.
        parents: the number of each one's parent, -1: the root has none.
        scale: what lengths were multiplied by: CMU's are inches times 0.45.
        radians: whether angles are in radians; else degrees.
    """

    bones: Sequence[Bone]
    parents: Sequence[int]
    scale: float
    radians: bool


@dataclass(frozen=True, eq=False)
class Motion:
    """What an .amc has.

    Attributes:
        moved: of each bone that it names, what its ``moves`` are on every frame.
        radians: whether angles are in radians; else degrees.
        rate: frames a second; None: it does not say.
    """

    frames: int
    moved: Mapping[str, Float[np.ndarray, "frames moves"]]
    radians: bool
    rate: float | None


def recognises(path: Path) -> bool:
    """Whether the file begins as an .amc does: comments and keywords, or the first frame of a root."""
    with path.open("rb") as file:
        head = file.read(4096).decode("utf-8-sig", errors="replace")
    lines = list(_lines(head))
    if lines and lines[0][0].lower() in _HEADS:
        return True
    return len(lines) > 1 and lines[0][0].isdecimal() and len(lines[0]) == 1 and lines[1][0].lower() == ROOT


def companions(path: Path) -> list[Path]:
    """The .asf that belongs to an .amc, where one can be told."""
    beside = sorted(p for p in path.parent.iterdir() if p.suffix.lower() == ".asf" and p.is_file())
    named = [p for p in beside if p.stem and path.stem.startswith(p.stem)]
    return [max(named, key=lambda p: len(p.stem))] if named else beside if len(beside) == 1 else []


def read(path: Path, request: Request) -> PoseSet:
    """A clip's poses as the request's rig sees them. Raises as :func:`read_world` and :func:`.capture.pose_set`."""
    return pose_set(read_world(path, request), path, request)


def read_world(path: Path, request: Request) -> World:
    """A clip in metres, z up.

    Raises:
        PoseAugError: the clip or its skeleton is missing or damaged, or unit or vertical axis cannot be told.
    """
    return in_world(read_capture(path), request, str(path))


def read_capture(path: Path) -> Capture:
    """A clip as its files have it. Raises a PoseAugError where one is missing or damaged."""
    where = str(path)
    try:
        beside = companions(path)
    except OSError as error:
        raise PoseAugError(f"{where}: its folder cannot be read: {error.strerror}; check its permissions") from error
    if not beside:
        raise PoseAugError(
            f"{where}: the .asf file of its skeleton is not beside it; put it there, under a name that the clip's "
            f"begins with (02_01.amc: 02.asf)"
        )
    skeleton = read_skeleton(beside[0])
    motion = read_motion(path, skeleton)
    return Capture(
        positions=_positions(skeleton, motion),
        joints=[bone.name for bone in skeleton.bones],
        rate=motion.rate,
        rest=_positions(skeleton, Motion(1, {}, True, None))[0],
        scale=skeleton.scale,
        placed=not set(skeleton.bones[0].moves) <= set(_TURNS),
    )


def _lines(text: str) -> Iterator[Line]:
    """The words of each line that has any; comments are none."""
    for line in text.splitlines():
        words = line.partition("#")[0].translate(_BLANK).split()
        if words:
            yield words


# --- the skeleton ---------------------------------------------------------------------------------------------


def read_skeleton(path: Path) -> Skeleton:
    """What an .asf describes.

    Raises:
        PoseAugError: the file is not a whole .asf, or a bone does more than turn.
    """
    where, text = str(path), read_text(path)
    if len(text) > LARGEST_SKELETON:
        raise PoseAugError(f"{where}: has {len(text):,} characters; no skeleton has, write it again")
    sections = _sections(text)
    for section in (":root", ":bonedata", ":hierarchy"):
        if section not in sections:
            raise PoseAugError(f"{where}: lacks the section {section}; it is not a whole .asf file, copy it again")
    units = _entries(sections.get(":units", []))
    radians = units.get("angle", ["deg"])[:1] == ["rad"]
    (scale,) = _numbers(units.get("length", ["1"]), 1, f"{where}, length under :units")
    if not scale > 0:
        raise PoseAugError(f"{where}: its lengths were multiplied by {scale:g}; mend 'length' under :units")
    bones = {ROOT: _root(_entries(sections[":root"]), radians, f"{where}, {ROOT}")}
    for block in _blocks(sections[":bonedata"], where):
        bone = _bone(block, radians, where)
        if bone.name in bones:
            raise PoseAugError(f"{where}: two bones are called {bone.name!r}; give each a name of its own")
        bones[bone.name] = bone
    tree = _tree(sections[":hierarchy"], bones, where)
    return Skeleton([bones[name] for name, _ in tree], [parent for _, parent in tree], scale, radians)


def _root(entries: Mapping[str, Line], radians: bool, where: str) -> Bone:
    return Bone(
        name=ROOT,
        end=np.array(_numbers(entries.get("position", []), 3, f"{where}, position")),
        axis=_axis([*entries.get("orientation", [])[:3], *entries.get("axis", [])], radians, f"{where}, orientation"),
        moves=_moves(entries.get("order", []), _MOVES, where),
    )


def _bone(entries: Mapping[str, Line], radians: bool, where: str) -> Bone:
    name = " ".join(entries.get("name", [])).lower()
    if not name:
        raise PoseAugError(f"{where}: a bone has no name; it is not a whole .asf file, copy it again")
    at = f"{where}, {name[:40]}"
    (length,) = _numbers(entries.get("length", []), 1, f"{at}, length")
    return Bone(
        name=name,
        end=length * np.array(_numbers(entries.get("direction", []), 3, f"{at}, direction")),
        axis=_axis(entries.get("axis", []), radians, f"{at}, axis"),
        moves=_moves(entries.get("dof", []), _TURNS, at),
    )


def _sections(text: str) -> dict[str, list[Line]]:
    """The lines behind each keyword."""
    sections: dict[str, list[Line]] = {}
    section: list[Line] = []
    for words in _lines(text):
        if words[0].startswith(":"):
            section = sections.setdefault(words[0].lower(), [])
            words = words[1:]
        if words:
            section.append(words)
    return sections


def _entries(lines: Sequence[Line]) -> dict[str, Line]:
    """Lines by their first word; of two alike the first counts."""
    entries: dict[str, Line] = {}
    for words in lines:
        entries.setdefault(words[0].lower(), words[1:])
    return entries


def _blocks(lines: Sequence[Line], where: str) -> Iterator[dict[str, Line]]:
    """The entries between each ``begin`` and its ``end``."""
    block: list[Line] | None = None
    for words in lines:
        word = words[0].lower()
        if word == "begin" and block is None:
            block = []
        elif word == "end" and block is not None:
            yield _entries(block)
            block = None
        elif block is not None and word != "begin":
            block.append(words)
        else:
            raise PoseAugError(f"{where}: {word[:40]!r} stands outside a bone's begin and end; write the file again")
    if block is not None:
        raise PoseAugError(f"{where}: the last bone has no end; the file was cut short, copy it again")


def _tree(lines: Sequence[Line], known: Mapping[str, object], where: str) -> list[tuple[str, int]]:
    """Each bone that hangs from the root, and the number of its parent, parents first."""
    children: dict[str, list[str]] = {}
    has_parent = {ROOT}
    for words in lines:
        parent, *hanging = (word.lower() for word in words)
        if (parent, hanging) in (("begin", []), ("end", [])):
            continue
        for name in (parent, *hanging):
            if name not in known:
                raise PoseAugError(f"{where}: its hierarchy names no bone with {name[:40]!r}; {nearest(name, known)}")
        for name in hanging:
            if name in has_parent:
                raise PoseAugError(f"{where}: {name!r} hangs from two bones, or the root from one; mend :hierarchy")
            has_parent.add(name)
        children.setdefault(parent, []).extend(hanging)
    tree = [(ROOT, -1)]
    for number, (name, _) in enumerate(tree):  # grows while it is walked
        tree.extend((child, number) for child in children.get(name, []))
    return tree


def _numbers(words: Line, count: int, where: str) -> list[float]:
    if len(words) < count:
        raise PoseAugError(f"{where}: {count} number(s) are wanted there; it is not a whole .asf file, copy it again")
    return numbers(words[:count], where)


def _axis(words: Line, radians: bool, where: str) -> Float[np.ndarray, "3 3"]:
    """The rotation of three angles, about the axes that a fourth word has in their order."""
    angles = np.array([_numbers(words, 3, where)])
    order = [word.lower() for word in words[3:4]] or ["xyz"]
    if sorted(order[0]) != ["x", "y", "z"]:
        raise PoseAugError(f"{where}: the order of axes is {order[0][:40]!r}; it must have x, y and z")
    axes = ["xyz".index(letter) for letter in order[0]]
    return turns(axes[::-1], (angles if radians else np.radians(angles))[:, ::-1])[0]


def _moves(words: Line, known: Sequence[str], where: str) -> tuple[str, ...]:
    moves = tuple(word.lower() for word in words)
    wrong = next((move for i, move in enumerate(moves) if move not in known or move in moves[:i]), None)
    if wrong is not None:
        raise PoseAugError(
            f"{where}: moves along {wrong[:40]!r}, which is not read or there twice; known: {', '.join(known)}"
        )
    return moves


# --- the motion -----------------------------------------------------------------------------------------------


def read_motion(path: Path, skeleton: Skeleton) -> Motion:
    """What an .amc has for a skeleton. A bone that it never names stays at rest.

    Raises:
        PoseAugError: the file is not a whole .amc, or is of another skeleton.
    """
    where, text = str(path), read_text(path)
    moves = {bone.name: len(bone.moves) for bone in skeleton.bones}
    values: dict[str, array[float]] = {name: array("d") for name in moves}
    heads: dict[str, Line] = {}
    frames, number = 0, 0
    for words in _lines(text):
        name = words[0].lower()
        if name.startswith(":"):
            heads[name] = words[1:]
        elif len(words) == 1 and name.isdecimal() and len(name) < 10:
            if frames and int(name) != number + 1:
                raise PoseAugError(f"{where}: frame {name} follows frame {number}; frames are missing, copy it again")
            frames, number = frames + 1, int(name)
        elif name not in moves:
            raise PoseAugError(f"{where}: {name[:40]!r} is no bone of its .asf file; {nearest(name[:40], moves)}")
        elif not frames or len(words) - 1 != moves[name] or len(values[name]) != (frames - 1) * moves[name]:
            raise PoseAugError(
                f"{where}: frame {number} has {len(words) - 1} numbers for {name!r}, which has {moves[name]}, or has "
                f"it twice, or the frame before lacks it; copy the file again, and the .asf that belongs to it"
            )
        else:
            values[name].extend(numbers(words[1:], f"{where}, frame {number}, {name}"))
    moved = {name: np.frombuffer(v).reshape(-1, moves[name]) for name, v in values.items() if v}
    short = [name for name, rows in moved.items() if len(rows) != frames]
    if short or ROOT not in moved:
        raise PoseAugError(f"{where}: frame {number} lacks {(short or [ROOT])[0]!r}; it was cut short, copy it again")
    if frames * len(moves) > len(text):
        raise PoseAugError(f"{where}: {len(moves):,} bones are moved by {len(moved)} of them; leave the others out")
    radians = skeleton.radians if ":degrees" not in heads and ":radians" not in heads else ":radians" in heads
    (rate,) = numbers(heads.get(":samples-per-second", [])[:1] or ["0"], f"{where}, :SAMPLES-PER-SECOND")
    return Motion(frames, moved, radians, rate if rate > 0 else None)


def _positions(skeleton: Skeleton, motion: Motion) -> Float[np.ndarray, "frames bones 3"]:
    """Where the far ends of the bones are on every frame, in the file's unit and axes."""
    rotations, offsets = [], []
    for bone, parent in zip(skeleton.bones, skeleton.parents, strict=True):
        moved = motion.moved.get(bone.name, np.zeros((motion.frames, len(bone.moves))))
        turning = [i for i, move in enumerate(bone.moves) if move in _TURNS][::-1]
        angles = moved[:, turning] if motion.radians else np.radians(moved[:, turning])
        rotation = bone.axis @ turns(["xyz".index(bone.moves[i][1]) for i in turning], angles) @ bone.axis.T
        if parent < 0:
            offset = np.tile(bone.end, (motion.frames, 1))
            for i, move in enumerate(bone.moves):
                if move not in _TURNS:
                    offset[:, "xyz".index(move[1])] += moved[:, i]
        else:
            offset = rotation @ bone.end
        rotations.append(rotation)
        offsets.append(offset)
    return places(skeleton.parents, rotations, offsets)


FORMATS = (
    Format(
        "Acclaim (ASF/AMC)",
        "motion capture: an .amc of angles with the .asf of its skeleton beside it; seen by a --rig",
        recognises,
        read,
        needs="its skeleton's .asf in the same folder; a rig of cameras (--rig; studio where none is named)",
        owner="Carnegie Mellon University, mocap.cs.cmu.edu; HDM05; or your studio",
        licence="CMU's: free for all uses, may not be resold; HDM05's: CC BY-SA 3.0",
        citation=(
            "The data used in this project was obtained from mocap.cs.cmu.edu. "
            "The database was created with funding from NSF EIA-0196217."
        ),
        companions=companions,
    ),
)
