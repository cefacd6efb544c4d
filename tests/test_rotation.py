"""Rotation vectors to matrices and back, against scipy, and where the published code's gradient was NaN."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import light, random_rotation_vectors, seeds
from torch.autograd import gradcheck

from poseaug_gen.memory import rows_last
from poseaug_gen.rotation import (
    SMALL_ANGLE,
    cross_matrix,
    product,
    rotate,
    rotation_about,
    rotation_matrix,
    rotation_vector,
    upright,
)

# torchgeometry adds 1e-6 to the angle it divides by; below SMALL_ANGLE it is not asked.
TOLERANCE = 2e-6
ANGLES = [0.0, 1e-12, 1e-6, 1e-3, 0.1, SMALL_ANGLE * (1 - 1e-9), SMALL_ANGLE * (1 + 1e-9), 1.0, 3.0, math.pi, 6.0]


def truth(vector: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(Rotation.from_rotvec(vector.numpy()).as_matrix())


def about(axis: list[float], angle: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    direction = torch.tensor([axis], dtype=dtype)
    return angle * direction / direction.norm()


@light
@given(seeds)
def test_matrices_are_scipys(seed):
    vector = random_rotation_vectors(64, seed)
    torch.testing.assert_close(rotation_matrix(vector), truth(vector), rtol=0, atol=TOLERANCE)


@light
@given(seeds)
def test_small_rotations_are_scipys_to_the_last_digits(seed):
    vector = random_rotation_vectors(64, seed, largest=SMALL_ANGLE)
    torch.testing.assert_close(rotation_matrix(vector), truth(vector), rtol=0, atol=1e-12)


@pytest.mark.parametrize("angle", ANGLES)
def test_matrices_are_scipys_at_angles_where_formulas_change(angle):
    vector = about([1, -2, 3], angle)
    torch.testing.assert_close(rotation_matrix(vector), truth(vector), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matrices_are_orthonormal_and_no_reflection(angle, dtype):
    matrix = rotation_matrix(about([1, -2, 3], angle, dtype))
    assert matrix.dtype == dtype
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3, dtype=dtype)[None], rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.det(matrix), torch.ones(1, dtype=dtype), rtol=0, atol=1e-5)


def test_a_quarter_turn_about_z_takes_x_to_y():
    matrix = rotation_matrix(torch.tensor([0.0, 0.0, math.pi / 2]))
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), atol=1e-5, rtol=0)


@light
@given(seeds)
def test_the_opposite_vector_is_the_inverse_rotation(seed):
    vector = random_rotation_vectors(16, seed)
    torch.testing.assert_close(rotation_matrix(-vector), rotation_matrix(vector).mT, rtol=0, atol=TOLERANCE)


def test_the_axis_stays_where_it_is():
    vector = random_rotation_vectors(32, 0)
    torch.testing.assert_close((rotation_matrix(vector) @ vector[..., None])[..., 0], vector, rtol=0, atol=1e-5)


@light
@given(seeds)
def test_the_cross_matrix_is_the_cross_product(seed):
    a, b = random_rotation_vectors(8, seed), random_rotation_vectors(8, seed + 1)
    torch.testing.assert_close((cross_matrix(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))


@pytest.mark.parametrize("batch", [(), (0,), (5,), (2, 3), (2, 0)])
def test_any_batch_shape_is_kept(batch):
    vector = torch.linspace(-3, 3, math.prod(batch) * 3, dtype=torch.float64).reshape(*batch, 3)
    matrix = rotation_matrix(vector)
    assert matrix.shape == (*batch, 3, 3)
    if vector.numel():
        torch.testing.assert_close(matrix.reshape(-1, 3, 3), truth(vector.reshape(-1, 3)), rtol=0, atol=TOLERANCE)


def test_the_rows_of_a_batch_do_not_meet():
    """Small and large angles take different formulas in one call."""
    vector = torch.cat([about([1, 2, 3], angle) for angle in ANGLES])
    alone = torch.cat([rotation_matrix(row[None]) for row in vector])
    torch.testing.assert_close(rotation_matrix(vector), alone, rtol=0, atol=1e-15)


# --- gradients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.1, 0.24, 0.26, 1.0, 3.0, math.pi])
def test_gradients_are_the_finite_differences(angle):
    assert gradcheck(rotation_matrix, about([1, -2, 3], angle).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_at_zero_is_the_cross_matrix_of_each_axis(dtype):
    """dR/dv_k at v = 0 is the generator of rotations about axis k; the published code gives NaN here."""
    jacobian = torch.autograd.functional.jacobian(rotation_matrix, torch.zeros(3, dtype=dtype))
    torch.testing.assert_close(jacobian.movedim(-1, 0), cross_matrix(torch.eye(3, dtype=dtype)), rtol=0, atol=0)


@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-20, 1e-8, 1e-3, 1.0])
def test_the_gradient_is_finite_in_float32_beside_rows_of_any_size(scale):
    vector = torch.tensor([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]]).mul(scale).requires_grad_()
    rotation_matrix(vector).square().sum().backward()
    assert vector.grad.isfinite().all()


# --- matrices to vectors --------------------------------------------------------------------------------------


@light
@given(seeds)
def test_the_vector_of_a_matrix_is_scipys(seed):
    matrix = truth(random_rotation_vectors(64, seed))
    expected = torch.from_numpy(Rotation.from_matrix(matrix.numpy()).as_rotvec())
    torch.testing.assert_close(rotation_vector(matrix), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("axis", [[1, -2, 3], [1, 0, 0], [0, 1, 0], [0, 0, -1], [1, 1, 0], [-3, 1e-9, 1e-9]])
@pytest.mark.parametrize("angle", [1e-12, 1e-7, 1e-6, 1e-3, 0.25, 1.0, math.pi / 2, 2 * math.pi / 3, 3.0, 3.14159])
def test_from_a_vector_to_its_matrix_and_back(axis, angle):
    """Whatever component of the quaternion is the largest, and from hardly a turn to nearly half a one."""
    vector = about(axis, angle)
    torch.testing.assert_close(rotation_vector(truth(vector)), vector, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(rotation_vector(truth(vector).float()), vector.float(), rtol=0, atol=2e-6)


def test_no_turn_is_the_zero_vector():
    assert torch.equal(rotation_vector(torch.eye(3)), torch.zeros(3))


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [2, -1, 0.5]])
def test_half_a_turn_goes_either_way_round(axis):
    vector = about(axis, math.pi)
    back = rotation_vector(truth(vector))
    assert min((back - vector).norm(), (back + vector).norm()) < 1e-7


@light
@given(seeds)
def test_a_vector_longer_than_half_a_turn_comes_back_as_the_shorter_way_round(seed):
    """As the augmentor's may be: each of its three numbers is up to pi."""
    vector = random_rotation_vectors(32, seed, largest=math.pi * math.sqrt(3))
    back = rotation_vector(rotation_matrix(vector))
    assert back.norm(dim=-1).max() <= math.pi + 1e-9
    torch.testing.assert_close(truth(back), truth(vector), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [(), (0,), (5,), (2, 3), (2, 0)])
