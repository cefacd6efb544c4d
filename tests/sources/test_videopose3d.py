"""VideoPose3D's files: written in the published layout, read back, and checked against the release's camera model."""

import pickle
import tomllib
import warnings
from collections import Counter
from importlib import resources

import numpy as np
import pytest
from fuzzing import mutants, running_pickles, survives
from h36m_release import release_projection, turned_back
from object_npz import object_header, object_member, write_members
from pickled import GENERATIONS

from poseaug_gen import sources
from poseaug_gen.camera import to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import videopose3d
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import joint_names
from poseaug_gen.sources.rigs import load_rig

CONSTANTS = tomllib.loads(resources.files(sources).joinpath("h36m_cameras.toml").read_text())
IDS = [camera["id"] for camera in CONSTANTS["camera"]]
LAYOUTS = joint_names().layouts
SYMMETRY = {
    17: [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
    16: [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]],
    32: [[6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23], [1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31]],
}
COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]


@pytest.fixture(scope="module")
def studio(make_poses) -> dict:
    """Subject -> action -> poses (frames, 17, 3) of people who stand about in the room, metres, z up."""

    def walk(frames: int, seed: int) -> np.ndarray:
        x, y, z = np.moveaxis(make_poses(load_skeleton("h36m17"), frames, seed, subjects=1).positions, -1, 0)
        world = np.stack([z - 5 + 0.3 * np.sin(seed), -x, -y], -1)
        world[..., 2] -= world[..., 2].min(1, keepdims=True)
        return world

    return {
        "S1": {"Directions": walk(4, 1), "Walking 1": walk(3, 2), "Walking 2": walk(2, 3)},
        "S9": {"Photo": walk(3, 4)},
        "S11": {"WalkDog 1": walk(2, 5)},
    }


def with_joints(world: np.ndarray, joints: int) -> np.ndarray:
    """Poses of 17 joints as a file has them; what no name belongs to lies far away."""
    names = LAYOUTS[f"h36m{joints}"]
    result = np.full((len(world), joints, 3), 77.0, dtype=np.float32)
    for i, name in enumerate(names):
        if name in LAYOUTS["h36m17"]:
            result[:, i] = world[:, LAYOUTS["h36m17"].index(name)]
    return result


def each(data: dict, change) -> dict:
    """``change`` of everything in a dict of dicts."""
    return {s: {a: change(s, a, value) for a, value in actions.items()} for s, actions in data.items()}


