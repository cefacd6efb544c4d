"""What is drawn, how often, and on whose body; and that each posture knows which way is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import chisquare

from poseaug_gen.bones import bones_of, directions_of, lengths_of
from poseaug_gen.config import PostureSettings
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels, PoseSet, concatenate
from poseaug_gen.skeleton import Skeleton, load_skeleton

ROWS = 20_000
SOURCE, BUILT_IN = 300, 100
# Each posture as it is, on a body of the source.
AS_THEY_ARE = PostureSettings(mirrored=0.0, exchange_legs=0.0, exchange_arms=0.0, difficulty=0.0, built_in=0.5)


@pytest.fixture(scope="module")
def source(make_poses: Callable[..., PoseSet]) -> PoseSet:
    return make_poses(load_skeleton(), rows=SOURCE)


@pytest.fixture(scope="module")
def poses(make_poses: Callable[..., PoseSet], source: PoseSet) -> PoseSet:
    """The source's 300 poses, and 100 of other people who are 30 % taller, through another lens."""
    other = make_poses(load_skeleton(), rows=BUILT_IN, seed=9, subjects=50)
    taller = other.positions[:, :1] + 1.3 * (other.positions - other.positions[:, :1])
    people = Labels.of([f"built-in {name}" for name in other.subject.strings()])
    lens = other.intrinsics * np.float32(0.5)
    return concatenate([source, replace(other, positions=taller, subject=people, intrinsics=lens)])


def draw(
    poses: PoseSet, settings: PostureSettings = AS_THEY_ARE, built_in: int = BUILT_IN, rows: int = ROWS, seed: int = 0
) -> Drawn:
    return PosturePool(poses, built_in, settings).draw(rows, np.random.default_rng(seed))


def directions(pose: torch.Tensor | np.ndarray, poses: PoseSet) -> torch.Tensor:
    return directions_of(bones_of(torch.as_tensor(pose), poses.skeleton))


def is_near(share: torch.Tensor | np.ndarray, expected: float) -> bool:
    """Whether the share of rows is within four standard errors of what it should be; never or always: exactly."""
    share = np.asarray(share)
    return abs(share.mean() - expected) <= 4 * (expected * (1 - expected) / len(share)) ** 0.5


# --- shares ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_the_share_of_built_in_postures_is_not_that_of_their_rows(poses, share):
    made = draw(poses, replace(AS_THEY_ARE, built_in=share))
    assert is_near(made.index >= SOURCE, share)


def test_within_the_source_and_within_the_built_in_all_are_drawn_alike(poses):
    index = draw(poses, replace(AS_THEY_ARE, mirrored=0.5)).index
    for part in (index[index < SOURCE], index[index >= SOURCE] - SOURCE):
        assert chisquare(torch.bincount(part)).pvalue > 1e-3


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_the_share_of_mirrored_postures_whatever_they_come_from(poses, share):
    made = draw(poses, replace(AS_THEY_ARE, mirrored=share))
    for part in (made.index < SOURCE, made.index >= SOURCE):
        assert is_near(made.mirrored[part], share)


def test_legs_and_each_arm_are_exchanged_as_often_as_the_settings_say_each_for_itself(poses):
    settings = replace(AS_THEY_ARE, exchange_legs=0.7, exchange_arms=0.3)
    made = draw(poses, settings)
    moved = (directions(made.pose, poses) - directions(poses.positions, poses)[made.index]).norm(dim=-1) > 1e-4
    bone = {joint: number for number, joint in enumerate(poses.skeleton.joints[1:])}
    legs, left, right = (moved[:, bone[joint]] for joint in ("l_knee", "l_elbow", "r_elbow"))
    assert torch.equal(legs, moved[:, bone["r_ankle"]]), "both legs together"
    assert is_near(legs, 0.7)
    assert is_near(left, 0.3)
    assert is_near(right, 0.3)
    assert is_near(left & right, 0.09)
    assert is_near(legs & left, 0.21)
    trunk = [bone[joint] for joint in ("spine", "thorax", "head", "l_hip", "r_hip", "l_shoulder", "r_shoulder")]
    assert not moved[:, trunk].any()


