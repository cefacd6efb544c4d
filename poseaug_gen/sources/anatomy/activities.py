"""What bodies do: joint-angle programmes of pelvis, spine and legs, and which arms go with them.

Each activity makes a :class:`Plan` for a group of bodies. Walking and running follow published curves (:mod:`.gait`);
the others go evenly through the postures between their ends, heights and steps as shares of the leg. How often each is
done, and how much people differ in it, is a judgement. What joints allow is :mod:`.limits`' to say, what a body may
touch :mod:`.contacts`'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from poseaug_gen.sources.anatomy.draw import Draw, Number
from poseaug_gen.sources.anatomy.frames import Frame, Scalars, facing
from poseaug_gen.sources.anatomy.gait import Kind, gait_angles
from poseaug_gen.sources.anatomy.kinematics import SIDES, Lengths
from poseaug_gen.sources.anatomy.limits import mean_limits
from poseaug_gen.sources.anatomy.plan import FLESH, Foot, Hand, Plan


@dataclass(frozen=True)
class Activity:
    """A programme of the legs, how often it is done, and what arms do meanwhile (weights by name; see :mod:`.arms`).

    ``own`` arms are those that the programme itself moves.
    """

    name: str
    weight: float
    plan: Callable[[Draw, Lengths], Plan]
    arms: Mapping[str, float]


# --- spine and pelvis ----------------------------------------------------------------------------------------------


def _spine(draw: Draw, flexion: Scalars, bend: Number = 5, twist: Number = 8) -> dict[str, Scalars]:
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


def _pelvis(draw: Draw, tilt: Scalars, list_sd: Number = 3, turn_sd: Number = 6) -> Frame:
    """A pelvis that is tilted forward (radians), and a little listed and turned to a side (SD, degrees)."""
    level = facing(draw.degrees(0, turn_sd))
    return level.bend(tilt).lean(draw.degrees(0, list_sd))


def _leg(lengths: Lengths) -> Scalars:
    return lengths["thigh"] + lengths["shank"]


def _standing_height(lengths: Lengths) -> Scalars:
    return _leg(lengths) + lengths["ankle_height"]


def _stance(
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


def _other(side: str) -> str:
    return "r" if side == "l" else "l"


def _a_side(draw: Draw) -> str:
    """The side that a group of bodies uses."""
    return "l" if draw.rng.random() < 0.5 else "r"


# --- on the feet ---------------------------------------------------------------------------------------------------


def walk(draw: Draw, lengths: Lengths) -> Plan:
    """Level walking from slow to brisk, straight on or in a curve."""
    return _gait(draw, "walk", draw.uniform(0.6, 1.9), curve=12)


def run(draw: Draw, lengths: Lengths) -> Plan:
    """Jogging to running; both feet are off the floor for a part of the stride."""
    plan = _gait(draw, "run", draw.uniform(2.0, 4.5), curve=8)
    plan.lift = np.where(draw.chance(0.4), draw.half(0.03, 0.03), np.float32(0))
    return plan


def _gait(draw: Draw, kind: Kind, speed: Scalars, curve: Number) -> Plan:
    angles = gait_angles(kind, draw.uniform(0, 1), speed)
    lean = draw.degrees(3, 3)
    pelvis = facing(draw.degrees(0, 4)).bend(lean + angles.pop("pelvis_tilt", draw.zeros()))
    pelvis = pelvis.lean(angles.pop("pelvis_list", draw.zeros())).twist(angles.pop("pelvis_rotation", draw.zeros()))
    spine = _spine(draw, draw.degrees(2, 4), bend=3, twist=curve / 2)
    for name in spine:
        angles[name] = angles.get(name, np.float32(0)) + spine[name]
    for side in SIDES:
        angles[f"{side}_hip_flexion"] = angles[f"{side}_hip_flexion"] + lean  # counted from upright, like the curves
        for joint, sd in (("hip_flexion", 4), ("hip_abduction", 3), ("hip_rotation", 5), ("knee_flexion", 4)):
            angles[f"{side}_{joint}"] = angles.get(f"{side}_{joint}", np.float32(0)) + draw.degrees(0, sd)
        for motion, mean, sd in (("abduction", 12, 6), ("rotation", 15, 15)):
            name = f"{side}_shoulder_{motion}"
            angles[name] = angles.get(name, np.float32(0)) + draw.degrees(mean, sd)
        angles[f"{side}_knee_flexion"] = np.maximum(angles[f"{side}_knee_flexion"], 0)
    return Plan(pelvis, angles)


def stand(draw: Draw, lengths: Lengths) -> Plan:
    """On both feet, the weight on one or on both."""
    plan = Plan(_pelvis(draw, draw.degrees(1, 4)), _spine(draw, draw.degrees(0, 6)))
    plan.feet = _stance(draw, lengths)
    plan.height = _standing_height(lengths) * (1 - draw.half(0.012, 0.018))
    plan.support = ("l", "r") if draw.rng.random() < 0.6 else (_a_side(draw),)
    return plan


def step(draw: Draw, lengths: Lengths) -> Plan:
    """A step or a dance step in any direction: on one foot, the other anywhere about it, on the floor or off it."""
    plan = Plan(_pelvis(draw, draw.degrees(3, 6), 5, 12), _spine(draw, draw.degrees(2, 9), 7, 12))
    plan.feet = _stance(draw, lengths)
    moving = _a_side(draw)
    leg, sign = _leg(lengths), SIDES[moving]
    raised = np.where(draw.chance(0.5), draw.half(0, 0.12), np.float32(0)) * leg
    plan.feet[moving] = Foot(
        forward=leg * draw.normal(0.02, 0.25),
        left=sign * (lengths["hip_half_width"] + leg * draw.normal(0.04, 0.14)),
        height=raised,
        out=draw.degrees(12, 14),
        pitch=draw.half(0.1, 0.35),
    )
    plan.height = _standing_height(lengths) * (1 - draw.half(0.05, 0.04))
    plan.support = (_other(moving),) if draw.rng.random() < 0.7 else ("l", "r")
    return plan


def squat(draw: Draw, lengths: Lengths) -> Plan:
    """From slightly bent knees to a full squat; the deeper, the more trunk and heels give way."""
    depth = draw.uniform(0, 1)
    plan = Plan(_pelvis(draw, np.radians(8 + 28 * depth) + draw.degrees(0, 8)), {})
    plan.angles = _spine(draw, np.radians(5 + 25 * depth) + draw.degrees(0, 8))
    plan.feet = _stance(draw, lengths, width=0.07, width_sd=0.06, out=18)
    heels = np.where(draw.chance(0.3), np.radians(40) * depth, np.float32(0))
    plan.feet = {side: Foot(foot.forward, foot.left, foot.height, foot.out, heels) for side, foot in plan.feet.items()}
    plan.height = _standing_height(lengths) * (0.97 - 0.62 * depth)
    plan.support = ("l", "r")
    return plan


def lunge(draw: Draw, lengths: Lengths) -> Plan:
    """One foot far in front, the other behind on its toes; also to the side."""
    leg, front = _leg(lengths), _a_side(draw)
    deep = draw.uniform(0, 1)
    spread = leg * (0.25 + 0.4 * deep + draw.normal(0, 0.06))
    aside = draw.degrees(0, 22) if draw.rng.random() < 0.75 else draw.degrees(75, 15)
    plan = Plan(_pelvis(draw, draw.degrees(6, 8), 4, 12), _spine(draw, draw.degrees(8, 12), 6, 14))
    plan.feet = _stance(draw, lengths, out=14)
    for side, sign in SIDES.items():
        foot = plan.feet[side]
        toward = 1 if side == front else -1
        plan.feet[side] = Foot(
            forward=foot.forward + toward * spread * np.cos(aside),
            left=foot.left + sign * spread * np.abs(np.sin(aside)),
            height=foot.height,
            out=foot.out,
            pitch=draw.zeros() if side == front else draw.degrees(25, 12) * (np.cos(aside) > 0.6),
        )
    plan.height = _standing_height(lengths) * (0.93 - 0.33 * deep + draw.normal(0, 0.02))
    plan.support = ("l", "r")
    return plan


def climb(draw: Draw, lengths: Lengths) -> Plan:
    """Up or down a step, a box or a ladder: one foot high in front, the weight on its way there."""
    leg, high = _leg(lengths), _a_side(draw)
    rise, way = leg * draw.uniform(0.15, 0.75), draw.uniform(0, 1)
    plan = Plan(_pelvis(draw, draw.degrees(14, 9), 5, 8), _spine(draw, draw.degrees(14, 12), 6, 8))
    plan.feet = _stance(draw, lengths, width=0.02)
    ahead = leg * draw.uniform(0.15, 0.45)
    for side in SIDES:
        foot = plan.feet[side]
        if side == high:
            plan.feet[side] = replace(foot, forward=foot.forward + ahead, height=rise)
        else:
            follows = rise * np.maximum(way - 0.5, 0) * 2 * draw.uniform(0.3, 1.0)
            heel_up = np.float32(np.radians(45)) * way
            plan.feet[side] = replace(foot, forward=foot.forward + ahead * way * 0.7, height=follows, pitch=heel_up)
    plan.height = _standing_height(lengths) * (0.95 - draw.half(0.03, 0.03)) + rise * np.clip(way * 1.2 - 0.25, 0, 1)
    under = plan.feet[_other(high)].forward * (1 - way) + plan.feet[high].forward * way
    plan.feet = {
        side: Foot(foot.forward - under, foot.left, foot.height, foot.out, foot.pitch)
        for side, foot in plan.feet.items()
    }
    return plan


def kick(draw: Draw, lengths: Lengths) -> Plan:
    """One leg swings, from behind the body to as high as it goes; the trunk leans the other way."""
    plan = Plan(_pelvis(draw, draw.zeros()), {})
    swinging = _a_side(draw)
    flexion = draw.degrees_between(-25, 105)
    plan.pelvis = facing(draw.degrees(0, 15)).bend(-0.2 * flexion + draw.degrees(5, 6)).lean(draw.degrees(0, 6))
    plan.angles = _spine(draw, draw.degrees(0, 10), 8, 14)
    plan.angles |= {
        f"{swinging}_hip_flexion": flexion,
        f"{swinging}_hip_abduction": draw.degrees(10, 16),
        f"{swinging}_hip_rotation": draw.degrees(-5, 12),
        f"{swinging}_knee_flexion": np.maximum(draw.degrees(40, 38), 0),
        f"{swinging}_ankle_flexion": draw.degrees(-10, 14),
    }
    stance = _stance(draw, lengths)
    plan.feet = {_other(swinging): stance[_other(swinging)]}
    plan.height = _standing_height(lengths) * (1 - draw.half(0.025, 0.02))
    plan.support = (_other(swinging),)
    return plan


def jump(draw: Draw, lengths: Lengths) -> Plan:
    """Off the floor, legs straight, spread or tucked."""
    plan = Plan(_pelvis(draw, draw.degrees(5, 10), 4, 8), _spine(draw, draw.degrees(6, 14), 6, 8))
    tuck = draw.half(0.15, 0.5)
    for side in SIDES:
        flexion = tuck + draw.degrees(0, 12)
        plan.angles[f"{side}_hip_flexion"] = flexion
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(12, 10)
        plan.angles[f"{side}_hip_rotation"] = draw.degrees(0, 8)
        plan.angles[f"{side}_knee_flexion"] = np.maximum(flexion * draw.uniform(0.6, 1.6) + draw.degrees(8, 8), 0)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-25, 12)
    plan.lift = draw.half(0.12, 0.15)
    return plan


def bend(draw: Draw, lengths: Lengths) -> Plan:
    """Bending and lifting: down over the hips or with the knees too, the hands low in front or at a load."""
    deep = draw.uniform(0, 1)
    plan = Plan(_pelvis(draw, np.radians(15 + 50 * deep) + draw.degrees(0, 8)), {})
    plan.angles = _spine(draw, np.radians(10 + 35 * deep) + draw.degrees(0, 10), 6, 8)
    plan.feet = _stance(draw, lengths, width=0.06, width_sd=0.05, ahead_sd=0.08, out=12)
    knees = draw.half(0.05, 0.16) * deep
    plan.height = _standing_height(lengths) * (0.98 - knees)
    plan.support = ("l", "r")
    forward, up = draw.normal(0.40, 0.10), np.maximum(0.75 - 0.75 * deep + draw.normal(0, 0.12), 0.06)
    aside, apart = draw.normal(0, 0.10), draw.half(0.14, 0.08)
    for side, sign in SIDES.items():
        place = np.stack([forward + draw.normal(0, 0.04), aside + sign * apart, up + draw.normal(0, 0.04)], -1)
        plan.hands[side] = Hand(place, draw.degrees(25, 12), on_floor=True)
    return plan


def free(draw: Draw, lengths: Lengths) -> Plan:
    """Anything that the joints allow, on whatever part is lowest."""
    plan = Plan(_pelvis(draw, draw.degrees(4, 12), 7, 12), _spine(draw, draw.degrees(5, 14), 9, 16))
    for side in SIDES:
        flexion = draw.degrees(24, 32)
        plan.angles[f"{side}_hip_flexion"] = flexion
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(10, 13)
        plan.angles[f"{side}_hip_rotation"] = draw.degrees(-3, 16)
        plan.angles[f"{side}_knee_flexion"] = np.maximum(0.8 * flexion + draw.degrees(20, 26), 0)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(0, 12)
    return plan


# --- lower -----------------------------------------------------------------------------------------------------------


def sit(draw: Draw, lengths: Lengths) -> Plan:
    """On a chair, a stool or a box, upright, leaning back or forward; feet before it or under it."""
    thigh, leg = lengths["thigh"], _leg(lengths)
    lean = draw.degrees(8, 16)
    plan = Plan(
        _pelvis(draw, -0.35 + 0.6 * lean + draw.degrees(8, 7), 2, 6), _spine(draw, 0.6 * lean + draw.degrees(8, 8))
    )
    # Seats of 0.38 to 0.52 m for a leg of 0.83 m, with the flesh under the hip joint.
    plan.height = leg * draw.uniform(0.50, 0.74)
    feet = _stance(draw, lengths, width=0.04, width_sd=0.07)
    before = thigh * draw.normal(0.9, 0.22)
    plan.feet = {
        side: replace(foot, forward=foot.forward + before + draw.normal(0, 0.06)) for side, foot in feet.items()
    }
    return plan


def rise(draw: Draw, lengths: Lengths) -> Plan:
    """Between a seat and standing: the trunk comes forward until the weight is over the feet, then up."""
    way = draw.uniform(0, 1)
    lean = np.radians(42) * np.sin(np.pi * (0.25 + 0.75 * way)) + draw.degrees(0, 6)
    plan = Plan(_pelvis(draw, 0.6 * lean, 2, 4), _spine(draw, 0.5 * lean, 4, 5))
    plan.height = _standing_height(lengths) * (0.58 + 0.4 * way)
    plan.feet = _stance(draw, lengths, width=0.04)
    plan.support = ("l", "r")
    return plan


def sit_on_floor(draw: Draw, lengths: Lengths) -> Plan:
    """Legs before the body, straight or drawn up, or crossed."""
    lean = draw.degrees(0, 18)
    plan = Plan(_pelvis(draw, -0.25 + 0.5 * lean, 2, 5), _spine(draw, 0.3 + 0.5 * lean))
    crossed = draw.rng.random() < 0.4
    for side in SIDES:
        if crossed:
            flexion, out, turned, knee = (draw.degrees(mean, 8) for mean in (95, 42, -40, 118))
        else:
            knee = draw.degrees_between(5, 130)
            flexion, out, turned = np.radians(80) + 0.35 * knee, draw.degrees(10, 8), draw.degrees(-5, 8)
        plan.angles[f"{side}_hip_flexion"] = flexion
        plan.angles[f"{side}_hip_abduction"] = out
        plan.angles[f"{side}_hip_rotation"] = turned
        plan.angles[f"{side}_knee_flexion"] = knee
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-15, 10)
    return plan


def kneel(draw: Draw, lengths: Lengths) -> Plan:
    """On both knees, upright to sitting on the heels, or on one knee with the other foot in front."""
    back = draw.degrees_between(-8, 55)  # how far the thighs lean back over the shanks
    tilt = draw.degrees(4, 8)
    plan = Plan(_pelvis(draw, tilt, 3, 6), _spine(draw, draw.degrees(10, 14)))
    one = draw.rng.random() < 0.5
    down = _a_side(draw)
    if one:
        back = draw.degrees(0, 8)
    for side in SIDES:
        plan.angles[f"{side}_hip_flexion"] = back + tilt + draw.degrees(0, 3)
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(6, 6)
        plan.angles[f"{side}_knee_flexion"] = np.radians(90) + back  # the shank lies on the floor
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-35, 12)
    if one:
        foot = _stance(draw, lengths)[_other(down)]
        before = lengths["thigh"] * draw.normal(0.95, 0.12)
        plan.feet = {_other(down): replace(foot, forward=before)}
        plan.height = lengths["thigh"] * np.cos(back) + np.float32(FLESH["knee"])
    return plan


def crawl(draw: Draw, lengths: Lengths) -> Plan:
    """On hands and knees, or on hands and feet with the hips high."""
    leg, arm = _leg(lengths), lengths["upper_arm"] + lengths["forearm"]
    on_knees = draw.rng.random() < 0.65
    hips = lengths["thigh"] + FLESH["knee"] if on_knees else leg * draw.uniform(0.6, 0.8)
    plan = _on_hands(draw, lengths, hips, arm * draw.uniform(0.85, 1.0))
    pitch = plan.angles.pop("pitch")
    for side, sign in SIDES.items():
        if on_knees:
            swing = draw.degrees(0, 14)
            plan.angles[f"{side}_hip_flexion"] = pitch + swing
            plan.angles[f"{side}_hip_abduction"] = draw.degrees(4, 5)
            plan.angles[f"{side}_knee_flexion"] = np.radians(90) + swing
            plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-30, 12)
        else:
            plan.feet[side] = Foot(
                forward=leg * draw.normal(-0.45, 0.13),
                left=sign * (lengths["hip_half_width"] + draw.normal(0.02, 0.04)),
                height=draw.zeros(),
                out=draw.degrees(5, 6),
                pitch=draw.degrees(35, 12),
            )
    return plan


def press_up(draw: Draw, lengths: Lengths) -> Plan:
    """Straight on hands and toes, arms bent or stretched."""
    leg, trunk = _leg(lengths), lengths["lumbar"] + lengths["thoracic"]
    reach = (lengths["upper_arm"] + lengths["forearm"]) * draw.uniform(0.45, 1.0)
    slope = reach / (leg + trunk)  # sine of the angle that the body makes with the floor
    plan = _on_hands(draw, lengths, leg * slope + FLESH["toe"], reach)
    pitch = plan.angles.pop("pitch")
    for side in SIDES:
        plan.angles[f"{side}_hip_flexion"] = pitch - np.arccos(slope) + draw.degrees(4, 6)
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(3, 3)
        plan.angles[f"{side}_knee_flexion"] = draw.half(0.03, 0.06)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(5, 8)
    return plan


def _on_hands(draw: Draw, lengths: Lengths, hips: Scalars, reach: Scalars) -> Plan:
    """Hips at a height, shoulders ``reach`` over the floor and hands under them; ``pitch`` is among the angles."""
    trunk = lengths["lumbar"] + lengths["thoracic"]
    pitch = np.arccos(np.clip((reach + FLESH["hand"] - hips) / trunk, -0.9, 0.9))
    plan = Plan(facing(draw.degrees(0, 5)).bend(pitch).lean(draw.degrees(0, 4)), _spine(draw, draw.degrees(4, 8), 5, 6))
    plan.angles["neck_flexion"] = draw.degrees(-22, 18)
    plan.angles["pitch"] = pitch
    plan.height = hips
    for side, sign in SIDES.items():
        ahead = trunk * np.sin(pitch) + draw.normal(0.02, 0.10)
        aside = sign * (lengths["clavicle_half_width"] + draw.normal(0, 0.04))
        place = np.stack([ahead, aside, draw.constant(FLESH["wrist"])], -1)
        plan.hands[side] = Hand(place, draw.degrees(30, 15), on_floor=True)
    return plan


def lie(draw: Draw, lengths: Lengths) -> Plan:
    """On the back, on the front or on a side."""
    level = facing(draw.zeros())
    quarter = draw.constant(np.pi / 2)
    tilted = draw.degrees(0, 8)
    kind = draw.one_of([0.5, 0.2, 0.3])[0]
    turned = (level.bend(-quarter), level.bend(quarter), level.lean(quarter * (1 if _a_side(draw) == "r" else -1)))[
        kind
    ]
    plan = Plan(turned.twist(tilted).bend(draw.degrees(0, 4)), _spine(draw, draw.degrees(6, 8)))
    for side in SIDES:
        drawn_up = (draw.half(0.2, 0.5), draw.half(0.02, 0.08), draw.half(0.6, 0.4))[kind]
        plan.angles[f"{side}_hip_flexion"] = drawn_up
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(8, 6)
        plan.angles[f"{side}_knee_flexion"] = drawn_up * draw.uniform(0.6, 2.0)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-25, 12)
    return plan


def anything(draw: Draw, lengths: Lengths) -> Plan:
    """Every joint anywhere in its range, each by itself: what a body is without what bodies do, to compare with."""
    limits = mean_limits()
    plan = Plan(_pelvis(draw, draw.zeros()))
    for dof in limits.low:
        low, high = float(limits.low[dof][0]), float(limits.high[dof][0])
        names = (dof,) if dof.startswith(("lumbar", "thorax", "neck")) else (f"l_{dof}", f"r_{dof}")
        plan.angles |= {name: draw.uniform(low, high) for name in names}
    return plan


# --- the list --------------------------------------------------------------------------------------------------------

_ANY = {
    "hang": 7.0, "gesture": 3.0, "reach": 3.0, "raised_aside": 2.0, "overhead": 1.5, "wipe": 1.5, "together": 2.0,
    "hip": 1.0, "face": 1.0, "across": 1.0, "guard": 1.0, "behind": 0.7, "free": 2.5,
}  # fmt: skip

ACTIVITIES = (
    Activity("walking", 18.0, walk, {"own": 18.0, **_ANY}),
    Activity("running", 5.0, run, {"own": 1.0}),
    Activity("standing", 20.0, stand, _ANY),
    Activity("stepping", 15.0, step, _ANY),
    Activity("squatting", 6.0, squat, _ANY),
    Activity("lunging", 6.0, lunge, {**_ANY, "guard": 3.0, "throw": 4.0}),
    Activity("climbing", 5.0, climb, {"hang": 2.0, "reach": 4.0, "overhead": 3.0, "wipe": 3.0, "free": 1.0}),
    Activity("kicking", 4.0, kick, {"hang": 2.0, "guard": 3.0, "raised_aside": 3.0, "free": 3.0}),
    Activity("throwing", 3.0, lunge, {"throw": 6.0, "hang": 1.0, "reach": 1.0, "raised_aside": 1.0, "together": 1.0}),
    Activity("jumping", 4.0, jump, {"raised_aside": 2.0, "overhead": 3.0, "hang": 1.0, "free": 3.0}),
    Activity("bending", 6.0, bend, {"own": 6.0, "hang": 2.0, "reach": 2.0, "free": 1.0}),
    Activity("sitting", 6.0, sit, {**_ANY, "overhead": 0.5}),
    Activity("rising", 3.0, rise, {"hang": 1.0, "gesture": 1.0, "reach": 2.0, "together": 1.0}),
    Activity("sitting on the floor", 2.0, sit_on_floor, _ANY),
    Activity("kneeling", 4.0, kneel, _ANY),
    Activity("crawling", 3.0, crawl, {"own": 1.0}),
    Activity("pressing up", 1.0, press_up, {"own": 1.0}),
    Activity("lying", 3.0, lie, {"hang": 3.0, "gesture": 2.0, "reach": 1.0, "free": 1.0, "across": 1.0}),
    Activity("moving freely", 12.0, free, {"free": 3.0, **_ANY}),
)
UNIFORM = Activity("uniform random angles", 1.0, anything, {"own": 1.0})
