"""Motion capture as C3D (c3d.org): points, most often markers, that cameras have seen frame by frame.

Read with the library ``c3d`` (pure Python: what is wrong in a file can at worst raise). It believes sizes, so those are
checked against the file's before it reads the points.

Joints are the points that are labelled as such (``LKJC``, ``l_knee``, Vicon's ``LFEO``, …); those that are not are made
of Plug-in Gait's markers (:mod:`.plug_in_gait`). A label may have its subject before a colon (``Ann:LASI``).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import c3d
import numpy as np
from jaxtyping import Float

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources import plug_in_gait
from poseaug_gen.sources.capture import FARTHEST, Capture, World, in_world, pose_set
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.joints import JointNames, spelling
from poseaug_gen.sources.units import AUTO, AXES, metres, recognised_unit

_BLOCK = 512  # bytes
_MAGIC = 0x50
_PROCESSORS = (84, 85, 86)  # Intel, DEC, MIPS
_UNITS = {
    "m": ("m", "meter", "meters", "metre", "metres"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    "in": ("in", "inch", "inches"),
    "ft": ("ft", "foot", "feet"),
}

Places = Float[np.ndarray, "frames points 3"]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a C3D file has.

    Attributes:
        points: in the file's unit and axes; NaN where one was not seen.
        labels: theirs; empty where one has none.
        rate: frames a second; None: it is not a rate.
        unit, up: as the file states them; None: it does not, or not in words that we know.
    """

    points: Places
    labels: Sequence[str]
    rate: float | None
    unit: str | None
    up: str | None


def recognises(path: Path) -> bool:
    """Whether the file begins as C3D does: the block of its parameters, 0x50, and there a processor's number.

    A file that is cut off before its parameters, which nearly always are in block 2, is refused in reading.
    """
    with path.open("rb") as file:
        start = file.read(2)
        if len(start) < 2 or start[0] < 2 or start[1] != _MAGIC:
            return False
        file.seek((start[0] - 1) * _BLOCK + 3)
        processor = file.read(1)
        return processor[0] in _PROCESSORS if processor else start[0] == 2


def read(path: Path, request: Request) -> PoseSet:
    """A trial's poses as the request's rig sees them. Raises as :func:`read_world` and :func:`.capture.pose_set`."""
    return pose_set(read_world(path, request), path, request)


def read_world(path: Path, request: Request) -> World:
    """A trial in metres, z up: its points, and the joint centres that its markers give.

    Raises:
        PoseAugError: the file is not a whole C3D file, has no person or several, or its unit or axis cannot be told.
    """
    where = str(path)
    trial = read_trial(path)
    labels = _one_person(trial.labels, request.names, where)
    markers = {name: trial.points[:, i] for i, name in reversed(list(enumerate(labels))) if name}
    unit = trial.unit if request.unit == AUTO else request.unit
    if unit is None:
        length = plug_in_gait.shin(markers)
        unit = None if length is None else recognised_unit(length, where)
    joints, positions = list(labels), [trial.points]
    if unit is not None:
        present = {spelling(label) for label in labels}
        spelt = request.names.in_company(present)
        for joint, place in plug_in_gait.joint_centres(markers, 1 / metres(unit, where)).items():
            if present.isdisjoint(spelt[joint]):
                joints.append(joint)
                positions.append(place[:, None])
    capture = Capture(np.concatenate(positions, 1), joints, trial.rate, unit=unit, up=trial.up)
    return in_world(capture, request, where)


def _one_person(labels: Sequence[str], names: JointNames, where: str) -> list[str]:
    """The labels of the one person in a trial, without the subject's name; those of other things empty."""
    split = [label.rpartition(":") for label in labels]
    knees = {"lkne", *names.in_company(set())["l_knee"]}
    people = list(dict.fromkeys(subject for subject, _, name in split if spelling(name) in knees))
    if len(people) > 1:
        raise PoseAugError(
            f"{where}: has {len(people)} people ({', '.join(people)}); export each to a file of their own"
        )
    return [name if subject in ("", *people) else "" for subject, _, name in split]