def seen(subject: str, camera: int, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a published camera makes of poses: joints in its frame, and pixels, by the release's own formula."""
    lens, place = CONSTANTS["camera"][camera], CONSTANTS["placed"][subject][camera]
    points = (world.reshape(-1, 3) - np.array(place["translation"]) / 1000).tolist()
    frame = [turned_back(place["orientation"], point) for point in points]
    pixels = [
        release_projection(point, lens["focal"], lens["centre"], lens["radial"], lens["tangential"][::-1])
        for point in frame
    ]
    return np.reshape(frame, world.shape), np.reshape(pixels, (*world.shape[:-1], 2))


def four_cameras(studio: dict, change=lambda pixels: pixels) -> dict:
    """The 2D poses that the cameras see: subject -> action -> four arrays."""
    return each(studio, lambda s, a, world: [change(seen(s, c, world)[1].astype(np.float32)) for c in range(4)])


def write_3d(path, data, protocol: int = 3, core: str = GENERATIONS[0]):
    return write_members(path, positions_3d=object_member(data, protocol, core))


def write_2d(path, data, metadata=None, protocol: int = 3, core: str = GENERATIONS[0]):
    if metadata is None:
        metadata = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": SYMMETRY[17]}
    members = {"positions_2d": object_member(data, protocol, core)}
    return write_members(path, **members, metadata=object_member(metadata, protocol, core))


@pytest.fixture
def pair(tmp_path, studio):
    """``data_2d_h36m_cpn_ft_h36m_dbb.npz`` beside ``data_3d_h36m.npz``; detections are off by (3, -2) pixels."""
    write_3d(tmp_path / "data_3d_h36m.npz", each(studio, lambda s, a, world: with_joints(world, 32)))
    off = np.array([3, -2], dtype=np.float32)
    return write_2d(tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz", four_cameras(studio, lambda p: p + off))


@pytest.fixture(scope="session")
def request17() -> Request:
    return Request(load_skeleton("h36m17"))


# --- 3D poses -----------------------------------------------------------------------------------------------------


def test_every_subject_is_seen_by_their_own_cameras(tmp_path, studio, request17):
    path = write_3d(tmp_path / "x.npz", each(studio, lambda s, a, world: with_joints(world, 17)))
    assert videopose3d.holds_poses(path)
    got = videopose3d.read_poses(path, request17)
    rows = {}
    for camera in range(4):
        for subject, actions in studio.items():
            mine = (got.subject.strings() == subject) & (got.camera.strings() == IDS[camera])
            frame, pixels = (
                np.concatenate(parts)
                for parts in zip(*(seen(subject, camera, w) for w in actions.values()), strict=True)
            )
            np.testing.assert_allclose(got.positions[mine], frame, atol=2e-6)
            np.testing.assert_allclose(to_pixels(got.project()[mine], got.image_size[mine]), pixels, atol=2e-3)
            rows[subject, camera] = mine.sum()
    assert sum(rows.values()) == len(got) == 4 * 14
    assert got.action.counts() == {"Directions": 16, "Walking": 20, "Photo": 12, "WalkDog": 8}
    assert got.camera.counts() == dict.fromkeys(IDS, 14)
    assert {tuple(size) for size in got.image_size} == {(1000, 1002), (1000, 1000)}
    assert got.detected_2d is None
    assert got.provenance["licence"] == "Human3.6M: academic use only, on registration"
    assert (got.provenance["file"], got.provenance["rows"]) == ("x.npz", 56)


@pytest.mark.parametrize("core", GENERATIONS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_and_numpy_is_read(tmp_path, studio, skeleton, protocol, core):
    data = each(studio, lambda s, a, world: with_joints(world, 32))
    path = write_3d(tmp_path / "x.npz", data, protocol, core)
    with np.load(path, allow_pickle=True) as theirs, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 2 on NumPy 1's names
        np.testing.assert_array_equal(theirs["positions_3d"].item()["S9"]["Photo"], data["S9"]["Photo"])
    np.savez_compressed(tmp_path / "y.npz", positions_3d=data)
    mine, numpys = (videopose3d.read_poses(tmp_path / name, Request(skeleton)) for name in ("x.npz", "y.npz"))
    np.testing.assert_array_equal(mine.positions, numpys.positions)
    np.testing.assert_array_equal(mine.subject.strings(), numpys.subject.strings())


def test_all_numbers_of_joints_are_the_same_poses(tmp_path, studio, skeleton):
    got = []
    for joints in (32, 17, 16):
        data = each(studio, lambda s, a, world, joints=joints: with_joints(world, joints))
        path = write_3d(tmp_path / f"{joints}.npz", data)
        got.append(videopose3d.read_poses(path, Request(skeleton)).positions)
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[0], got[2])
    assert np.abs(got[0]).max() < 10


def test_subjects_without_published_cameras_are_seen_by_the_rig(tmp_path, studio, skeleton):
    data = {"Train/Ann": studio["S1"], "S9": studio["S9"]}
    path = write_3d(tmp_path / "x.npz", data)
    with pytest.raises(PoseAugError, match="world frame and need cameras to see them"):
        videopose3d.read_poses(path, Request(skeleton))
    got = videopose3d.read_poses(path, Request(skeleton, load_rig("ring:cameras=2")))
    assert got.subject.counts().keys() == data.keys()
    assert got.action.counts().keys() == {"Directions", "Walking", "Photo"}
    own = got.take(got.subject.strings() == "S9")
    assert set(own.camera.strings()) == set(IDS)
    alone = videopose3d.read_poses(write_3d(tmp_path / "y.npz", {"S9": studio["S9"]}), Request(skeleton))
    np.testing.assert_array_equal(own.positions, alone.positions)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "'positions_3d' is not subject -> action -> poses"),
        ({}, "'positions_3d' holds no poses"),
        ({"S1": {}}, "'positions_3d' holds no poses"),
        ({"S1": np.zeros((2, 17, 3))}, "is not subject -> action -> poses"),
        ({"S1": {"Walk": [np.zeros((2, 17, 3))]}}, r"'S1', 'Walk' has no array of numbers \(frames, joints, 3\)"),
        ({"S1": {"Walk": np.zeros((2, 17, 2))}}, "has no array of numbers"),
        ({"S1": {"Walk": np.zeros((2, 51))}}, "has no array of numbers"),
        ({"S1": {"Walk": np.zeros((2, 17, 3), dtype="S1")}}, "has no array of numbers"),
        ({"S1": {"Walk": np.zeros((2, 15, 3))}}, "have 15 joints; all must have as many: 16, 17, 32"),
        ({"S1": {"A": np.zeros((2, 17, 3)), "B": np.zeros((2, 16, 3))}}, "have 16, 17 joints; all must have as many"),
        ({"S1": {1: np.zeros((2, 17, 3))}}, "subject or action that is no name"),
        ({"S1": {"x" * 300: np.zeros((2, 17, 3))}}, "subject or action that is no name"),
        ({"S1": {"Walk": np.zeros((0, 17, 3))}}, "holds no poses"),
        ({"S1": {"Walk": np.full((2, 17, 3), np.nan)}}, "row 0, joint 'hip' is not finite"),
        ({"S1": {"Walk": np.full((2, 17, 3), 1e300)}}, "row 0, joint 'hip' is not finite"),
        ({"S1": {"Walk": np.zeros((2, 17, 3))}}, "poses must be in metres"),
    ],
)
def test_wrong_3d_is_named(tmp_path, request17, data, says):
    path = write_3d(tmp_path / "x.npz", data)
    with pytest.raises(PoseAugError, match=rf"x\.npz: .*{says}|x\.npz: {says}"):
        videopose3d.read_poses(path, request17)


