"""VideoPose3D's pair: the steps of its loader lead back to the export's rows, and so do our own readers.

The steps are what facebookresearch/VideoPose3D's run.py and common/, and jfzhang95/PoseAug's utils/data_utils.py, do,
written anew.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from poseaug_gen.camera import Camera
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import videopose3d as reader
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import FixedRig


class MocapDataset:
    """As much of VideoPose3D's as a data set needs."""

    def __init__(self, fps: int, skeleton: Any) -> None:
        self._fps, self._skeleton = fps, skeleton

    def __getitem__(self, subject: str) -> dict:
        return self._data[subject]

    def subjects(self) -> list[str]:
        return list(self._data)

    def cameras(self) -> dict:
        return self._cameras

    def skeleton(self) -> Any:
        return self._skeleton


class Skeleton:
    """Likewise."""

    def __init__(self, parents: list[int], joints_left: list[int], joints_right: list[int]) -> None:
        assert len(joints_left) == len(joints_right)
        self.parents, self.left, self.right = np.array(parents), joints_left, joints_right


def data_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> MocapDataset:
    """``AugDataset`` of the folder's own loader, as in a checkout of VideoPose3D."""
    for name, content in {"mocap_dataset": MocapDataset, "skeleton": Skeleton}.items():
        module = types.ModuleType(f"common.{name}")
        setattr(module, content.__name__, content)
        monkeypatch.setitem(sys.modules, f"common.{name}", module)
    monkeypatch.setitem(sys.modules, "common", types.ModuleType("common"))
    spec = importlib.util.spec_from_file_location("aug_dataset", folder / "aug_dataset.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.AugDataset(str(folder / "data_3d_aug.npz"))


def turned(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """``qrot`` in single precision: ``v + 2 (w (q x v) + q x (q x v))``."""
    across = np.cross(np.broadcast_to(q[1:], v.shape), v)
    return v + 2 * (q[0] * across + np.cross(np.broadcast_to(q[1:], v.shape), across))


def world_to_camera(world: np.ndarray, camera: dict) -> np.ndarray:
    inverse = camera["orientation"] * np.array([1, -1, -1, -1], "f4")
    return turned(inverse, world - camera["translation"])


def project_to_2d(points: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """VideoPose3D's formula, with a camera (f, c, k, p) for each pose."""
    f, c, k, p = np.split(cameras[:, None].astype("f8"), [2, 4, 7], -1)
    xy = np.clip(points[..., :2] / points[..., 2:], -1, 1)
    r2 = (xy**2).sum(-1, keepdims=True)
    radial = 1 + (k * np.concatenate([r2, r2**2, r2**3], -1)).sum(-1, keepdims=True)
    tangential = (p * xy).sum(-1, keepdims=True)
    return f * (xy * (radial + tangential) + p * r2) + c


def loaded(dataset: MocapDataset, file: Path) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """What run.py has after it has loaded both files: subject -> action -> 3D in the camera's frame, normalised 2D."""
    with np.load(file, allow_pickle=True) as archive:
        symmetry, keypoints = (archive[name].item() for name in ("metadata", "positions_2d"))
    assert (dataset.skeleton().left, dataset.skeleton().right) == tuple(symmetry["keypoints_symmetry"])
    result: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    assert set(keypoints) == set(dataset.subjects())
    for subject in dataset.subjects():
        result[subject] = {}
        assert set(keypoints[subject]) == set(dataset[subject])
        for action, animation in dataset[subject].items():
            (camera,) = animation["cameras"]
            assert camera is dataset.cameras()[subject][0]
            (seen,) = keypoints[subject][action]
            pose = world_to_camera(animation["positions"], camera)
            assert len(seen) == len(pose)
            assert seen.flags.writeable  # run.py normalises in place
            seen[..., :2] = seen[..., :2] / camera["res_w"] * 2 - [1, camera["res_h"] / camera["res_w"]]
            result[subject][action] = pose, seen
    return result


def in_file_order(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The export's rows in the order of the subjects, and the subject of each."""
    with h5py.File(path) as file:
        rows = {name: file[name][:] for name in file}
    split = rows.get("split", np.zeros(len(rows["source_index"]), "i1"))
    names = ("train", "val") if "split" in rows else ("aug",)
    keys = [f"{names[s]}-{w}x{h}" for s, (w, h) in zip(split, rows["image_size"], strict=True)]
    order = sorted(range(len(keys)), key=lambda i: (split[i], *rows["image_size"][i]))
    return {name: values[order] for name, values in rows.items()}, [keys[i] for i in order]


@pytest.fixture(scope="module")
def folders(exports, convert, tmp_path_factory) -> dict[str, Path]:
    """The conversions of the exports in which people have Human3.6M's joints."""
    folder = tmp_path_factory.mktemp("videopose3d")
    for name in ("lenses", "shards", "fov"):
        convert(exports[name], "videopose3d", folder / name)
    return {name: folder / name for name in ("lenses", "shards", "fov")}


@pytest.mark.parametrize("name", ["lenses", "shards", "fov"])
def test_its_own_loader_finds_the_exports_rows(name: str, exports, folders, monkeypatch) -> None:
    rows, subject = in_file_order(exports[name])
    dataset = data_set(folders[name], monkeypatch)
    takes = loaded(dataset, folders[name] / "data_2d_aug_gt.npz")
    assert list(takes) == list(dict.fromkeys(subject))
    pose, seen = (np.concatenate([t[i] for takes in takes.values() for t in takes.values()]) for i in (0, 1))
    assert pose.dtype == seen.dtype == np.float32
    np.testing.assert_allclose(pose, rows["positions_3d"], atol=2e-6)
    np.testing.assert_allclose(seen, rows["positions_2d"], atol=1e-6)
    for subject_name, actions in takes.items():
        assert sum(len(pose) for pose, _ in actions.values()) == subject.count(subject_name)
        for action, (some, seen_2d) in actions.items():
            assert action.split(" ")[0] == "aug"
            intrinsics = dataset[subject_name][action]["intrinsics"]
            np.testing.assert_allclose(project_to_2d(some.astype("f8"), intrinsics), seen_2d, atol=5e-6)


def test_a_subject_has_the_intrinsics_that_all_its_frames_share(exports, folders, monkeypatch) -> None:
    """PoseAug and the semi-supervised loss take them; where every frame has its own there are none to be taken."""
    cameras = data_set(folders["lenses"], monkeypatch).cameras()
    with h5py.File(exports["lenses"]) as file:
        size, intrinsics = file["image_size"][:], file["intrinsics"][:]
    assert len(cameras) == 4
    for name, (camera,) in cameras.items():
        assert name.split("-")[1] == f"{camera['res_w']}x{camera['res_h']}"
        of_size = (size == [camera["res_w"], camera["res_h"]]).all(1)
        np.testing.assert_array_equal(camera["intrinsic"], intrinsics[of_size][0], strict=True)
    ((camera,),) = data_set(folders["fov"], monkeypatch).cameras().values()
    assert "intrinsic" not in camera
    assert not data_set(folders["fov"], monkeypatch).supports_semi_supervised()


def test_poseaug_gathers_a_camera_for_each_frame(folders, monkeypatch) -> None:
    """Its ``fetch`` with the one line of examples/train_videopose3d.md, and ``PoseDataSet``'s check of lengths."""
    dataset = data_set(folders["shards"], monkeypatch)
    takes = loaded(dataset, folders["shards"] / "data_2d_aug_gt.npz")
    poses = [pose for actions in takes.values() for pose, _ in actions.values()]
    cams = [dataset[subject][action]["intrinsics"] for subject in takes for action in takes[subject]]
    assert len(np.concatenate(cams)) == len(np.concatenate(poses)) == 6000
    assert np.concatenate(poses).shape[1:] == (16, 3)
    assert dataset.define_actions() == ["aug"]


def test_detections_are_a_file_of_their_own(exports, folders, monkeypatch) -> None:
    rows, _ = in_file_order(exports["lenses"])
    file = folders["lenses"] / "data_2d_aug_detected.npz"
    takes = loaded(data_set(folders["lenses"], monkeypatch), file)
    seen = np.concatenate([seen for actions in takes.values() for _, seen in actions.values()])
    np.testing.assert_allclose(seen, rows["detected_2d"], atol=1e-6)
    confidence = np.load(file, allow_pickle=True)["confidence"].item()
    sure = np.concatenate([take for actions in confidence.values() for (take,) in actions.values()])
    np.testing.assert_array_equal(sure, rows["confidence"])
    assert not (folders["shards"] / "data_2d_aug_detected.npz").exists()


@pytest.mark.parametrize("name", ["lenses", "shards"])
def test_our_own_readers_find_the_poses(name: str, exports, folders) -> None:
    """In 2D all of them as they are; in 3D as the file's camera sees them, brought to the middle of its world.

    Our reader moves people of a world frame over the floor to where cameras of a rig look. So places differ along x
    and z, by as much for all joints of a pose, and nothing else does.
    """
    rows, subject = in_file_order(exports[name])
    skeleton = load_skeleton({"lenses": "h36m17", "shards": "h36m16"}[name])
    request = Request(skeleton, FixedRig((level_camera(folders[name]),)))
    poses = reader.read_poses(folders[name] / "data_3d_aug.npz", request)
    assert isinstance(poses, PoseSet)
    assert poses.subject.strings().tolist() == subject
    moved = poses.positions - rows["positions_3d"]
    np.testing.assert_allclose(moved[..., 1], 0, atol=2e-6)
    np.testing.assert_allclose(moved - moved[:, :1], 0, atol=3e-6)
    seen = reader.read_2d(folders[name] / "data_2d_aug_gt.npz", request)
    assert seen.visible.all()
    np.testing.assert_allclose(seen.positions, rows["positions_2d"], atol=1e-6)


def level_camera(folder: Path) -> Camera:
    """The camera of every subject, from what the file says of it."""
    about = np.load(folder / "data_3d_aug.npz", allow_pickle=True)["metadata"].item()
    q, place = (np.array(about["camera"][name]) for name in ("orientation", "translation"))
    to_camera = turned(q * [1, -1, -1, -1], np.eye(3)).T
    intrinsics = np.array([2, 2, 0, 0, 0, 0, 0, 0, 0], "f4")
    return Camera(intrinsics, (1000, 1000), to_camera, place)


def test_the_world_has_people_on_their_feet(folders) -> None:
    """z is up: heads are above feet, which are about on z = 0; but for some that the untrained augmentor made."""
    poses = np.load(folders["lenses"] / "data_3d_aug.npz", allow_pickle=True)["positions_3d"].item()
    world = np.concatenate([pose for actions in poses.values() for pose in actions.values()])
    joints = load_skeleton("h36m17").joints
    head, ankle = (world[:, joints.index(joint), 2] for joint in ("head", "l_ankle"))
    assert (head > ankle).mean() > 0.9
    assert abs(np.median(ankle)) < 0.5


def test_what_the_file_says_of_itself(folders) -> None:
    skeleton = load_skeleton("h36m17")
    for file in ("data_3d_aug.npz", "data_2d_aug_gt.npz"):
        with np.load(folders["lenses"] / file, allow_pickle=True) as archive:
            about = archive["metadata"].item()
        assert about["num_joints"] == 17
        assert about["keypoints_symmetry"] == [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
        assert about["parents"] == [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15]
        assert about["joint_names"] == list(skeleton.joints)
        assert about["video_metadata"]["val-1920x1080"] == {"w": 1920, "h": 1080}


@pytest.mark.parametrize(
    ("name", "called"), [("h36m", "aug-h36m"), ("aug_2.v3", "aug-2-v3"), ("custom x", "aug-custom-x")]
)
def test_the_data_set_is_none_that_run_py_knows(name: str, called: str, exports, convert, tmp_path) -> None:
    """``--dataset h36m``, ``humaneva…`` and ``custom…`` are taken."""
    export = tmp_path / f"{name}.h5"
    export.symlink_to(exports["fov"])
    convert(export, "videopose3d", tmp_path / "out", rows=10)
    assert (tmp_path / "out" / f"data_3d_{called}.npz").is_file()