def test_limbs_come_from_all_of_the_pool(poses):
    """Legs on the trunk of one source posture: those of source, built-in and mirrored postures alike, turned along."""
    settings = PostureSettings(mirrored=0.5, exchange_legs=1.0, exchange_arms=0.0, built_in=0.5)
    pool = PosturePool(poses, BUILT_IN, settings)
    made = pool.draw(ROWS, np.random.default_rng(0))
    knees = [poses.skeleton.joints.index(joint) - 1 for joint in ("l_knee", "r_knee", "l_ankle", "r_ankle")]

    def angles(of: torch.Tensor) -> torch.Tensor:  # between the bones of the legs: no turn changes them
        return (of[:, knees] @ of[:, knees].mT).flatten(1)

    donor = torch.cdist(angles(directions(made.pose, poses)), angles(directions(pool.pose, poses))).argmin(1)
    assert is_near(donor % len(poses) >= SOURCE, 0.5)
    assert is_near(donor >= len(poses), 0.5)
    assert len(donor.unique()) == 2 * len(poses)


# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_posture_as_it_is_has_its_own_directions_root_and_camera(poses):
    made = draw(poses, rows=500)
    torch.testing.assert_close(directions(made.pose, poses), directions(poses.positions, poses)[made.index])
    np.testing.assert_allclose(made.pose[:, 0], poses.positions[made.index, 0], atol=1e-6)
    np.testing.assert_array_equal(made.intrinsics, poses.intrinsics[made.index])
    np.testing.assert_array_equal(made.image_size, poses.image_size[made.index])


def test_a_mirrored_row_is_the_mirrored_pose_and_its_camera(poses):
    made, mirrored = draw(poses, replace(AS_THEY_ARE, mirrored=1.0), rows=500), poses.mirrored()
    assert made.mirrored.all()
    torch.testing.assert_close(directions(made.pose, poses), directions(mirrored.positions, poses)[made.index])
    np.testing.assert_allclose(made.pose[:, 0], mirrored.positions[made.index, 0], atol=1e-6)
    np.testing.assert_array_equal(made.intrinsics, mirrored.intrinsics[made.index])


@pytest.mark.parametrize("settings", [AS_THEY_ARE, PostureSettings()])
def test_bodies_are_those_of_the_sources_own_subjects_all_of_them(poses, source, settings):
    made = draw(poses, settings)
    lengths = lengths_of(bones_of(made.pose, poses.skeleton))
    bodies = torch.from_numpy(source.subject_bone_lengths())
    subject = torch.cdist(lengths, bodies).argmin(1)
    torch.testing.assert_close(lengths, bodies[subject], rtol=0, atol=1e-5)
    for number in range(len(bodies)):
        assert is_near(subject == number, 1 / len(bodies))


def test_places_are_rows_and_after_them_their_mirror_images(poses):
    pool = PosturePool(poses, BUILT_IN, PostureSettings())
    assert pool.places == 2 * len(poses)
    made = pool.draw(2000, np.random.default_rng(0))
    assert torch.equal(made.place, made.index + len(poses) * made.mirrored)
    every = torch.arange(pool.places)
    kept = pool.as_they_are(every, np.random.default_rng(0))
    both = np.concatenate([poses.positions, poses.mirrored().positions])
    torch.testing.assert_close(directions(kept.pose, poses), directions(both, poses))
    assert torch.equal(kept.place, every)


def test_the_same_seed_draws_the_same_and_another_seed_others(poses):
    one, two, other = (draw(poses, PostureSettings(), rows=300, seed=seed) for seed in (4, 4, 5))
    assert all(
        torch.equal(getattr(one, name), getattr(two, name)) for name in ("place", "donors", "exchanged", "body", "pose")
    )
    assert not torch.equal(one.place, other.place)