def test_millimetres_are_found(tmp_path, studio, request17):
    path = write_3d(tmp_path / "x.npz", each(studio, lambda s, a, world: world * 1000))
    with pytest.raises(PoseAugError, match="look like millimetres: divide by 1000"):
        videopose3d.read_poses(path, request17)


# --- pairs --------------------------------------------------------------------------------------------------------


def test_detections_meet_their_poses(pair, request17):
    assert videopose3d.holds_keypoints(pair)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = videopose3d.read_pairs(pair, request17)
    assert len(got) == 56
    off = to_pixels(got.detected_2d, got.image_size) - to_pixels(got.project(), got.image_size)
    np.testing.assert_allclose(off, np.broadcast_to([3, -2], off.shape), atol=5e-3)
    alone = videopose3d.read_poses(pair.with_name("data_3d_h36m.npz"), request17)
    np.testing.assert_array_equal(got.positions, alone.positions)
    np.testing.assert_array_equal(got.action.strings(), alone.action.strings())
    assert got.provenance["file"] == pair.name
    assert got.provenance["poses_3d"] == {"file": "data_3d_h36m.npz", "sha256": alone.provenance["sha256"]}


@pytest.mark.parametrize("joints", [32, 17, 16])
def test_detections_of_fewer_and_more_joints_agree(pair, studio, skeleton, joints):
    expected = videopose3d.read_pairs(pair, Request(skeleton)).detected_2d
    names = LAYOUTS[f"h36m{joints}"]
    index = [LAYOUTS["h36m17"].index(name) if name in LAYOUTS["h36m17"] else 0 for name in names]
    data = four_cameras(studio, lambda p: (p + np.float32([3, -2]))[:, index])
    for metadata in ({"num_joints": joints, "keypoints_symmetry": SYMMETRY[joints]}, {}):
        got = videopose3d.read_pairs(write_2d(pair, data, metadata), Request(skeleton))
        np.testing.assert_array_equal(got.detected_2d, expected)


def test_detections_of_coco_are_mapped_by_their_symmetry(pair, studio, skeleton):
    """17 joints too, but others: shoulders and hips are COCO's, the pelvis is made of the hips."""
    names = LAYOUTS["coco17"]
    index = [LAYOUTS["h36m17"].index(name) if name in LAYOUTS["h36m17"] else 10 for name in names]
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": COCO_SYMMETRY}
    write_2d(pair, four_cameras(studio, lambda p: p[:, index]), metadata)
    got = videopose3d.read_pairs(pair, Request(skeleton))
    place = {name: i for i, name in enumerate(skeleton.joints)}
    for name in ("l_knee", "r_ankle", "l_wrist", "r_shoulder"):
        np.testing.assert_allclose(got.detected_2d[:, place[name]], got.project()[:, place[name]], atol=1e-5)
    hips = (got.detected_2d[:, place["l_hip"]] + got.detected_2d[:, place["r_hip"]]) / 2
    np.testing.assert_allclose(got.detected_2d[:, place["hip"]], hips, atol=1e-6)


