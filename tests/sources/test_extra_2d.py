"""Files of 2D poses as one set: which format each is of, and which poses are of use."""

import json
import pickle

import numpy as np
import pytest

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.assemble_2d import usable
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.sources.canonical_2d import write_poses_2d
from poseaug_gen.sources.extra_2d import FORMATS_2D, read_extra_2d
from poseaug_gen.sources.formats import Request


@pytest.fixture
def people(make_poses, skeleton) -> Poses2D:
    """What the cameras see of ten people."""
    seen = make_poses(skeleton, 10).project()
    return Poses2D.of(skeleton, seen, np.ones(seen.shape[:2], dtype=bool), {"name": "people", "licence": "CC0"})


# --- files ------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, people, make_poses, skeleton) -> dict:
    """The same ten people in a file of each kind, by kind."""
    write_poses_2d(tmp_path / "ours", people)
    np.savez(tmp_path / "npz", positions_2d=people.positions)
    pixels = (people.positions + 1) * 500  # images of 1000 × 1000
    keypoints = np.concatenate([pixels, np.ones((10, 16, 1))], -1).reshape(10, -1).tolist()
    annotations = [{"image_id": i, "category_id": 1, "keypoints": numbers} for i, numbers in enumerate(keypoints)]
    categories = [{"id": 1, "keypoints": list(skeleton.joints)}]
    data = {"image_size": [1000, 1000], "annotations": annotations, "categories": categories}
    (tmp_path / "coco").write_text(json.dumps(data))
    write_poses(tmp_path / "3d", make_poses(skeleton, 10))
    (tmp_path / "npz.npz").rename(tmp_path / "npz")
    return {name: tmp_path / name for name in ("ours", "npz", "coco", "3d")}


@pytest.mark.parametrize("kind", ["ours", "npz", "coco", "3d"])
def test_a_file_is_known_by_its_content(files, people, skeleton, kind):
    poses = read_extra_2d([files[kind]], Request(skeleton))
    np.testing.assert_allclose(poses.positions, people.positions, atol=1e-6)
    assert poses.visible.all()
    assert set(poses.provenance[0]["of_no_use"].values()) == {0}


FRAME = "S1/S1_Directions_1.54138969/S1_Directions_1.54138969_{:06}.jpg"


def published(name: str, positions: np.ndarray) -> dict[str, np.ndarray]:
    """The least of a published .npz with these 2D poses (normalised, 16 joints) in images of 1000 × 1002."""
    joints17 = np.insert(positions, 9, positions[:, 8], axis=1)  # h36m17 has a nose before the head
    pixels = (joints17 + np.array([1, 1.002])) * 500
    if name == "MPI-INF-3DHP":
        return {"pose3d": np.zeros((10, 16, 3)), "pose2d": positions}
    if name == "MMPose's Human3.6M":
        part = np.concatenate([pixels, np.ones((10, 17, 1))], -1)
        return {"imgname": np.array([FRAME.format(i) for i in range(10)]), "part": part}
    views = {"S1": {"Directions": [pixels.astype(np.float32)] + [pixels[:0]] * 3}}  # S1's first camera: 1000 × 1002
    symmetry = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
    metadata = {"num_joints": 17, "keypoints_symmetry": symmetry}
    return {"positions_2d": np.array(views, dtype=object), "metadata": np.array(metadata, dtype=object)}


@pytest.mark.parametrize("name", ["VideoPose3D's 2D poses", "MMPose's Human3.6M", "MPI-INF-3DHP"])
def test_a_published_file_is_read_by_its_own_reader(tmp_path, people, skeleton, name):
    path = tmp_path / "x.npz"
    np.savez(path, **published(name, people.positions.astype(np.float64)))
    assert next(format.name for format in FORMATS_2D if format.recognises(path)) == name
    poses = read_extra_2d([path], Request(skeleton))
    np.testing.assert_allclose(poses.positions, people.positions, atol=1e-5)
    assert poses.provenance[0]["licence"] != "not stated"


def test_3dpw_gives_what_openpose_found_in_it(tmp_path, skeleton):
    found = np.concatenate([np.random.default_rng(0).uniform(100, 900, (10, 2, 18)), np.ones((10, 1, 18))], 1)
    data = {"sequence": "downtown", "poses2d": [found], "cam_intrinsics": np.diag([1000.0, 1000.0, 1.0])}
    data["cam_intrinsics"][:2, 2] = 500
    data |= {"jointPositions": [], "campose_valid": [], "cam_poses": []}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(data, 2))
    poses = read_extra_2d([tmp_path / "x.pkl"], Request(skeleton))
    assert poses.visible.all()
    wrist = skeleton.joints.index("r_wrist")
    np.testing.assert_allclose(poses.positions[:, wrist], found[:, :2, 4] / 500 - 1, atol=1e-6)  # OpenPose's fifth


