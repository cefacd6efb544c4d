"""Poses seen anew are the same poses: the postures, the bodies and whose they are stay, only the views change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from poseaug_gen.camera import project
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.anew import DRAWN, seen_anew
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.validity import Limits, faults

LIMITS = Limits(0.3, 30.0, 1.0)
# Level cameras at the height of a body's middle; in their frames there is room for a child, and none for a giant.
TIGHT = replace(ViewSettings(), lowest=0.95, highest=0.95, fills_least=0.75, fills_most=0.78, wander=0.05, own_lens=0.0)
TIGHT = replace(TIGHT, raised=0.0, lean=0.0)


@pytest.fixture
def poses(make_poses, skeleton) -> PoseSet:
    """Each row has its own subject, action and lens, so that none can be taken for another."""
    return make_poses(skeleton, rows=60, subjects=60, actions=60, cameras=3)


def relative(poses: PoseSet) -> np.ndarray:
    return (poses.positions - poses.positions[:, :1]).astype(np.float64)


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_each_pose_is_the_old_one_turned_and_moved(make_poses, name):
    poses = make_poses(load_skeleton(name), rows=60)
    anew = seen_anew(poses, ViewSettings(), LIMITS, 0)
    assert len(anew) == len(poses)
    for old, new in zip(relative(poses), relative(anew), strict=True):
        turn, distance = Rotation.align_vectors(new, old)
        assert distance < 1e-4, "metres: a rotation, without a scale or a mirror, leaves nothing over"
        assert turn.magnitude() > 1e-3
    np.testing.assert_allclose(anew.bone_lengths(), poses.bone_lengths(), atol=1e-5)


def test_every_one_is_wholly_in_its_frame(poses):
    anew = seen_anew(poses, ViewSettings(), LIMITS, 0)
    pose, lens = torch.from_numpy(anew.positions), torch.from_numpy(anew.intrinsics)
    assert not faults(pose, project(pose, lens), torch.from_numpy(anew.image_size), LIMITS).any()
    assert anew.image_size.dtype == poses.image_size.dtype


def test_labels_stay_and_old_cameras_and_detections_are_forgotten(poses):
    noisy = poses.project() + np.float32(0.01)
    anew = seen_anew(replace(poses, detected_2d=noisy), ViewSettings(), LIMITS, 0)
    for name in ("subject", "action"):
        np.testing.assert_array_equal(getattr(anew, name).strings(), getattr(poses, name).strings())
    assert anew.camera.counts() == {DRAWN: len(poses)}
    np.testing.assert_array_equal(anew.seen_2d(), anew.project())
    assert poses.provenance == anew.provenance


def test_elevations_are_the_settings_and_not_the_sources(make_poses, skeleton):
    """The source's cameras are level; drawn ones under the ceiling look down on everybody."""
    poses = make_poses(skeleton, rows=60)
    high = replace(ViewSettings(), lowest=3.0, highest=3.2, lean=0.0, roll=0.0)
    hip, thorax = skeleton.joints.index("hip"), skeleton.joints.index("thorax")
    trunk = (lambda p: (p.positions[:, thorax] - p.positions[:, hip]).mean(0))(seen_anew(poses, high, LIMITS, 0))
    assert trunk[2] / trunk[1] > np.tan(np.radians(15)), "up in the world is towards such a camera"


def test_whom_no_camera_has_in_its_frame_is_left_out_with_all_that_is_theirs(make_poses, skeleton):
    """Every other one is half as tall as people are; the others are giants."""
    poses = make_poses(skeleton, rows=60, subjects=60, actions=60)
    small = np.arange(60) % 2 == 0
    size = np.where(small, 0.5, 1.8)[:, None, None].astype(np.float32)
    poses = replace(poses, positions=poses.positions[:, :1] + size * (poses.positions - poses.positions[:, :1]))
    anew = seen_anew(poses, TIGHT, LIMITS, 0)
    kept = [poses.subject.strings().tolist().index(name) for name in anew.subject.strings()]
    assert kept == np.flatnonzero(small).tolist(), "the small ones, in their order"
    assert len(anew.positions) == len(anew.intrinsics) == len(anew.image_size) == len(anew.camera.codes) == 30
    np.testing.assert_array_equal(anew.action.strings(), poses.action.strings()[small])
    np.testing.assert_allclose(anew.bone_lengths(), poses.bone_lengths()[small], atol=1e-5)
    for old, new in zip(relative(poses)[small], relative(anew), strict=True):
        assert Rotation.align_vectors(new, old)[1] < 1e-4


def test_where_no_camera_has_anybody_in_its_frame_nobody_is_left(poses):
    assert len(seen_anew(poses, replace(ViewSettings(), nearest=50.0, farthest=60.0), LIMITS, 0)) == 0


def test_nobody_is_seen_anew_as_nobody(poses):
    assert len(seen_anew(poses.take(np.arange(0)), ViewSettings(), LIMITS, 0)) == 0


def test_the_same_seed_gives_the_same_views_and_another_seed_others(poses):
    one, two, other = (seen_anew(poses, ViewSettings(), LIMITS, seed).positions for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any(axis=(1, 2)).all()
