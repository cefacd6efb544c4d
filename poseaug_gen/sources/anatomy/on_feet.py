"""What people do on their feet, and off them for a moment: programmes of pelvis, spine and legs.

Walking and running follow published curves (:mod:`.gait`); the others go evenly through the postures between their
ends, heights and steps as shares of the leg.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poseaug_gen.sources.anatomy.draw import Draw, Number
from poseaug_gen.sources.anatomy.frames import Scalars, facing
from poseaug_gen.sources.anatomy.gait import Kind, gait_angles
from poseaug_gen.sources.anatomy.kinematics import SIDES, Lengths
from poseaug_gen.sources.anatomy.plan import Foot, Hand, Plan
from poseaug_gen.sources.anatomy.stance import a_side, leg_length, other, pelvis, spine, stance, standing_height


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
    turned = facing(draw.degrees(0, 4)).bend(lean + angles.pop("pelvis_tilt"))
    turned = turned.lean(angles.pop("pelvis_list")).twist(angles.pop("pelvis_rotation"))
    for name, angle in spine(draw, draw.degrees(2, 4), bend=3, twist=curve / 2).items():
        angles[name] = angles.get(name, np.float32(0)) + angle
    for side in SIDES:
        angles[f"{side}_hip_flexion"] = angles[f"{side}_hip_flexion"] + lean  # counted from upright, like the curves
        for joint, sd in (("hip_flexion", 4), ("hip_abduction", 3), ("hip_rotation", 5), ("knee_flexion", 4)):
            angles[f"{side}_{joint}"] = angles.get(f"{side}_{joint}", np.float32(0)) + draw.degrees(0, sd)
        for motion, mean, sd in (("abduction", 12, 6), ("rotation", 15, 15)):
            name = f"{side}_shoulder_{motion}"
            angles[name] = angles.get(name, np.float32(0)) + draw.degrees(mean, sd)
        angles[f"{side}_knee_flexion"] = np.maximum(angles[f"{side}_knee_flexion"], 0)
    return Plan(turned, angles)


def stand(draw: Draw, lengths: Lengths) -> Plan:
    """On both feet, the weight on one or on both."""
    plan = Plan(pelvis(draw, draw.degrees(1, 4)), spine(draw, draw.degrees(0, 6)))
    plan.feet = stance(draw, lengths)
    plan.height = standing_height(lengths) * (1 - draw.half(0.012, 0.018))
    plan.support = ("l", "r") if draw.rng.random() < 0.6 else (a_side(draw),)
    return plan


def step(draw: Draw, lengths: Lengths) -> Plan:
    """A step or a dance step in any direction: on one foot, the other anywhere about it, on the floor or off it."""
    plan = Plan(pelvis(draw, draw.degrees(3, 6), 5, 12), spine(draw, draw.degrees(2, 9), 7, 12))
    plan.feet = stance(draw, lengths)
    moving = a_side(draw)
    leg, sign = leg_length(lengths), SIDES[moving]
    raised = np.where(draw.chance(0.5), draw.half(0, 0.12), np.float32(0)) * leg
    plan.feet[moving] = Foot(
        forward=leg * draw.normal(0.02, 0.25),
        left=sign * (lengths["hip_half_width"] + leg * draw.normal(0.04, 0.14)),
        height=raised,
        out=draw.degrees(12, 14),
        pitch=draw.half(0.1, 0.35),
    )
    plan.height = standing_height(lengths) * (1 - draw.half(0.05, 0.04))
    plan.support = (other(moving),) if draw.rng.random() < 0.7 else ("l", "r")
    return plan


def squat(draw: Draw, lengths: Lengths) -> Plan:
    """From slightly bent knees to a full squat; the deeper, the more trunk and heels give way."""
    depth = draw.uniform(0, 1)
    plan = Plan(pelvis(draw, np.radians(8 + 28 * depth) + draw.degrees(0, 8)), {})
    plan.angles = spine(draw, np.radians(5 + 25 * depth) + draw.degrees(0, 8))
    plan.feet = stance(draw, lengths, width=0.07, width_sd=0.06, out=18)
    heels = np.where(draw.chance(0.3), np.radians(40) * depth, np.float32(0))
    plan.feet = {side: Foot(foot.forward, foot.left, foot.height, foot.out, heels) for side, foot in plan.feet.items()}
    plan.height = standing_height(lengths) * (0.97 - 0.62 * depth)
    plan.support = ("l", "r")
    return plan


def lunge(draw: Draw, lengths: Lengths) -> Plan:
    """One foot far in front, the other behind on its toes; also to the side."""
    leg, front = leg_length(lengths), a_side(draw)
    deep = draw.uniform(0, 1)
    spread = leg * (0.25 + 0.4 * deep + draw.normal(0, 0.06))
    aside = draw.degrees(0, 22) if draw.rng.random() < 0.75 else draw.degrees(75, 15)
    plan = Plan(pelvis(draw, draw.degrees(6, 8), 4, 12), spine(draw, draw.degrees(8, 12), 6, 14))
    plan.feet = stance(draw, lengths, out=14)
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
    plan.height = standing_height(lengths) * (0.93 - 0.33 * deep + draw.normal(0, 0.02))
    plan.support = ("l", "r")
    return plan


def climb(draw: Draw, lengths: Lengths) -> Plan:
    """Up or down a step, a box or a ladder: one foot high in front, the weight on its way there."""
    leg, high = leg_length(lengths), a_side(draw)
    rise, way = leg * draw.uniform(0.15, 0.75), draw.uniform(0, 1)
    plan = Plan(pelvis(draw, draw.degrees(14, 9), 5, 8), spine(draw, draw.degrees(14, 12), 6, 8))
    plan.feet = stance(draw, lengths, width=0.02)
    ahead = leg * draw.uniform(0.15, 0.45)
    for side in SIDES:
        foot = plan.feet[side]
        if side == high:
            plan.feet[side] = replace(foot, forward=foot.forward + ahead, height=rise)
        else:
            follows = rise * np.maximum(way - 0.5, 0) * 2 * draw.uniform(0.3, 1.0)
            heel_up = np.float32(np.radians(45)) * way
            plan.feet[side] = replace(foot, forward=foot.forward + ahead * way * 0.7, height=follows, pitch=heel_up)
    plan.height = standing_height(lengths) * (0.95 - draw.half(0.03, 0.03)) + rise * np.clip(way * 1.2 - 0.25, 0, 1)
    under = plan.feet[other(high)].forward * (1 - way) + plan.feet[high].forward * way
    plan.feet = {
        side: Foot(foot.forward - under, foot.left, foot.height, foot.out, foot.pitch)
        for side, foot in plan.feet.items()
    }
    return plan


def kick(draw: Draw, lengths: Lengths) -> Plan:
    """One leg swings, from behind the body to as high as it goes; the trunk leans the other way."""
    plan = Plan(pelvis(draw, draw.zeros()), {})
    swinging = a_side(draw)
    flexion = draw.degrees_between(-25, 105)
    plan.pelvis = facing(draw.degrees(0, 15)).bend(-0.2 * flexion + draw.degrees(5, 6)).lean(draw.degrees(0, 6))
    plan.angles = spine(draw, draw.degrees(0, 10), 8, 14)
    plan.angles |= {
        f"{swinging}_hip_flexion": flexion,
        f"{swinging}_hip_abduction": draw.degrees(10, 16),
        f"{swinging}_hip_rotation": draw.degrees(-5, 12),
        f"{swinging}_knee_flexion": np.maximum(draw.degrees(40, 38), 0),
        f"{swinging}_ankle_flexion": draw.degrees(-10, 14),
    }
    plan.feet = {other(swinging): stance(draw, lengths)[other(swinging)]}
    plan.height = standing_height(lengths) * (1 - draw.half(0.025, 0.02))
    plan.support = (other(swinging),)
    return plan


def jump(draw: Draw, lengths: Lengths) -> Plan:
    """Off the floor, legs straight, spread or tucked."""
    plan = Plan(pelvis(draw, draw.degrees(5, 10), 4, 8), spine(draw, draw.degrees(6, 14), 6, 8))
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
    plan = Plan(pelvis(draw, np.radians(15 + 50 * deep) + draw.degrees(0, 8)), {})
    plan.angles = spine(draw, np.radians(10 + 35 * deep) + draw.degrees(0, 10), 6, 8)
    plan.feet = stance(draw, lengths, width=0.06, width_sd=0.05, ahead_sd=0.08, out=12)
    knees = draw.half(0.05, 0.16) * deep
    plan.height = standing_height(lengths) * (0.98 - knees)
    plan.support = ("l", "r")
    forward, up = draw.normal(0.40, 0.10), np.maximum(0.75 - 0.75 * deep + draw.normal(0, 0.12), 0.06)
    aside, apart = draw.normal(0, 0.10), draw.half(0.14, 0.08)
    for side, sign in SIDES.items():
        place = np.stack([forward + draw.normal(0, 0.04), aside + sign * apart, up + draw.normal(0, 0.04)], -1)
        plan.hands[side] = Hand(place, draw.degrees(25, 12), on_floor=True)
    return plan


def free(draw: Draw, lengths: Lengths) -> Plan:
    """Anything that the joints allow, on whatever part is lowest."""
    plan = Plan(pelvis(draw, draw.degrees(4, 12), 7, 12), spine(draw, draw.degrees(5, 14), 9, 16))
    for side in SIDES:
        flexion = draw.degrees(24, 32)
        plan.angles[f"{side}_hip_flexion"] = flexion
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(10, 13)
        plan.angles[f"{side}_hip_rotation"] = draw.degrees(-3, 16)
        plan.angles[f"{side}_knee_flexion"] = np.maximum(0.8 * flexion + draw.degrees(20, 26), 0)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(0, 12)
    return plan