def test_a_detectors_score_is_not_taken_for_a_coordinate(pair, studio, request17):
    expected = videopose3d.read_pairs(pair, request17).detected_2d
    off = np.float32([3, -2])
    write_2d(pair, four_cameras(studio, lambda p: np.concatenate([p + off, p[..., :1] * 0 + 0.9], -1)))
    np.testing.assert_array_equal(videopose3d.read_pairs(pair, request17).detected_2d, expected)


def test_different_lengths_are_cut_with_one_warning(pair, studio, request17):
    whole = videopose3d.read_pairs(pair, request17)
    data = four_cameras(studio, lambda p: np.concatenate([p, p[-1:] + 50]))  # one frame too many, in all of them
    data["S9"]["Photo"][2] = data["S9"]["Photo"][2][:-2]  # and one too few for one camera
    data["S1"]["Sitting"] = data["S1"]["Directions"]
    del data["S11"]
    write_2d(pair, data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = videopose3d.read_pairs(pair, request17)
    assert [str(warning.message) for warning in caught] == [
        f"{pair}: 4 of 4 actions have not as many frames in 2D as in 3D and are cut to the shorter (S1, Directions: "
        f"5/5/5/5 in 2D, 4 in 3D); 2 actions have either 2D or 3D poses and are left out"
    ]
    assert got.subject.counts() == {"S1": 4 * 9, "S9": 4 * 2}
    first = whole.subject.strings() == "S1"
    np.testing.assert_array_equal(got.positions[:36], whole.positions[first])
    error = to_pixels(got.detected_2d, got.image_size) - to_pixels(got.project(), got.image_size)
    assert np.abs(error).max() < 5e-3


@pytest.mark.parametrize(
    ("change", "metadata", "says"),
    [
        (lambda d: d["S1"].update(Directions=d["S1"]["Directions"][:3]), None, "2D poses of 3 cameras; there are 4"),
        (lambda d: d["S1"].update(Directions=[]), None, "is not a list of poses, one array a camera"),
        (lambda d: d["S1"].update(Directions=np.zeros((4, 2, 17, 2))), None, "is not a list of poses"),
        (lambda d: d["S1"].update(Directions=[None] * 4), None, r"has no array of numbers \(frames, joints, 2\)"),
        (lambda d: d["S1"]["Directions"][1].fill(np.nan), None, "'S1', 'Directions' has 2D poses with NaN"),
        (lambda d: d["S1"].update(Directions=[np.zeros((4, 16, 2))] * 4), None, "2D poses have 16, 17 joints"),
        (lambda d: [d.update({s[::-1]: d.pop(s)}) for s in list(d)], None, "has no subject and action in common"),
        (lambda d: None, [1], "'metadata' is no dict"),
        (lambda d: None, {"num_joints": 16}, "'num_joints' is not the 17 of its 2D poses"),
        (lambda d: None, {"num_joints": np.arange(3)}, "'num_joints' is not the 17"),
        (lambda d: None, {"keypoints_symmetry": SYMMETRY[17][::-1]}, "no layout .* 17 joints with 1, 2, 3, 14"),
        (lambda d: None, {"keypoints_symmetry": SYMMETRY[16]}, "no layout that we know has 17 joints"),
        (lambda d: None, {"keypoints_symmetry": [[4, 5, 6]]}, "is not two lists of joints, left and right, from 0"),
        (lambda d: None, {"keypoints_symmetry": [[4], [17]]}, "is not two lists of joints"),
        (lambda d: None, {"keypoints_symmetry": "ab"}, "is not two lists of joints"),
    ],
)  # fmt: skip
def test_wrong_2d_is_named(pair, studio, request17, change, metadata, says):
    data = four_cameras(studio)
    change(data)
    write_2d(pair, data, metadata)
    with pytest.raises(PoseAugError, match=rf"dbb\.npz: .*{says}|dbb\.npz: {says}"):
        videopose3d.read_pairs(pair, request17)


def test_symmetry_may_be_arrays_and_tuples(pair, studio, request17):
    expected = videopose3d.read_pairs(pair, request17).detected_2d
    for symmetry in (
        np.array(SYMMETRY[17]),
        tuple(np.array(side) for side in SYMMETRY[17]),
        [SYMMETRY[17][0][::-1], SYMMETRY[17][1]],
    ):
        data = four_cameras(studio, lambda p: p + np.float32([3, -2]))
        write_2d(pair, data, {"keypoints_symmetry": symmetry})
        np.testing.assert_array_equal(videopose3d.read_pairs(pair, request17).detected_2d, expected)


@pytest.mark.filterwarnings("ignore:.*cut to the shorter")
def test_nothing_left_after_cutting_is_an_error(pair, studio, request17):
    write_2d(pair, four_cameras(studio, lambda p: p[:0]))
    with pytest.raises(PoseAugError, match=r"dbb\.npz: holds no poses"):
        videopose3d.read_pairs(pair, request17)


def test_the_3d_poses_must_lie_beside(pair, request17):
    pair.with_name("data_3d_h36m.npz").unlink()
    with pytest.raises(PoseAugError, match=r"dbb\.npz: holds 2D poses, .* beside it in data_3d_h36m\.npz"):
        videopose3d.read_pairs(pair, request17)


def test_detections_of_a_subject_without_cameras_cannot_be_paired(pair, studio, request17):
    write_3d(pair.with_name("data_3d_h36m.npz"), {"Ann": studio["S1"]})
    write_2d(pair, {"Ann": four_cameras(studio)["S1"]})
    with pytest.raises(PoseAugError, match="'Ann', 'Directions' is of a subject without published cameras"):
        videopose3d.read_pairs(pair, request17)


def test_a_folder_is_read_once(pair, studio, request17, monkeypatch):
    """3D and 2D poses of one folder are one source; which of several files of 2D poses is meant must be said."""
    monkeypatch.setattr(sources, "FORMATS", videopose3d.FORMATS)
    assert [path.name for path, _ in sources.source_files(pair.parent)] == [pair.name]
    assert len(sources.read_sources([pair.parent], request17)) == 56
    write_3d(pair.with_name("data_3d_humaneva15.npz"), {"S1": studio["S1"]})
    write_2d(pair.with_name("data_2d_humaneva15_gt.npz"), {"S1": four_cameras(studio)["S1"]})
    found = [path.name for path, _ in sources.source_files(pair.parent)]
    assert found == [pair.name, "data_2d_humaneva15_gt.npz"]
    write_2d(pair.with_name("data_2d_h36m_gt.npz"), four_cameras(studio))
    with pytest.raises(
        PoseAugError, match=r"for data_3d_h36m\.npz \(data_2d_h36m_cpn.*_gt\.npz\); name one .* --source"
    ):
        sources.source_files(pair.parent)
    assert len(sources.read_sources([pair], request17)) == 56


# --- 2D poses by themselves ---------------------------------------------------------------------------------------


def test_2d_poses_serve_by_themselves(pair, request17):
    paired = videopose3d.read_pairs(pair, request17)
    pair.with_name("data_3d_h36m.npz").unlink()
    got = videopose3d.read_2d(pair, request17)
    assert len(got) == 56
    assert got.visible.all()
    order = [np.lexsort(p.reshape(56, -1).T) for p in (got.positions, paired.detected_2d)]
    np.testing.assert_allclose(got.positions[order[0]], paired.detected_2d[order[1]], atol=1e-6)
    (record,) = got.provenance
    assert (record["file"], record["rows"], record["name"]) == (pair.name, 56, "Human3.6M (VideoPose3D's files)")


def test_videos_of_ones_own_say_their_size(pair, studio, request17):
    """As data/prepare_data_2d_custom.py writes them: one camera, the video as the subject."""
    pixels = four_cameras(studio)["S1"]["Directions"][0]
    metadata = {"keypoints_symmetry": SYMMETRY[17], "video_metadata": {"clip.mp4": {"w": 1920, "h": 1080, "fps": 30}}}
    data = {"clip.mp4": {"custom": [pixels]}}
    got = videopose3d.read_2d(write_2d(pair, data, metadata), request17)
    size = np.tile([1920, 1080], (len(pixels), 1))
    np.testing.assert_allclose(to_pixels(got.positions, size), pixels, atol=1e-3)
    assert got.provenance[0]["licence"] == "not stated"
    for videos, says in (
        ({}, "is of images of unknown size"),
        ({"clip.mp4": {"w": 1920}}, "without 'w' and 'h'"),
        ({"clip.mp4": {"w": 0, "h": 5}}, "whole numbers from 1"),
        ({"clip.mp4": {"w": np.arange(3), "h": 5}}, "without 'w' and 'h'"),
    ):
        with pytest.raises(PoseAugError, match=says):
            videopose3d.read_2d(write_2d(pair, data, metadata | {"video_metadata": videos}), request17)


def test_joints_that_are_not_finite_are_missing(pair, studio, request17):
    data = four_cameras(studio)
    data["S1"]["Directions"][0][0, 5] = np.nan
    got = videopose3d.read_2d(write_2d(pair, data), request17)
    assert (~got.visible).sum() == 1
    assert not got.visible[0, 5]


# --- files of strangers -------------------------------------------------------------------------------------------


def test_plain_arrays_are_another_format(tmp_path, make_poses, skeleton):
    np.savez(tmp_path / "x.npz", positions_3d=make_poses(skeleton, 3).positions, positions_2d=np.zeros((3, 16, 2)))
    assert not videopose3d.holds_poses(tmp_path / "x.npz")
    assert not videopose3d.holds_keypoints(tmp_path / "x.npz")
    (tmp_path / "x.txt").write_text("no zip")
    assert not videopose3d.holds_poses(tmp_path / "x.txt")


@pytest.mark.parametrize("name", running_pickles())
def test_nothing_runs(pair, request17, name):
    hostile = object_header() + running_pickles()[name]
    write_members(pair.with_name("evil.npz"), positions_3d=hostile, positions_2d=hostile)
    for read in (videopose3d.read_poses, videopose3d.read_2d):
        assert survives(lambda read=read: read(pair.with_name("evil.npz"), request17)) == "refused"
    good = object_member({"S1": {"Directions": [np.zeros((2, 17, 2))] * 4}})
    write_members(pair, positions_2d=good, metadata=hostile)
    assert survives(lambda: videopose3d.read_pairs(pair, request17)) == "refused"


def test_another_array_than_the_header_says_is_refused(pair, request17):
    for value in (np.zeros(3), np.array([{}, {}], dtype=object), {"S1": {}}):
        write_members(pair, positions_3d=object_header() + pickle.dumps(value, 4))
        with pytest.raises(PoseAugError, match="another array than its header says"):
            videopose3d.read_poses(pair, request17)


def fuzz(pair, request17, seeds: range, count: int) -> Counter:
    """What becomes of damaged files: whole .npz files, and members behind good checksums."""
    beside = pair.with_name("data_3d_h36m.npz")
    members = {}
    for path in (beside, pair):
        with np.load(path) as archive:
            members[path] = {name: archive.zip.read(f"{name}.npy") for name in archive.files}
    whole = {path: path.read_bytes() for path in members}
    read = {
        beside: lambda: videopose3d.holds_poses(beside) and videopose3d.read_poses(beside, request17),
        pair: lambda: videopose3d.holds_keypoints(pair) and videopose3d.read_pairs(pair, request17),
    }
    outcomes: Counter = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # frames cut: often, here
        for seed in seeds:
            for path, data in whole.items():
                for mutant in mutants(data, seed, count):
                    path.write_bytes(mutant)
                    outcomes[survives(read[path])] += 1
                for name, content in members[path].items():
                    for mutant in mutants(content, seed, 2 * count):
                        write_members(path, **members[path] | {name: mutant})
                        outcomes[survives(read[path])] += 1
                path.write_bytes(data)
            for mutant in mutants(members[pair]["positions_2d"], seed, count):
                write_members(pair, **members[pair] | {"positions_2d": mutant})
                outcomes[survives(lambda: videopose3d.read_2d(pair, request17))] += 1
            pair.write_bytes(whole[pair])
    return outcomes


@pytest.fixture
def small_pair(tmp_path, studio):
    """One short action, in files that are quick to read."""
    few = {"S11": studio["S11"]}
    write_3d(tmp_path / "data_3d_h36m.npz", each(few, lambda s, a, world: with_joints(world, 16)))
    return write_2d(tmp_path / "data_2d_h36m_gt.npz", four_cameras(few))


def test_damaged_files_are_an_error_or_are_read(small_pair, request17):
    outcomes = fuzz(small_pair, request17, range(1), 25)
    assert set(outcomes) == {"read", "refused"}
    assert sum(outcomes.values()) > 200


@pytest.mark.slow
def test_many_damaged_files_are_an_error_or_are_read(small_pair, request17):
    outcomes = fuzz(small_pair, request17, range(1, 4), 150)
    assert sum(outcomes.values()) > 4000
    assert set(outcomes) == {"read", "refused"}
