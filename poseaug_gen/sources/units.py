"""The unit and the vertical axis of motion capture that does not say, told from the body in it.

Unit: shins are alike. Drillis and Contini's shank (Winter, Biomechanics and Motor Control of Human Movement, 4th ed.,
fig. 4.1) is 0.246 of the stature, 0.42 m at 1.70 m, and the units in use are a factor of 2.2 or more apart. The unit
is the one whose shin is nearest to that in the logarithm, and has to be within :data:`FURTHEST` of it: statures from
1.2 to 2.4 m. A body between two units is told of neither.

Up: the axis from the ankles to the thorax, in the skeleton's rest pose where that is of a standing body, and on average
over the frames. Where the two say different things, as of a clip in which somebody lies throughout, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.joints import JointNames, listed, partial_matrix, to_skeleton

AUTO = "auto"
# Metres. "cmu" is the unit of CMU's Acclaim files and of the BVH files made from them: inches times 0.45
# (mocap.cs.cmu.edu, "FAQs": metres = value * (1.0 / 0.45) * 2.54 / 100).
UNITS: Mapping[str, float] = {
    "m": 1.0,
    "cm": 0.01,
    "mm": 0.001,
    "in": 0.0254,
    "ft": 0.3048,
    "cmu": 0.0254 / 0.45,
}
SHIN = 0.42  # metres
FURTHEST = 1.42  # times longer or shorter than SHIN: just under half the way from inches to CMU's unit
UPRIGHT = 0.8  # of a length, that must lie along one axis: within 37 degrees of it

AXES = ("x", "y", "z", "-x", "-y", "-z")

Places = Float[np.ndarray, "frames 3"]
_BODY = Skeleton.from_dict(
    {
        "name": "hips, legs and thorax",
        "joints": {
            "hip": "",
            "l_knee": "hip",
            "l_ankle": "l_knee",
            "r_knee": "hip",
            "r_ankle": "r_knee",
            "thorax": "hip",
        },
    }
)


@dataclass(frozen=True, eq=False)
class Body:
    """The joints by which unit and up are told, of the frames that have them all, in the file's unit and axes."""

    hip: Places
    thorax: Places
    ankles: Places  # the middle of the two
    shin: float  # its length, the median over frames and sides


def body_of(
    positions: Shaped[np.ndarray, "frames joints 3"], joints: Sequence[str], names: JointNames, where: str
) -> Body:
    """The body in a clip, or in a single pose of it.

    Raises:
        PoseAugError: a joint that is needed is not there, or on no frame.
    """
    rows = partial_matrix(joints, _BODY, names)
    missing = ", ".join(joint for joint, row in zip(_BODY.joints, rows, strict=True) if not row.any())
    if missing:
        raise PoseAugError(
            f"{where}: its unit and vertical axis cannot be told without {missing}, which are not among its joints "
            f"({listed(joints)}); name them in a TOML file (--joints), or give --unit and --up"
        )
    mapped = to_skeleton(positions, joints, _BODY, names, where).astype(np.float64)
    mapped = mapped[np.isfinite(mapped).all((1, 2))]
    if not len(mapped):
        raise PoseAugError(f"{where}: no frame has hips, knees, ankles and shoulders; give a clip that has")
    place = dict(zip(_BODY.joints, np.moveaxis(mapped, 1, 0), strict=True))
    shins = [np.linalg.norm(place[f"{side}_knee"] - place[f"{side}_ankle"], axis=-1) for side in "lr"]
    return Body(
        hip=place["hip"],
        thorax=place["thorax"],
        ankles=(place["l_ankle"] + place["r_ankle"]) / 2,
        shin=float(np.median(shins)),
    )


def metres(unit: str, where: str) -> float:
    """How long a unit is. Raises a PoseAugError where there is none of that name."""
    if unit not in UNITS:
        raise PoseAugError(f"{where}: --unit {unit} is no unit; {nearest(unit, UNITS)}")
    return UNITS[unit]


def recognised_unit(shin: float, where: str) -> str:
    """The name of the unit in which a shin has this length.

    Raises:
        PoseAugError: it is an adult's in no unit.
    """
    off = {name: abs(np.log(max(shin, 1e-9) * metres / SHIN)) for name, metres in UNITS.items()}
    name = min(off, key=off.__getitem__)
    if not off[name] <= np.log(FURTHEST):
        raise PoseAugError(
            f"{where}: its unit cannot be told, since the shins are {shin:.4g} units long and an adult's are "
            f"{SHIN} m; give it with --unit ({', '.join(UNITS)})"
        )
    return name


def recognised_up(body: Body, rest: Body | None, stated: str | None, where: str) -> str:
    """The axis, of :data:`AXES`, that points up.

    Args:
        body: of the frames.
        rest: of the rest pose, where the file has one.
        stated: what the file itself says.

    Raises:
        PoseAugError: rest pose, frames and file disagree, or nothing tells.
    """
    told = {
        "the rest pose": _axis(rest.thorax - rest.hip, rest.hip - rest.ankles) if rest else None,
        "the body in its frames": _axis(body.thorax - body.ankles),
        "the file": stated,
    }
    said = {who: axis for who, axis in told.items() if axis}
    if len(set(said.values())) != 1:
        why = "; ".join(f"{who} says {axis}" for who, axis in said.items()) or "nobody stands in it"
        raise PoseAugError(f"{where}: its vertical axis cannot be told ({why}); give it with --up x, y or z")
    return next(iter(said.values()))


def _axis(*directions: Places) -> str | None:
    """The axis along which all of these point on average; None where they do not."""
    means = []
    for direction in directions:
        length = np.linalg.norm(direction, axis=-1, keepdims=True)
        means.append((direction / np.maximum(length, 1e-9)).mean(0))
    along = np.concatenate([np.min(means, axis=0), -np.max(means, axis=0)])  # the least of them along each of AXES
    best = int(along.argmax())
    return AXES[best] if along[best] >= UPRIGHT else None


def to_z_up(up: str) -> Float[np.ndarray, "3 3"]:
    """The rotation (no mirror image) that turns an axis of :data:`AXES` into z: ``z_up = matrix @ place``.

    y up: (x, y, z) -> (x, -z, y); x up: (x, y, z) -> (y, z, x).
    """
    axis, sign = "xyz".index(up[-1]), -1.0 if up.startswith("-") else 1.0
    matrix = np.zeros((3, 3))
    first = {0: 1, 1: 0, 2: 0}[axis]  # becomes x
    matrix[0, first] = 1
    matrix[2, axis] = sign
    matrix[1] = np.cross(matrix[2], matrix[0])
    return matrix