def test_lenses_are_the_cameras_of_source_and_built_in_as_they_are(poses):
    lenses = PosturePool(poses, BUILT_IN, AS_THEY_ARE).lenses
    np.testing.assert_array_equal(lenses.intrinsics, poses.intrinsics)
    np.testing.assert_array_equal(lenses.image_size, poses.image_size)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_lengths_are_spread_evenly_either_way(poses, spread):
    pool = PosturePool(poses, BUILT_IN, replace(AS_THEY_ARE, length_spread=spread))
    ratio = pool.draw_spread(5000, np.random.default_rng(0))
    assert ratio.shape == (5000, poses.skeleton.num_groups)
    assert ratio.abs().max() <= spread
    if spread:
        share = ((ratio / spread + 1) / 2).numpy()
        assert all(chisquare(np.histogram(group, 10, (0, 1))[0]).pvalue > 1e-4 for group in share.T)
        assert np.abs(np.corrcoef(share.T) - np.eye(share.shape[1])).max() < 0.06


# --- difficulty -----------------------------------------------------------------------------------------------------


def drawn_counts(poses: PoseSet, judged: np.ndarray | None, **settings: float) -> np.ndarray:
    """How often each of a few places is drawn."""
    pool = PosturePool(poses, 0, replace(AS_THEY_ARE, **settings), judged)
    return np.bincount(pool.draw(ROWS, np.random.default_rng(0)).place, minlength=pool.places)


def test_postures_are_drawn_as_often_as_a_power_of_their_difficulty(source):
    """Eight postures from half as hard as the mean to twice as hard: nothing is clipped."""
    eight = source.take(np.arange(8))
    relative = np.array([0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 1.5, 2.0])
    difficulty = 40 * np.tile(relative, 2)  # millimetres; any unit gives the same
    for power in (0.5, 1.0, 1.5):
        counts = drawn_counts(eight, difficulty, difficulty=power)
        assert counts[8:].sum() == 0, "none is mirrored"
        assert chisquare(counts[:8], ROWS * relative**power / (relative**power).sum()).pvalue > 1e-3


def test_what_is_far_from_the_mean_counts_as_four_times_as_hard_or_as_easy(source):
    """The mean of seven ones and a 25 is 4: the 25 is over six times that, the ones a quarter of it."""
    eight = source.take(np.arange(8))
    difficulty = np.tile([1.0] * 7 + [25.0], 2)
    counts = drawn_counts(eight, difficulty, difficulty=1.0)[:8]
    assert chisquare(counts, ROWS * np.array([1.0] * 7 + [16.0]) / 23).pvalue > 1e-3
    very = np.tile([1e-6] * 7 + [1.0], 2)  # over the mean: eight times; under it: a hundred thousandth
    counts = drawn_counts(eight, very, difficulty=1.0)[:8]
    assert chisquare(counts, ROWS * np.array([1.0] * 7 + [16.0]) / 23).pvalue > 1e-3


def test_the_mean_is_that_of_what_is_drawn(poses):
    """Eight easy postures of the source, two hard built-in ones that nine of ten rows stand on: these are the mean."""
    ten = poses.take(np.r_[:8, SOURCE : SOURCE + 2])
    judged = np.tile([1.0] * 8 + [25.0] * 2, 2)
    settings = replace(AS_THEY_ARE, built_in=0.9, difficulty=1.0)
    index = PosturePool(ten, 2, settings, judged).draw(ROWS, np.random.default_rng(0)).index
    mean = 0.1 * 1 + 0.9 * 25  # so the hard ones are hardly over it, and the easy ones count as a quarter of it
    easy, hard = 0.1 * 0.25, 0.9 * 25 / mean
    assert is_near(index >= 8, hard / (easy + hard))


