"""Plain random augmentation: bones within ten per cent, every yaw, all of it in the frame of its own camera."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from poseaug_gen.bones import bones_of, lengths_of
from poseaug_gen.camera import project
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.plain import LENGTH, augmented, plain_pool
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.pairs import Pairs

CPU = torch.device("cpu")


def made(poses, rows=4000):
    return augmented(Pairs.of(poses, CPU), poses.skeleton, torch.Generator().manual_seed(0), rows)


@pytest.mark.parametrize("name", ["h36m16", "coco17"])
def test_bone_lengths_change_by_ten_per_cent_at_most_and_alike_on_both_sides(make_poses, name):
    poses = make_poses(load_skeleton(name), rows=1)  # one body: every row's lengths are known
    pose_2d, pose = made(poses)
    ratio = (lengths_of(bones_of(pose, poses.skeleton)) / torch.from_numpy(poses.bone_lengths())).numpy()
    assert np.abs(ratio - 1).max() <= LENGTH + 1e-4
    assert ratio.std(0).min() > 0.05, "every bone's does change"
    np.testing.assert_allclose(ratio, ratio[:, poses.skeleton.mirror_bones], atol=1e-4)
    assert len(pose) == len(pose_2d) > 1000


def test_postures_stay_as_they_are(make_poses, skeleton):
    """The angles between a body's bones are those of the one pose that there is."""
    poses = make_poses(skeleton, rows=1)
    bones = bones_of(made(poses)[1], skeleton).numpy()
    directions = bones / np.linalg.norm(bones, axis=-1, keepdims=True)
    its = bones_of(torch.from_numpy(poses.positions), skeleton).numpy()[0]
    its = its / np.linalg.norm(its, axis=-1, keepdims=True)
    np.testing.assert_allclose(directions @ directions.transpose(0, 2, 1), [its @ its.T] * len(bones), atol=1e-4)


def test_bodies_are_turned_every_way_tilted_by_20_degrees_and_rolled_by_6(make_poses, skeleton):
    """The turn of each body against the one pose that there is, found by scipy, taken apart as it was put together."""
    poses = make_poses(skeleton, rows=1)
    source = bones_of(torch.from_numpy(poses.positions), skeleton)[0].numpy()
    source = source / np.linalg.norm(source, axis=-1, keepdims=True)
    bones = bones_of(made(poses, 3000)[1], skeleton).numpy()
    bones = bones / np.linalg.norm(bones, axis=-1, keepdims=True)
    turns = Rotation.concatenate([Rotation.align_vectors(turned, source)[0] for turned in bones])
    roll, tilt, yaw = turns.as_euler("ZXY", degrees=True).T
    assert np.histogram(yaw, 8, (-180, 180))[0].min() > 0.07 * len(yaw)
    # Those that are tilted most do not fit in the frame wherever others do, so a little less than was drawn is left.
    assert 17 < tilt.std() < 21
    assert 5 < roll.std() < 7
    assert abs(tilt.mean()) < 2 > abs(roll.mean())


def test_pairs_are_seen_whole_by_a_camera_of_the_source_from_a_depth_of_the_source(source):
    """The place is not in the pool; least squares finds it from the 2D, and it projects to just that 2D."""
    source = replace(source, intrinsics=np.tile(np.float32([2, 2, 0.02, 0.01, 0, 0, 0, 0, 0]), (len(source), 1)))
    pose_2d, pose = (part[:500].double() for part in made(source))
    rays = (pose_2d - torch.tensor([0.02, 0.01])) / 2
    ones, zeros = torch.ones_like(rays[..., 0]), torch.zeros_like(rays[..., 0])
    rows = torch.cat([torch.stack([ones, zeros, -rays[..., 0]], -1), torch.stack([zeros, ones, -rays[..., 1]], -1)], 1)
    right = torch.cat([rays[..., i] * pose[..., 2] - pose[..., i] for i in (0, 1)], 1)
    place = torch.linalg.lstsq(rows, right[..., None]).solution[..., 0]
    camera = torch.from_numpy(source.intrinsics[:1]).double().expand(len(pose), 9)
    torch.testing.assert_close(project(pose + place[:, None], camera), pose_2d, rtol=0, atol=1e-5)
    assert pose_2d.abs().max() <= 1
    depths = source.positions[:, 0, 2]
    assert np.abs(place[:, 2:].numpy() - depths).min(1).max() < 1e-3
    spread = pose_2d.mean(1).std(0)
    assert spread.min() > 0.2, "all over the frame, where the source stands in its middle"


def test_a_pool_has_as_many_rows_as_were_asked_for_and_a_seed_gives_them_again(source):
    pool = plain_pool(source, 70_000, seed=3)
    assert len(pool) == 70_000
    assert pool.pose.isfinite().all()
    assert (pool.pose[:, 0] == 0).all()
    again, other = plain_pool(source, 500, seed=3), plain_pool(source, 500, seed=4)
    assert torch.equal(again.pose, pool.pose[:500])
    assert not torch.equal(other.pose, again.pose)


def test_a_source_that_nobody_can_see_is_refused(source):
    far = source.positions + np.float32([0, 0, 500])
    with pytest.raises(PoseAugError, match="hardly a valid pair"):
        plain_pool(replace(source, positions=far), 100)
