"""MPI-INF-3DHP's own annotation files, training and test set."""

import zlib
from collections import Counter

import h5py
import numpy as np
import pytest
import scipy.io
from fuzzing import mutants
from mpi_inf_3dhp_files import (
    H36M16_OF_MPI17,
    H36M16_OF_MPI28,
    MPI28,
    OUTDOOR,
    STUDIO,
    VIDEO_0,
    VIDEO_1,
    calibration,
    outcome,
    people17,
    people28,
    pinhole,
    write_test,
    write_training,
)

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import mpi_inf_3dhp
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.mpi_inf_3dhp import (
    ACTIVITIES,
    holds_test,
    holds_training,
    read_test,
    read_training,
)


@pytest.fixture
def request_16(skeleton) -> Request:
    return Request(skeleton)


@pytest.fixture
def people(make_poses, skeleton) -> np.ndarray:
    """People by their 16 joints, metres, camera frame."""
    return make_poses(skeleton, 40).positions.astype(np.float64)


def normalised(people: np.ndarray, camera: tuple, width: int, height: int) -> np.ndarray:
    return pinhole(people, camera) * 2 / width - [1, height / width]


# --- the training set -----------------------------------------------------------------------------------------


@pytest.fixture
def views(people) -> list:
    """Two cameras, twenty people before each."""
    return [(people28(people[:20]), VIDEO_0), (people28(people[20:]), VIDEO_1)]


@pytest.mark.parametrize(("compressed", "dtype"), [(True, "f4"), (False, "f8")])
def test_a_training_sequence_comes_back(tmp_path, request_16, people, views, compressed, dtype):
    path = write_training(tmp_path / "S3" / "Seq1", views, compressed, dtype)
    assert holds_training(path)
    assert not holds_test(path)
    got = read_training(path, request_16)
    np.testing.assert_allclose(got.positions, people, atol=1e-6)  # of their own sizes, not univ_annot3's
    np.testing.assert_array_equal(views[0][0][:, H36M16_OF_MPI28], people[:20])  # an order published elsewhere
    assert (got.image_size == 2048).all()
    assert got.camera.strings().tolist() == ["video_0"] * 20 + ["video_1"] * 20
    assert got.subject.counts() == {"3dhp-S3": 40}
    assert got.action.counts() == {"Seq1": 40}
    assert got.detected_2d is None
    for rows, camera in ((slice(0, 20), VIDEO_0), (slice(20, 40), VIDEO_1)):
        expected = normalised(people[rows], camera, 2048, 2048)
        np.testing.assert_allclose(got.project()[rows], expected, atol=2e-5)
    assert got.provenance.items() >= {"file": "annot.mat", "rows": 40, "name": "MPI-INF-3DHP, training set"}.items()
    assert got.provenance["left_out"] == {"poses that do not project to their 2D": 0}
    assert got.provenance["reprojection_px"] < 0.01


def test_skeletons_with_more_joints_can_be_had(tmp_path, people, views):
    path = write_training(tmp_path / "S1" / "Seq2", views)
    skeleton = load_skeleton("h36m17")
    got = read_training(path, Request(skeleton))
    thorax, nose, head = (skeleton.joints.index(joint) for joint in ("thorax", "nose", "head"))
    np.testing.assert_allclose(got.positions[:, nose], got.positions[:, [thorax, head]].mean(1), atol=1e-6)


def test_elsewhere_the_file_names_the_person(tmp_path, request_16, views):
    got = read_training(write_training(tmp_path / "mine", views), request_16)
    assert got.subject.counts() == {"3dhp-annot": 40}
    assert got.action.counts() == {"unknown": 40}


