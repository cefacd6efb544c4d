"""MotionBERT's pickle: every key, shape and type, the steps of its reader, and LCN's arithmetic there and back."""

from __future__ import annotations

import pickle
from typing import Any

import h5py
import numpy as np
import pytest

from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import safe_pickle

KEYS = {
    "joint_2d": ((17, 2), "<f4"),
    "confidence": ((17, 1), "<f4"),
    "joint3d_image": ((17, 3), "<f4"),
    "joints_2.5d_image": ((17, 3), "<f4"),
    "2.5d_factor": ((), "<f8"),
    "camera_name": ((), "<U8"),
    "action": ((), "<U3"),
    "source": ((), "<U19"),
}
SIZES = {"54138969": (1000, 1002), "60457274": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000)}


@pytest.fixture(scope="module")
def files(exports, convert, tmp_path_factory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("motionbert")
    for name in ("lenses", "fov"):
        convert(exports[name], "motionbert", folder / name)
    return {name: pickle.loads((folder / name / "aug.pkl").read_bytes()) for name in ("lenses", "fov")}


@pytest.fixture(scope="module")
def rows(rows_of) -> dict[str, dict[str, np.ndarray]]:
    """The export with a split, by the half that its rows are to be in."""
    every = rows_of("lenses")
    return {half: {k: v[every["split"] == i] for k, v in every.items()} for i, half in enumerate(("train", "test"))}


def test_every_key_has_a_row_a_pair(files, rows) -> None:
    assert list(files["lenses"]) == ["train", "test"]
    for half, arrays in files["lenses"].items():
        assert {name: (array.shape, array.dtype.str) for name, array in arrays.items()} == {
            name: ((len(rows[half]["split"]), *shape), kind) for name, (shape, kind) in KEYS.items()
        }
    assert len(files["fov"]["train"]["source"]) == 3000
    assert {name: array.shape for name, array in files["fov"]["test"].items()} == {
        name: (0, *shape) for name, (shape, _) in KEYS.items()
    }


@pytest.mark.parametrize("half", ["train", "test"])
def test_its_reader_finds_the_normalised_plane(half: str, files, rows) -> None:
    """``DataReaderH36M.read_2d`` and ``read_3d``: pixels by the size that the camera's name stands for."""
    arrays = files["lenses"][half]
    (name,) = set(arrays["camera_name"].tolist())
    w, h = SIZES[name]
    seen = arrays["joint_2d"] / w * 2 - [1, h / w]
    np.testing.assert_allclose(seen, rows[half]["detected_2d"], atol=1e-6)
    np.testing.assert_array_equal(arrays["confidence"][..., 0], rows[half]["confidence"])
    label = arrays["joint3d_image"].copy()
    label[..., :2] = label[..., :2] / w * 2 - [1, h / w]
    label[..., 2:] = label[..., 2:] / w * 2
    pose, f, c = (rows[half][n].astype("f8") for n in ("positions_3d", "intrinsics", "intrinsics"))
    pinhole = f[:, None, :2] * pose[..., :2] / pose[..., 2:] + c[:, None, 2:4]
    np.testing.assert_allclose(label[..., :2], pinhole, atol=2e-6)
    assert (np.sign(label[:, 1:, 2]) == np.sign(pose[:, 1:, 2] - pose[:, :1, 2])).all()


def test_without_detections_the_2d_is_the_projection_and_sure(exports, files) -> None:
    with h5py.File(exports["fov"]) as file:
        np.testing.assert_allclose(files["fov"]["train"]["joint_2d"] / 500 - 1, file["positions_2d"][:], atol=1e-6)
    assert (files["fov"]["train"]["confidence"] == 1).all()


def test_lcns_way_back_is_the_pose(files, rows) -> None:
    """``image_to_camera_frame`` of LCN's tools/gendb.py, with its box about the root, for each row."""
    for half, arrays in files["lenses"].items():
        pose = rows[half]["positions_3d"].astype("f8") * 1000
        intrinsics = rows[half]["intrinsics"].astype("f8")
        f, c = intrinsics[:, :2] * 500, (intrinsics[:, 2:4] + 1) * 500
        root = pose[:, 0]
        left, right = (f[:, 0] * (root[:, 0] + side) / root[:, 2] + c[:, 0] for side in (-1000, 1000))
        ratio = (right - left + 1) / 2000
        image = arrays["joint3d_image"].astype("f8")
        z = image[..., 2] / ratio[:, None] + root[:, 2:]
        xy = (image[..., :2] - c[:, None]) / f[:, None] * z[..., None]
        np.testing.assert_allclose(np.concatenate([xy, z[..., None]], -1), pose, atol=0.01)  # mm
        # What MotionBERT compares its predictions with: the same image frame in millimetres, whose depth is exact.
        metric = arrays["joints_2.5d_image"].astype("f8")
        np.testing.assert_allclose(image * arrays["2.5d_factor"][:, None, None], metric, rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(metric[..., 2], pose[..., 2] - root[:, 2:], atol=0.01)


def test_each_row_is_a_clip_of_its_own(files) -> None:
    """``split_clips`` cuts where ``source`` changes; the evaluation cuts a camera's six characters off its end."""
    for arrays in files["lenses"].values():
        source = arrays["source"].tolist()
        assert len({name[:-6] for name in source}) == len(source)
        assert all(name.endswith("_ca_01") for name in source)


def test_our_own_reader_of_pickles_takes_it(exports, convert, tmp_path, files) -> None:
    convert(exports["lenses"], "motionbert", tmp_path / "out")
    found = safe_pickle.load(tmp_path / "out" / "aug.pkl")
    for half, arrays in files["lenses"].items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[half][name], array, strict=True)
    assert load_skeleton("h36m17").num_joints == 17
