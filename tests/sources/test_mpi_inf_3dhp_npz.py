"""MPI-INF-3DHP as PoseAug and SPIN cut it."""

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
from fuzzing import mutants, survives
from mpi_inf_3dhp_files import (
    H36M16_OF_SPIN,
    OUTDOOR,
    STUDIO,
    VIDEO_0,
    VIDEO_1,
    outcome,
    people28,
    poseaug_fields,
    spin_fields,
)

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import npz
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.mpi_inf_3dhp_npz import (
    detections,
    first_outdoor_row,
    holds_poseaug,
    holds_spin,
    read_poseaug,
    read_spin,
)

HALF_A_METRE = np.array([0, 0, 0.5])  # farther away, so that they are in view of both test cameras
TEST = "mpi_inf_3dhp_test_set/TS{}/imageSequence/img_{:06d}.jpg"
TRAINING = "S{}/Seq{}/imageFrames/video_{}/frame_{:06d}.jpg"


@pytest.fixture
def request_16(skeleton) -> Request:
    return Request(skeleton)


@pytest.fixture
def people(make_poses, skeleton) -> np.ndarray:
    """People by their 16 joints, metres, camera frame."""
    return make_poses(skeleton, 40).positions.astype(np.float64) + HALF_A_METRE


def save(path, fields):
    np.savez(path, **fields)
    return path


def rows_of(data: bytes, **changed) -> dict:
    """The arrays of a .npz, some of them replaced."""
    with np.load(io.BytesIO(data)) as arrays:
        return {name: arrays[name] for name in arrays.files} | changed


# --- PoseAug --------------------------------------------------------------------------------------------------


def test_poseaugs_file_as_published(tmp_path, request_16, make_poses, skeleton):
    """All 2,929 rows: people and cameras are known by the row, and everybody's place is found."""
    people = make_poses(skeleton, 2929).positions.astype(np.float64) + HALF_A_METRE
    outdoors = np.arange(2929) >= 603 + 540 + 505 + 553
    path = save(tmp_path / "test_3dhp.npz", poseaug_fields(people, outdoors))
    assert holds_poseaug(path)
    assert not holds_spin(path)
    assert not npz.holds_camera_poses(path)
    got = read_poseaug(path, request_16)
    np.testing.assert_allclose(got.positions, people, atol=1e-3)
    counts = {"3dhp-TS1": 603, "3dhp-TS2": 540, "3dhp-TS3": 505, "3dhp-TS4": 553, "3dhp-TS5": 276, "3dhp-TS6": 452}
    assert got.subject.counts() == counts
    assert got.camera.counts() == {"TS1-4": 2201, "TS5-6": 728}
    assert (got.image_size == np.where(outdoors[:, None], [1920, 1080], [2048, 2048])).all()
    np.testing.assert_allclose(got.project(), np.load(path)["pose2d"], atol=1e-4)
    assert got.detected_2d is None
    assert got.provenance["left_out"] == {"poses that do not project to their 2D": 0}
    assert "one height" in got.provenance["name"]
    assert "not for commercial" in got.provenance["licence"]


@pytest.mark.parametrize("first", [0, 1, 25, 39, 40])
def test_of_a_part_of_it_the_2d_tells_the_camera(tmp_path, request_16, people, first):
    outdoors = np.arange(40) >= first
    fields = poseaug_fields(people, outdoors)
    assert first_outdoor_row(fields["pose3d"], fields["pose2d"]) == first
    got = read_poseaug(save(tmp_path / "part.npz", fields), request_16)
    np.testing.assert_allclose(got.positions, people, atol=1e-3)
    assert (got.camera.strings() == np.where(outdoors, "TS5-6", "TS1-4")).all()
    assert got.subject.counts() == {"part": 40}


def test_a_few_bad_rows_do_not_move_the_change_of_cameras(people):
    fields = poseaug_fields(people, np.arange(40) >= 25)
    fields["pose2d"][[3, 30]] = np.random.default_rng(0).normal(size=(2, 16, 2))
    fields["pose2d"][5] = np.nan
    assert first_outdoor_row(fields["pose3d"], fields["pose2d"]) == 25


def test_rows_that_do_not_fit_are_left_out_and_counted(tmp_path, request_16, people):
    fields = poseaug_fields(people, np.zeros(40, bool))
    sides = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12]
    fields["pose2d"][6] = fields["pose2d"][6, sides]  # left and right mixed up
    fields["pose3d"][9, 3] = np.nan
    got = read_poseaug(save(tmp_path / "x.npz", fields), request_16)
    np.testing.assert_allclose(got.positions, np.delete(people, [6, 9], 0), atol=1e-3)
    assert got.provenance["left_out"] == {"poses that do not project to their 2D": 2}


