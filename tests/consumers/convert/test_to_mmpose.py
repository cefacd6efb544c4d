"""MMPose's files: every key, shape, type and unit; its data set's steps; and our own reader, which projects them."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseaug_gen.camera import to_pixels
from poseaug_gen.consumers.convert import mmpose
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import mmpose as reader
from poseaug_gen.sources import safe_pickle
from poseaug_gen.sources.formats import Request

TRAIN, TEST = (f"annotation_body3d/fps50/h36m_{half}.npz" for half in ("train", "test"))
CAMERAS = "annotation_body3d/cameras.pkl"
FOV_ROWS = 400  # of those that have a camera each: checked types make pickles slow
REQUEST = Request(load_skeleton("h36m17"))


@pytest.fixture(scope="module")
def folders(exports, convert, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("mmpose")
    for name, rows in (("lenses", None), ("fov", FOV_ROWS)):
        convert(exports[name], "mmpose", folder / name, rows=rows)
    return {name: folder / name for name in ("lenses", "fov")}


@pytest.fixture(scope="module")
def halves(rows_of) -> dict[str, dict[str, np.ndarray]]:
    """The rows of the export with a split, by the file that they are to be in."""
    rows = rows_of("lenses")
    return {half: {name: v[rows["split"] == i] for name, v in rows.items()} for i, half in enumerate((TRAIN, TEST))}


@pytest.mark.parametrize("half", [TRAIN, TEST])
def test_every_key_of_the_npz(half: str, folders, halves) -> None:
    rows = halves[half]
    count = len(rows["positions_3d"])
    pixels = to_pixels(rows["positions_2d"], rows["image_size"])
    with np.load(folders["lenses"] / half) as file:  # without pickles, as MMPose loads it
        found = dict(file)
    assert list(found) == ["imgname", "center", "scale", "part", "S"]
    assert found["imgname"].dtype.kind == "U"
    assert found["imgname"].shape == (count,)
    assert len(set(found["imgname"])) == count
    assert {name: (values.dtype, values.shape) for name, values in found.items() if name != "imgname"} == {
        "center": (np.float64, (count, 2)),
        "scale": (np.float64, (count,)),
        "part": (np.float64, (count, 17, 3)),
        "S": (np.float64, (count, 17, 4)),
    }
    np.testing.assert_array_equal(found["S"][..., :3], rows["positions_3d"])
    np.testing.assert_allclose(found["part"][..., :2], pixels, atol=1e-9)
    assert (found["S"][..., 3] == 1).all()
    assert (found["part"][..., 2] == 1).all()
    low, high = pixels.min(1), pixels.max(1)
    np.testing.assert_allclose(found["center"], (low + high) / 2)
    np.testing.assert_allclose(found["scale"], 1.2 * (high - low).max(1) / 200)


def projected(points: np.ndarray, camera: dict) -> np.ndarray:
    """Pixels of points before a camera by Human3.6M's own formula, ``ProjectPointRadial`` of its release."""
    f, c, k, p = (camera[key][:, 0] for key in "fckp")
    x, y = (points[:, axis] / points[:, 2] for axis in (0, 1))
    r2 = x**2 + y**2
    scale = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + p[0] * y + p[1] * x
    return np.stack([f[0] * (x * scale + p[1] * r2) + c[0], f[1] * (y * scale + p[0] * r2) + c[1]], -1)


def camera_of(name: str) -> tuple[str, str]:
    """As ``Human36mDataset`` takes an image's name apart to look up its camera."""
    subject, rest = name.rpartition("/")[2].split("_", 1)
    _, rest = rest.split(".", 1)
    return subject, rest.split("_", 1)[0]


@pytest.mark.parametrize("name", ["lenses", "fov"])
def test_each_row_is_seen_by_the_camera_that_its_name_leads_to(name: str, exports, folders) -> None:
    """By Human3.6M's own formula, to a thousandth of a pixel."""
    cameras = pickle.loads((folders[name] / CAMERAS).read_bytes())
    assert len(cameras) == {"lenses": 4, "fov": FOV_ROWS}[name]  # those of a training and of a test file are told apart
    for file in sorted((folders[name] / TRAIN).parent.iterdir()):
        with np.load(file) as data:
            names, part, pose = data["imgname"], data["part"], data["S"]
        for row in range(0, len(names), 97):
            seen = projected(pose[row, :, :3], cameras[camera_of(names[row])])
            np.testing.assert_allclose(part[row, :, :2], seen, atol=1e-3)


