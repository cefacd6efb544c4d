"""Cameras drawn at random around a person: heights, distances and lenses as ranges.

As text ``ring``, or ``ring:KEY=VALUE,…`` with the keys of :class:`RingRig`; a range is ``LOW-HIGH`` or one number, an
image size ``WIDTHxHEIGHT``: ``ring:height=0.5-3,distance=3-7,fov=40-80,size=1920x1080``. In a file of rigs an object
with the same keys, ranges and sizes as lists of two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.poses import Labels
from poseaug_gen.sources.checks import checked_image_size
from poseaug_gen.sources.views import WANDER, Draw, Views, blocks

NAME = "ring"
NEAREST = 1.0  # metres between a camera and the farthest that a person wanders towards it
# Of each range: what it may hold, and its unit. A half image wider than 45° lies beyond where projection is clamped.
_RANGES = {
    "height": (0.0, 100.0, "metres"),
    "distance": (WANDER + NEAREST, 100.0, "metres"),
    "look_at": (0.0, 100.0, "metres"),
    "fov": (5.0, 90.0, "degrees"),
    "azimuth": (0.0, 720.0, "degrees"),
}
_LARGEST = 1e6  # no number of a rig is near it
_MOST_ROLL = 45.0  # degrees
_MOST_CAMERAS = 64
_KEYS = (*_RANGES, "roll", "cameras", "size")
_NUMBER = r"(\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?")
_SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")

Range = tuple[float, float]


@dataclass(frozen=True)
class RingRig:
    """Cameras about the vertical axis through the origin, each drawn anew for the pose that it sees.

    What is a range is drawn evenly from it. With the defaults 99.6 % of the poses of real everyday motion are wholly in
    the image, 98 % where everyone stands as far from the axis as they may; a body's height takes from a seventh to a
    half of the image's (5th and 95th percentile).

    Attributes:
        height: of the camera, metres: from a low tripod's to a ceiling's.
        distance: from the axis, horizontal, metres: as deep as living rooms and studios are.
        look_at: the height of the point on the axis that is in the middle of the image, metres: about a hip's.
        fov: field of view across the image's width, degrees: from a portrait lens to a telephone's.
        azimuth: where around the axis, degrees; at most once around.
        roll: the camera is turned about its own axis by up to this many degrees either way, as a hand holds it.
        cameras: how many see each pose, where ``draw`` is ``each``; each from its own equal part of the azimuths.
        size: width and height of the image in pixels; its middle is the principal point, and no lens distorts.
        draw: ``each``: ``cameras`` cameras see every pose, rows are camera-major; ``one``: one camera does.
    """

    height: Range = (0.4, 3.4)
    distance: Range = (3.0, 7.0)
    look_at: Range = (0.8, 1.1)
    fov: Range = (40.0, 75.0)
    azimuth: Range = (0.0, 360.0)
    roll: float = 3.0
    cameras: int = 4
    size: tuple[int, int] = (1000, 1000)
    draw: Draw = "each"

    @property
    def names(self) -> list[str]:
        """The rig as text: there are as many cameras as views, so the record tells what they were drawn from."""
        ranges = [f"{key}={'-'.join(map(_digits, getattr(self, key)))}" for key in _RANGES]
        width, height = self.size
        rest = [f"roll={_digits(self.roll)}", f"cameras={self.cameras}", f"size={width}x{height}"]
        return [f"{NAME}:{','.join([*ranges, *rest])}"]

    def drawing(self, draw: Draw) -> RingRig:
        """See :meth:`poseaug_gen.sources.views.Rig.drawing`."""
        return replace(self, draw=draw)

    def see(self, world: Float[np.ndarray, "poses joints 3"], seed: int = 0) -> Views:
        """See :meth:`poseaug_gen.sources.views.Rig.see`. The label of every view's camera is ``ring``."""
        rng = np.random.default_rng(seed)
        shape = (self.cameras if self.draw == "each" else 1, len(world))
        part = (np.arange(shape[0])[:, None] + rng.random(shape)) / shape[0]
        azimuth = np.radians(self.azimuth[0] + part * (self.azimuth[1] - self.azimuth[0])).reshape(-1)
        ranges = (self.height, self.distance, self.look_at, self.fov, (-self.roll, self.roll))
        height, distance, look_at, fov, roll = (rng.uniform(*of, shape).reshape(-1) for of in ranges)
        roll = np.radians(roll)

        pose = np.tile(np.arange(len(world)), shape[0])
        positions = np.empty((len(pose), *world.shape[1:]), dtype=np.float32)
        for at in blocks(len(pose)):
            place = azimuth[at], distance[at], height[at], look_at[at], roll[at]
            positions[at] = _seen(world[pose[at]], *place)
        intrinsics = np.zeros((len(pose), 9), dtype=np.float32)
        intrinsics[:, :2] = 1 / np.tan(np.radians(fov) / 2)[:, None]
        return Views(
            positions=positions,
            intrinsics=intrinsics,
            image_size=np.tile(np.array(self.size, dtype=np.int32), (len(pose), 1)),
            camera=Labels.constant(NAME, len(pose)),
            pose=pose,
        )


