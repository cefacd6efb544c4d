"""Pose sets: labels, subsets, splits by subject, mirror images, and several sets as one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import BUILTIN, light, random_cameras, random_poses, seeds

from poseaug_gen.poses import Labels, PoseSet, concatenate
from poseaug_gen.skeleton import Skeleton, load_skeleton


def pose_set(subjects: list[str], seed: int = 0, skeleton: Skeleton | None = None, name: str = "made") -> PoseSet:
    """Random poses, one row for each subject named; actions and cameras alternate."""
    skeleton, rows = skeleton or load_skeleton(), len(subjects)
    return PoseSet(
        skeleton=skeleton,
        positions=random_poses(skeleton, rows, seed).float().numpy(),
        intrinsics=random_cameras(rows, seed).float().numpy(),
        image_size=np.tile(np.array([1000, 800]), (rows, 1)),
        subject=Labels.of(subjects),
        action=Labels.of(["walk" if i % 2 else "sit" for i in range(rows)]),
        camera=Labels.of([f"cam{i % 3}" for i in range(rows)]),
        provenance={"name": name},
    )


def subjects_of(poses: PoseSet) -> set[str]:
    return set(poses.subject.strings())


# --- labels ---------------------------------------------------------------------------------------------------


@light
@given(st.lists(st.text("abcS159 _", max_size=4)))
def test_labels_give_their_strings_back(values):
    labels = Labels.of(values)
    assert labels.strings().tolist() == values
    assert list(labels.names) == sorted(set(values))
    assert labels.counts() == {value: values.count(value) for value in set(values)}


def test_labels_of_some_rows_keep_their_codes_and_count_only_what_is_there():
    labels = Labels.of(["b", "a", "c", "b"]).take(np.array([0, 3]))
    assert labels.names == ("a", "b", "c")
    assert labels.strings().tolist() == ["b", "b"]
    assert labels.counts() == {"b": 2}


def test_a_constant_label_is_on_every_row():
    assert Labels.constant("S1", 3).strings().tolist() == ["S1"] * 3


# --- subsets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [np.array([4, 0, 2]), np.array([True, False, True, False, True])])
def test_take_takes_the_same_rows_of_everything(index):
    poses = pose_set(["S1", "S2", "S3", "S4", "S5"])
    taken = poses.take(index)
    np.testing.assert_array_equal(taken.positions, poses.positions[index])
    np.testing.assert_array_equal(taken.intrinsics, poses.intrinsics[index])
    np.testing.assert_array_equal(taken.image_size, poses.image_size[index])
    for field in ("subject", "action", "camera"):
        np.testing.assert_array_equal(getattr(taken, field).strings(), getattr(poses, field).strings()[index])
    assert len(taken) == 3
    assert taken.provenance == poses.provenance


def test_subsample_draws_distinct_rows_in_their_order():
    poses = pose_set([f"S{i:02}" for i in range(40)])
    drawn = poses.subsample(15, seed=3)
    names = drawn.subject.strings().tolist()
    assert len(names) == 15
    assert names == sorted(set(names))
    assert poses.subsample(15, seed=3).subject.strings().tolist() == names
    assert poses.subsample(15, seed=4).subject.strings().tolist() != names


@pytest.mark.parametrize("rows", [5, 6, 1000])
def test_a_subsample_of_all_rows_is_the_set_itself(rows):
    poses = pose_set(["S1"] * 5)
    assert poses.subsample(rows) is poses


# --- splits ---------------------------------------------------------------------------------------------------


@light
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0, 0.9), seeds)
def test_a_split_shares_out_whole_subjects(counts, share, seed):
    poses = pose_set([f"S{i}" for i, rows in enumerate(counts) for _ in range(rows)])
    rest, held = poses.split_by_subject(share, seed)
    assert not subjects_of(rest) & subjects_of(held)
    assert len(rest) + len(held) == len(poses)
    assert len(rest) > 0
    if share == 0 or len(counts) == 1:
        assert len(held) == 0
    else:
        assert len(held) > 0
        # More than half too many are held out only where the smallest subject alone is that many.
        assert len(held) <= max(1.5 * share * len(poses), min(counts))


@pytest.mark.parametrize(("share", "subjects"), [(0.1, 1), (0.2, 2), (0.5, 5)])
def test_of_ten_equal_subjects_the_share_is_met_exactly(share, subjects):
    poses = pose_set([f"S{i}" for i in range(10) for _ in range(7)])
    _, held = poses.split_by_subject(share)
    assert len(held) == 7 * subjects
    assert len(subjects_of(held)) == subjects


def test_the_seed_chooses_who_is_held_out():
    poses = pose_set([f"S{i}" for i in range(10)])
    held = [frozenset(subjects_of(poses.split_by_subject(0.2, seed)[1])) for seed in range(20)]
    assert len(set(held)) > 5
    assert subjects_of(poses.split_by_subject(0.2, 7)[1]) == held[7]


# --- mirror ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILTIN)
def test_mirroring_twice_changes_nothing(name):
    poses = pose_set(["S1"] * 4, skeleton=load_skeleton(name))
    twice = poses.mirrored().mirrored()
    np.testing.assert_array_equal(twice.positions, poses.positions)
    np.testing.assert_array_equal(twice.intrinsics, poses.intrinsics)


@pytest.mark.parametrize("name", BUILTIN)
def test_the_mirror_image_is_seen_as_the_mirrored_picture(name):
    skeleton = load_skeleton(name)
    poses = pose_set(["S1"] * 4, skeleton=skeleton)
    flipped = poses.project()[:, skeleton.mirror_joints] * np.float32([-1, 1])
    np.testing.assert_allclose(poses.mirrored().project(), flipped, atol=1e-6)


def test_the_mirror_image_swaps_left_and_right():
    skeleton = load_skeleton()
    poses = pose_set(["S1"])
    left, right = skeleton.joints.index("l_wrist"), skeleton.joints.index("r_wrist")
    x, y, z = poses.positions[0, left]
    np.testing.assert_array_equal(poses.mirrored().positions[0, right], [-x, y, z])


# --- bone lengths ---------------------------------------------------------------------------------------------


def test_bone_lengths_are_the_distances_of_joint_and_parent():
    poses = pose_set(["S1"] * 3)
    for bone, parent in enumerate(poses.skeleton.parents[1:]):
        distance = np.linalg.norm(poses.positions[:, bone + 1] - poses.positions[:, parent], axis=-1)
        np.testing.assert_allclose(poses.bone_lengths()[:, bone], distance, rtol=1e-5)


def test_each_subject_has_the_mean_lengths_of_its_own_rows_the_same_on_both_sides():
    poses = pose_set(["tall", "short", "tall", "gone"]).take(np.array([0, 1, 2]))
    lengths = poses.subject_bone_lengths()
    mirror = poses.skeleton.mirror_bones
    assert lengths.shape == (2, poses.skeleton.num_bones)  # who has no rows left has no lengths
    np.testing.assert_allclose(lengths, lengths[:, mirror], rtol=1e-6)
    of_rows = poses.bone_lengths()
    tall = of_rows[[0, 2]].mean(0)
    np.testing.assert_allclose(lengths[1], (tall + tall[mirror]) / 2, rtol=1e-5)  # names are sorted: short, tall


# --- several sets ---------------------------------------------------------------------------------------------


def test_concatenated_sets_keep_rows_labels_and_provenance():
    first, second = pose_set(["S1", "S2"], 0, name="lab"), pose_set(["S0", "S1", "S1"], 1, name="street")
    both = concatenate([first, second])
    np.testing.assert_array_equal(both.positions, np.concatenate([first.positions, second.positions]))
    np.testing.assert_array_equal(both.project(), np.concatenate([first.project(), second.project()]))
    assert both.subject.strings().tolist() == ["S1", "S2", "S0", "S1", "S1"]
    assert both.subject.counts() == {"S0": 1, "S1": 3, "S2": 1}
    assert both.provenance["name"] == "lab + street"
    assert both.provenance["parts"] == [{"name": "lab"}, {"name": "street"}]


def test_one_set_concatenated_is_itself():
    poses = pose_set(["S1"])
    assert concatenate([poses]) is poses


def test_nothing_is_changed_in_place():
    poses = pose_set(["S1", "S2", "S3"])
    before = poses.positions.copy(), poses.intrinsics.copy()
    poses.mirrored(), poses.split_by_subject(0.3), poses.project(), poses.subject_bone_lengths()
    torch.from_numpy(poses.take(np.array([0])).positions).zero_()
    np.testing.assert_array_equal(poses.positions, before[0])
    np.testing.assert_array_equal(poses.intrinsics, before[1])
