"""What arms do: programmes for one arm, which any activity of the legs may go with.

Each sets angles of a plan, or the place where its hand is to be. Places are metres of a body of 1.70 m, in the thorax's
frame from the base of the neck: the navel is 0.38 m below it, the hips 0.50 m, the face 0.15 m above. How often each
is done, and how widely, is a judgement: no table of everyday arm postures gives joint angles for all of them; the
limits of the joints (:mod:`.limits`) hold for every one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from poseaug_gen.sources.anatomy.draw import Draw
from poseaug_gen.sources.anatomy.frames import Scalars
from poseaug_gen.sources.anatomy.kinematics import SIDES, Lengths
from poseaug_gen.sources.anatomy.limits import girdle_rise
from poseaug_gen.sources.anatomy.plan import Hand, Plan

REFERENCE_ARM = 0.55  # metres: upper arm and forearm of the body that places are given for


def hang(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """At the side, a little bent."""
    _angles(plan, side, draw.degrees(0, 12), draw.degrees(10, 6), draw.degrees(15, 20), draw.degrees(24, 13))


def gesture(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The forearm up before the body, as people talk with their hands."""
    _angles(plan, side, draw.degrees(25, 20), draw.degrees(16, 14), draw.degrees(15, 28), draw.degrees(85, 25))


def raised_aside(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The upper arm out to the side: spread, or bent up or down from there."""
    bent = np.where(draw.chance(0.5), draw.degrees(15, 12), draw.degrees(75, 25))
    _angles(plan, side, draw.degrees(5, 18), draw.degrees(78, 20), draw.degrees(-25, 40), bent)


def throw(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """From the cocked arm to the follow-through: rotation and elbow go along the same way."""
    way = draw.uniform(0, 1)
    rotation = np.radians(-90 + 120 * way) + draw.degrees(0, 12)
    _angles(plan, side, np.radians(-15 + 75 * way) + draw.degrees(0, 12), draw.degrees(85, 15), rotation,
            np.radians(100 - 70 * way) + draw.degrees(0, 12))  # fmt: skip


def free(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """Anything that the joints allow, the middle of their ranges more often than the ends."""
    _angles(plan, side, draw.degrees(45, 48), draw.degrees(30, 30), draw.degrees(0, 35), draw.degrees(60, 38))


def reach(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand anywhere before, beside and above the shoulder, near or as far as it goes."""
    aside, up = draw.degrees_between(-25, 95), draw.degrees(0, 32)
    far = draw.uniform(0.6, 1.0)
    _reach_along(plan, lengths, side, aside, up, far, draw.degrees(35, 22))


def overhead(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand above the head."""
    aside, up = draw.degrees_between(-40, 110), draw.degrees(66, 14)
    _reach_along(plan, lengths, side, aside, up, draw.uniform(0.75, 1.0), draw.degrees(70, 25))
    plan.angles[f"{side}_girdle_elevation"] = draw.degrees(18, 6)  # the girdle rises with the arm (Inman 1944)


def wipe(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand on a wall or a shelf in front."""
    _place(draw, plan, lengths, side, draw.normal(0.42, 0.06), draw.normal(0.12, 0.2), draw.normal(0.02, 0.24),
           draw.degrees(40, 18))  # fmt: skip


def hip(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand on the hip."""
    _place(draw, plan, lengths, side, draw.normal(0.04, 0.03), draw.normal(0.17, 0.02), draw.normal(-0.40, 0.03),
           draw.degrees(85, 10))  # fmt: skip


def face(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand at the face, the ear or on the head."""
    _place(draw, plan, lengths, side, draw.normal(0.16, 0.04), draw.normal(0.11, 0.04), draw.normal(0.10, 0.07),
           draw.degrees(40, 22))  # fmt: skip


def across(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand before the other half of the body: folded arms, hugging, holding the other arm."""
    _place(draw, plan, lengths, side, draw.normal(0.24, 0.05), draw.normal(-0.08, 0.06), draw.normal(-0.22, 0.09),
           draw.degrees(35, 15))  # fmt: skip


def guard(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The fist before the chest or the chin, or struck out from there."""
    out = np.where(draw.chance(0.4), draw.uniform(0.1, 0.3), np.float32(0))
    _place(draw, plan, lengths, side, draw.normal(0.26, 0.05) + out, draw.normal(0.10, 0.05), draw.normal(-0.04, 0.08),
           draw.degrees(35, 15))  # fmt: skip


def behind(draw: Draw, plan: Plan, lengths: Lengths, side: str) -> None:
    """The hand behind the back or swung back."""
    _angles(plan, side, draw.degrees(-32, 12), draw.degrees(16, 8), draw.degrees(20, 20), draw.degrees(35, 22))


OneArm = Callable[[Draw, Plan, Lengths, str], None]
ONE_ARM: dict[str, OneArm] = {
    f.__name__: f
    for f in (hang, gesture, raised_aside, throw, free, reach, overhead, wipe, hip, face, across, guard, behind)
}


def together(draw: Draw, plan: Plan, lengths: Lengths) -> None:
    """Both hands at one thing: a ball, a box, a bat, clapping."""
    forward, aside, up = draw.normal(0.34, 0.09), draw.normal(0, 0.13), draw.normal(-0.22, 0.18)
    apart, swivel = draw.half(0.07, 0.10), draw.degrees(38, 20)
    for side, sign in SIDES.items():
        _place(draw, plan, lengths, side, forward, apart + sign * aside, up, swivel)


def _angles(plan: Plan, side: str, flexion: Scalars, abduction: Scalars, rotation: Scalars, elbow: Scalars) -> None:
    for motion, angle in (("flexion", flexion), ("abduction", abduction), ("rotation", rotation)):
        plan.angles[f"{side}_shoulder_{motion}"] = angle
    plan.angles[f"{side}_elbow_flexion"] = np.maximum(elbow, 0)
    rise = girdle_rise(flexion, abduction)
    plan.angles[f"{side}_girdle_elevation"] = plan.angles.get(f"{side}_girdle_elevation", np.float32(0)) + rise


def _place(
    draw: Draw, plan: Plan, lengths: Lengths, side: str, forward: Scalars, out: Scalars, up: Scalars, swivel: Scalars
) -> None:
    """The wrist at a place of the reference body, ``out`` to its own side."""
    size = (lengths["upper_arm"] + lengths["forearm"]) / np.float32(REFERENCE_ARM)
    jitter = [draw.normal(0, 0.015) for _ in range(3)]
    place = np.stack([forward + jitter[0], SIDES[side] * (out + jitter[1]), up + jitter[2]], -1)
    plan.hands[side] = Hand(place * size[:, None], swivel)


def _reach_along(
    plan: Plan, lengths: Lengths, side: str, aside: Scalars, up: Scalars, far: Scalars, swivel: Scalars
) -> None:
    """The wrist in a direction from the shoulder: ``aside`` from forward outwards, ``up`` from level."""
    sign = SIDES[side]
    length = far * (lengths["upper_arm"] + lengths["forearm"])
    level = np.cos(up)
    place = np.stack([level * np.cos(aside), sign * level * np.sin(aside), np.sin(up)], -1) * length[:, None]
    place[:, 1] += sign * lengths["clavicle_half_width"]
    place[:, 2] -= lengths["shoulder_drop"]
    plan.hands[side] = Hand(place, swivel)
