"""Up, told from poses: exact where every trunk is upright, near on real motion, level where nothing tells."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import light, random_poses, seeds, skeletons

from poseaug_gen.gravity import LEVEL_UP, up_of
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def in_tilted_cameras(poses: PoseSet, tilt: dict[str, Rotation]) -> PoseSet:
    """The poses of a level world as cameras of these names see them, turn about turn, each turned as it is tilted."""
    names = list(tilt)
    positions = np.stack(
        [tilt[names[i % len(names)]].apply(pose) for i, pose in enumerate(poses.positions.astype(np.float64))]
    )
    camera = Labels.of([names[i % len(names)] for i in range(len(poses))])
    return replace(poses, positions=positions.astype(np.float32), camera=camera)


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_each_camera_has_its_own_up(make_poses, name):
    """Standing people who look every way, in front of cameras tilted by up to 60 degrees and rolled by up to 20."""
    tilts = {
        "level": Rotation.identity(),
        "down": Rotation.from_euler("x", 60, degrees=True),
        "up": Rotation.from_euler("x", -35, degrees=True),
        "rolled": Rotation.from_euler("zx", [20, 30], degrees=True),
    }
    poses = in_tilted_cameras(make_poses(load_skeleton(name), rows=800), tilts)
    up = up_of(poses)
    expected = np.stack([tilts[camera].apply(LEVEL_UP) for camera in poses.camera.strings()])
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), 1)
    assert degrees_between(up, expected).max() < 2


def test_a_lean_that_goes_with_the_body_is_taken_out_by_hips_and_shoulders(make_poses):
    """Most look one way and all lean forward by 30 degrees, as climbers do: about a level line across their hips."""
    poses = make_poses(load_skeleton(), rows=400, cameras=1)
    left, right, hip, thorax = map(poses.skeleton.joints.index, ("l_hip", "r_hip", "hip", "thorax"))
    across = (poses.positions[:, left] - poses.positions[:, right]) * [1, 0, 1]
    rare = np.random.default_rng(0).random(400) < 0.3
    poses = poses.take(np.flatnonzero((np.abs(np.arctan2(across[:, 0], across[:, 2])) < 0.8) | rare))
    across = (poses.positions[:, left] - poses.positions[:, right]) * [1, 0, 1]
    lean = Rotation.from_rotvec(np.radians(30) * across / np.linalg.norm(across, axis=-1, keepdims=True))
    root = poses.positions[:, :1]
    leaning = np.stack([turn.apply(pose) for turn, pose in zip(lean, poses.positions - root, strict=True)]) + root
    poses = replace(poses, positions=leaning.astype(np.float32))
    trunk = degrees_between((leaning[:, thorax] - leaning[:, hip]).mean(0), LEVEL_UP)
    assert trunk > 10
    assert degrees_between(up_of(poses), LEVEL_UP).max() < trunk / 2


@pytest.mark.parametrize("rig", ["studio", "street"])
@pytest.mark.parametrize(("file", "within"), [("cmu_everyday", 1.5), ("cmu_sports", 1.5), ("far_climb", 5)])
def test_real_motion_through_cameras_of_known_tilt(shared_data, rig, file, within):
    cameras = load_rig(f"{shared_data}/rigs.json:{rig}")
    poses = read_sources([shared_data / f"{file}.npz"], Request(load_skeleton(), cameras))
    true = {camera.name: camera.rotation @ [0, 0, 1] for camera in cameras.cameras}
    expected = np.stack([true[name] for name in poses.camera.names])[poses.camera.codes]
    assert degrees_between(up_of(poses), expected).max() < within


def test_a_trunk_on_the_bodys_middle_stands_in_for_hips_and_shoulders(make_poses):
    tree = {"base": "", "tip": "base", "l_fin": "tip", "r_fin": "tip", "l_end": "l_fin", "r_end": "r_fin"}
    skeleton = Skeleton.from_dict({"joints": tree})
    poses = make_poses(skeleton, rows=50)
    positions = poses.positions.copy()
    positions[:, 1] = positions[:, 0] + np.float32([0.3, -0.4, 0])
    np.testing.assert_allclose(up_of(replace(poses, positions=positions)), [[0.6, -0.8, 0]] * 50, atol=1e-6)


def test_level_where_nothing_tells(make_poses):
    no_trunk = Skeleton.from_dict({"joints": {"base": "", "l_fin": "base", "r_fin": "base"}})
    np.testing.assert_array_equal(up_of(make_poses(no_trunk, rows=10)), [LEVEL_UP] * 10)
    # As many head down as head up.
    poses = make_poses(load_skeleton(), rows=100, cameras=1)
    tumbling = np.where(np.arange(100) % 2, 1, -1)[:, None, None] * (poses.positions - poses.positions[:, :1])
    np.testing.assert_array_equal(up_of(replace(poses, positions=tumbling.astype(np.float32))), [LEVEL_UP] * 100)


def test_no_rows(make_poses):
    assert up_of(make_poses(load_skeleton()).take(np.arange(0))).shape == (0, 3)


@light
@given(skeletons(), seeds)
def test_any_skeleton_gets_unit_vectors(skeleton, seed):
    pose = random_poses(skeleton, 6, seed).numpy().astype(np.float32)
    unknown = Labels.constant("unknown", 6)
    poses = PoseSet(
        skeleton, pose, np.ones((6, 9), np.float32), np.full((6, 2), 1000, np.int32), unknown, unknown, unknown
    )
    np.testing.assert_allclose(np.linalg.norm(up_of(poses), axis=-1), 1)
