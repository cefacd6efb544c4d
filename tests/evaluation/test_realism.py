"""Figures of an export beside the source's own: what is known of them beforehand, and that each is told or says why."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import light, random_poses, seeds, skeletons

from poseaug_gen.evaluation.measured import COMPARED, FEWEST, NO_FRAME, NO_PAIRS, NO_SOURCE
from poseaug_gen.evaluation.realism import catalogue, realism
from poseaug_gen.evaluation.viewpoint import MOST_BITS
from poseaug_gen.poses import Labels, PoseSet, concatenate
from poseaug_gen.skeleton import Skeleton, load_skeleton

OF_ONE = ("beyond_limits", "asymmetry", "asymmetric", "diversity", "viewpoint_entropy", "viewpoint_evenness")


def told(pairs: PoseSet, source: PoseSet | None = None, **options) -> dict:
    """Figures by name."""
    return {figure.name: figure for figure in realism(pairs, source, **options)}


def values(figures: dict, names) -> list:
    return [figures[name].value for name in names]


def camera_poses(positions: np.ndarray, skeleton: Skeleton) -> PoseSet:
    rows, unknown = len(positions), Labels.constant("unknown", len(positions))
    return PoseSet(
        skeleton,
        positions.astype(np.float32),
        np.ones((rows, 9), np.float32),
        np.full((rows, 2), 1000, np.int32),
        *(unknown, unknown, unknown),
    )


def turned(poses: PoseSet, seed: int = 0, move: float = 5.0) -> PoseSet:
    """The same bodies, each turned its own way and seen from elsewhere."""
    turns = Rotation.random(len(poses), random_state=seed).as_matrix()
    body = poses.positions.astype(np.float64) - poses.positions[:, :1]
    return replace(poses, positions=(body @ turns.transpose(0, 2, 1) + [0.2, 0.1, move]).astype(np.float32))


@pytest.fixture(scope="module")
def source(make_poses) -> PoseSet:
    return make_poses(load_skeleton(), rows=800)


@pytest.fixture(scope="module")
def alike(make_poses) -> PoseSet:
    """Other poses of the same people, drawn as the source's were."""
    return make_poses(load_skeleton(), rows=1600).take(np.arange(800, 1600))


def test_the_table_says_of_every_figure_what_it_is(source, alike):
    figures = realism(alike, source)
    assert [figure.name for figure in figures] == list(catalogue())
    assert {figure.name for figure in figures} == {*OF_ONE, *COMPARED}
    for figure in figures:
        assert figure.label
        assert len(figure.label) < 33, "a table of 80 columns holds it"
        assert figure.definition.endswith(".")
        assert not set("{}") & set(figure.definition)
        assert figure.reference
        assert figure.unit in ("", "%", "mm", "bits")
        assert figure.better in ("", "lower", "higher")


def test_other_poses_of_the_source_s_kind_have_the_source_s_own_figures(source, alike):
    figures = told(alike, source)
    for figure in figures.values():
        assert math.isfinite(figure.value)
        assert figure.why == ""
        near = {"frechet_distance": 0.05, "asymmetry": 1e-3, "beyond_limits": 5, "asymmetric": 5}
        allowed = near.get(figure.name, 0.15 * figure.source_value)
        assert figure.value == pytest.approx(figure.source_value, abs=allowed), figure.name
    assert figures["precision"].rows == 400, "half of the source is the yardstick"


def test_poses_of_another_kind_are_far_off(source):
    strange = camera_poses(random_poses(load_skeleton(), 500, 0).numpy(), load_skeleton())
    figures = told(strange, source)
    assert figures["beyond_limits"].value > 80
    assert figures["precision"].value == figures["density"].value == figures["coverage"].value == 0
    assert figures["recall"].value == 1, "they lie so far apart that their neighbourhoods hold everything"
    assert figures["frechet_distance"].value > 10 * figures["frechet_distance"].source_value
    for name in ("novelty_median", "gap_mean", "diversity"):
        assert figures[name].value > 1.5 * figures[name].source_value, name
    assert figures["asymmetric"].value > 90


def test_neither_camera_nor_place_nor_direction_of_a_body_counts(source, alike):
    """All but the viewpoints stay; those are even, where every body is turned at random."""
    straight, all_round = told(alike, source), told(turned(alike), turned(source, seed=1))
    names = [name for name in catalogue() if not name.startswith("viewpoint")]
    # float32 and its rounding may choose another of two neighbours.
    np.testing.assert_allclose(values(all_round, names), values(straight, names), rtol=5e-3, atol=5e-3)
    assert straight["viewpoint_entropy"].value < all_round["viewpoint_entropy"].value
    assert all_round["viewpoint_entropy"].value > 0.98 * MOST_BITS
    assert all_round["viewpoint_evenness"].value == pytest.approx(
        100 * all_round["viewpoint_entropy"].value / MOST_BITS
    )


def test_mirrored_poses_are_as_plausible_as_diverse_and_seen_as_evenly(source):
    straight, mirrored = told(source), told(source.mirrored())
    np.testing.assert_allclose(values(mirrored, OF_ONE), values(straight, OF_ONE), rtol=0.02, atol=1e-4)