def test_absolute_poses_are_taken_as_they_stand(tmp_path, request_16, people):
    fields = poseaug_fields(people, np.zeros(40, bool)) | {"pose3d": people.astype(np.float32)}
    got = read_poseaug(save(tmp_path / "x.npz", fields), request_16)
    np.testing.assert_array_equal(got.positions, people.astype(np.float32))


def test_noisy_2d_puts_people_near_where_they_were(tmp_path, request_16, people):
    fields = poseaug_fields(people, np.zeros(40, bool))
    fields["pose2d"] = fields["pose2d"] + np.random.default_rng(0).normal(0, 2 / 1024, (40, 16, 2))
    got = read_poseaug(save(tmp_path / "x.npz", fields), request_16)
    assert len(got) == 40
    assert np.median(np.linalg.norm(got.positions[:, 0] - people[:, 0], axis=-1)) < 0.05
    assert 0.5 < got.provenance["reprojection_px"] < 5


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"pose3d": np.zeros((40, 17, 3))}, r"'pose3d' is float64 of shape \(40, 17, 3\); it must be numbers of shape"),
        ({"pose2d": np.zeros((39, 16, 2))}, r"'pose2d' is float64 of shape \(39, 16, 2\)"),
        ({"pose2d": np.zeros((40, 16, 3))}, r"'pose2d' is float64 of shape \(40, 16, 3\)"),
        ({"pose3d": np.float64(1)}, r"'pose3d' is float64 of shape \(\)"),
        ({"pose3d": np.full((40, 16, 3), "a")}, "'pose3d' is <U1"),
        ({"pose2d": np.zeros((40, 16, 2))}, "0 of its 40 poses project"),
        ({"pose2d": np.full((40, 16, 2), np.nan)}, "0 of its 40 poses project"),
        ({"pose3d": np.full((40, 16, 3), np.inf)}, "0 of its 40 poses project"),
        ({"pose3d": np.zeros((0, 16, 3)), "pose2d": np.zeros((0, 16, 2))}, "holds no poses"),
    ],
)
def test_other_arrays_are_refused(tmp_path, request_16, people, changed, says):
    path = save(tmp_path / "x.npz", poseaug_fields(people, np.zeros(40, bool)) | changed)
    with pytest.raises(PoseAugError, match=rf"x\.npz: {says}"):
        read_poseaug(path, request_16)


def test_missing_arrays_are_named(tmp_path, request_16):
    path = save(tmp_path / "x.npz", {"pose2d": np.zeros(3)})
    with pytest.raises(PoseAugError, match=r"x\.npz: lacks 'pose3d'; poses need pose3d, pose2d"):
        read_poseaug(path, request_16)
    with pytest.raises(PoseAugError, match=r"x\.npz: lacks 'imgname', 'part', 'S'"):
        read_spin(path, request_16)


def test_millimetres_are_found(tmp_path, request_16, people):
    fields = poseaug_fields(people, np.zeros(40, bool))
    path = save(tmp_path / "x.npz", fields | {"pose3d": fields["pose3d"] * 1000})
    with pytest.raises(PoseAugError, match="look like millimetres"):
        read_poseaug(path, request_16)


# --- SPIN -----------------------------------------------------------------------------------------------------


@pytest.fixture
def validation(people) -> dict:
    """Fields of mpi_inf_3dhp_valid.npz: twenty rows in the studio, twenty outdoors."""
    images = [TEST.format(2 if i < 20 else 6, i + 1) for i in range(40)]
    return spin_fields(people28(people), images, [STUDIO if i < 20 else OUTDOOR for i in range(40)])


def test_spins_validation_file(tmp_path, request_16, people, validation):
    path = save(tmp_path / "mpi_inf_3dhp_valid.npz", validation)
    assert holds_spin(path)
    assert not holds_poseaug(path)
    got = read_spin(path, request_16)
    np.testing.assert_allclose(got.positions, people, atol=1e-3)
    np.testing.assert_allclose(
        got.positions - got.positions[:, :1], validation["S"][:, H36M16_OF_SPIN, :3], atol=1e-4
    )  # PoseAug's own choice of SPIN's joints
    assert got.subject.strings().tolist() == ["3dhp-TS2"] * 20 + ["3dhp-TS6"] * 20
    assert got.camera.strings().tolist() == ["TS1-4"] * 20 + ["TS5-6"] * 20
    assert got.image_size[[0, 20]].tolist() == [[2048, 2048], [1920, 1080]]
    assert got.detected_2d is None