def test_any_batch_of_matrices(batch):
    count = math.prod(batch)
    vector = random_rotation_vectors(count, 0).reshape(*batch, 3)
    matrix = truth(vector.reshape(-1, 3)).reshape(*batch, 3, 3) if count else torch.zeros(*batch, 3, 3).double()
    torch.testing.assert_close(rotation_vector(matrix), vector, rtol=0, atol=1e-9)


# --- upright --------------------------------------------------------------------------------------------------


def unit_vectors(rows: int, seed: int) -> torch.Tensor:
    vector = random_rotation_vectors(rows, seed)
    return vector / vector.norm(dim=-1, keepdim=True)


@light
@given(seeds)
def test_upright_turns_up_to_where_it_is_in_a_level_frame_and_by_no_more_than_it_must(seed):
    up = unit_vectors(64, seed)
    matrix = upright(up)
    level = torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close((matrix @ up[..., None])[..., 0], level.expand(64, 3), rtol=0, atol=1e-9)
    turn = Rotation.from_matrix(matrix.numpy())
    np.testing.assert_allclose(turn.as_matrix(), matrix, atol=1e-9)  # orthonormal: scipy had nothing to mend
    np.testing.assert_allclose(turn.magnitude(), torch.acos(-up[:, 1]), atol=1e-7)


def test_a_level_camera_is_not_turned_and_one_upside_down_is_turned_about_its_axis():
    level = torch.tensor([0.0, -1.0, 0.0])
    torch.testing.assert_close(upright(level), torch.eye(3), rtol=0, atol=0)
    torch.testing.assert_close(upright(-level), torch.diag(torch.tensor([-1.0, -1.0, 1.0])), rtol=0, atol=0)


@pytest.mark.parametrize("degrees", [0.0, 1e-3, 0.01, 0.08, 0.1, 0.3, 1.0, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_camera_nearly_upside_down_still_gets_a_rotation_that_levels_it(degrees, dtype):
    angle = math.radians(degrees)
    up = torch.tensor([[math.sin(angle), math.cos(angle), 0.0], [0.0, math.cos(angle), -math.sin(angle)]], dtype=dtype)
    matrix = upright(up)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3, dtype=dtype).expand(2, 3, 3), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.det(matrix), torch.ones(2, dtype=dtype), rtol=0, atol=1e-4)
    levelled = (matrix @ up[..., None])[..., 0]
    torch.testing.assert_close(levelled[:, 1], -torch.ones(2, dtype=dtype), rtol=0, atol=1e-5)
    assert levelled[:, [0, 2]].abs().max() < 2e-3, "a tenth of a degree"


# --- written out for many rows ---------------------------------------------------------------------------------------


@given(seeds)
def test_turned_vectors_and_products_are_those_of_matrices(seed):
    random = np.random.default_rng(seed)
    first, second = (torch.from_numpy(Rotation.random(9, random_state=random).as_matrix()) for _ in range(2))
    vectors = torch.from_numpy(random.normal(size=(9, 5, 3)))
    for layout in (lambda values: values, rows_last):
        made = rotate(layout(first), layout(vectors))
        torch.testing.assert_close(made, vectors @ first.mT)
        torch.testing.assert_close(product(layout(first), layout(second)), first @ second)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turn_about_an_axis_is_scipys(axis):
    angles = torch.linspace(-4, 4, 33, dtype=torch.float64)
    expected = Rotation.from_euler("xyz"[axis], angles.numpy()[:, None]).as_matrix()
    np.testing.assert_allclose(rotation_about(axis, angles), expected, atol=1e-12)


def test_gradients_of_turned_vectors():
    matrix = rotation_matrix(torch.randn(3, 3, dtype=torch.float64)).requires_grad_()
    vectors = torch.randn(3, 4, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(rotate, (matrix, vectors))
