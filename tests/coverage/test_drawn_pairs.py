"""A drawn pair says how it was made: from the posture, its lengths and its rotation the same pose comes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from poseaug_gen.camera import project
from poseaug_gen.config import PostureSettings, ViewSettings
from poseaug_gen.coverage.pairs import DrawnPairs, draw_pairs
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton, load_skeleton

ROWS = 500
LEVEL_VIEWS = replace(
    ViewSettings(), lowest=1.0, highest=1.0, aim=1.0, aim_spread=0.0, roll=0.0, sole=0.0, sole_spread=0.0, lean=0.0
)


def made(
    poses: PoseSet, postures: PostureSettings | None = None, views: ViewSettings | None = None, seed: int = 0
) -> tuple[Drawn, DrawnPairs]:
    random = np.random.default_rng(seed)
    pool = PosturePool(poses, 0, postures or PostureSettings())
    posture = pool.draw(ROWS, random)
    return posture, draw_pairs(posture, pool, views or ViewSettings(), random)


def bones(pose: torch.Tensor, skeleton: Skeleton) -> np.ndarray:
    """Child less parent, in NumPy and float64."""
    pose = pose.double().numpy()
    return pose[:, 1:] - pose[:, list(skeleton.parents[1:])]


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_rotation_and_ratio_take_the_posture_to_the_pose(make_poses: Callable[..., PoseSet], name: str) -> None:
    skeleton = load_skeleton(name)
    posture, pairs = made(make_poses(skeleton, rows=60))
    ratio = pairs.length_ratio.double().numpy()[:, skeleton.group_of_bone]
    longer = bones(posture.pose, skeleton) * (1 + ratio)[..., None]
    rotation = pairs.rotation.double().numpy()
    np.testing.assert_allclose(np.einsum("rij,rbj->rbi", rotation, longer), bones(pairs.pose, skeleton), atol=2e-5)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-5)
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(3), (ROWS, 1, 1)), atol=1e-5)


def test_the_2d_pose_is_what_the_pairs_own_camera_sees(make_poses, skeleton):
    _, pairs = made(make_poses(skeleton, rows=60))
    torch.testing.assert_close(pairs.pose_2d, project(pairs.pose, pairs.intrinsics))
    lenses = make_poses(skeleton, rows=60).intrinsics
    own = (pairs.intrinsics[:, None] == torch.from_numpy(lenses)).all(-1).any(1)
    share = ViewSettings().own_lens
    assert abs(own.double().mean() - share) < 4 * (share * (1 - share) / ROWS) ** 0.5


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.2])
def test_lengths_change_by_group_and_no_more_than_the_spread(make_poses, skeleton, spread):
    posture, pairs = made(make_poses(skeleton, rows=60), replace(PostureSettings(), length_spread=spread))
    assert pairs.length_ratio.shape == (ROWS, skeleton.num_groups)
    assert pairs.length_ratio.abs().max() <= spread
    grown = np.linalg.norm(bones(pairs.pose, skeleton), axis=-1) / np.linalg.norm(
        bones(posture.pose, skeleton), axis=-1
    )
    assert abs(grown - 1).max() <= spread + 1e-4
    assert (abs(grown - 1).max(0) > 0.9 * spread).all() or not spread, "every bone, the trunk's too"
    np.testing.assert_allclose(grown, grown[:, skeleton.mirror_bones], atol=1e-4)


@pytest.mark.parametrize("mirrored", [0.0, 1.0])
def test_who_stood_upright_before_a_tilted_camera_stands_upright_before_a_drawn_one(make_poses, skeleton, mirrored):
    """The source's camera looked down by 40 degrees and was rolled by 10; the drawn ones are held level."""
    poses = make_poses(skeleton, rows=ROWS, cameras=1)
    turn = Rotation.from_euler("zx", [10, 40], degrees=True).as_matrix()
    seen = replace(poses, positions=(poses.positions @ turn.T).astype(np.float32))
    settings = replace(PostureSettings(), mirrored=mirrored, exchange_legs=0.0, exchange_arms=0.0)
    _, pairs = made(seen, settings, LEVEL_VIEWS)
    hip, thorax = skeleton.joints.index("hip"), skeleton.joints.index("thorax")
    trunk = (pairs.pose[:, thorax] - pairs.pose[:, hip]).double().mean(0).numpy()
    assert np.degrees(np.arccos(-trunk[1] / np.linalg.norm(trunk))) < 2
    feet = pairs.pose[..., 1].amax(1)
    standing = (feet - 1.0).abs() < 1e-3
    assert standing.double().mean() > 1 - LEVEL_VIEWS.raised - 0.06, "on the floor, a metre under the camera"


def test_the_same_seed_draws_the_same_and_another_seed_others(make_poses, skeleton):
    poses = make_poses(skeleton, rows=60)
    one, two, other = (made(poses, seed=seed)[1] for seed in (1, 1, 2))
    assert all(torch.equal(value, getattr(two, name)) for name, value in vars(one).items())
    assert not torch.equal(one.pose, other.pose)
