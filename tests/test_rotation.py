"""Rotation vectors to matrices, against scipy, and where the published code's gradient was NaN."""

import math

import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import light, random_rotation_vectors, seeds
from torch.autograd import gradcheck

from poseaug_gen.rotation import SMALL_ANGLE, cross_matrix, rotation_matrix

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
