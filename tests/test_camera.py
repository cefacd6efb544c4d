"""Projection against a twin written from SPEC, pixels, mirrored cameras, and where cameras look."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import bodies, cameras, light, random_cameras, random_poses, seeds
from torch.autograd import gradcheck

from poseaug_gen.camera import (
    INTRINSICS,
    NEAR,
    Camera,
    look_at,
    mirror_intrinsics,
    normalised_intrinsics,
    project,
    safe_depth,
    to_normalised,
    to_pixels,
)
from poseaug_gen.skeleton import load_skeleton

sizes = st.tuples(st.integers(16, 4096), st.integers(16, 4096))


def project_one(point: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """SPEC, "Conventions", for one point, one number at a time."""
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = camera
    x, y = (min(max(side / point[2], -1), 1) for side in point[:2])
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    tan = p1 * x + p2 * y
    return np.array([fx * (x * (radial + tan) + p1 * r2) + cx, fy * (y * (radial + tan) + p2 * r2) + cy])


def pinhole(f: float = 1.0) -> torch.Tensor:
    return torch.tensor([[f, f, 0, 0, 0, 0, 0, 0, 0]], dtype=torch.float64)


# --- projection -----------------------------------------------------------------------------------------------


@light
@given(bodies(), cameras(), st.sampled_from([1.0, 0.2]))
def test_projection_is_specs_formula(body, camera, nearness):
    """At a fifth of the depth about half of the joints lie beyond the clamp."""
    _, pose = body
    pose = pose * torch.tensor([1, 1, nearness], dtype=pose.dtype)
    expected = [[project_one(p, c) for p in points] for points, c in zip(pose.numpy(), camera.numpy(), strict=True)]
    np.testing.assert_allclose(project(pose, camera).numpy(), expected, rtol=1e-12, atol=1e-12)


def test_a_pinhole_camera_divides_by_depth():
    points = torch.tensor([[[0.0, 0.0, 3.0], [1.0, -0.5, 2.0]]], dtype=torch.float64)
    assert project(points, pinhole(2.0)).tolist() == [[[0, 0], [1, -0.5]]]


def test_x_over_z_and_y_over_z_are_clamped_to_one():
    points = torch.tensor([[[9.0, -9.0, 1.0], [-1.5, 0.2, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(project(points, pinhole())[0], torch.tensor([[1, -1], [-1, 0.2]], dtype=torch.float64))


@light
@given(bodies(), cameras())
def test_a_scene_at_twice_the_size_and_distance_looks_the_same(body, camera):
    _, pose = body
    torch.testing.assert_close(project(2 * pose, camera), project(pose, camera))


def test_each_row_is_seen_by_its_own_camera():
    pose, camera = random_poses(load_skeleton(), 3, 0), random_cameras(3, 1)
    alone = torch.cat([project(pose[i : i + 1], camera[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(project(pose, camera), alone)
    torch.testing.assert_close(project(pose[0], camera[0]), alone[0])  # and a pose without a batch


@light
@given(bodies(rows=2), cameras(rows=2))
def test_the_gradient_inside_the_clamp_is_the_finite_difference(body, camera):
    _, pose = body
    assert gradcheck(project, (pose.requires_grad_(), camera.requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("depth", [0.0, -0.0, 1e-30, -1e-30, NEAR / 2, -NEAR, -2.0])
@pytest.mark.parametrize("side", [0.0, 0.5, -0.5])
def test_at_the_lens_and_behind_it_value_and_gradient_are_finite(dtype, depth, side):
    points = torch.tensor([[[side, 0.3, depth]]], dtype=dtype, requires_grad=True)
    camera = random_cameras(1, 0).to(dtype)
    seen = project(points, camera)
    seen.sum().backward()
    assert seen.isfinite().all()
    assert points.grad.isfinite().all()


def test_a_safe_depth_keeps_its_side_and_is_untouched_where_it_is_safe():
    depth = torch.tensor([0.0, NEAR / 3, -NEAR / 3, 2.0, -2.0])
    torch.testing.assert_close(safe_depth(depth), torch.tensor([NEAR, NEAR, -NEAR, 2.0, -2.0]), rtol=0, atol=0)


# --- mirror ---------------------------------------------------------------------------------------------------


@light
@given(bodies(), cameras())
def test_the_mirrored_camera_sees_the_mirrored_pose_as_the_mirrored_picture(body, camera):
    _, pose = body
    flip_3d = torch.tensor([-1, 1, 1], dtype=pose.dtype)
    flip_2d = torch.tensor([-1, 1], dtype=pose.dtype)
    torch.testing.assert_close(project(pose * flip_3d, mirror_intrinsics(camera)), project(pose, camera) * flip_2d)


@light
@given(cameras())
def test_mirroring_a_camera_twice_changes_nothing(camera):
    torch.testing.assert_close(mirror_intrinsics(mirror_intrinsics(camera)), camera, rtol=0, atol=0)


# --- pixels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(1000, 1000), (1920, 1080), (480, 640)])
def test_the_frame_is_two_wide_and_keeps_its_aspect(width, height):
    corners = np.array([[0, 0], [width, height], [width / 2, height / 2]])
    aspect = height / width
    expected = [[-1, -aspect], [1, aspect], [0, 0]]
    np.testing.assert_allclose(to_normalised(corners, np.array([width, height])), expected, atol=1e-15)


@light
@given(seeds, sizes)
def test_pixels_round_trip(seed, size):
    normalised = np.random.default_rng(seed).uniform(-1.5, 1.5, (4, 7, 2))
    image_size = np.tile(size, (4, 1))
    np.testing.assert_allclose(to_normalised(to_pixels(normalised, image_size), image_size), normalised, atol=1e-12)


def test_each_row_has_its_own_image_size():
    normalised = np.zeros((2, 3, 2))
    pixels = to_pixels(normalised, np.array([[1000, 500], [640, 480]]))
    assert pixels[:, 0].tolist() == [[500, 250], [320, 240]]


@light
@given(seeds, sizes)
def test_normalised_intrinsics_see_what_the_cameras_pixels_say(seed, size):
    """A camera given in pixels, projected by its own formula ``u = f x + c``, then normalised."""
    rng = np.random.default_rng(seed)
    focal, centre = rng.uniform(0.5, 2, 2) * size[0], rng.uniform(0.3, 0.7, 2) * size
    radial, tangential = rng.uniform(-0.2, 0.2, 3), rng.uniform(-0.01, 0.01, 2)
    points = rng.uniform([-1, -1, 2], [1, 1, 5], (6, 3))
    in_pixels = np.array([project_one(p, np.array([*focal, *centre, *radial, *tangential])) for p in points])

    camera = torch.from_numpy(normalised_intrinsics(focal, centre, size, radial, tangential))
    seen = project(torch.from_numpy(points).float(), camera)
    np.testing.assert_allclose(seen.numpy(), to_normalised(in_pixels, np.array(size)), atol=2e-5)


def test_a_camera_without_distortion_has_none():
    camera = normalised_intrinsics(np.array([1000.0, 1000.0]), np.array([500.0, 500.0]), (1000, 1000))
    assert dict(zip(INTRINSICS, camera.tolist(), strict=True)) == (
        {"fx": 2, "fy": 2, "cx": 0, "cy": 0, "k1": 0, "k2": 0, "k3": 0, "p1": 0, "p2": 0}
    )


# --- where cameras stand --------------------------------------------------------------------------------------


@light
@given(seeds)
def test_a_camera_sees_its_target_straight_ahead_and_upright(seed):
    rng = np.random.default_rng(seed)
    position, target = rng.uniform(-5, 5, (2, 3))
    rotation = look_at(position, target)
    camera = Camera(np.zeros(9, np.float32), (1000, 1000), rotation, position)
    np.testing.assert_allclose(camera.see(target), [0, 0, np.linalg.norm(target - position)], atol=1e-9)
    above, right = rotation[1] @ [0, 0, 1], rotation[0]
    assert above < 0  # y points down: what is higher in the world is higher in the picture
    assert abs(right[2]) < 1e-12  # level


@light
@given(seeds)
def test_look_at_is_a_rotation_so_distances_are_kept(seed):
    position, target, a, b = np.random.default_rng(seed).uniform(-5, 5, (4, 3))
    rotation = look_at(position, target)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    camera = Camera(np.zeros(9, np.float32), (1000, 1000), rotation, position)
    assert math.dist(camera.see(a), camera.see(b)) == pytest.approx(math.dist(a, b))


def test_the_axes_of_a_camera_that_looks_north():
    """From the south of the origin, north is y, so right is east (x) and down is -z."""
    rotation = look_at(np.array([0.0, -3.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(rotation, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-15)


@pytest.mark.parametrize("height", [-2.0, 2.0])
def test_straight_up_and_down_have_no_level(height):
    with pytest.raises(ValueError, match="no level"):
        look_at(np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0, height]))