def test_one_pose_as_several_cameras_see_it_counts_once(source, alike):
    """Or the nearest other pose of the source would be the same one, and its neighbours' balls would be empty."""
    views = concatenate([turned(source, seed, move=4.0 + seed) for seed in range(4)])
    once, again = told(alike, source), told(alike, views)
    assert again["novelty_median"].rows == once["novelty_median"].rows
    for name in ("novelty_median", "precision", "recall"):
        assert again[name].source_value == pytest.approx(once[name].source_value, rel=0.1), name


def test_what_an_export_copies_is_no_novelty(source):
    figures = told(turned(source, 3), source)
    assert figures["novelty_median"].value < figures["novelty_median"].source_value
    assert figures["coverage"].value >= figures["coverage"].source_value - 0.02


def test_unequal_sides_are_told(source):
    longer = source.positions.copy()
    knee, ankle = (source.skeleton.joints.index(f"l_{joint}") for joint in ("knee", "ankle"))
    shank = longer[:, ankle] - longer[:, knee]
    longer[:400, ankle] += np.float32(0.05) * shank[:400]
    figures = told(replace(source, positions=longer))
    assert figures["asymmetric"].value == pytest.approx(50)
    pairs = len(source.skeleton.pairs)
    assert figures["asymmetry"].value == pytest.approx(100 * 0.05 / 1.025 / pairs / 2, rel=1e-3)
    assert told(source)["asymmetry"].value < 1e-3


def test_joints_that_are_outside_are_told_one_by_one(source):
    flat = source.positions.copy()
    joints = {name: source.skeleton.joints.index(name) for name in ("l_hip", "l_knee", "l_ankle")}
    thigh = flat[:100, joints["l_knee"]] - flat[:100, joints["l_hip"]]
    flat[:100, joints["l_ankle"]] = flat[:100, joints["l_knee"]] - thigh  # folded back upon itself
    figure = told(replace(source, positions=flat).take(np.arange(100)), source)["beyond_limits"]
    assert figure.details["knee_flexion"]["value"] == figure.value == 100
    own = told(source)["beyond_limits"].details
    for name, detail in figure.details.items():
        assert detail["source_value"] == own[name]["value"] < 100


def test_without_a_source_the_export_is_told_by_itself(alike, source):
    figures = told(alike)
    for name, figure in figures.items():
        assert figure.source_value is None
        if name in COMPARED:
            assert (figure.value, figure.why) == (None, NO_SOURCE)
        else:
            assert figure.value == told(alike, source)[name].value


def test_a_skeleton_that_does_not_tell_how_a_body_is_turned(make_poses):
    hand = Skeleton.from_dict({"joints": {"palm": "", "l_thumb": "palm", "r_thumb": "palm"}})
    figures = told(make_poses(hand, rows=100), make_poses(hand, rows=100, seed=1))
    assert figures["asymmetry"].value == pytest.approx(0, abs=1e-3)
    for name in (*COMPARED, "diversity", "viewpoint_entropy", "viewpoint_evenness"):
        assert (figures[name].value, figures[name].source_value, figures[name].why) == (None, None, NO_FRAME)
    middle = Skeleton.from_dict({"joints": {"hip": "", "spine": "hip", "head": "spine"}})
    assert told(make_poses(middle, rows=9))["asymmetry"].why == NO_PAIRS


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_every_skeleton_of_the_tool_has_every_figure(make_poses, name):
    poses = make_poses(load_skeleton(name), rows=200)
    for figure in realism(poses.take(np.arange(100)), poses):
        assert math.isfinite(figure.value)
        assert math.isfinite(figure.source_value)
        assert figure.rows > 0


@light
@given(skeletons(), seeds)
def test_any_skeleton_is_told_or_says_why(skeleton, seed):
    poses = camera_poses(random_poses(skeleton, 60, seed).numpy(), skeleton)
    for figure in realism(poses.take(np.arange(30)), poses, seed % 1000):
        assert (figure.value is None) == bool(figure.why)
        assert figure.value is None or (math.isfinite(figure.value) and figure.value >= 0)


def test_too_few_poses_are_compared_with_nothing(source, alike):
    few = told(alike.take(np.arange(FEWEST - 1)), source)["precision"]
    assert few.value is None
    assert few.why == f"{FEWEST - 1} poses and 800 of the source differ; {FEWEST} and {2 * FEWEST} are needed"
    assert told(alike.take(np.arange(FEWEST)), source)["precision"].rows == FEWEST
    still = told(source.take(np.zeros(50, dtype=int)))
    assert still["diversity"].why == "no two of the poses differ"
    assert still["viewpoint_entropy"].value == 0


def test_the_same_seed_gives_the_same_and_another_nearly_the_same(source, alike):
    assert realism(alike, source, seed=1, sample=100) == realism(alike, source, seed=1, sample=100)
    one, other = told(alike, source, seed=1, sample=100), told(alike, source, seed=2, sample=100)
    assert one["novelty_mean"].value != other["novelty_mean"].value
    assert one["novelty_mean"].value == pytest.approx(other["novelty_mean"].value, rel=0.2)
    assert one["novelty_mean"].rows == 100
    assert "at most 100)" in one["novelty_median"].definition


def test_the_number_of_threads_is_as_before(source):
    before = torch.get_num_threads()
    told(source)
    assert torch.get_num_threads() == before


def test_sets_of_two_skeletons_are_not_compared(source, make_poses):
    with pytest.raises(ValueError, match="coco17, h36m16"):
        realism(make_poses(load_skeleton("coco17")), source)
