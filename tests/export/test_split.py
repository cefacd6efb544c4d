"""Validation stands on subjects, or actions, that training never sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import light, seeds

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.split import validation_rows
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import load_skeleton

SKELETON = load_skeleton()
PARTS = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 40))  # subjects, actions, rows


def labelled(subject: np.ndarray, action: np.ndarray) -> PoseSet:
    """Poses of which only the labels matter."""
    rows = len(subject)
    return PoseSet(
        skeleton=SKELETON,
        positions=np.zeros((rows, SKELETON.num_joints, 3), dtype=np.float32),
        intrinsics=np.zeros((rows, 9), dtype=np.float32),
        image_size=np.ones((rows, 2), dtype=np.int32),
        subject=Labels.of(subject),
        action=Labels.of(action),
        camera=Labels.constant("c", rows),
    )


def random_labels(part: tuple[int, int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Names of subjects and actions; the two parts of a run may use the same ones for others."""
    subjects, actions, rows = part
    subject, action = (rng.integers(names, size=rows).astype(str) for names in (subjects, actions))
    return np.char.add("s", subject), np.char.add("a", action)


@light
@given(PARTS, st.none() | PARTS, st.floats(0.01, 0.9), seeds)
def test_no_subject_and_where_there_is_but_one_no_action_is_on_both_sides(source, built_in, share, seed):
    rng = np.random.default_rng(seed)
    parts = [random_labels(part, rng) for part in (source, built_in) if part is not None]
    poses = labelled(*(np.concatenate(names) for names in zip(*parts, strict=True)))
    added = 0 if built_in is None else built_in[2]
    if any(len(set(subject)) == len(set(action)) == 1 for subject, action in parts):
        with pytest.raises(PoseAugError, match="one subject"):
            validation_rows(poses, added, share, seed)
        return
    mask = validation_rows(poses, added, share, seed)
    assert mask.dtype == bool
    assert len(mask) == len(poses)
    np.testing.assert_array_equal(mask, validation_rows(poses, added, share, seed), "the same seed, the same people")
    for (subject, action), held in zip(parts, np.split(mask, [len(poses) - added]), strict=False):
        label = subject if len(set(subject)) > 1 else action
        assert not set(label[held]) & set(label[~held])
        assert held.any()
        assert not held.all()


def test_about_the_share_is_held_out_where_there_are_many(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(SKELETON, 1000, subjects=100)
    mask = validation_rows(poses, 0, 0.1, seed=0)
    assert 0.08 < mask.mean() < 0.15
    assert (mask != validation_rows(poses, 0, 0.1, seed=1)).any()


def test_each_part_is_split_by_itself(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(SKELETON, 300, subjects=3)
    mask = validation_rows(poses, 100, 0.02, seed=0)
    assert mask[:200].mean() == pytest.approx(1 / 3, abs=0.01), "a whole one of three"
    assert mask[200:].mean() == pytest.approx(1 / 3, abs=0.01)


def test_actions_are_told_apart_where_subjects_are_not(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(SKELETON, 60, subjects=1, actions=4)
    mask = validation_rows(poses, 0, 0.2, seed=0)
    assert len(set(poses.action.codes[mask])) == 1


def test_where_neither_can_be_the_sentence_names_the_run_and_the_mend(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(SKELETON, 20, subjects=1, actions=1)
    alone = poses.subject.names[0]
    with pytest.raises(PoseAugError) as caught:
        validation_rows(poses, 0, 0.2, 0, where="outputs/mine")
    assert str(caught.value) == (
        f"outputs/mine: its source poses are of one subject ({alone}) and one action, so none can be kept for "
        f"validation; export without --split, or train on a source with several subjects or actions"
    )
    several = replace(poses, subject=Labels.of(["a", "b"] * 5 + ["c"] * 10))
    with pytest.raises(PoseAugError, match="its built-in poses are of one subject"):
        validation_rows(several, 10, 0.2, 0)
