"""What a camera is: intrinsics with distortion, where it stands, and how it sees.

Frames: world (metres, z up) and camera (metres, x right, y down, z forward). Image planes: pixels (u right,
v down) and normalised, both axes by the width so that the aspect is kept: ``x = 2u/w - 1``,
``y = 2v/w - h/w``. Intrinsics are nine normalised numbers, :data:`INTRINSICS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

INTRINSICS = ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "p1", "p2")
NEAR = 1e-6  # metres: depths nearer than this to zero are moved here, so that nothing divides by zero


def project(
    points: Float[Tensor, "*batch joints 3"], intrinsics: Float[Tensor, "*batch 9"]
) -> Float[Tensor, "*batch joints 2"]:
    """Camera-frame points to the normalised image plane, as Human3.6M and VideoPose3D distort them.

    ``xy = clamp(X/Z, -1, 1)``, ``r2 = |xy|^2``, ``radial = 1 + k . (r2, r2^2, r2^3)``, ``tan = p . xy``,
    ``uv = f (xy (radial + tan) + p r2) + c`` (SPEC, "Conventions"; VideoPose3D's ``project_to_2d``). The clamp
    hides points far off the axis or behind the camera: :func:`poseaug_gen.validity.faults` finds those.
    """
    f, c, k, p = intrinsics[..., None, :].split([2, 2, 3, 2], dim=-1)  # each (*batch, 1, n)
    xy = (points[..., :2] / safe_depth(points[..., 2:])).clamp(-1, 1)
    x, y = xy.unbind(-1)  # sums over so short an axis as theirs would cost ten times as much
    r2 = (x.square() + y.square())[..., None]
    radial = 1 + r2 * (k[..., 0:1] + r2 * (k[..., 1:2] + r2 * k[..., 2:3]))
    tangential = (p[..., 0] * x + p[..., 1] * y)[..., None]
    return f * (xy * (radial + tangential) + p * r2) + c


def safe_depth(depth: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The depth, kept :data:`NEAR` away from zero on its own side."""
    away = torch.where(depth < 0, -NEAR, NEAR)
    return torch.where(depth.abs() < NEAR, away.to(depth.dtype), depth)


def mirror_intrinsics(intrinsics: Float[Tensor, "*batch 9"]) -> Float[Tensor, "*batch 9"]:
    """The camera that sees the mirror image of a scene as the mirror image of what this one sees of it."""
    sign = torch.ones(len(INTRINSICS), dtype=intrinsics.dtype, device=intrinsics.device)
    sign[[INTRINSICS.index("cx"), INTRINSICS.index("p1")]] = -1
    return intrinsics * sign


def to_pixels(
    normalised: Shaped[np.ndarray, "*batch joints 2"], image_size: Shaped[np.ndarray, "*batch 2"]
) -> Float[np.ndarray, "*batch joints 2"]:
    """Normalised image coordinates to pixels: ``u = (x + 1) w/2``, ``v = (y + h/w) w/2``."""
    width, height = _sides(image_size)
    offset = np.stack([np.ones_like(width), height / width], -1)
    return (normalised + offset) * (width / 2)[..., None]


def to_normalised(
    pixels: Shaped[np.ndarray, "*batch joints 2"], image_size: Shaped[np.ndarray, "*batch 2"]
) -> Float[np.ndarray, "*batch joints 2"]:
    """Pixels to normalised image coordinates: the inverse of :func:`to_pixels`."""
    width, height = _sides(image_size)
    offset = np.stack([np.ones_like(width), height / width], -1)
    return pixels / (width / 2)[..., None] - offset


def _sides(image_size: Shaped[np.ndarray, "*batch 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Width and height, each ``(*batch, 1)`` to meet a joint axis."""
    size = np.asarray(image_size, dtype=np.float64)
    return size[..., 0:1], size[..., 1:2]


def normalised_intrinsics(
    focal: Shaped[np.ndarray, "2"],
    centre: Shaped[np.ndarray, "2"],
    image_size: tuple[int, int],
    radial: Shaped[np.ndarray, "3"] | None = None,
    tangential: Shaped[np.ndarray, "2"] | None = None,
) -> Float[np.ndarray, "9"]:
    """The nine normalised intrinsics of a camera given in pixels; distortion has no unit and stays."""
    width, height = image_size
    radial = np.zeros(3) if radial is None else np.asarray(radial)
    tangential = np.zeros(2) if tangential is None else np.asarray(tangential)
    centre = np.asarray(centre) * 2 / width - np.array([1, height / width])
    parts = [np.asarray(focal) * 2 / width, centre, radial, tangential]
    return np.concatenate(parts).astype(np.float32)


def intrinsics_in_pixels(
    intrinsics: Shaped[np.ndarray, "rows 9"], image_size: Shaped[np.ndarray, "rows 2"]
) -> Float[np.ndarray, "rows 9"]:
    """Normalised intrinsics with focal lengths and centre in pixels, float64; distortion has no unit and stays."""
    sized = intrinsics.astype(np.float64)
    sized[:, :2] *= image_size[:, :1] / 2
    sized[:, 2:4] = to_pixels(sized[:, None, 2:4], image_size)[:, 0]
    return sized


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera that stands in the world.

    Attributes:
        intrinsics: the nine of :data:`INTRINSICS`, normalised.
        image_size: width and height in pixels.
        rotation: world to camera, ``(3, 3)``.
        position: of the camera in the world, ``(3,)``, metres.
        name: how the rig calls it.
    """

    intrinsics: Float[np.ndarray, "9"]
    image_size: tuple[int, int]
    rotation: Float[np.ndarray, "3 3"]
    position: Float[np.ndarray, "3"]
    name: str = ""

    def see(self, world: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """World points in this camera's frame: ``R (X - position)``."""
        return (world - self.position) @ self.rotation.T


def look_at(position: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The world -> camera rotation of a camera at ``position`` that looks at ``target``, level, z up.

    Rows are the camera's axes in the world: right, down, forward.

    Raises:
        ValueError: the camera would look straight up or down, where "level" means nothing.
    """
    forward = np.asarray(target, dtype=np.float64) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-6:
        raise ValueError("a camera that looks straight up or down has no level")
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
