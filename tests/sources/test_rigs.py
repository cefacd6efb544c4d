"""Virtual cameras: where they stand, what they see, how a person is brought to their middle."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.rigs import WANDER, load_rig, recentring, see_with_rig

CAMERA = {
    "azimuth_deg": 30,
    "distance_m": 5.0,
    "height_m": 1.6,
    "look_at_height_m": 0.9,
    "intrinsics": [2.3, 2.2, 0.02, 0.03, -0.2, 0.24, -0.003, -0.001, -0.002],
    "image_size": [1000, 900],
}


@pytest.fixture
def rig_file(tmp_path):
    """Writes a rig file and gives its path."""

    def write(data) -> str:
        path = tmp_path / "rigs.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return str(path)

    return write


def test_a_camera_stands_where_the_file_says(rig_file):
    (camera,) = load_rig(rig_file({"format": "a remark", "one": [CAMERA]}) + ":one")
    assert camera.name == "one-0"
    assert camera.image_size == (1000, 900)
    assert np.hypot(*camera.position[:2]) == pytest.approx(5.0)  # horizontal, whatever the height
    assert camera.position[2] == pytest.approx(1.6)
    assert np.degrees(np.arctan2(camera.position[1], camera.position[0])) == pytest.approx(30)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_what_it_looks_at_is_on_its_axis_and_up_is_up(rig_file):
    (camera,) = load_rig(rig_file({"one": [CAMERA]}) + ":one")
    x, y, z = camera.see(np.array([0.0, 0.0, 0.9]))
    assert (x, y) == pytest.approx((0, 0), abs=1e-12)
    assert z == pytest.approx(np.hypot(5.0, 1.6 - 0.9))
    low, high = camera.see(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.8]]))
    assert high[1] < low[1]
    # Seen from azimuth 30°, a step counter-clockwise about the axis (in front of it) goes to the camera's right.
    step = camera.see(np.array([-np.sin(np.radians(30)), np.cos(np.radians(30)), 0.9]))
    assert step == pytest.approx([1, 0, np.hypot(5.0, 0.7)], abs=1e-9)


def test_one_projection_computed_another_way(rig_file, skeleton, make_poses):
    """Against Euler angles and the distortion polynomial written out, in float64."""
    (camera,) = load_rig(rig_file({"one": [CAMERA]}) + ":one")
    point = np.array([[[0.3, -0.4, 1.5]]])
    tilt = np.arctan2(1.6 - 0.9, 5.0)
    # A camera at the origin that looks along +x (right -y, down -z), then tilted down and turned to face the axis.
    base = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    turned = Rotation.from_euler("ZY", [np.radians(30 + 180), tilt]).as_matrix()
    position = 5 * np.array([np.cos(np.radians(30)), np.sin(np.radians(30)), 0]) + [0, 0, 1.6]
    x, y, z = base @ turned.T @ (point[0, 0] - position)
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = CAMERA["intrinsics"]
    a, b = x / z, y / z
    r2 = a * a + b * b
    gain = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * a + p2 * b
    expected = [fx * (a * gain + p1 * r2) + cx, fy * (b * gain + p2 * r2) + cy]

    world = np.repeat(point, skeleton.num_joints, 1)
    seen = np.stack([camera.see(pose) for pose in world]).astype(np.float32)
    one = replace(make_poses(skeleton, 1), positions=seen, intrinsics=camera.intrinsics[None])
    np.testing.assert_allclose(one.project()[0, 0], expected, atol=2e-6)


def test_azimuths_go_around(rig_file):
    """Four cameras about a point off the axis: it passes in front, to one side, behind, to the other."""
    ring = [{**CAMERA, "azimuth_deg": a, "height_m": 1.0, "look_at_height_m": 1.0} for a in (0, 90, 180, 270)]
    cameras = load_rig(rig_file({"ring": ring}) + ":ring")
    seen = np.array([camera.see(np.array([1.0, 0.0, 1.0])) for camera in cameras])
    np.testing.assert_allclose(seen[:, 2], [4, 5, 6, 5], atol=1e-9)
    np.testing.assert_allclose(seen[:, 0], [0, -1, 0, 1], atol=1e-9)


def test_rows_are_camera_major(rig_file):
    cameras = load_rig(rig_file({"two": [CAMERA, {**CAMERA, "azimuth_deg": 200}]}) + ":two")
    world = np.random.default_rng(0).normal(size=(5, 16, 3)).astype(np.float32)
    clip = np.zeros(5, dtype=np.int64)
    seen = see_with_rig(world, clip, cameras)
    assert seen.shape == (10, 16, 3)
    centred = world + recentring(world[:, 0], clip)[:, None]
    for i, camera in enumerate(cameras):
        np.testing.assert_allclose(seen[5 * i : 5 * i + 5], camera.see(centred), atol=1e-5)
    # A rigid motion: the distances within a body are the world's.
    across = np.linalg.norm(world[:, 3] - world[:, 9], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(seen[:, 3] - seen[:, 9], axis=-1), np.tile(across, 2), atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0.01, 20))
def test_recentring_holds_every_clip_in_the_volume(seed, rows, spread):
    rng = np.random.default_rng(seed)
    root = (rng.normal(size=(rows, 3)) * spread + rng.normal(size=3) * 30).astype(np.float32)
    clip = rng.integers(0, 3, rows)
    shift = recentring(root, clip)
    centred = root[:, :2] + shift[:, :2]
    assert (shift[:, 2] == 0).all()  # heights are kept
    assert (np.linalg.norm(centred, axis=-1) <= WANDER + 1e-5).all()
    for one in np.unique(clip):
        path = root[clip == one, :2].astype(np.float64)
        wander = path - path.mean(0)
        radius = np.linalg.norm(wander, axis=-1)
        here = centred[clip == one]
        np.testing.assert_allclose(here[radius <= WANDER], wander[radius <= WANDER], atol=1e-5)  # near: as it was
        cross = here[:, 0] * wander[:, 1] - here[:, 1] * wander[:, 0]
        np.testing.assert_allclose(cross, 0, atol=1e-4 * (1 + spread))  # far: in the same direction


def test_recentring_does_not_see_where_a_clip_was_captured():
    rng = np.random.default_rng(1)
    root, clip = rng.normal(size=(20, 3)), np.repeat([0, 1], 10)
    moved = root + np.where(clip[:, None] == 0, [7.0, -3.0, 0.0], [0.0, 11.0, 0.0])
    before, after = (p[:, :2] + recentring(p.astype(np.float32), clip)[:, :2] for p in (root, moved))
    np.testing.assert_allclose(before, after, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        ({"studio": [CAMERA]}, "studoi", "did you mean 'studio'"),
        ({"studio": []}, "studio", "no cameras"),
        ({"format": "remark"}, "format", "holds no rig"),
        ([CAMERA], "studio", "holds no rig"),
        ("{", "studio", "not valid JSON"),
        ({"r": [3]}, "r", "camera 0 of r: not an object"),
        ({"r": [CAMERA, {**CAMERA, "intrinsics": [2.0, 2.0, 0.0, 0.0]}]}, "r", "camera 1 of r.*nine numbers"),
        ({"r": [{**CAMERA, "intrinsics": [2.0] * 8 + ["a"]}]}, "r", "'intrinsics' holds 'a'"),
        ({"r": [{**CAMERA, "intrinsics": 3}]}, "r", "list of numbers"),
        ({"r": [{**CAMERA, "intrinsics": [2.0] * 8 + [float("nan")]}]}, "r", "finite number"),
        ({"r": [{**CAMERA, "height_m": float("inf")}]}, "r", "'height_m' holds inf"),
        ({"r": [{**CAMERA, "height_m": 10**400}]}, "r", "finite number"),
        ({"r": [{**CAMERA, "height_m": True}]}, "r", "finite number"),
        ({"r": [{**CAMERA, "distance_m": 0}]}, "r", "off the axis"),
        ({"r": [{**CAMERA, "image_size": [1000]}]}, "r", "'image_size' must be"),
        ({"r": [{**CAMERA, "azimut_deg": 3}]}, "r", "did you mean 'azimuth_deg'"),
        ({"r": [{k: v for k, v in CAMERA.items() if k != "height_m"}]}, "r", "lacks 'height_m'"),
    ],
)
def test_errors_name_the_file_and_the_mend(rig_file, data, name, says):
    file = rig_file(data)
    with pytest.raises(PoseAugError, match=says) as error:
        load_rig(f"{file}:{name}")
    assert str(error.value).startswith(file)


@pytest.mark.parametrize("rig", ["studio", ":studio", "rigs.json:", ""])
def test_a_rig_is_a_file_and_a_name(rig):
    with pytest.raises(PoseAugError, match="FILE:NAME"):
        load_rig(rig)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PoseAugError, match="cannot be read: No such file"):
        load_rig(f"{tmp_path}/none.json:studio")
