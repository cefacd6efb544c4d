"""Where cameras stand round bodies: against cameras that were put there, and bodies that an export turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.bones import bones_of, directions_of
from poseaug_gen.camera import look_at
from poseaug_gen.config import ExportSettings
from poseaug_gen.export.dataset import export
from poseaug_gen.gravity import LEVEL_UP, up_of
from poseaug_gen.poses import PoseSet
from poseaug_gen.report.viewpoints import carried, carried_up, trunk_up, viewpoints
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.run_folder import RunFolder

HEIGHT = 0.9  # of the body's root over the floor, metres


def standing_in_the_world() -> np.ndarray:
    """A body in a world frame (z up) that faces along x, so that its left is at y > 0; ``h36m16``, metres."""
    place = {"hip": (0, 0, 0), "spine": (0, 0, 0.25), "thorax": (0, 0, 0.5), "head": (0, 0, 0.75)}
    for side, y in (("l", 1), ("r", -1)):
        place |= {f"{side}_hip": (0, 0.13 * y, 0), f"{side}_knee": (0, 0.13 * y, -0.45)}
        place |= {f"{side}_ankle": (0, 0.13 * y, -0.9), f"{side}_shoulder": (0, 0.17 * y, 0.5)}
        place |= {f"{side}_elbow": (0, 0.2 * y, 0.2), f"{side}_wrist": (0, 0.2 * y, -0.05)}
    return np.array([place[joint] for joint in load_skeleton().joints]) + np.array([0, 0, HEIGHT])


@given(azimuth=st.floats(-179, 179), elevation=st.floats(-75, 75), roll=st.floats(-80, 80), away=st.floats(2, 9))
def test_a_camera_is_found_where_it_was_put(azimuth: float, elevation: float, roll: float, away: float) -> None:
    body = standing_in_the_world()
    middle = body.mean(0)
    a, e = np.radians([azimuth, elevation])
    position = middle + away * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    level = look_at(position, middle)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ level  # what is upright leans to the right in the image
    seen = ((body - position) @ rotation.T).astype(np.float32)[None]
    found = viewpoints(seen, (rotation @ [0, 0, 1])[None], load_skeleton())
    assert found.elevation == pytest.approx([elevation], abs=1e-3)
    assert found.azimuth == pytest.approx([azimuth], abs=1e-3)
    assert found.roll == pytest.approx([roll], abs=1e-3)


def test_mirror_images_are_seen_from_the_other_side(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(load_skeleton("coco17"), rows=30)
    up = np.tile(LEVEL_UP, (30, 1))
    straight, mirrored = (viewpoints(p.positions, up, p.skeleton) for p in (poses, poses.mirrored()))
    assert straight.azimuth is not None
    assert mirrored.azimuth == pytest.approx(-straight.azimuth, abs=1e-3)
    assert mirrored.elevation == pytest.approx(straight.elevation, abs=1e-3)


def test_an_unaugmented_row_is_its_source_posture_turned_and_mirrored_as_the_row_is(
    make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    run = make_run(learned=0.0, exchange_legs=0.0, exchange_arms=0.0)
    export(run, ExportSettings(n=200), tmp_path / "aug.h5")
    with h5py.File(tmp_path / "aug.h5") as file:
        rows = {name: file[name][:] for name in file}
    assert 0 < rows["mirrored"].mean() < 1
    exported, source = (
        directions_of(bones_of(torch.from_numpy(p).double(), run.skeleton)).numpy()
        for p in (rows["positions_3d"], carried(rows, run.poses))
    )
    assert np.abs(exported - source).max() < 1e-4


def test_a_vertical_is_turned_with_its_body(make_poses: Callable[..., PoseSet], skeleton) -> None:
    poses = make_poses(skeleton, rows=40, cameras=2)
    rows = {
        "source_index": np.arange(40)[::-1].copy(),
        "mirrored": np.arange(40) % 2,
        "rotation": np.tile(np.float32([0, 0, np.pi / 2]), (40, 1)),  # x to y, y to -x
    }
    expected = up_of(poses)[::-1] * np.where(np.arange(40)[:, None] % 2, [-1, 1, 1], 1)
    expected = np.stack([-expected[:, 1], expected[:, 0], expected[:, 2]], -1)
    assert np.abs(carried_up(rows, poses) - expected).max() < 1e-5


def test_without_a_recording_the_trunk_is_the_vertical(make_poses: Callable[..., PoseSet], skeleton) -> None:
    poses = make_poses(skeleton, rows=50)
    up = trunk_up(poses.positions, skeleton)
    assert np.linalg.norm(up, axis=-1) == pytest.approx(1)
    assert (up @ LEVEL_UP > 0.9).all()
    lying = replace(poses, positions=poses.positions[..., [1, 0, 2]])
    assert (np.abs(trunk_up(lying.positions, skeleton) @ LEVEL_UP) < 0.5).all()