def test_hardness_is_relative_to_what_is_drawn_and_keeps_to_the_shares_in_proportion(poses):
    """Where all are alike hard the shares stay; where the built-in ones are twice as hard they come more often."""
    alike = np.full(2 * len(poses), 33.0)
    settings = replace(AS_THEY_ARE, built_in=0.25, mirrored=0.4, difficulty=1.5)
    made = PosturePool(poses, BUILT_IN, settings, alike).draw(ROWS, np.random.default_rng(0))
    assert is_near(made.index >= SOURCE, 0.25)
    assert is_near(made.mirrored, 0.4)
    harder = alike * np.tile(np.repeat([1.0, 2.0], [SOURCE, BUILT_IN]), 2)
    made = PosturePool(poses, BUILT_IN, settings, harder).draw(ROWS, np.random.default_rng(0))
    assert is_near(made.index >= SOURCE, 0.25 * 2**1.5 / (0.75 + 0.25 * 2**1.5))
    assert is_near(made.mirrored, 0.4)


def test_a_power_of_nothing_is_as_if_nobody_had_judged(source):
    eight = source.take(np.arange(8))
    difficulty = np.random.default_rng(0).uniform(10, 90, 16)
    judged, not_judged = drawn_counts(eight, difficulty, mirrored=0.5), drawn_counts(eight, None, mirrored=0.5)
    np.testing.assert_array_equal(judged, not_judged)
    np.testing.assert_array_equal(not_judged, drawn_counts(eight, None, mirrored=0.5, difficulty=1.5))


# --- level ----------------------------------------------------------------------------------------------------------


def tilted(poses: PoseSet, turn: Rotation) -> PoseSet:
    """What the same cameras see of the same people once each is turned."""
    return replace(poses, positions=(poses.positions @ turn.as_matrix().T).astype(np.float32))


@pytest.mark.parametrize("mirrored", [0.0, 1.0])
def test_the_level_frame_is_level_for_cameras_that_are_tilted(source, mirrored):
    """The first camera looks down by 50 degrees, the second up by 20 and is rolled by 15."""
    turns = [Rotation.from_euler("x", 50, degrees=True), Rotation.from_euler("zx", [15, -20], degrees=True)]
    seen = [tilted(source.take(source.camera.codes == code), turn) for code, turn in enumerate(turns)]
    both = concatenate(seen)
    made = draw(both, replace(AS_THEY_ARE, mirrored=mirrored), built_in=0, rows=400)
    up = np.stack([turn.apply([0, -1, 0]) for turn in turns])[both.camera.codes[made.index]]
    up = up * [-1 if mirrored else 1, 1, 1]
    level = np.einsum("rij,rj->ri", made.level.numpy().astype(np.float64), up)
    assert np.degrees(np.arccos(-level[:, 1])).max() < 2
    np.testing.assert_allclose(made.level @ made.level.mT, np.tile(np.eye(3), (400, 1, 1)), atol=1e-5)


def test_built_in_poses_of_a_camera_that_is_called_as_one_of_the_sources_have_their_own_level(make_poses, source):
    """Names of cameras mean something within one source: the user's "camera0" is not the built-in's."""
    other = make_poses(load_skeleton(), rows=BUILT_IN, seed=9)
    turns = Rotation.from_euler("x", 60, degrees=True), Rotation.from_euler("z", 25, degrees=True)
    both = concatenate([tilted(source, turns[0]), tilted(other, turns[1])])
    assert set(both.camera.names) == set(source.camera.names)
    made = draw(both, rows=400)
    up = np.stack([turn.apply([0, -1, 0]) for turn in turns])[(made.index >= SOURCE).numpy().astype(int)]
    level = np.einsum("rij,rj->ri", made.level.numpy().astype(np.float64), up)
    assert np.degrees(np.arccos(-level[:, 1])).max() < 4, "a hundred people sway a little"


# --- small and odd pools --------------------------------------------------------------------------------------------


