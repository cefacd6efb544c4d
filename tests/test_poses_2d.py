"""Unpaired 2D poses in memory."""

import numpy as np
import pytest

from poseaug_gen.poses_2d import Poses2D, concatenate_2d
from poseaug_gen.skeleton import load_skeleton


def some(skeleton, rows=4, name="a"):
    rng = np.random.default_rng(rows)
    positions = rng.normal(size=(rows, skeleton.num_joints, 2))
    return Poses2D.of(skeleton, positions, rng.random((rows, skeleton.num_joints)) < 0.7, {"name": name})


def test_a_missing_joint_is_zero_and_the_others_are_as_they_were(skeleton):
    positions = np.random.default_rng(0).normal(size=(3, 16, 2))
    positions[0, 1], positions[1, 2, 0], positions[2, 3, 1] = np.nan, np.inf, 1e300  # the last is no float32
    visible = np.ones((3, 16), dtype=bool)
    visible[0, 5] = False
    poses = Poses2D.of(skeleton, positions, visible)
    missing = {(int(row), int(joint)) for row, joint in np.argwhere(~poses.visible)}
    assert missing == {(0, 1), (1, 2), (2, 3), (0, 5)}
    assert (poses.positions[~poses.visible] == 0).all()
    np.testing.assert_array_equal(poses.positions[poses.visible], positions[poses.visible].astype(np.float32))


def test_rows_are_taken_by_index_and_by_mask(skeleton):
    poses = some(skeleton, 5)
    for index in (np.array([3, 0]), np.array([True, False, True, False, False])):
        chosen = poses.take(index)
        np.testing.assert_array_equal(chosen.positions, poses.positions[index])
        np.testing.assert_array_equal(chosen.visible, poses.visible[index])
        assert chosen.provenance == poses.provenance


def test_sets_are_joined_with_a_record_each(skeleton):
    both = concatenate_2d([some(skeleton, 3, "a"), some(skeleton, 4, "b")])
    assert len(both) == 7
    np.testing.assert_array_equal(both.positions[3:], some(skeleton, 4).positions)
    assert [record["name"] for record in both.provenance] == ["a", "b"]
    with pytest.raises(ValueError, match="skeletons differ: h36m16, coco17"):
        concatenate_2d([some(skeleton), some(load_skeleton("coco17"))])