def _seen(
    world: Float[np.ndarray, "rows joints 3"],
    azimuth: Float[np.ndarray, " rows"],
    distance: Float[np.ndarray, " rows"],
    height: Float[np.ndarray, " rows"],
    look_at: Float[np.ndarray, " rows"],
    roll: Float[np.ndarray, " rows"],
) -> Float[np.ndarray, "rows joints 3"]:
    """World points in the frames of cameras that look at the axis, one camera a row; angles in radians."""
    cos, sin = (f(azimuth)[:, None] for f in (np.cos, np.sin))
    x, y, z = np.moveaxis(world.astype(np.float64), -1, 0)
    # Level first: right of the axis as the camera sees it, ahead of the camera, above it.
    right = cos * y - sin * x
    ahead = distance[:, None] - (cos * x + sin * y)
    above = z - height[:, None]
    # Then tilted down to what it looks at, and rolled.
    tilt = np.arctan2(height - look_at, distance)[:, None]
    down = -(np.sin(tilt) * ahead + np.cos(tilt) * above)
    depth = np.cos(tilt) * ahead - np.sin(tilt) * above
    cos, sin = (f(roll)[:, None] for f in (np.cos, np.sin))
    return np.stack([cos * right + sin * down, cos * down - sin * right, depth], -1)


# --- from text and JSON ---------------------------------------------------------------------------------------


def ring_of_text(text: str, draw: Draw) -> RingRig:
    """The rig of ``ring`` or ``ring:KEY=VALUE,…``; what is not given is the default.

    Raises:
        PoseAugError: a key is not one of a ring, or its value is not what it can be.
    """
    where = f"--rig {text}"
    values: dict[str, Any] = {}
    for part in text.removeprefix(NAME).removeprefix(":").split(",") if ":" in text else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise PoseAugError(f"{where}: {part!r} is not of the form KEY=VALUE; keys: {', '.join(_KEYS)}")
        if key in values:
            raise PoseAugError(f"{where}: {key!r} is given twice; give it once")
        values[key] = _value(value)
    return ring_of_values(values, where, draw)


def _value(text: str) -> Any:
    """A number, a list of two, or the text as it stands where it is neither."""
    if match := _SIZE.fullmatch(text):
        return [int(side) for side in match.groups()]
    if match := _RANGE.fullmatch(text):
        low, high = (float(end) if end else None for end in match.groups())
        return low if high is None else [low, high]
    return text


def ring_of_values(values: Mapping[str, Any], where: str, draw: Draw) -> RingRig:
    """The rig of an object in a file of rigs; what is not given is the default.

    Raises:
        PoseAugError: a key is not one of a ring, or its value is not what it can be.
    """
    rig = RingRig(draw=draw)
    for key, value in values.items():
        if key not in _KEYS:
            raise PoseAugError(f"{where}: unknown key {key!r}; {nearest(key, _KEYS)}")
        rig = replace(rig, **{key: _checked(key, value, where)})
    if rig.azimuth[1] - rig.azimuth[0] > 360:
        raise PoseAugError(f"{where}: 'azimuth' goes more than once around; give at most 360 degrees")
    return rig


def _checked(key: str, value: Any, where: str) -> Any:
    """The value of one of a ring's attributes, from its JSON form."""
    if key in _RANGES:
        return _checked_range(key, value, where)
    if key == "size":
        sides = np.array(value if isinstance(value, list) and all(map(is_number, value)) else [0.0])
        width, height = checked_image_size(sides, where).tolist()
        return width, height
    if key == "roll":
        if not (is_number(value) and 0 <= value <= _MOST_ROLL):
            raise PoseAugError(f"{where}: 'roll' is {value!r}; it must be a number from 0 to {_MOST_ROLL:g} degrees")
        return float(value)
    if not (is_number(value) and value in range(1, _MOST_CAMERAS + 1)):
        raise PoseAugError(f"{where}: 'cameras' is {value!r}; it must be a whole number from 1 to {_MOST_CAMERAS}")
    return int(value)


def _checked_range(key: str, value: Any, where: str) -> Range:
    lowest, highest, unit = _RANGES[key]
    ends = value if isinstance(value, list) else [value, value]
    if not (len(ends) == 2 and all(map(is_number, ends)) and lowest <= ends[0] <= ends[1] <= highest):
        raise PoseAugError(
            f"{where}: {key!r} is {value!r}; it must be a number, or a range of two in rising order, "
            f"from {lowest:g} to {highest:g} {unit}"
        )
    return float(ends[0]), float(ends[1])


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a number that a rig can mean: no NaN, no infinity, no integer beyond floats."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _digits(number: float) -> str:
    """As few digits as tell the number, without an exponent."""
    return np.format_float_positional(number, trim="-")