def test_rows_that_do_not_fit_their_2d_are_left_out_and_counted(tmp_path, request_16, people, views):
    path = write_training(tmp_path / "S1" / "Seq1", views)
    content = scipy.io.loadmat(path)
    content["annot2"][0, 0][3] += 30  # pixels
    content["annot3"][1, 0][7, 5] = np.nan
    content["annot3"][1, 0][8] *= -1
    scipy.io.savemat(path, {name: content[name] for name in ("annot2", "annot3")})
    got = read_training(path, request_16)
    np.testing.assert_allclose(got.positions, np.delete(people, [3, 27, 28], 0), atol=1e-6)
    assert got.provenance["left_out"] == {"poses that do not project to their 2D": 3}
    assert got.camera.counts() == {"video_0": 19, "video_1": 18}


def test_sides_that_are_mixed_up_are_put_right(tmp_path, request_16, monkeypatch, make_poses, skeleton):
    """S4/Seq2 as published, with sides mixed up in the frames known for it; and mended by somebody."""
    standing = make_poses(skeleton, 1, subjects=1).positions.astype(np.float64)
    people = people28(np.repeat(standing, 12, 0) + 0.01 * np.arange(12)[:, None, None])
    mixed = people.copy()
    twin = [MPI28.index(n.replace("left", "x").replace("right", "left").replace("x", "right")) for n in MPI28]
    mixed[5:9] = people[5:9][:, twin]
    monkeypatch.setattr(mpi_inf_3dhp, "MIXED_UP", {("S4", "Seq2"): slice(5, 9)})
    for given in (people, mixed):
        for expected, folder in ((people, "S4"), (given, "S5")):
            path = write_training(tmp_path / folder / "Seq2", [(given, VIDEO_0)])
            got = read_training(path, request_16)
            np.testing.assert_allclose(got.positions, expected[:, H36M16_OF_MPI28], atol=1e-6)
            assert len(got) == 12


def test_the_frames_that_are_mixed_up():
    assert {("S4", "Seq2"): slice(3759, 5853)} == mpi_inf_3dhp.MIXED_UP


def test_a_training_sequence_needs_its_calibration(tmp_path, request_16, views):
    path = write_training(tmp_path / "S1" / "Seq1", views)
    beside = tmp_path / "S1" / "Seq1" / "camera.calibration"
    (form,) = [form for form in mpi_inf_3dhp.FORMATS if form.read is read_training]
    assert form.companions(path) == [beside]
    beside.write_text(calibration(VIDEO_0))
    with pytest.raises(PoseAugError, match=r"annot\.mat: was seen by 2 cameras, but camera\.calibration .* number 1"):
        read_training(path, request_16)
    beside.write_text(calibration(OUTDOOR, OUTDOOR))
    with pytest.raises(PoseAugError, match=r"annot\.mat: 0 of its 40 poses project"):
        read_training(path, request_16)
    beside.unlink()
    assert form.companions(path) == []
    with pytest.raises(
        PoseAugError, match=r"camera\.calibration: cannot be read: No such file .* beside its annot\.mat"
    ):
        read_training(path, request_16)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("annot3", np.zeros((20, 84)), "must be cells of one array a camera"),
        ("annot3", np.empty((0, 0), dtype=object), "must be cells"),
        ("annot2", [np.zeros((20, 56))], "must be cells"),
        ("annot2", [np.zeros((20, 56)), np.zeros((19, 56))], r"shapes \(19, 56\) and \(20, 84\)"),
        (
            "annot3",
            [np.zeros((20, 84)), np.zeros((20, 51))],
            r"must be \(frames, 56\) and \(frames, 84\), of 28 joints",
        ),
        ("annot3", [np.zeros((20, 84)), np.zeros((20, 28, 3))], r"shapes \(20, 56\) and \(20, 28, 3\)"),
        ("annot3", [np.zeros((0, 84)), np.zeros((0, 84))], r"shapes \(20, 56\) and \(0"),
        ("annot3", ["a", "b"], "something else than real numbers"),
    ],
)
def test_other_annotations_are_refused(tmp_path, request_16, views, name, value, says):
    path = write_training(tmp_path / "S1" / "Seq1", views)
    content = {key: array for key, array in scipy.io.loadmat(path).items() if key.startswith("annot")}
    if isinstance(value, list):
        cells = np.empty((len(value), 1), dtype=object)
        cells[:, 0] = value
        value = cells
    scipy.io.savemat(path, content | {name: value})
    with pytest.raises(PoseAugError, match=rf"annot\.mat: .*{says}"):
        read_training(path, request_16)