def test_every_key_of_a_camera(exports, folders) -> None:
    cameras = safe_pickle.load(folders["lenses"] / CAMERAS)
    with h5py.File(exports["lenses"]) as file:
        intrinsics, size = file["intrinsics"][:], file["image_size"][:]
    for (subject, number), camera in cameras.items():
        assert list(camera) == ["R", "T", "c", "f", "k", "p", "w", "h", "name", "id"]
        shapes = {key: value.shape for key, value in camera.items() if isinstance(value, np.ndarray)}
        assert shapes == {"R": (3, 3), "T": (3, 1), "c": (2, 1), "f": (2, 1), "k": (3, 1), "p": (2, 1)}
        assert all(camera[key].dtype == np.float64 for key in shapes)
        np.testing.assert_array_equal(camera["R"], np.eye(3))
        assert not camera["T"].any()
        assert subject == "S0"
        assert number == camera["id"]
        assert len(number) == 8
        assert type(camera["w"]) is type(camera["h"]) is int
    sizes = {(camera["w"], camera["h"]) for camera in cameras.values()}
    assert sizes == {(1000, 1002), (1920, 1080)} == set(map(tuple, size.tolist()))
    first = cameras["S0", "00000000"]
    with h5py.File(exports["lenses"]) as file:
        row = np.flatnonzero(file["split"][:] == 0)[0]
    w = size[row, 0]
    np.testing.assert_allclose(first["f"][:, 0], intrinsics[row, :2] * w / 2, rtol=1e-7)
    np.testing.assert_allclose(first["p"][:, 0], intrinsics[row, :6:-1])  # the other way round than ours


@pytest.mark.parametrize(("name", "half"), [("lenses", TRAIN), ("lenses", TEST), ("fov", TRAIN)])
def test_our_own_reader_finds_the_rows_and_agrees_with_their_2d(name: str, half: str, exports, folders, halves) -> None:
    with h5py.File(exports["fov"]) as file:
        rows = halves[half] if name == "lenses" else {key: file[key][:FOV_ROWS] for key in file}
    poses = reader.read(folders[name] / half, REQUEST)
    np.testing.assert_array_equal(poses.positions, rows["positions_3d"])
    np.testing.assert_allclose(poses.intrinsics, rows["intrinsics"], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(poses.image_size, rows["image_size"])
    assert poses.provenance["reprojection_px"] < 1e-3


def test_detections_are_of_mmposes_form(folders, halves) -> None:
    for half, name in ((TRAIN, "h36m_train"), (TEST, "h36m_test")):
        found = np.load(folders["lenses"] / f"joint_2d_det_files/{name}.npy")
        assert found.dtype == np.float32
        rows = halves[half]
        np.testing.assert_allclose(found[..., :2], to_pixels(rows["detected_2d"], rows["image_size"]), atol=1e-4)
        np.testing.assert_array_equal(found[..., 2], rows["confidence"])
    assert not (folders["fov"] / "joint_2d_det_files").exists()


def test_one_split_alone_is_in_its_own_file(exports, convert, tmp_path, halves) -> None:
    convert(exports["lenses"], "mmpose", tmp_path / "out", split="validation")
    assert not (tmp_path / "out" / TRAIN).exists()
    with np.load(tmp_path / "out" / TEST) as file:
        np.testing.assert_array_equal(file["S"][..., :3], halves[TEST]["positions_3d"])


def test_cameras_that_are_not_remembered_are_said_again(exports, convert, tmp_path, monkeypatch, halves) -> None:
    """So memory does not grow with them; every row still leads to its own camera."""
    monkeypatch.setattr(mmpose, "REMEMBERED", 1)
    convert(exports["lenses"], "mmpose", tmp_path / "out", rows=200, split="training")
    cameras = safe_pickle.load(tmp_path / "out" / CAMERAS)
    assert 50 < len(cameras) < 150
    poses = reader.read(tmp_path / "out" / TRAIN, REQUEST)
    np.testing.assert_allclose(poses.intrinsics, halves[TRAIN]["intrinsics"][:200], rtol=1e-6, atol=1e-7)


def test_sixteen_joints_are_refused_unless_one_is_to_be_derived(exports, convert, tmp_path) -> None:
    with pytest.raises(PoseAugError, match="h36m16 lacks nose; derive with --skeleton h36m17"):
        convert(exports["shards"], "mmpose", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    summary = convert(exports["shards"], "mmpose", tmp_path / "out", skeleton="h36m17", rows=200)
    assert summary.derived == {"nose": "0.5 thorax + 0.5 head"}
    assert reader.read(tmp_path / "out" / TRAIN, REQUEST).provenance["reprojection_px"] < 1e-3