# --- the file -------------------------------------------------------------------------------------------------


@contextmanager
def _contained(where: str) -> Iterator[None]:
    """Whatever the library makes of a damaged file becomes one sentence; its warnings are not the user's."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except PoseAugError:
        raise
    except Exception as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise PoseAugError(f"{where}: not a whole C3D file ({what}); copy or export it again") from error


def read_trial(path: Path) -> Trial:
    """What a C3D file has.

    Raises:
        PoseAugError: it cannot be read, is not whole, or claims more than it holds.
    """
    where = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PoseAugError(f"{where}: cannot be read: {error.strerror}; check the path") from error
    with _contained(where):
        reader = c3d.Reader(io.BytesIO(data))
        frames, points = _sizes(reader, len(data), where)
        places = np.empty((frames, points, 3))
        seen = np.zeros((frames, points), dtype=bool)
        for i, (_, values, _) in zip(range(frames), reader.read_frames(copy=False), strict=True):
            places[i], seen[i] = values[:, :3], values[:, 3] >= 0
        # What no camera saw has a negative residual; some tools write zeros, which no marker is at to the last bit.
        seen &= (np.abs(places) <= FARTHEST).all(-1) & (places != 0).any(-1)
        places[~seen] = np.nan
        rate = float(reader.point_rate)
        return Trial(
            points=places,
            labels=[*_labels(reader), *[""] * points][:points],
            rate=rate if np.isfinite(rate) and rate > 0 else None,
            unit=_unit(_text(reader, "POINT:UNITS")),
            up=_axis(_text(reader, "POINT:Y_SCREEN")),
        )


def _sizes(reader: Any, size: int, where: str) -> tuple[int, int]:
    """How many frames and points a file has, once the file was found to be large enough for them."""
    frames, points = int(reader.last_frame) - int(reader.first_frame) + 1, int(reader.point_used)
    word = 4 if reader.point_scale < 0 else 2
    analog = int(reader.analog_used) * int(reader.analog_per_frame)
    claimed = frames * (4 * points + analog) * word
    held = size - (int(reader.header.data_block) - 1) * _BLOCK
    if points < 1 or frames < 1 or analog < 0 or not 0 < claimed <= held:
        raise PoseAugError(
            f"{where}: claims {frames:,} frames of {points:,} points in {claimed:,} bytes, but holds {max(held, 0):,}; "
            f"it was cut short or damaged, copy it again"
        )
    return frames, points


def _labels(reader: Any) -> Iterator[str]:
    """The points' labels; from the 256th on they are in parameters of their own."""
    for number in count(1):
        values = _text_array(reader, f"POINT:LABELS{number if number > 1 else ''}")
        if values is None:
            return
        yield from values


def _text_array(reader: Any, name: str) -> list[str] | None:
    """The strings of a parameter; None where the file has none of that name."""
    found = reader.get(name)
    if found is None:
        return None
    if len(found.dimensions) != 2 or found.num_elements > len(found.bytes):  # the library would believe the numbers
        return []
    return [_printable(text) for text in found.string_array]


def _text(reader: Any, name: str) -> str:
    found = reader.get(name)
    return "" if found is None else _printable(found.string_value).lower()


def _printable(text: str) -> str:
    """Without the blanks and zeros that strings of a fixed length end in, and whatever else no name has."""
    return "".join(character for character in text if character.isprintable()).strip()


def _unit(stated: str) -> str | None:
    return next((unit for unit, words in _UNITS.items() if stated in words), None)


def _axis(stated: str) -> str | None:
    """``+Z`` as one of AXES; None where it is not an axis."""
    axis = stated.lstrip("+")
    return axis if axis in AXES else None


FORMATS = (
    Format(
        "C3D",
        "motion capture: labelled joint centres, or Plug-in Gait's markers; seen by a --rig",
        recognises,
        read,
        needs="a rig of cameras (--rig; studio where none is named)",
        owner="CMU (mocap.cs.cmu.edu), c3d.org's samples, …; or your laboratory",
        licence="its owner's",
    ),
)
