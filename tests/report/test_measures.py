"""What is measured of poses, against poses whose measures are known; and the rows that the page's script is given."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.dataset import export
from poseaug_gen.export.info import sample
from poseaug_gen.export.reading import find
from poseaug_gen.export.schema import CHUNK_ROWS
from poseaug_gen.gravity import LEVEL_UP
from poseaug_gen.poses import PoseSet
from poseaug_gen.report.browser import MILLIMETRES, PLACES, browsed, packed, rounded
from poseaug_gen.report.chosen import BROWSED, HARDEST, browsed_rows, most, spread_rows
from poseaug_gen.report.content import Content
from poseaug_gen.report.measures import Measure, corners, measured, spread_of
from poseaug_gen.report.tables import number
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.training.run_folder import RunFolder

ARM = Skeleton.from_dict({"name": "arm", "joints": {"root": "", "elbow": "root", "wrist": "elbow", "finger": "wrist"}})


def one(measure: str, poses: PoseSet) -> np.ndarray:
    """The values of one measure, seen by a level camera."""
    found = {m.name: values for m, values in measured(poses, np.tile(LEVEL_UP, (len(poses), 1)))}
    return found[measure]


def test_a_joint_that_is_straight_has_no_angle_and_a_right_one_ninety(make_poses: Callable[..., PoseSet]) -> None:
    poses = make_poses(ARM, rows=1)
    places = np.float32([[[0, 0, 5], [0, 0.3, 5], [0, 0.6, 5], [0.2, 0.6, 5]]])
    poses = replace(poses, positions=places)
    assert one("angle_wrist", poses) == pytest.approx(0, abs=0.1)
    assert one("angle_finger", poses) == pytest.approx(90, abs=0.1)
    assert one("bone_finger", poses) == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_every_bone_counts_once_and_left_and_right_together(make_poses: Callable[..., PoseSet], name: str) -> None:
    poses = make_poses(load_skeleton(name), rows=20)
    straight, mirrored = (
        {m.name: v for m, v in measured(p, np.tile(LEVEL_UP, (20, 1)))} for p in (poses, poses.mirrored())
    )
    bones = [values for name, values in straight.items() if name.startswith("bone_")]
    assert sum(values.shape[1] for values in bones) == poses.skeleton.num_bones
    assert np.sort(np.concatenate(bones, 1), 1) == pytest.approx(np.sort(100 * poses.bone_lengths(), 1), rel=1e-5)
    for measure, values in straight.items():
        sign = -1 if measure in ("azimuth", "place_x", "roll") else 1
        assert np.sort(sign * mirrored[measure], 1) == pytest.approx(np.sort(values, 1), abs=2e-3), measure


def test_place_and_height_are_shares_of_the_frame_whatever_its_shape(
    make_poses: Callable[..., PoseSet], skeleton
) -> None:
    poses = make_poses(skeleton, rows=10)
    wide = replace(poses, image_size=np.full((10, 2), (1000, 500), dtype=np.int32))
    low, high = corners(poses)
    assert one("height_in_frame", poses)[:, 0] == pytest.approx(50 * (high - low)[:, 1], rel=1e-6)
    assert one("height_in_frame", wide) == pytest.approx(2 * one("height_in_frame", poses), rel=1e-6)
    assert one("place_x", wide) == pytest.approx(one("place_x", poses))
    seen = poses.project()
    assert low[:, 0] == pytest.approx(seen[..., 0].min(1))


def test_a_field_of_view_of_ninety_degrees(make_poses: Callable[..., PoseSet], skeleton) -> None:
    poses = make_poses(skeleton, rows=2)
    intrinsics = poses.intrinsics.copy()
    intrinsics[:, 0] = 1
    assert one("field_of_view", replace(poses, intrinsics=intrinsics)) == pytest.approx(90)


finite = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.lists(finite, min_size=1, max_size=40), min_size=1, max_size=3))
def test_bins_hold_nearly_all_of_every_series_whatever_it_is(values: list[list[float]]) -> None:
    series = {str(number): np.array(each) for number, each in enumerate(values)}
    spread = spread_of(Measure("m", "g", "l", "", "…"), series)
    assert (np.diff(spread.edges) > 0).all()
    for name, each in series.items():
        assert 97 <= spread.shares[name].sum() <= 100.001 or len(each) > 1
        assert (each.min() <= spread.percentiles[name]).all()
        assert (spread.percentiles[name] <= each.max()).all()


# --- rows ------------------------------------------------------------------------------------------------------


@given(rows=st.integers(1, 5000), count=st.integers(1, 400))
def test_spread_rows_are_distinct_in_order_within_and_without_long_gaps(rows: int, count: int) -> None:
    chosen = spread_rows(rows, count)
    assert (np.diff(chosen) > 0).all()
    assert 0.7 * min(rows, count) <= len(chosen) <= min(rows, count)
    gaps = np.diff(np.concatenate([[-1], chosen, [rows]]))
    assert gaps.max() <= 3 * rows / min(rows, count) + 2


def test_the_hardest_are_among_those_that_can_be_browsed(full_content: Content) -> None:
    material = full_content.material
    chosen = browsed_rows(material)
    assert len(set(chosen.tolist())) == len(chosen) <= BROWSED + HARDEST
    hardest = most(material, "difficulty", HARDEST)
    assert set(hardest.tolist()) <= set(chosen.tolist())
    others = np.setdiff1d(np.arange(len(material.pairs)), hardest)
    assert material.rows["difficulty"][hardest].min() >= material.rows["difficulty"][others].max()


def test_a_sample_knows_the_numbers_of_its_rows(told_run: RunFolder, tmp_path: Path) -> None:
    export(told_run, ExportSettings(n=2 * CHUNK_ROWS + 900, shard_rows=CHUNK_ROWS + 1000), tmp_path / "aug.h5")
    rows = sample(find(tmp_path / "aug.h5"), told_run.skeleton)
    assert (np.diff(rows["row"]) > 0).all()
    assert len(rows["row"]) == len(rows["positions_3d"]) > CHUNK_ROWS
    with h5py.File(tmp_path / "aug.h5") as file:
        assert (file["positions_3d"][:][rows["row"]] == rows["positions_3d"]).all()


def unpacked(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<i2").reshape(shape).astype(float)


def test_the_script_is_given_the_rows_of_the_file(full_content: Content) -> None:
    material, told = full_content.material, browsed(full_content.material)
    index = browsed_rows(material)
    rows, joints = len(index), material.pairs.skeleton.num_joints
    assert told["row"] == material.rows["row"][index].tolist()
    positions = material.pairs.positions[index]
    pose, camera = unpacked(told["pose"], rows, joints, 3), unpacked(told["camera"], rows, 3)
    own = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    assert np.linalg.norm(pose[:, :, None] - pose[:, None], axis=-1) == pytest.approx(own * MILLIMETRES, abs=2)
    to_camera = np.linalg.norm(positions, axis=-1)
    assert np.linalg.norm(pose - camera[:, None], axis=-1) == pytest.approx(to_camera * MILLIMETRES, abs=3)
    sine = (-(camera - pose.mean(1)) / np.linalg.norm(camera - pose.mean(1), axis=-1, keepdims=True))[:, 1]
    assert np.degrees(np.arcsin(sine)) == pytest.approx(told["elevation"], abs=0.6), "level: up is -y"
    assert unpacked(told["seen"], rows, joints, 2) / PLACES == pytest.approx(material.pairs.project()[index], abs=1e-4)
    assert told["kind"] == (material.rows["snapshot"][index] > 0).astype(int).tolist()
    assert told["difficulty"] == pytest.approx(material.rows["difficulty"][index], abs=0.006)
    subject = told["subject"]
    own_subjects = material.run_poses.subject.strings()[material.rows["source_index"][index]]
    assert [subject["names"][code] for code in subject["codes"]] == own_subjects.tolist()


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "mm", "–"),
        (1234.5, "mm", "1,234\u00a0mm"),
        (0.12345, "", "0.123"),
        (-2.0, "°", "−2\u00a0°"),
        (0.0, "", "0"),
        (4e-5, "%", "under 0.001\u00a0%"),
    ],
)
def test_a_figure_is_said_in_few_digits(value: float | None, unit: str, said: str) -> None:
    assert number(value, unit) == said


def test_numbers_too_large_for_sixteen_bits_are_as_large_as_they_go() -> None:
    assert unpacked(packed(np.array([1e9, -1e9, 0.0014]), MILLIMETRES), 3).tolist() == [32767, -32768, 1]
    assert rounded(np.array([-0.4, 0.44]), 0) == [0, 0]
    assert str(rounded(np.array([-0.001]), 1)) == "[0.0]"
