"""The built-in source's bodies: what must hold of every one, and of the crowd."""

import numpy as np
import pytest

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.anatomy import people
from poseaug_gen.sources.anatomy.activities import ACTIVITIES, UNIFORM
from poseaug_gen.sources.anatomy.arms import ONE_ARM
from poseaug_gen.sources.anatomy.balance import centre_of_mass
from poseaug_gen.sources.anatomy.contacts import distance, free_of_contact
from poseaug_gen.sources.anatomy.draw import Draw
from poseaug_gen.sources.anatomy.limits import clamp, draw_limits, within
from poseaug_gen.sources.anatomy.people import GROUP, JOINTS, PEOPLE, WANDER, draw_crowd
from poseaug_gen.sources.anatomy.plan import carry_out, floor_under
from poseaug_gen.sources.anatomy.proportions import draw_bodies
from poseaug_gen.sources.anatomy.source import see_crowd
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

AT = {name: i for i, name in enumerate(JOINTS)}
BODIES = draw_bodies(np.random.default_rng(0), 256)
LIMITS = draw_limits(np.random.default_rng(1), BODIES.female)


@pytest.fixture(scope="module")
def crowd():
    return draw_crowd(20_000, seed=1)


def planned(activity, seed=3):
    draw = Draw(np.random.default_rng(seed), len(BODIES))
    return activity.plan(draw, BODIES.lengths)


def test_the_same_seed_gives_the_same_bytes_and_more_rows_the_same_groups(crowd):
    again = draw_crowd(20_000, seed=1)
    assert again.positions.tobytes() == crowd.positions.tobytes()
    assert again.subject.codes.tobytes() == crowd.subject.codes.tobytes()
    assert (draw_crowd(2 * GROUP, seed=2).positions != draw_crowd(2 * GROUP, seed=1).positions).any()
    few, more = draw_crowd(GROUP, seed=1).positions, draw_crowd(3 * GROUP, seed=1).positions
    assert {row.tobytes() for row in few} <= {row.tobytes() for row in more}


def test_everyone_is_on_the_floor_and_near_the_middle(crowd):
    joints = {name: crowd.positions[:, i] for name, i in AT.items()}
    lowest = floor_under(joints)
    flying = np.isin(crowd.action.strings(), ["jumping", "running"])
    np.testing.assert_allclose(lowest[~flying], 0, atol=1e-5)
    assert (lowest[flying] > -1e-5).all()
    assert lowest[flying].max() < 0.6
    assert (np.linalg.norm(joints["hip"][:, :2], axis=-1) <= WANDER + 1e-5).all()
    assert np.isfinite(crowd.positions).all()


def test_each_person_has_one_body(crowd):
    for start, end in (("l_hip", "l_knee"), ("r_elbow", "r_wrist"), ("hip", "spine"), ("thorax", "skull")):
        length = np.linalg.norm(crowd.positions[:, AT[end]] - crowd.positions[:, AT[start]], axis=-1)
        for person in range(0, PEOPLE, 40):
            assert np.ptp(length[crowd.subject.codes == person]) < 1e-5


def test_both_sides_are_done_alike(crowd):
    """Left and right change places in the crowd: no activity is one-handed by mistake of a sign."""
    left, right = (crowd.positions[:, AT[f"{side}_wrist"], 2] - crowd.positions[:, AT["thorax"], 2] for side in "lr")
    assert abs(np.median(left) - np.median(right)) < 0.05
    apart = crowd.positions[:, AT["l_hip"]] - crowd.positions[:, AT["r_hip"]]
    ahead = np.cross(apart, crowd.positions[:, AT["thorax"]] - crowd.positions[:, AT["hip"]])
    nose = crowd.positions[:, AT["nose"]] - crowd.positions[:, AT["skull"]]
    assert ((nose * ahead).sum(-1) > 0).mean() > 0.93  # the face is on the front, but for turned heads
    for side in "lr":
        toes = crowd.positions[:, AT[f"{side}_toe"]] - crowd.positions[:, AT[f"{side}_heel"]]
        assert ((toes * ahead).sum(-1) > 0).mean() > 0.9


