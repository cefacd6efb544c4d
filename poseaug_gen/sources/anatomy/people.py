"""Many bodies doing many things: the built-in source's world poses.

Bodies come in groups that do one thing with one kind of arms, each in its own way. A group depends on the seed and its
number alone, so equal seeds give equal bytes, and more poses begin with the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen.poses import Labels
from poseaug_gen.sources.anatomy.activities import ACTIVITIES, Activity
from poseaug_gen.sources.anatomy.arms import ONE_ARM, together
from poseaug_gen.sources.anatomy.contacts import free_of_contact
from poseaug_gen.sources.anatomy.draw import Draw
from poseaug_gen.sources.anatomy.frames import facing
from poseaug_gen.sources.anatomy.kinematics import SIDES, Joints, Lengths
from poseaug_gen.sources.anatomy.limits import Limits, clamp, draw_limits
from poseaug_gen.sources.anatomy.plan import Plan, carry_out
from poseaug_gen.sources.anatomy.posture import within_reach
from poseaug_gen.sources.anatomy.proportions import Bodies, draw_bodies
from poseaug_gen.sources.views import WANDER

GROUP = 256  # bodies that do one thing: enough for NumPy to be quick, few enough for many kinds of arms
PEOPLE = 200  # bodies of which each pose has one
TRIES = 8  # rounds after which other arms are tried, where few bodies can do what was asked
SPARE = 6  # quarters of a group that a round draws: most groups are then full after one

_PAIRED = ("hip", "knee", "ankle", "heel", "toe", "shoulder", "elbow", "wrist", "hand", "eye", "ear")
_CENTRAL = ("hip", "spine", "thorax", "skull", "nose", "head", "vertex")
JOINTS = (*_CENTRAL, *(f"{side}_{name}" for name in _PAIRED for side in SIDES))


@dataclass(frozen=True, eq=False)
class Crowd:
    """World poses with whose they are and what they do.

    Attributes:
        positions: of :data:`JOINTS`, metres, z up, the floor at 0.
        subject: ``person-000`` …; ``action``: the activity's name.
    """

    positions: Float[np.ndarray, "rows joints 3"]
    subject: Labels
    action: Labels


def draw_crowd(rows: int, seed: int, activities: Sequence[Activity] = ACTIVITIES, people: int = PEOPLE) -> Crowd:
    """``rows`` poses of ``people`` bodies, in random order."""
    drawn = _generator(seed, 0)
    bodies = draw_bodies(drawn, people)
    limits = draw_limits(drawn, bodies.female)
    positions = np.empty((rows, len(JOINTS), 3), dtype=np.float32)
    subject, action = np.empty(rows, dtype=np.int32), np.empty(rows, dtype=np.int32)
    for number, start in enumerate(range(0, rows, GROUP)):
        rng = _generator(seed, number + 1)
        size = min(GROUP, rows - start)
        part = slice(start, start + size)
        action[part] = _an_activity(activities, rng)
        subject[part], positions[part] = _group(activities[action[start]], bodies, limits, rng, size)
    order = drawn.permutation(rows)
    return Crowd(
        positions[order],
        Labels(subject[order], tuple(f"person-{number:03d}" for number in range(people))),
        Labels(action[order], tuple(activity.name for activity in activities)),
    )


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, stream]))


def _an_activity(activities: Sequence[Activity], rng: np.random.Generator) -> int:
    weights = np.array([activity.weight for activity in activities])
    return int(rng.choice(len(activities), p=weights / weights.sum()))


def _group(
    activity: Activity, bodies: Bodies, limits: Limits, rng: np.random.Generator, size: int
) -> tuple[Int[np.ndarray, " rows"], Float[np.ndarray, "rows joints 3"]]:
    """Whose bodies, and their joints: those of the first rounds that are possible."""
    whose: list[np.ndarray] = []
    places: list[np.ndarray] = []
    found = 0
    for possible, who, joints in _rounds(activity, bodies, limits, rng, size):
        whose.append(who[possible])
        places.append(np.stack([joints[name][possible] for name in JOINTS], 1))
        found += int(possible.sum())
        if found >= size:
            break
    return np.concatenate(whose)[:size], np.concatenate(places)[:size]


def _rounds(
    activity: Activity, bodies: Bodies, limits: Limits, rng: np.random.Generator, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, Joints]]:
    """Rounds without end of bodies that do an activity, and which of them are possible."""
    for attempt in count():
        who = rng.integers(len(bodies), size=SPARE * size // 4, dtype=np.int32)
        lengths = {name: values[who] for name, values in bodies.lengths.items()}
        theirs = limits.take(who)
        draw = Draw(rng, len(who))
        plan = activity.plan(draw, lengths)
        if attempt % TRIES == 0:
            arms = _kinds_of_arms(activity, rng)
        _move_arms(arms, draw, plan, lengths)
        plan.angles = clamp(plan.angles, theirs)
        joints, thorax = carry_out(plan, lengths)
        possible = free_of_contact(joints, plan.pelvis, thorax, bodies.stature[who])
        possible &= within_reach(joints, plan.pelvis, thorax, theirs)
        yield possible, who, _somewhere(joints, draw)


def _kinds_of_arms(activity: Activity, rng: np.random.Generator) -> tuple[str, str]:
    """What the left and the right arm do: the same half of the time."""
    names, weights = list(activity.arms), np.array(list(activity.arms.values()))
    left, right = rng.choice(names, 2, p=weights / weights.sum())
    if "together" in (left, right) or "own" in (left, right) or rng.random() < 0.5:
        right = left
    return str(left), str(right)


def _move_arms(kinds: tuple[str, str], draw: Draw, plan: Plan, lengths: Lengths) -> None:
    if kinds[0] == "own":
        return
    plan.hands.clear()
    if kinds[0] == "together":
        together(draw, plan, lengths)
        return
    for side, kind in zip(SIDES, kinds, strict=True):
        ONE_ARM[kind](draw, plan, lengths, side)


def _somewhere(joints: Joints, draw: Draw) -> Joints:
    """The bodies turned every way, and standing about the middle."""
    turned = facing(draw.uniform(-np.pi, np.pi))
    joints = {name: turned.vector(*place.T) for name, place in joints.items()}
    away, bearing = WANDER * np.sqrt(draw.uniform(0, 1)), draw.uniform(-np.pi, np.pi)
    shift = np.stack([away * np.cos(bearing), away * np.sin(bearing), draw.zeros()], -1)
    shift[:, :2] -= joints["hip"][:, :2]
    return {name: place + shift for name, place in joints.items()}