def test_a_sequence_without_frames_is_refused(tmp_path, request_16):
    path = write_training(tmp_path / "S1" / "Seq1", [(np.zeros((0, 28, 3)), VIDEO_0)])
    with pytest.raises(PoseAugError, match=r"annot\.mat: holds no poses"):
        read_training(path, request_16)


def test_other_matlab_files_are_not_taken_for_one(tmp_path, request_16):
    scipy.io.savemat(tmp_path / "x.mat", {"annot2": 1.0, "text": "abc", "struct": {"a": 1}})
    assert not holds_training(tmp_path / "x.mat")
    with pytest.raises(PoseAugError, match=r"x\.mat: 'annot2' and 'annot3' must be cells"):
        read_training(tmp_path / "x.mat", request_16)
    (tmp_path / "y.mat").write_bytes(b"")
    assert not holds_training(tmp_path / "y.mat")


# --- the test set ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequence", "camera", "name", "size"),
    [("TS2", STUDIO, "TS1-4", (2048, 2048)), ("TS6", OUTDOOR, "TS5-6", (1920, 1080))],
)
def test_a_test_sequence_comes_back(tmp_path, request_16, people, sequence, camera, name, size):
    valid = np.arange(40) % 4 != 1
    activity = np.arange(40) % 7 + 1
    path = write_test(tmp_path / sequence / "annot_data.mat", people17(people), camera, valid, activity)
    assert holds_test(path)
    assert not holds_training(path)
    got = read_test(path, request_16)
    np.testing.assert_allclose(got.positions, people[valid], atol=1e-6)
    np.testing.assert_array_equal(people17(people)[:, H36M16_OF_MPI17], people)
    np.testing.assert_allclose(got.project(), normalised(people[valid], camera, *size), atol=2e-5)
    assert (got.image_size == size).all()
    assert got.subject.counts() == {f"3dhp-{sequence}": 30}
    assert got.camera.counts() == {name: 30}
    assert got.action.strings().tolist() == [ACTIVITIES[i - 1] for i in activity[valid]]
    assert got.provenance["reprojection_px"] < 0.01


def test_invalid_frames_may_hold_anything(tmp_path, request_16, people):
    valid = np.arange(40) > 9
    body = people17(people)
    body[:10] = np.nan
    got = read_test(write_test(tmp_path / "a.mat", body, STUDIO, valid, np.full(40, 99)), request_16)
    np.testing.assert_allclose(got.positions, people[10:], atol=1e-6)
    assert got.action.counts() == {"unknown": 30}
    assert got.subject.counts() == {"3dhp-a": 30}


def test_a_single_frame_is_enough(tmp_path, request_16, people):
    path = write_test(tmp_path / "a.mat", people17(people[:1]), STUDIO, np.ones(1), np.ones(1))
    np.testing.assert_allclose(read_test(path, request_16).positions, people[:1], atol=1e-6)


