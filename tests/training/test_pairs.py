"""Batches on the device."""

import torch

from poseaug_gen.bones import bones_of, directions_of, lengths_of
from poseaug_gen.camera import project
from poseaug_gen.training.pairs import Pairs, batches_in, shuffled

CPU = torch.device("cpu")


def test_shuffled_gives_each_row_at_most_once_and_only_whole_batches():
    torch.manual_seed(0)
    batches = list(shuffled(1000, 300, CPU))
    rows = torch.cat(batches)
    assert [len(batch) for batch in batches] == [300, 300, 300]
    assert len(rows.unique()) == 900
    assert not torch.equal(rows.sort().values, rows)


def test_a_set_smaller_than_a_batch_is_one_batch():
    (batch,) = shuffled(7, 300, CPU)
    assert sorted(batch.tolist()) == list(range(7))
    assert batches_in(7, 300) == 1


def test_swapped_bodies_keep_posture_and_place_and_are_projected_anew(skeleton, make_poses):
    poses = make_poses(skeleton, rows=50)
    pairs = Pairs.of(poses, CPU)
    bodies = torch.from_numpy(poses.subject_bone_lengths())
    swapped = pairs.with_random_lengths(bodies, skeleton)
    torch.testing.assert_close(swapped.pose[:, 0], pairs.pose[:, 0])
    old, new = bones_of(pairs.pose, skeleton), bones_of(swapped.pose, skeleton)
    torch.testing.assert_close(directions_of(new), directions_of(old), atol=2e-5, rtol=0)
    torch.testing.assert_close(swapped.pose_2d, project(swapped.pose, pairs.intrinsics))
    nearest = (lengths_of(new)[:, None] - bodies).abs().amax(-1).min(-1)
    assert nearest.values.max() < 1e-5, "every body is a training subject's"
    assert len(nearest.indices.unique()) == len(bodies), "and every subject's is used"
