"""Rotation vectors (axis times angle, radians) and matrices. Column vectors: ``y = R x``.

The matrix comes from torchgeometry, mended where that library is wrong:

- at a zero vector its gradient is NaN (the square root of zero inside a mask that multiplies, kornia #611);
- under an angle of 1e-3 it stops at the first order, and everywhere it divides by ``angle + 1e-6``, so a small
  rotation's axis comes out short (0.1 % at 1e-3 rad).

Below :data:`SMALL_ANGLE` the power series of Rodrigues' formula takes over, exact to the last bit of float64;
above it torchgeometry's matrix is within 2e-6 of the true one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchgeometry.core.conversions import angle_axis_to_rotation_matrix

from poseaug_gen.memory import stacked

SMALL_ANGLE = 0.25  # radians: five terms of the series leave 0.25^10 / 11! = 2e-14


def rotation_matrix(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation about ``vector`` by its length. The gradient is finite everywhere, at zero too."""
    batch = vector.shape[:-1]
    vector = vector.reshape(-1, 3)
    small = vector.square().sum(-1, keepdim=True) < SMALL_ANGLE**2
    # Each branch sees only arguments it is safe for: where() alone would still pass the other's NaN gradient.
    near = _rotation_matrix_series(torch.where(small, vector, torch.zeros_like(vector)))
    far = angle_axis_to_rotation_matrix(torch.where(small, torch.ones_like(vector), vector))[:, :3, :3]
    return torch.where(small[..., None], near, far).reshape(*batch, 3, 3)


def rotate(matrix: Float[Tensor, "rows 3 3"], vectors: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n 3"]:
    """Each row's vectors turned by its rotation: ``matrix @ vector``.

    Written out, as a batched product of matrices so small costs several times as much.
    """
    x, y, z = (vectors[..., axis, None] for axis in range(3))
    return (matrix[:, None, :, 0] * x).addcmul_(matrix[:, None, :, 1], y).addcmul_(matrix[:, None, :, 2], z)


def product(first: Float[Tensor, "rows 3 3"], second: Float[Tensor, "rows 3 3"]) -> Float[Tensor, "rows 3 3"]:
    """``first @ second``, written out as :func:`rotate` is."""
    return rotate(first, second.mT).mT


def rotation_about(axis: int, angle: Float[Tensor, " rows"]) -> Float[Tensor, "rows 3 3"]:
    """The rotation about one of the axes x, y, z (0, 1, 2) by an angle in radians; rows innermost."""
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    cosine, sine = angle.cos(), angle.sin()
    entries = [one if row == column == axis else zero for row in range(3) for column in range(3)]
    first, second = (axis + 1) % 3, (axis + 2) % 3
    entries[4 * first] = entries[4 * second] = cosine
    entries[3 * second + first], entries[3 * first + second] = sine, -sine
    return stacked(entries, 3, 3)


def _rotation_matrix_series(vector: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """``I + sin(a)/a K + (1 - cos(a))/a^2 K^2`` with both ratios as power series in ``a^2``."""
    square = vector.square().sum(-1)[:, None, None]
    sine = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
    versine = 0.5 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56 * (1 - square / 90))))
    cross = cross_matrix(vector)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + versine * (cross @ cross)


def cross_matrix(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The matrix K with ``K y = vector x y``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)


def rotation_vector(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """The rotation vector of a matrix, its angle in [0, pi]: the inverse of :func:`rotation_matrix`.

    By way of the unit quaternion, from its largest component, so that nothing small is divided by
    (Shepperd, "Quaternion from rotation matrix", 1978).
    """
    quaternion = _quaternion(matrix)
    real, axis = quaternion[..., :1], quaternion[..., 1:]
    axis = torch.where(real < 0, -axis, axis)  # the shorter of the two ways round
    sine = axis.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, real.abs())
    return torch.where(sine > 1e-6, angle / sine.clamp_min(1e-6), 2.0) * axis


def _quaternion(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternions (real part first) of rotation matrices."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    trace = diagonal.sum(-1, keepdim=True)
    skew = torch.stack(
        [matrix[..., (i + 2) % 3, (i + 1) % 3] - matrix[..., (i + 1) % 3, (i + 2) % 3] for i in range(3)], -1
    )
    # Row k of the table is the quaternion times four times its component k, which is largest where its square is.
    eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    both = matrix + matrix.transpose(-1, -2)
    lower = torch.cat([skew[..., None], both * (1 - eye) + torch.diag_embed(1 - trace + 2 * diagonal)], -1)
    table = torch.cat([torch.cat([1 + trace, skew], -1)[..., None, :], lower], -2)  # (*batch, 4, 4)
    largest = torch.cat([trace, 2 * diagonal - trace], -1).argmax(-1)
    row = table.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4))[..., 0, :]
    return row / row.norm(dim=-1, keepdim=True)


def upright(up: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The smallest rotation that turns the unit vector ``up`` to (0, -1, 0), up in a level camera's frame.

    Rodrigues' formula for the angle between two vectors: ``I + K + K^2 / (1 + cosine)``; a camera upside down,
    where it has none, is turned about z.
    """
    level = torch.zeros_like(up)
    level[..., 1] = -1
    # 1 + cosine, which would lose its digits to the 1 where the cosine is near -1.
    denominator = ((up + level).square().sum(-1) / 2)[..., None, None]
    cross = cross_matrix(torch.linalg.cross(up, level))
    eye = torch.eye(3, dtype=up.dtype, device=up.device)
    turned = eye + cross + cross @ cross / denominator.clamp_min(1e-6)
    about_z = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=up.dtype, device=up.device))
    return torch.where(denominator > 1e-6, turned, about_z)
