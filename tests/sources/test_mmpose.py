"""MMPose's cut of Human3.6M: files of its layout come back as the poses and cameras that they were made of."""

import pickle
import zipfile
from collections import Counter

import numpy as np
import pytest
from fuzzing import mutants, running_pickles, survives
from pickled import GENERATIONS, pickled

from poseaug_gen.camera import to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import mmpose
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.h36m_cameras import h36m_camera

# Two cameras as metadata.xml of Human3.6M has them; the tangential pair p in its order.
PUBLISHED = {
    "54138969": {
        "f": [1145.04940458804, 1143.78109572365],
        "c": [512.541504956548, 515.4514869776],
        "k": [-0.207098910824901, 0.247775183068982, -0.00307515035078854],
        "p": [-0.00142447157470321, -0.000975698859470499],
        "w": 1000,
        "h": 1002,
    },
    "55011271": {
        "f": [1149.67569986785, 1147.59161666764],
        "c": [508.848621645943, 508.064917088557],
        "k": [-0.194213629607385, 0.240408539138292, 0.00681997559022603],
        "p": [-0.0027408943961907, -0.00161902658788553],
        "w": 1000,
        "h": 1000,
    },
}
VIEWS = [("S1", "Directions_1", "54138969"), ("S1", "WalkDog", "55011271"), ("S11", "Sitting_2", "54138969")]


def cameras(**changes) -> dict:
    """The content of cameras.pkl for :data:`VIEWS`, as preprocess_h36m.py writes it."""
    result = {}
    for number, (camera_id, values) in enumerate(PUBLISHED.items()):
        columns = {name: np.array(values[name])[:, None] for name in "fckp"}
        place = {"R": np.eye(3), "T": np.full((3, 1), 2.0), "name": f"camera{number + 1}", "id": camera_id}
        for subject in ("S1", "S11"):
            result[subject, camera_id] = {**place, **columns, "w": values["w"], "h": values["h"], **changes}
    return result


def seen(poses: np.ndarray, camera_id: str) -> np.ndarray:
    """Pixels by Human3.6M's formula, as its release has it: p is taken the other way round."""
    f, c, k, p = (np.array(PUBLISHED[camera_id][name]) for name in "fckp")
    x, y = poses[..., 0] / poses[..., 2], poses[..., 1] / poses[..., 2]
    r2 = x**2 + y**2
    gain = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + p[0] * y + p[1] * x
    return np.stack([f[0] * (x * gain + p[1] * r2) + c[0], f[1] * (y * gain + p[0] * r2) + c[1]], -1)


