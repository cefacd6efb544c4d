"""What bodies are asked to do, and the poses that come of it.

A :class:`Plan` is one row a body: how the pelvis is turned, angles of the joints, and for feet and hands that must be
somewhere, where. Until the end a body faces along x over the origin of the floor; :func:`carry_out` returns it so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from poseaug_gen.sources.anatomy import kinematics
from poseaug_gen.sources.anatomy.balance import upper_centre_of_mass
from poseaug_gen.sources.anatomy.frames import Frame, Scalars, Vectors, facing, unit
from poseaug_gen.sources.anatomy.kinematics import SIDES, Joints, Lengths

# What may touch the floor, and how far from it the joint's centre then is (metres: flesh over bone, rounded from
# ANSUR II's breadths and depths, Gordon et al. 2014).
FLESH = {
    "heel": 0.0, "toe": 0.0, "ankle": 0.045, "knee": 0.055, "hip": 0.095,
    "shoulder": 0.055, "elbow": 0.04, "wrist": 0.03, "hand": 0.02,
}  # fmt: skip
CENTRAL_FLESH = {"hip": 0.10, "spine": 0.11, "thorax": 0.07, "skull": 0.09, "vertex": 0.0}


@dataclass(frozen=True, eq=False)
class Foot:
    """A foot that stands somewhere, or is held there.

    Attributes:
        forward, left: of its ankle from the point under the pelvis (before balance), metres.
        height: of its sole over the floor under the toe or heel that is lower, metres.
        out: how far the toes turn out, radians; ``pitch``: how far they point down, radians.
    """

    forward: Scalars
    left: Scalars
    height: Scalars
    out: Scalars
    pitch: Scalars


@dataclass(frozen=True, eq=False)
class Hand:
    """A wrist that is to be somewhere.

    Attributes:
        place: metres; in the thorax's frame from the thorax joint, or with ``on_floor`` from the point of the floor
            under the pelvis (forward, left, up).
        swivel: where the elbow goes, radians: 0 straight down, a quarter turn outwards to the side.
    """

    place: Vectors
    swivel: Scalars
    on_floor: bool = False


@dataclass(eq=False)
class Plan:
    """What a group of bodies is to do.

    Attributes:
        pelvis: its frame, the body facing along x.
        angles: of joints, radians; those that are not named are 0. Feet and hands with a place need none.
        height: of the hips over the floor, metres; asked where a foot or a hand has a place on it.
        support: the sides of the feet over which the body is to balance; empty: it need not.
        lift: of the whole body off the floor, metres.
    """

    pelvis: Frame
    angles: dict[str, Scalars] = field(default_factory=dict)
    height: Scalars | None = None
    feet: dict[str, Foot] = field(default_factory=dict)
    hands: dict[str, Hand] = field(default_factory=dict)
    support: tuple[str, ...] = ()
    lift: Scalars | float = 0.0


def carry_out(plan: Plan, lengths: Lengths) -> tuple[Joints, Frame]:
    """The joints of bodies that do what they are asked, and their thorax's frame; the floor is z = 0."""
    joints, thorax = kinematics.trunk(plan.pelvis, lengths, plan.angles)
    joints |= kinematics.hips(plan.pelvis, lengths)
    if plan.height is not None:
        over = _over_support(plan, joints, lengths) if plan.support else np.zeros_like(plan.pelvis.up)
        over[:, 2] = plan.height
        joints = {name: place + over for name, place in joints.items()}
    ahead = facing(np.zeros(len(plan.pelvis.up), dtype=np.float32))
    for side in SIDES:
        joints |= _leg(plan, joints, lengths, ahead, side)
    for side in SIDES:
        joints |= _arm(plan, joints, thorax, lengths, side)
    lowest = floor_under(joints)
    lift = np.asarray(plan.lift, dtype=np.float32) - lowest
    raised = np.zeros_like(plan.pelvis.up)
    raised[:, 2] = lift
    return {name: place + raised for name, place in joints.items()}, thorax


def floor_under(joints: Joints) -> Float[np.ndarray, " rows"]:
    """How high the floor is that a body touches with its lowest part."""
    parts = [joints[f"{side}_{name}"][:, 2] - flesh for name, flesh in FLESH.items() for side in SIDES]
    parts += [joints[name][:, 2] - flesh for name, flesh in CENTRAL_FLESH.items()]
    return np.min(parts, axis=0)


def _leg(plan: Plan, joints: Joints, lengths: Lengths, ahead: Frame, side: str) -> Joints:
    foot = plan.feet.get(side)
    hip = joints[f"{side}_hip"]
    if foot is None:
        return kinematics.leg(hip, plan.pelvis, lengths, plan.angles, side)
    level = ahead.twist(SIDES[side] * foot.out)
    sole = level.bend(foot.pitch)
    # The ankle over its foot: on the ball of the foot the heel is up, on the heel the toes are.
    front = lengths["foot_length"] - lengths["heel_back"]
    down = np.maximum(front * np.sin(foot.pitch), lengths["heel_back"] * np.sin(-foot.pitch))
    up = lengths["ankle_height"] * np.cos(foot.pitch) + np.maximum(down, 0) + foot.height
    ankle = ahead.vector(foot.forward, foot.left, up)
    # The knee goes over the toes, and the more the pelvis turns the more with it.
    pole = level.forward + np.float32(0.5) * plan.pelvis.forward
    return kinematics.leg_to(hip, ankle, pole, sole, lengths, side)


def _arm(plan: Plan, joints: Joints, thorax: Frame, lengths: Lengths, side: str) -> Joints:
    hand = plan.hands.get(side)
    shoulder = joints[f"{side}_shoulder"]
    if hand is None:
        return kinematics.arm(shoulder, thorax, lengths, plan.angles, side)
    wrist = hand.place if hand.on_floor else joints["thorax"] + thorax.vector(*hand.place.T)
    # Elbows hang; swivelled by a quarter turn they point aside, and always a little back.
    pole = thorax.vector(-0.35, SIDES[side] * np.sin(hand.swivel), -np.cos(hand.swivel))
    return kinematics.arm_to(shoulder, wrist, unit(pole), lengths, side)


def _over_support(plan: Plan, joints: Joints, lengths: Lengths) -> Vectors:
    """Where over the floor the pelvis must be for the centre of mass to be over the middle of the feet it stands on."""
    feet = [plan.feet[side] for side in plan.support]
    middle = np.zeros_like(plan.pelvis.up)
    for foot in feet:
        # The pressure is under the middle of the foot, about a quarter of its length in front of the ankle.
        ahead = lengths["foot_length"] / 4
        middle[:, 0] += (foot.forward + ahead * np.cos(foot.out)) / len(feet)
        middle[:, 1] += foot.left / len(feet)
    ankles = {side: (foot.forward, foot.left) for side, foot in plan.feet.items()}
    over = middle.copy()
    for _ in range(3):  # legs weigh a third of the body and move with the pelvis: three rounds settle it to millimetres
        centre = upper_centre_of_mass(joints, ankles, over)
        over[:, :2] += middle[:, :2] - centre[:, :2]
    return over
