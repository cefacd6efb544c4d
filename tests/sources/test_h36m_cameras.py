"""Human3.6M's published cameras: where they stand and how they see, against the release's own formula."""

import json

import numpy as np
import pytest
import torch
from h36m_release import release_projection, turned

from poseaug_gen.camera import project, to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.h36m_cameras import h36m_camera, h36m_cameras, h36m_subjects

IDS = ("54138969", "55011271", "58860488", "60457274")
SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")

# As in Human3.6M's release (metadata.xml): f, c in pixels, k1 k2 k3, p1 p2.
RELEASE = {
    "54138969": (
        (1145.04940458804, 1143.78109572365),
        (512.541504956548, 515.4514869776),
        (-0.207098910824901, 0.247775183068982, -0.00307515035078854),
        (-0.00142447157470321, -0.000975698859470499),
    ),
    "55011271": (
        (1149.67569986785, 1147.59161666764),
        (508.848621645943, 508.064917088557),
        (-0.194213629607385, 0.240408539138292, 0.00681997559022603),
        (-0.0027408943961907, -0.001619026613787),
    ),
}


@pytest.mark.parametrize("camera_id", RELEASE)
def test_our_projection_is_the_releases(camera_id):
    """The tangential numbers swap places between the release's formula and ours; the other order is seen to fail."""
    camera = h36m_camera("S1", camera_id)
    rng = np.random.default_rng(0)
    points = rng.uniform([-1.5, -1.5, 3.5], [1.5, 1.5, 6.5], (200, 3))
    expected = np.array([release_projection(point, *RELEASE[camera_id]) for point in points])
    size = np.array(camera.image_size)

    def pixels(intrinsics):
        seen = project(torch.from_numpy(points), torch.from_numpy(intrinsics.astype(np.float64)))
        return to_pixels(seen.numpy(), size)

    assert np.abs(pixels(camera.intrinsics) - expected).max() < 1e-3
    other = camera.intrinsics.copy()
    other[[7, 8]] = other[[8, 7]]
    assert np.abs(pixels(other) - expected).max() > 0.1


def test_the_published_studio_has_the_same_order(shared_data):
    """The intrinsics that PoseAug trained with, rounded to some digits: same lenses, same order."""
    studio = json.loads((shared_data / "rigs.json").read_text())["studio"]
    for camera, given in zip(h36m_cameras("S1"), studio, strict=True):
        np.testing.assert_allclose(camera.intrinsics[:2], given["intrinsics"][:2], atol=3e-3)
        np.testing.assert_allclose(camera.intrinsics[4:], given["intrinsics"][4:], atol=1e-6)


def test_a_point_of_the_world_is_where_the_quaternion_puts_it():
    """S9's last camera: its constants written out again, the camera-frame point turned back into the world."""
    orientation = (0.5879399180412292, -0.7823407053947449, 0.1427614390850067, -0.14794869720935822)
    position = np.array([-1696.04345703125, -3827.099853515625, 1591.4127197265625])  # mm
    camera = h36m_camera("S9", "60457274")
    assert camera.image_size == (1000, 1002)
    for world in np.random.default_rng(1).uniform(-2, 2, (20, 3)):
        back = np.array(turned(orientation, camera.see(world))) + position / 1000
        np.testing.assert_allclose(back, world, atol=1e-9)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_cameras_stand_in_the_corners_and_look_at_one_place(subject):
    cameras = h36m_cameras(subject)
    assert [camera.name for camera in cameras] == list(IDS)
    for camera in cameras:
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) > 0
        assert 1.4 < camera.position[2] < 1.7
        assert 3.5 < np.linalg.norm(camera.position[:2]) < 6
        right, down, forward = camera.rotation
        assert down[2] < -0.95  # upright: the image's down is the world's
        assert abs(right[2]) < 0.1  # level
        # The middle of the room, 1 m high, is near the optical axis.
        x, y, z = camera.see(np.array([0.2, 0.4, 1.0]))
        assert z > 0
        assert np.hypot(x, y) / z < 0.25
        assert forward @ (np.array([0.2, 0.4, 1.0]) - camera.position) > 3
    ways = np.array([camera.position[:2] for camera in cameras])
    assert {tuple(way) for way in np.sign(ways)} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_what_is_not_published_is_named():
    assert h36m_subjects() == SUBJECTS
    with pytest.raises(PoseAugError, match="subject 'S2' are published; did you mean 'S9'"):
        h36m_cameras("S2")
    with pytest.raises(PoseAugError, match=r"Human3\.6M has no camera '5413896'; did you mean '54138969'"):
        h36m_camera("S1", "5413896")