def fields(poses: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of h36m_train.npz for poses of Human3.6M's 17 joints, camera frame; row i shows VIEWS[i % 3]."""
    views = [VIEWS[i % 3] for i in range(len(poses))]
    ones = np.ones((len(poses), 17, 1))
    pixels = np.stack([seen(pose, view[2]) for pose, view in zip(poses.astype(np.float64), views, strict=True)])
    low, high = pixels.min(1), pixels.max(1)
    folders = [f"{subject}_{action}.{camera}" for subject, action, camera in views]
    names = [f"{f.split('_')[0]}/{f}/{f}_{5 * i + 1:06d}.jpg" for i, f in enumerate(folders)]
    return {
        "imgname": np.array(names),
        "center": (low + high) / 2,
        "scale": 1.2 * (high - low).max(1) / 200,
        "part": np.concatenate([pixels, ones], -1),
        "S": np.concatenate([poses.astype(np.float64), ones], -1),
    }


@pytest.fixture(scope="module")
def skeleton17():
    return load_skeleton("h36m17")


@pytest.fixture
def people(make_poses, skeleton17) -> np.ndarray:
    return make_poses(skeleton17, 12).positions


@pytest.fixture
def request17(skeleton17) -> Request:
    return Request(skeleton17)


@pytest.fixture
def save(tmp_path):
    """Writes a file of poses, with its cameras a folder above as MMPose has them, and gives its path."""

    def write(arrays: dict, described: object = None, where: str = "..") -> object:
        path = tmp_path / "annotation_body3d" / "fps10" / "h36m_train.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **arrays)
        if described is not None:
            data = described if isinstance(described, bytes) else pickle.dumps(described)
            (path.parent / where / "cameras.pkl").write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("core", GENERATIONS)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_was_written_comes_back(save, people, request17, protocol, core):
    path = save(fields(people), pickled(cameras(), protocol, core))
    assert mmpose.holds_poses(path)
    got = mmpose.read(path, request17)
    np.testing.assert_array_equal(got.positions, people)
    assert got.subject.strings().tolist() == ["S1", "S1", "S11"] * 4
    assert got.action.strings().tolist() == ["Directions", "WalkDog", "Sitting"] * 4
    assert got.camera.strings().tolist() == ["54138969", "55011271", "54138969"] * 4
    assert got.image_size[:3].tolist() == [[1000, 1002], [1000, 1000], [1000, 1002]]
    assert got.detected_2d is None
    assert got.provenance["reprojection_px"] < 0.001
    assert got.provenance["left_out"] == {"poses with joints that are not visible": 0}
    # Every joint of every row, by a formula that is not ours.
    np.testing.assert_allclose(to_pixels(got.project(), got.image_size), fields(people)["part"][..., :2], atol=1e-3)


def test_the_published_constants_are_the_same_cameras(save, people, request17):
    """Without cameras.pkl, and to the digits of cameras.pkl: VideoPose3D's constants against metadata.xml's."""
    alone = mmpose.read(save(fields(people)), request17)
    given = mmpose.read(save(fields(people), cameras()), request17)
    np.testing.assert_allclose(alone.intrinsics, given.intrinsics, atol=1e-7)
    assert alone.provenance["reprojection_px"] < 0.001
    np.testing.assert_array_equal(alone.intrinsics[0], h36m_camera("S1", "54138969").intrinsics)


def test_the_order_of_the_tangential_pair_shows(save, people, request17):
    """The pair as it stands would be another camera, by less than the check would find."""
    turned = {key: {**entry, "p": entry["p"][::-1]} for key, entry in cameras().items()}
    wrong = mmpose.read(save(fields(people), turned), request17)
    assert 0.005 < wrong.provenance["reprojection_px"] < mmpose.LARGEST_ERROR


@pytest.mark.parametrize("where", ["..", "."])
def test_cameras_lie_beside_or_a_folder_above(save, people, request17, where):
    described = cameras(w=2000)  # normalised by another width: it would show
    arrays = fields(people)
    del arrays["part"]
    path = save(arrays, described, where)
    got = mmpose.read(path, request17)
    assert (got.image_size[:, 0] == 2000).all()
    assert got.provenance["reprojection_px"] is None
    assert mmpose.companions(path) == ([path.with_name("cameras.pkl")] if where == "." else [])


def test_names_without_folders_and_the_default_skeleton(save, people, skeleton):
    arrays = fields(people)
    arrays["imgname"] = np.array([name.split("/")[-1] for name in arrays["imgname"]])
    got = mmpose.read(save(arrays), Request(skeleton))
    nose = load_skeleton("h36m17").joints.index("nose")
    np.testing.assert_array_equal(got.positions, np.delete(people, nose, axis=1))
    assert got.subject.counts() == {"S1": 8, "S11": 4}


def test_poses_that_are_not_all_visible_are_left_out(save, people, request17):
    arrays = fields(people)
    arrays["S"][3, 5, 3] = 0
    arrays["S"][3, 5, :3] = np.nan
    arrays["S"][7, 0, 3] = 0
    got = mmpose.read(save(arrays), request17)
    np.testing.assert_array_equal(got.positions, np.delete(people, [3, 7], axis=0))
    assert got.provenance["left_out"] == {"poses with joints that are not visible": 2}
    arrays["S"][..., 3] = 0
    with pytest.raises(PoseAugError, match="holds no poses"):
        mmpose.read(save(arrays), request17)


def test_2d_poses_alone(save, people, request17):
    arrays = fields(people)
    del arrays["S"]
    arrays["part"][2, 4, 2] = 0
    path = save(arrays)
    assert mmpose.holds_detections(path)
    assert not mmpose.holds_poses(path)
    positions, visible, record = mmpose.detections(path, request17)
    size = np.array([[PUBLISHED[VIEWS[i % 3][2]][side] for side in "wh"] for i in range(12)])
    wanted = arrays["part"][..., :2].copy()
    np.testing.assert_allclose(to_pixels(positions, size)[visible], wanted[visible], atol=1e-6)
    assert np.argwhere(~visible).tolist() == [[2, 4]]
    assert record["rows"] == 12


def test_other_files_are_not_taken_for_it(tmp_path, people):
    arrays = fields(people)
    spin = {**arrays, "imgname": np.array(["S1/Seq1/imageFrames/video_0/frame_000001.jpg"] * 12)}
    others = {
        "spin.npz": spin,
        "none.npz": {**arrays, "imgname": np.array([], dtype=str)},
        "one.npz": {**arrays, "imgname": np.array("S1_A.54138969_1.jpg")},
        "plain.npz": {"positions": people},
    }
    for name, content in others.items():
        np.savez(tmp_path / name, **content)
        assert not mmpose.holds_poses(tmp_path / name)
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps(cameras()))
    assert not mmpose.holds_poses(tmp_path / "cameras.pkl")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "imgname",
            lambda v: np.where(np.arange(12) == 5, "S1/x.jpg", v),
            "'S1/x.jpg', which is no image of Human3.6M",
        ),
        ("imgname", lambda v: np.arange(12), "'imgname' must be strings"),
        ("imgname", lambda v: v[:, None], r"'imgname' has the shape \(12, 1\)"),
        ("imgname", lambda v: np.char.replace(v, "54138969", "12345678"), "'12345678' is none of Human3.6M's.*cameras"),
        ("S", lambda v: v[:11], r"'S' is float64 of shape \(11, 17, 4\); it must be numbers of shape \(12, 17, 4\)"),
        ("S", lambda v: v[:, :16], "'S' is float64 of shape"),
        ("S", lambda v: v[..., :3], "'S' is float64 of shape"),
        ("S", lambda v: v.astype(str), "'S' is <U"),
        ("S", lambda v: v * [1000, 1000, 1000, 1], "metres"),
        ("S", lambda v: v + np.array([0.1, 0, 0, 0]), "pixels from its 2D poses .median., over 1; put the cameras.pkl"),
        ("S", lambda v: v * np.nan, "holds no poses"),
        ("part", lambda v: v[..., :2], "'part' is float64 of shape"),
        ("part", lambda v: v * np.nan, "lie inf pixels from its 2D"),
    ],
)
def test_a_wrong_array_is_one_sentence(save, people, request17, name, change, says):
    arrays = fields(people)
    arrays[name] = change(arrays[name])
    with pytest.raises(PoseAugError, match=says) as error:
        mmpose.read(save(arrays), request17)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("described", "says"),
    [
        (b"\x80\x04", "cameras.pkl: not a whole pickle"),
        ([1, 2], "cameras.pkl: holds no dict of cameras"),
        ({}, "camera 54138969 of S1 is not there"),
        (cameras(f=np.zeros(3)), "lacks 'f', an array of 2 numbers"),
        (cameras(f=np.array(["a", "b"])), "lacks 'f'"),
        (cameras(f=[1145.0, 1143.0]), "lacks 'f'"),
        (cameras(f=np.array([0.0, 1.0])), "focal length of 0"),
        (cameras(k=np.array([np.nan, 0, 0])), "NaN or infinity"),
        (cameras(k=np.array([1e300, 0, 0])), "NaN or infinity"),
        (cameras(w=None), "'w' and 'h' must be pixels"),
        (cameras(w=0), "'image_size' must be width and height"),
        (cameras(h=float("nan")), "'image_size' must be width and height"),
        (cameras(f=np.array([1145.0, 1100.0])), "pixels from its 2D poses"),
        (cameras(k=np.zeros(3), p=np.zeros(2)), "pixels from its 2D poses"),
    ],
)
def test_a_wrong_camera_is_one_sentence(save, people, request17, described, says):
    with pytest.raises(PoseAugError, match=says):  # off the middle, where a lens shows
        mmpose.read(save(fields(people + np.float32([1.2, 0.3, 0])), described), request17)