def test_a_source_that_is_all_built_in(source):
    pool = PosturePool(source, len(source), PostureSettings(built_in=0.8))
    made = pool.draw(ROWS, np.random.default_rng(0))
    assert len(made.index.unique()) == len(source)
    lengths = lengths_of(bones_of(made.pose, source.skeleton))
    bodies = torch.from_numpy(source.subject_bone_lengths())
    assert (lengths[:, None] - bodies).abs().amax(-1).min(1).values.max() < 1e-5


def test_a_source_of_one_subject_and_one_row(source):
    made = draw(source.take(np.arange(1)), PostureSettings(), built_in=0, rows=1000)
    assert (made.index == 0).all()
    assert is_near(made.mirrored, 0.5)
    assert made.pose.isfinite().all()
    expected = source.take(np.arange(1)).subject_bone_lengths()
    np.testing.assert_allclose(lengths_of(bones_of(made.pose, source.skeleton)), expected.repeat(1000, 0), atol=1e-5)


@pytest.mark.parametrize("name", ["h36m17", "coco17"])
def test_any_skeleton(make_poses, name):
    poses = make_poses(load_skeleton(name), rows=50)
    made = draw(poses, PostureSettings(), built_in=10, rows=500)
    assert made.pose.shape == (500, poses.skeleton.num_joints, 3)
    assert made.pose.isfinite().all()


def test_a_skeleton_without_pairs_has_mirror_images_and_nothing_to_exchange(make_poses):
    worm = Skeleton.from_dict({"joints": {"tail": "", "middle": "tail", "neck": "middle", "head": "neck"}})
    poses = make_poses(worm, rows=20)
    made = draw(poses, PostureSettings(), built_in=0, rows=200)
    both = np.concatenate([poses.positions, poses.mirrored().positions])[made.place]
    torch.testing.assert_close(directions(made.pose, poses), directions(both, poses))


# --- a part of the pool ---------------------------------------------------------------------------------------------


def test_a_part_draws_its_own_rows_limbs_and_bodies_alone(poses, source):
    """Rows of the first subject and of ten built-in people: nothing of a draw is anybody else's."""
    pool = PosturePool(poses, BUILT_IN, PostureSettings())
    first = poses.subject.codes == poses.subject.codes[0]
    mask = first | (np.arange(len(poses)) >= SOURCE + 90)
    made = pool.only(mask).draw(2000, np.random.default_rng(0))
    assert mask[made.index].all()
    assert all(mask[donor % len(poses)].all() for donor in made.donors)
    body = source.take(source.subject.codes == source.subject.codes[0]).subject_bone_lengths()
    np.testing.assert_allclose(made.lengths, np.repeat(body, 2000, 0), atol=1e-5)
    rest = pool.only(~mask).draw(2000, np.random.default_rng(0))
    assert not mask[rest.index].any()
    assert len(rest.body.unique()) == len(pool.bodies) - 1
    assert is_near((made.index >= SOURCE).numpy(), made_share(mask, pool))


def made_share(mask: np.ndarray, pool: PosturePool) -> float:
    """The share of built-in rows among those of a mask, each drawn as often as in the whole pool."""
    weights = pool._weights[: len(mask)] * mask
    return weights[SOURCE:].sum() / weights.sum()


def test_a_part_of_which_nothing_is_ever_drawn_is_told(poses):
    pool = PosturePool(poses, BUILT_IN, replace(AS_THEY_ARE, built_in=0.0))
    with pytest.raises(PoseAugError, match="none is ever drawn"):
        pool.only(np.arange(len(poses)) >= SOURCE)


def test_draws_that_follow_each_other_are_both(poses):
    pool = PosturePool(poses, BUILT_IN, PostureSettings())
    one, two = (pool.draw(rows, np.random.default_rng(rows)) for rows in (30, 50))
    both = one.followed_by(two)
    assert len(both) == 80
    torch.testing.assert_close(both.pose, torch.cat([one.pose, two.pose]))
    torch.testing.assert_close(both.take(torch.tensor([79, 3])).pose, torch.stack([two.pose[49], one.pose[3]]))
