"""What bodies do: the list of activities, how often each is done, and what arms do meanwhile.

How often, and how much people differ in what they do, is a judgement: no table says. What joints allow is
:mod:`.limits`' to say, what a body may touch :mod:`.contacts`'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poseaug_gen.sources.anatomy.draw import Draw
from poseaug_gen.sources.anatomy.kinematics import Lengths
from poseaug_gen.sources.anatomy.limits import mean_limits
from poseaug_gen.sources.anatomy.low import crawl, kneel, lie, press_up, rise, sit, sit_on_floor
from poseaug_gen.sources.anatomy.on_feet import bend, climb, free, jump, kick, lunge, run, squat, stand, step, walk
from poseaug_gen.sources.anatomy.plan import Plan
from poseaug_gen.sources.anatomy.stance import pelvis


@dataclass(frozen=True)
class Activity:
    """A programme of the legs, how often it is done, and what arms do meanwhile (weights by name; see :mod:`.arms`).

    ``own`` arms are those that the programme itself moves.
    """

    name: str
    weight: float
    plan: Callable[[Draw, Lengths], Plan]
    arms: Mapping[str, float]


def anything(draw: Draw, lengths: Lengths) -> Plan:
    """Every joint anywhere in its range, each by itself: what a body is without what bodies do, to compare with."""
    limits = mean_limits()
    plan = Plan(pelvis(draw, draw.zeros()))
    for dof in limits.low:
        low, high = float(limits.low[dof][0]), float(limits.high[dof][0])
        names = (dof,) if dof.startswith(("lumbar", "thorax", "neck")) else (f"l_{dof}", f"r_{dof}")
        plan.angles |= {name: draw.uniform(low, high) for name in names}
    return plan


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