def test_spins_training_file(tmp_path, request_16, people):
    images = [TRAINING.format(1 + i % 8, 1 + i % 2, i % 2, i + 1) for i in range(40)]
    fields = spin_fields(people28(people), images, [VIDEO_1 if i % 2 else VIDEO_0 for i in range(40)])
    fields |= {"pose": np.zeros((40, 72)), "has_smpl": np.ones(40), "openpose": np.zeros((40, 25, 3))}
    path = save(tmp_path / "mpi_inf_3dhp_train.npz", fields)
    assert holds_spin(path)
    got = read_spin(path, request_16)
    np.testing.assert_allclose(got.positions, people, atol=1e-3)
    assert got.subject.counts() == {f"3dhp-S{i}": 5 for i in range(1, 9)}
    assert got.action.counts() == {"Seq1": 20, "Seq2": 20}
    assert got.camera.counts() == {"video_0": 20, "video_1": 20}


def test_both_cuts_of_the_test_set_agree(tmp_path, request_16, people, validation):
    """PoseAug's file, made of SPIN's by PoseAug's order of joints, gives the same poses."""
    spin = read_spin(save(tmp_path / "spin.npz", validation), request_16)
    fields = poseaug_fields(people, np.arange(40) >= 20)
    np.testing.assert_allclose(fields["pose3d"], validation["S"][:, H36M16_OF_SPIN, :3], atol=1e-12)
    poseaug = read_poseaug(save(tmp_path / "poseaug.npz", fields), request_16)
    np.testing.assert_allclose(spin.positions, poseaug.positions, atol=1e-3)
    np.testing.assert_allclose(spin.project(), poseaug.project(), atol=1e-5)
    np.testing.assert_array_equal(spin.intrinsics, poseaug.intrinsics)


def test_rows_with_unlabelled_joints_are_left_out_and_counted(tmp_path, request_16, people, validation):
    validation["part"][3, 14] = 0
    validation["S"][5, 16, 3] = 0
    validation["part"][7, :12] = validation["part"][7, [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]]  # left and right
    validation["part"][8, 13, 2] = 1  # a joint that MPI-INF-3DHP does not have
    got = read_spin(save(tmp_path / "x.npz", validation), request_16)
    np.testing.assert_allclose(got.positions, np.delete(people, [3, 5, 7], 0), atol=1e-3)
    assert got.provenance["left_out"] == {
        "poses with joints that are not labelled": 2,
        "poses that do not project to their 2D": 1,
    }


def test_image_names_may_be_bytes(tmp_path, request_16, validation):
    path = save(tmp_path / "x.npz", validation | {"imgname": np.array(validation["imgname"], dtype="S")})
    assert holds_spin(path)
    assert len(read_spin(path, request_16)) == 40


@pytest.mark.parametrize(
    "image",
    [
        "images/S1_Directions_1.54138969_000001.jpg",
        "S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg",  # MMPose's Human3.6M
        "S1/Seq1/imageFrames/video_14/frame_000001.jpg",
        "TS7/imageSequence/img_000001.jpg",
        "",
    ],
)
def test_other_images_are_not_ours(tmp_path, request_16, validation, image):
    names = np.array(validation["imgname"])
    names[0] = image
    assert not holds_spin(save(tmp_path / "x.npz", validation | {"imgname": names}))
    path = save(tmp_path / "y.npz", validation | {"imgname": names[::-1]})
    with pytest.raises(PoseAugError, match=rf"y\.npz: has images in '{image.rpartition('/')[0]}', where MPI-INF-3DHP"):
        read_spin(path, request_16)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"S": np.zeros((40, 17, 4))}, r"'S' is float64 of shape \(40, 17, 4\)"),
        ({"S": np.zeros((40, 24, 3))}, r"'S' is float64 of shape \(40, 24, 3\)"),
        ({"part": np.zeros((39, 24, 3))}, r"'part' is float64 of shape \(39, 24, 3\)"),
        ({"part": np.zeros((40, 24, 3), dtype=bool)}, "'part' is bool"),
        ({"S": np.zeros((40, 24, 4))}, "holds no poses"),
        ({"S": np.full((40, 24, 4), np.nan)}, "holds no poses"),
        ({"imgname": np.full(40, 0x7FFFFFFF, dtype="<u4").view("<U1")}, "'imgname' holds what is not text"),
        ({"imgname": np.array(["x" * 300] * 40)}, "over 256 characters"),
        ({"imgname": np.arange(40)}, "'imgname' must be strings"),
    ],
)
def test_other_fields_are_refused(tmp_path, request_16, validation, changed, says):
    with pytest.raises(PoseAugError, match=rf"x\.npz: .*{says}|x\.npz: {says}"):
        read_spin(save(tmp_path / "x.npz", validation | changed), request_16)


