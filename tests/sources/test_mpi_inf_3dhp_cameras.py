"""MPI-INF-3DHP's cameras: published numbers, calibration files, and the fit to annotations."""

import numpy as np
import pytest
from mpi_inf_3dhp_files import OUTDOOR, STUDIO, VIDEO_0, VIDEO_1, calibration, pinhole

from poseaug_gen.camera import to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.mpi_inf_3dhp_cameras import calibrated, fitted, published


def numbers(camera) -> tuple:
    return (*camera.focal, *camera.centre)


def test_the_published_cameras_are_those_of_the_calibration_files():
    """The test set's are given as lens and sensor, in millimetres."""
    studio, outdoor = published("test")
    for camera, (lens, aspect, off_x, off_y), (width, height), sensor in (
        (studio, (7.32506, 1.00044, -0.0322884, 0.0929296), (2048, 2048), (10, 10)),
        (outdoor, (8.770747185, 0.993236423, -0.104908645, 0.104899704), (1920, 1080), (10, 5.625)),
    ):
        focal = lens * width / sensor[0]
        centre = (width / 2 + off_x * width / sensor[0], height / 2 + off_y * height / sensor[1])
        np.testing.assert_allclose(numbers(camera), (focal, focal * aspect, *centre), atol=1e-5)
        assert camera.image_size == (width, height)
    training = published("training")
    assert [camera.name for camera in training] == [f"video_{i}" for i in range(14)]
    np.testing.assert_allclose(numbers(training[8]), numbers(studio), atol=0.01)  # one and the same camera


def test_a_published_annotation_is_met():
    """S1/Seq1, video 0, frame 100, joint 0, as xingyizhou/pose-hg-3d's issue 13 quotes annot3 and annot2."""
    camera = published("training")[0]
    assert numbers(camera) == VIDEO_0
    import torch

    from poseaug_gen.camera import project

    point = torch.tensor([[-0.0180923, 0.102071, 3.72617]], dtype=torch.float64)
    seen = project(point, torch.from_numpy(camera.intrinsics).double()).numpy()
    np.testing.assert_allclose(to_pixels(seen, np.array(camera.image_size)), [[1017.43, 1092.4]], atol=0.01)


# --- calibration files ----------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        (tmp_path / "camera.calibration").write_text(text)
        return tmp_path / "camera.calibration"

    return write


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_calibration_file_is_read(file, newline):
    cameras = calibrated(file(calibration(VIDEO_0, VIDEO_1).replace("\n", newline)))
    assert {number: numbers(camera) for number, camera in cameras.items()} == {0: VIDEO_0, 1: VIDEO_1}
    assert [camera.name for camera in cameras.values()] == ["video_0", "video_1"]
    assert cameras[0].image_size == (2048, 2048)


GOOD = calibration(VIDEO_0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not begin with 'Skeletool Camera Calibration File'"),
        ("\x00\xff" * 100, "does not begin with"),
        ("Skeletool Camera Calibration File V1.0\n", "holds no camera"),
        (GOOD.replace("name          0", "name          x"), "'name' must be 1 numbers"),
        (GOOD.replace("name          0", "name"), "'name' must be 1 numbers"),
        (GOOD.replace("2048 2048", "2048"), "'size' must be 2 numbers"),
        (GOOD.replace("2048 2048", "2048 0"), "images of 2048 × 0 pixels; mend its 'size'"),
        (GOOD.replace("2048 2048", "2048 -1"), "images of 2048 × -1 pixels"),
        (GOOD.replace("1497.693", "nan"), "'intrinsic' must be 16 numbers"),
        (GOOD.replace("1497.693", "1e999"), "'intrinsic' must be 16 numbers"),
        (GOOD.replace("intrinsic", "intrinsics"), "'intrinsic' must be 16 numbers"),
        (calibration(VIDEO_0, radial="1 0.1 0.2"), "camera 0 has a radial distortion"),
    ],
)
def test_a_damaged_calibration_file_is_one_sentence(file, text, says):
    with pytest.raises(PoseAugError, match=rf"camera\.calibration: .*{says}"):
        calibrated(file(text))


def test_no_calibration_file_is_one_sentence(tmp_path):
    with pytest.raises(PoseAugError, match=r"beside its annot\.mat"):
        calibrated(tmp_path / "camera.calibration")


# --- the fit --------------------------------------------------------------------------------------------------


@pytest.fixture
def people(make_poses, skeleton) -> np.ndarray:
    return make_poses(skeleton, 50).positions.astype(np.float64)


@pytest.mark.parametrize(("camera", "name"), [(STUDIO, "TS1-4"), (OUTDOOR, "TS5-6")])
def test_the_camera_is_found_from_what_it_saw(people, camera, name):
    got = fitted(people, pinhole(people, camera), "x.mat")
    np.testing.assert_allclose(numbers(got), camera, rtol=1e-9)
    assert got.name == name
    # A lens that is not quite the published one is found as it is.
    other = tuple(np.multiply(camera, [1.01, 0.99, 1.005, 0.995]))
    np.testing.assert_allclose(numbers(fitted(people, pinhole(people, other), "x.mat")), other, rtol=1e-9)


def test_annotations_that_are_not_finite_do_not_spoil_the_fit(people):
    pixels = pinhole(people, STUDIO)
    pixels[3, 2] = np.nan
    people[4, 1] = 0
    np.testing.assert_allclose(numbers(fitted(people, pixels, "x.mat")), STUDIO, rtol=1e-9)


@pytest.mark.parametrize("camera", [(1200.0, 1200.0, 1017.0, 1043.0), (1500.0, 1500.0, 500.0, 500.0)])
def test_another_camera_is_refused(people, camera):
    with pytest.raises(PoseAugError, match=r"x\.mat: its 2D annotations are not what a camera of MPI-INF-3DHP's test"):
        fitted(people, pinhole(people, camera), "x.mat")


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_to_fit_to_is_refused(people, rows):
    nobody = np.tile([0.0, 0.0, 4.0], (rows, 16, 1))
    with pytest.raises(PoseAugError, match="annotations are not what a camera"):
        fitted(nobody, pinhole(nobody, STUDIO), "x.mat")