def test_another_camera_is_refused(tmp_path, request_16, people):
    path = write_test(tmp_path / "a.mat", people17(people), (900, 900, 500, 500), np.ones(40), np.ones(40))
    with pytest.raises(PoseAugError, match=r"a\.mat: its 2D annotations are not what a camera"):
        read_test(path, request_16)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "annot3",
            np.zeros((40, 1, 17, 2)),
            r"'annot3' is float64 of shape \(40, 1, 17, 2\); it must be \(40, 1, 17, 3\)",
        ),
        ("annot3", np.zeros((39, 1, 17, 3)), r"'annot3' is float64 of shape \(39"),
        ("annot2", np.zeros((40, 1, 28, 2)), r"'annot2' is float64 of shape \(40, 1, 28, 2\)"),
        ("annot2", np.float64(1), r"'annot2' is float64 of shape \(\)"),
        ("annot2", np.full((40, 1, 17, 2), np.nan), "annotations are not what a camera"),
        ("annot3", np.zeros((40, 1, 17, 3)), "annotations are not what a camera"),
        ("valid_frame", np.zeros((40, 1)), "annotations are not what a camera"),
        ("valid_frame", np.ones((41, 1)), r"'annot2' is float64 of shape \(40"),
        ("valid_frame", np.array(["a"] * 40, dtype="S1"), "'valid_frame' is"),
        ("activity_annotation", np.ones((3, 1)), "one number for each of 40 frames"),
        ("activity_annotation", np.float64(1), "one number for each of 40 frames"),
    ],
)
def test_other_test_annotations_are_refused(tmp_path, request_16, people, name, value, says):
    path = write_test(tmp_path / "a.mat", people17(people), STUDIO, np.ones(40), np.ones(40))
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = value
    with pytest.raises(PoseAugError, match=rf"a\.mat: .*{says}"):
        read_test(path, request_16)


def test_links_out_of_the_file_are_not_followed(tmp_path, request_16, people):
    path = write_test(tmp_path / "a.mat", people17(people), STUDIO, np.ones(40), np.ones(40))
    write_test(tmp_path / "b.mat", people17(people), STUDIO, np.ones(40), np.ones(40))
    with h5py.File(path, "r+") as file:
        del file["annot3"]
        file["annot3"] = h5py.ExternalLink("b.mat", "/annot3")
    assert not holds_test(path)


# --- damage ---------------------------------------------------------------------------------------------------


def fuzzed_training(folder, views, request, count: int) -> Counter:
    """Damage to annot.mat, to what is compressed in it, and to its calibration."""
    outcomes: Counter = Counter()
    few = [(people[:4], camera) for people, camera in views]
    path = write_training(folder, few, compressed=False)
    plain, text = path.read_bytes(), (folder / "camera.calibration").read_bytes()

    def tried() -> None:
        outcomes[outcome(lambda: holds_training(path), lambda: read_training(path, request))] += 1

    for data in mutants(plain, 1, count):
        path.write_bytes(data)
        tried()
    for data in mutants(plain[128:], 2, count):
        packed = zlib.compress(data)
        path.write_bytes(plain[:128] + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed)
        tried()
    path.write_bytes(plain)
    for data in mutants(text, 3, count):
        (folder / "camera.calibration").write_bytes(data)
        tried()
    return outcomes


def test_damage_is_an_error_or_is_read(tmp_path, request_16, views):
    outcomes = fuzzed_training(tmp_path / "S1" / "Seq1", views, request_16, 80)
    assert outcomes["refused"] > 60
    assert outcomes["read"] > 10


@pytest.mark.slow
def test_much_damage_is_an_error_or_is_read(tmp_path, request_16, views):
    assert fuzzed_training(tmp_path / "S1" / "Seq1", views, request_16, 3000)["refused"] > 3000


# Always the same damage: the HDF5 library itself may crash on some other, and would take the test run with it.
def fuzzed_test(path, people, request, count: int) -> Counter:
    outcomes: Counter = Counter()
    whole = write_test(path, people17(people), STUDIO, np.ones(len(people)), np.ones(len(people))).read_bytes()
    for data in mutants(whole, 4, count):
        path.write_bytes(data)
        outcomes[outcome(lambda: holds_test(path), lambda: read_test(path, request))] += 1
    return outcomes


def test_damaged_hdf5_is_an_error_or_is_read(tmp_path, request_16, people):
    outcomes = fuzzed_test(tmp_path / "a.mat", people, request_16, 100)
    assert outcomes["refused"] > 20
    assert outcomes["read"] > 10


@pytest.mark.slow
def test_much_damaged_hdf5_is_an_error_or_is_read(tmp_path, request_16, people):
    assert fuzzed_test(tmp_path / "a.mat", people, request_16, 3000)["refused"] > 500
