"""What people do lower down, on seats, knees, hands and the floor: programmes of pelvis, spine and legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poseaug_gen.sources.anatomy.draw import Draw
from poseaug_gen.sources.anatomy.frames import Scalars, facing
from poseaug_gen.sources.anatomy.kinematics import SIDES, Lengths
from poseaug_gen.sources.anatomy.plan import FLESH, Foot, Hand, Plan
from poseaug_gen.sources.anatomy.stance import a_side, leg_length, other, pelvis, spine, stance, standing_height


def sit(draw: Draw, lengths: Lengths) -> Plan:
    """On a chair, a stool or a box, upright, leaning back or forward; feet before it or under it."""
    thigh, leg = lengths["thigh"], leg_length(lengths)
    lean = draw.degrees(8, 16)
    plan = Plan(
        pelvis(draw, -0.35 + 0.6 * lean + draw.degrees(8, 7), 2, 6), spine(draw, 0.6 * lean + draw.degrees(8, 8))
    )
    # Seats of 0.38 to 0.52 m for a leg of 0.83 m, with the flesh under the hip joint.
    plan.height = leg * draw.uniform(0.50, 0.74)
    feet = stance(draw, lengths, width=0.04, width_sd=0.07)
    before = thigh * draw.normal(0.9, 0.22)
    plan.feet = {
        side: replace(foot, forward=foot.forward + before + draw.normal(0, 0.06)) for side, foot in feet.items()
    }
    return plan


def rise(draw: Draw, lengths: Lengths) -> Plan:
    """Between a seat and standing: the trunk comes forward until the weight is over the feet, then up."""
    way = draw.uniform(0, 1)
    lean = np.radians(42) * np.sin(np.pi * (0.25 + 0.75 * way)) + draw.degrees(0, 6)
    plan = Plan(pelvis(draw, 0.6 * lean, 2, 4), spine(draw, 0.5 * lean, 4, 5))
    plan.height = standing_height(lengths) * (0.58 + 0.4 * way)
    plan.feet = stance(draw, lengths, width=0.04)
    plan.support = ("l", "r")
    return plan


def sit_on_floor(draw: Draw, lengths: Lengths) -> Plan:
    """Legs before the body, straight or drawn up, or crossed."""
    lean = draw.degrees(0, 18)
    plan = Plan(pelvis(draw, -0.25 + 0.5 * lean, 2, 5), spine(draw, 0.3 + 0.5 * lean))
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
    plan = Plan(pelvis(draw, tilt, 3, 6), spine(draw, draw.degrees(10, 14)))
    one = draw.rng.random() < 0.5
    down = a_side(draw)
    if one:
        back = draw.degrees(0, 8)
    for side in SIDES:
        plan.angles[f"{side}_hip_flexion"] = back + tilt + draw.degrees(0, 3)
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(6, 6)
        plan.angles[f"{side}_knee_flexion"] = np.radians(90) + back  # the shank lies on the floor
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-35, 12)
    if one:
        foot = stance(draw, lengths)[other(down)]
        before = lengths["thigh"] * draw.normal(0.95, 0.12)
        plan.feet = {other(down): replace(foot, forward=before)}
        plan.height = lengths["thigh"] * np.cos(back) + np.float32(FLESH["knee"])
    return plan


def crawl(draw: Draw, lengths: Lengths) -> Plan:
    """On hands and knees, or on hands and feet with the hips high."""
    leg, arm = leg_length(lengths), lengths["upper_arm"] + lengths["forearm"]
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
    leg, trunk = leg_length(lengths), lengths["lumbar"] + lengths["thoracic"]
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
    plan = Plan(facing(draw.degrees(0, 5)).bend(pitch).lean(draw.degrees(0, 4)), spine(draw, draw.degrees(4, 8), 5, 6))
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
    turned = (level.bend(-quarter), level.bend(quarter), level.lean(quarter * (1 if a_side(draw) == "r" else -1)))[kind]
    plan = Plan(turned.twist(tilted).bend(draw.degrees(0, 4)), spine(draw, draw.degrees(6, 8)))
    for side in SIDES:
        drawn_up = (draw.half(0.2, 0.5), draw.half(0.02, 0.08), draw.half(0.6, 0.4))[kind]
        plan.angles[f"{side}_hip_flexion"] = drawn_up
        plan.angles[f"{side}_hip_abduction"] = draw.degrees(8, 6)
        plan.angles[f"{side}_knee_flexion"] = drawn_up * draw.uniform(0.6, 2.0)
        plan.angles[f"{side}_ankle_flexion"] = draw.degrees(-25, 12)
    return plan