# --- 2D alone -------------------------------------------------------------------------------------------------


def test_2d_poses_alone_are_those_of_the_file(tmp_path, request_16, people, validation):
    fields = poseaug_fields(people, np.arange(40) >= 20)
    fields["pose2d"][4, 5] = np.nan
    validation["part"][4, 5, 2] = 0
    known = np.ones((40, 16), bool)
    known[4, 5] = False  # PoseAug's left knee …
    seen, visible, record = detections(save(tmp_path / "test_3dhp.npz", fields), request_16)
    np.testing.assert_array_equal(visible, known)
    np.testing.assert_allclose(seen[visible], fields["pose2d"][known], atol=1e-6)
    assert record.items() >= {"name": "MPI-INF-3DHP (test_3dhp.npz, 2D)", "rows": 40}.items()
    spin, spin_visible, record = detections(save(tmp_path / "spin.npz", validation), request_16)
    np.testing.assert_array_equal(np.argwhere(~spin_visible), [[4, 6]])  # … and SPIN's left ankle
    both = visible & spin_visible
    np.testing.assert_allclose(spin[both], seen[both], atol=1e-6)
    assert len(record["sha256"]) == 64


def test_2d_poses_for_a_skeleton_with_derived_joints(tmp_path, people, validation):
    skeleton = load_skeleton("h36m17")
    seen, visible, _ = detections(save(tmp_path / "x.npz", validation), Request(skeleton))
    thorax, nose, head = (skeleton.joints.index(joint) for joint in ("thorax", "nose", "head"))
    assert visible.all()
    np.testing.assert_allclose(seen[:, nose], seen[:, [thorax, head]].mean(1), atol=1e-6)


def test_2d_poses_of_other_files_are_refused(tmp_path, request_16):
    with pytest.raises(PoseAugError, match=r"x\.npz: neither PoseAug's test_3dhp\.npz nor SPIN's"):
        detections(save(tmp_path / "x.npz", {"positions": np.zeros(3)}), request_16)


# --- damage ---------------------------------------------------------------------------------------------------


def inner_mutants(data: bytes, seed: int, count: int):
    """Damage to one array of a .npz behind a good checksum."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    for i, name in enumerate(arrays):
        for damaged in mutants(arrays[name], seed + i, count // len(arrays)):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for other, content in arrays.items():
                    archive.writestr(other, damaged if other == name else content)
            yield buffer.getvalue()


def fuzzed(tmp_path, request, people, validation, count: int) -> Counter:
    outcomes: Counter = Counter()
    path = tmp_path / "x.npz"

    def tried(data: bytes, recognised, read) -> None:
        path.write_bytes(data)
        outcomes[outcome(lambda: recognised(path), lambda: read(path, request))] += 1
        outcomes["2D " + survives(lambda: detections(path, request))] += 1

    for fields, recognised, read in (
        (poseaug_fields(people[:8], np.arange(8) >= 4), holds_poseaug, read_poseaug),
        ({name: value[16:24] for name, value in validation.items()}, holds_spin, read_spin),
    ):
        whole = save(path, fields).read_bytes()
        for data in mutants(whole, 0, count):
            tried(data, recognised, read)
        for data in inner_mutants(whole, 1, count):
            tried(data, recognised, read)
    return outcomes


def test_damage_is_an_error_or_is_read(tmp_path, request_16, people, validation):
    outcomes = fuzzed(tmp_path, request_16, people, validation, 30)
    assert outcomes["refused"] > 30
    assert outcomes["read"] > 5


@pytest.mark.slow
def test_much_damage_is_an_error_or_is_read(tmp_path, request_16, people, validation):
    assert fuzzed(tmp_path, request_16, people, validation, 1500)["refused"] > 3000


def test_pickles_are_never_loaded(tmp_path, request_16, people, validation):
    for fields, name, read in (
        (poseaug_fields(people, np.zeros(40, bool)), "pose3d", read_poseaug),
        (validation, "S", read_spin),
    ):
        path = save(tmp_path / "x.npz", fields | {name: np.array([{}, []], dtype=object)})
        with pytest.raises(PoseAugError, match=r"pickled Python objects, .* never loaded"):
            read(path, request_16)