def test_knees_bend_backwards_and_elbows_forwards(crowd):
    """The shank folds behind the thigh, never before it: the foot's direction tells front from back.

    But for feet stretched out behind those who are on their knees.
    """
    on_feet = ~np.isin(crowd.action.strings(), ["kneeling", "crawling", "lying", "sitting on the floor"])
    for side in "lr":
        hip, knee, ankle, heel, toe = (
            crowd.positions[:, AT[f"{side}_{n}"]] for n in ("hip", "knee", "ankle", "heel", "toe")
        )
        chord = ankle - hip
        along = ((knee - hip) * chord).sum(-1, keepdims=True) / (chord**2).sum(-1, keepdims=True)
        out = knee - hip - along * chord  # from the line hip-ankle to the knee
        bent = np.linalg.norm(out, axis=-1) > 0.03
        assert (((out * (toe - heel)).sum(-1) > 0)[bent & on_feet]).mean() > 0.995


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda a: a.name)
def test_most_draws_of_an_activity_are_possible(activity):
    rounds = [next(people._rounds(activity, BODIES, LIMITS, people._generator(7, n), 64))[0].mean() for n in range(12)]
    assert np.mean(rounds) > 0.5


@pytest.mark.parametrize("activity", [a for a in ACTIVITIES if planned(a).support], ids=lambda a: a.name)
def test_those_who_balance_have_their_weight_over_their_feet(activity):
    plan = planned(activity)
    joints, _ = carry_out(plan, BODIES.lengths)
    weight = centre_of_mass(joints)[:, :2]
    feet = np.mean([(joints[f"{s}_heel"] + joints[f"{s}_toe"])[:, :2] / 2 for s in plan.support], axis=0)
    away = np.linalg.norm(weight - feet, axis=-1)
    # A foot is 0.25 m long: the weight is over it, or between both.
    assert np.median(away) < 0.09
    assert np.quantile(away, 0.95) < 0.17


def test_no_limb_of_a_crowd_is_in_the_trunk(crowd):
    """By an independent measure: hands and elbows keep off the line of the spine."""
    spine = crowd.positions[:, AT["hip"]], crowd.positions[:, AT["spine"]]
    chest = crowd.positions[:, AT["spine"]], crowd.positions[:, AT["thorax"]]
    for name in ("l_wrist", "r_wrist", "l_elbow", "r_elbow", "l_hand", "r_hand"):
        point = crowd.positions[:, AT[name]]
        near = np.minimum(distance(point, point, *spine), distance(point, point, *chest))
        assert (near < 0.06).mean() < 2e-3
        head = (crowd.positions[:, AT["skull"]] + crowd.positions[:, AT["head"]]) / 2
        assert (np.linalg.norm(point - head, axis=-1) < 0.04).mean() < 1e-3


def test_a_hand_in_the_belly_is_found_and_one_before_it_is_not():
    plan = planned(next(a for a in ACTIVITIES if a.name == "standing"))
    ONE_ARM["hang"](Draw(np.random.default_rng(0), len(BODIES)), plan, BODIES.lengths, "l")
    ONE_ARM["hang"](Draw(np.random.default_rng(1), len(BODIES)), plan, BODIES.lengths, "r")
    joints, thorax = carry_out(plan, BODIES.lengths)
    assert free_of_contact(joints, plan.pelvis, thorax, BODIES.stature).mean() > 0.8
    inside = {**joints, "l_wrist": joints["spine"] + np.float32([0, 0, 0.05])}
    assert not free_of_contact(inside, plan.pelvis, thorax, BODIES.stature).any()


def test_segments_apart_are_as_far_as_a_search_finds():
    rng = np.random.default_rng(5)
    a, b, c, d = rng.normal(size=(4, 200, 3)).astype(np.float32)
    share = np.linspace(0, 1, 201)[:, None, None]
    first, second = a + share * (b - a), c + share * (d - c)
    search = np.array([np.linalg.norm(first[:, None, i] - second[None, :, i], axis=-1).min() for i in range(200)])
    np.testing.assert_allclose(distance(a, b, c, d), search, atol=0.02)
    assert (distance(a, b, c, d) <= search + 1e-4).all()


def test_uniform_angles_are_within_the_limits_and_reach_their_ends():
    plan = planned(UNIFORM)
    held = clamp(plan.angles)
    assert within(held).all()
    knees = np.degrees(plan.angles["l_knee_flexion"])
    assert knees.max() > 130
    assert knees.min() < 15


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_every_skeleton_can_have_them(name):
    skeleton = load_skeleton(name)
    poses = see_crowd(Request(skeleton, load_rig("studio", "one"), rows=500))
    assert poses.positions.shape == (500, skeleton.num_joints, 3)
    assert (np.abs(poses.project()) < 1).all(-1).mean() > 0.99
    assert poses.provenance["name"] == "anatomy"
    assert set(poses.subject.counts()) <= {f"person-{n:03d}" for n in range(PEOPLE)}


def test_without_a_rig_nothing_is_seen(skeleton):
    with pytest.raises(PoseAugError, match="--rig"):
        see_crowd(Request(skeleton, None, rows=10))
