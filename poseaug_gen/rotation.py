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