def test_files_are_joined_in_their_order(files, people, skeleton):
    poses = read_extra_2d([files["npz"], str(files["3d"])], Request(skeleton))
    assert len(poses) == 20
    assert [record["name"] for record in poses.provenance] == ["npz", "synthetic"]


def test_what_cannot_be_read_is_one_sentence(tmp_path, skeleton):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(PoseAugError, match=r"notes\.txt: no 2D poses of a known format") as error:
        read_extra_2d([tmp_path / "notes.txt"], Request(skeleton))
    assert all(format.name in str(error.value) for format in FORMATS_2D)
    with pytest.raises(PoseAugError, match=r"none\.json: there is no such file"):
        read_extra_2d([tmp_path / "none.json"], Request(skeleton))
    with pytest.raises(PoseAugError, match="is a folder; name the files in it"):
        read_extra_2d([tmp_path], Request(skeleton))
    with pytest.raises(PoseAugError, match="--extra-2d"):
        read_extra_2d([], Request(skeleton))


# --- which poses are of use -------------------------------------------------------------------------------


def left_out(poses: Poses2D) -> tuple[list[int], dict[str, int]]:
    """The rows that are no longer there, and the counts by cause."""
    kept = usable(poses, "file")
    rows = [row for row in range(len(poses)) if not (kept.positions == poses.positions[row]).all((1, 2)).any()]
    assert len(kept) + len(rows) == len(poses)
    return rows, kept.provenance[0]["of_no_use"]


def test_each_cause_is_counted_and_no_other_pose_is_lost(people, skeleton):
    positions, visible = people.positions.copy(), people.visible.copy()
    visible[1, skeleton.joints.index("thorax")] = False
    visible[3, 9:] = visible[3, 2:4] = False  # the torso, and seven of sixteen in all
    positions[4] += 4
    positions[5] *= 0.01
    positions[6] -= 0.9  # partly out of the image
    visible[7, 9:] = False  # nine of sixteen
    rows, causes = left_out(Poses2D.of(skeleton, positions, visible, {"left_out": {"crowd": 2}}))
    assert rows == [1, 3, 4, 5]
    assert causes == {"too_few_joints": 2, "far_out_of_the_image": 1, "too_small": 1}


def test_a_person_from_behind_is_kept_without_a_nose(people):
    """COCO's skeleton has the nose for its root; its torso is made of shoulders and hips."""
    skeleton = load_skeleton("coco17")
    positions = np.random.default_rng(0).uniform(-1, 1, (3, 17, 2))
    visible = np.ones((3, 17), dtype=bool)
    visible[:, skeleton.joints.index("nose")] = False
    assert left_out(Poses2D.of(skeleton, positions, visible, {}))[0] == []


def test_a_body_without_a_trunk_needs_its_root():
    stick = Skeleton.from_dict({"joints": {"a": "", "b": "a", "c": "b"}, "trunk": [], "scale": "b"})
    visible = np.array([[True, True, False], [False, True, True]])
    positions = np.tile([[0.0, 0.0], [0.0, 0.5], [0.0, 1.0]], (2, 1, 1))
    assert left_out(Poses2D.of(stick, positions, visible, {}))[0] == [1]


def test_pixels_that_were_taken_for_normalised_are_found(people, skeleton):
    with pytest.raises(PoseAugError, match=r"most of its 2D poses lie far outside.*'image_size'"):
        usable(Poses2D.of(skeleton, (people.positions + 1) * 500, people.visible), "file")


def test_a_set_of_no_use_is_an_error(people, skeleton):
    with pytest.raises(PoseAugError, match=r"none of its 10 2D poses is of use \(.*too small: 10\)"):
        usable(Poses2D.of(skeleton, people.positions * 0.01, people.visible), "file")
    with pytest.raises(PoseAugError, match=r"none of its 10 2D poses has a joint of skeleton 'h36m16'"):
        usable(Poses2D.of(skeleton, people.positions, np.zeros_like(people.visible)), "file")
    with pytest.raises(PoseAugError, match=r"none of its 0 2D poses"):
        usable(people.take(np.array([], dtype=int)), "file")
