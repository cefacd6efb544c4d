"""What most activities begin with: a spine, a pelvis, and feet on the floor under it."""

from __future__ import annotations

from poseaug_gen.sources.anatomy.draw import Draw, Number
from poseaug_gen.sources.anatomy.frames import Frame, Scalars, facing
from poseaug_gen.sources.anatomy.kinematics import SIDES, Lengths
from poseaug_gen.sources.anatomy.plan import Foot


def spine(draw: Draw, flexion: Scalars, bend: Number = 5, twist: Number = 8) -> dict[str, Scalars]:
    """Angles of a spine that is bent forward by ``flexion`` (radians) and by normal draws (SD, degrees) otherwise.

    The lumbar spine gives more of the flexion, the thoracic spine most of the twist (White and Panjabi 1990). The neck
    looks about on its own, and holds the face up against half of the flexion.
    """
    bent, twisted = draw.degrees(0, bend), draw.degrees(0, twist)
    return {
        "lumbar_flexion": 0.6 * flexion,
        "thorax_flexion": 0.4 * flexion + draw.degrees(3, 4),
        "lumbar_bend": 0.5 * bent,
        "thorax_bend": 0.5 * bent,
        "lumbar_twist": 0.2 * twisted,
        "thorax_twist": 0.8 * twisted,
        "neck_flexion": -0.4 * flexion + draw.degrees(4, 12),
        "neck_bend": draw.degrees(0, 6),
        "neck_twist": draw.degrees(0, 20),
        **{f"{side}_girdle_elevation": draw.degrees(2, 4) for side in SIDES},
        **{f"{side}_girdle_protraction": draw.degrees(3, 6) for side in SIDES},
    }


def pelvis(draw: Draw, tilt: Scalars, list_sd: Number = 3, turn_sd: Number = 6) -> Frame:
    """A pelvis that is tilted forward (radians), and a little listed and turned to a side (SD, degrees)."""
    level = facing(draw.degrees(0, turn_sd))
    return level.bend(tilt).lean(draw.degrees(0, list_sd))


def leg_length(lengths: Lengths) -> Scalars:
    return lengths["thigh"] + lengths["shank"]


def standing_height(lengths: Lengths) -> Scalars:
    return leg_length(lengths) + lengths["ankle_height"]


def stance(
    draw: Draw, lengths: Lengths, width: Number = 0.0, width_sd: Number = 0.04, ahead_sd: Number = 0.05, out: Number = 9
) -> dict[str, Foot]:
    """Both feet flat on the floor under the hips: ``width`` metres wider on each side, turned ``out`` degrees."""
    return {
        side: Foot(
            forward=draw.normal(0, ahead_sd),
            left=sign * (lengths["hip_half_width"] + draw.normal(width, width_sd)),
            height=draw.zeros(),
            out=draw.degrees(out, 8),
            pitch=draw.zeros(),
        )
        for side, sign in SIDES.items()
    }


def other(side: str) -> str:
    return "r" if side == "l" else "l"


def a_side(draw: Draw) -> str:
    """The side that a group of bodies uses."""
    return "l" if draw.rng.random() < 0.5 else "r"