def test_swapped_cameras_are_found(save, people, request17):
    """One of them alone: the median over all rows would not tell."""
    wrong = cameras()
    wrong["S11", "54138969"] = wrong["S11", "55011271"]
    with pytest.raises(PoseAugError, match=r"seen by camera 54138969 of S11, lie .* pixels"):
        mmpose.read(save(fields(people), wrong), request17)


# --- strangers' files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(running_pickles()))
def test_hostile_cameras_run_nothing(save, people, request17, name):
    path = save(fields(people), running_pickles()[name])
    assert survives(lambda: mmpose.read(path, request17)) == "refused"


def fuzz(save, people, request, count: int, seed: int) -> Counter:
    """Outcomes of reading damaged files: the .npz, a member of it behind a good checksum, and cameras.pkl."""
    path = save(fields(people[:3]))
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    outcomes: Counter = Counter()
    for data in mutants(whole, seed, count):
        path.write_bytes(data)
        outcomes[survives(lambda: mmpose.holds_poses(path) and mmpose.read(path, request))] += 1
    for number, member in enumerate(("imgname.npy", "S.npy", "part.npy")):
        for data in mutants(content[member], seed + number, count):
            with zipfile.ZipFile(path, "w") as archive:
                for name, kept in content.items():
                    archive.writestr(name, data if name == member else kept)
            outcomes[survives(lambda: mmpose.holds_poses(path) and mmpose.read(path, request))] += 1
            if member != "S.npy":
                outcomes[survives(lambda: mmpose.holds_detections(path) and mmpose.detections(path, request))] += 1
    path.write_bytes(whole)
    described = path.parent.parent / "cameras.pkl"
    needed = {key: entry for key, entry in cameras().items() if key != ("S11", "55011271")}
    for data in mutants(pickle.dumps(needed), seed, count):
        described.write_bytes(data)
        outcomes[survives(lambda: mmpose.read(path, request))] += 1
    return outcomes


def test_damaged_files_are_one_sentence(save, people, request17):
    outcomes = fuzz(save, people, request17, 40, seed=0)
    assert outcomes["refused"] > outcomes["read"]
    assert outcomes.total() == 280


@pytest.mark.slow
def test_many_damaged_files_are_one_sentence(save, people, request17):
    outcomes = fuzz(save, people, request17, 1000, seed=1)
    print(outcomes)
    assert outcomes["refused"] > outcomes["read"]
    assert outcomes.total() == 7000
