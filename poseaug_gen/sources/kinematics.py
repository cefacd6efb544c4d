"""Where the joints of a skeleton are whose bones turn: rotations about axes, and forward kinematics.

Column vectors: ``y = R x``. Every function works on all frames at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Turns = Float[np.ndarray, "frames 3 3"]
Shifts = Float[np.ndarray, "frames 3"]


def turns(axes: Sequence[int], angles: Float[np.ndarray, "frames axes"]) -> Turns:
    """The product of rotations about coordinate axes (0, 1, 2), in the order that they are given in.

    ``turns((2, 0), …) = R_z R_x``: the last turns first about the fixed axes, or the first about the moving ones.

    Args:
        angles: radians, one column an axis.
    """
    product = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for axis, angle in zip(axes, angles.T, strict=True):
        product = product @ _turn(axis, angle)
    return product


def _turn(axis: int, angle: Float[np.ndarray, " frames"]) -> Turns:
    """Right-handed rotations about one coordinate axis."""
    after, last = (axis + 1) % 3, (axis + 2) % 3  # it turns the one towards the other
    matrix = np.zeros((len(angle), 3, 3))
    matrix[:, axis, axis] = 1
    matrix[:, after, after] = matrix[:, last, last] = np.cos(angle)
    matrix[:, last, after] = np.sin(angle)
    matrix[:, after, last] = -matrix[:, last, after]
    return matrix


def places(
    parents: Sequence[int], rotations: Sequence[Turns], offsets: Sequence[Shifts]
) -> Float[np.ndarray, "frames joints 3"]:
    """Forward kinematics: ``R_j = R_parent rotation_j``, ``x_j = x_parent + R_parent offset_j``.

    Args:
        parents: of each joint, -1 for the root, whose parent is the world; a parent comes before its children.
        rotations: of each joint in its parent's frame.
        offsets: of each joint in its parent's frame.
    """
    place, turned = [], []
    for parent, rotation, offset in zip(parents, rotations, offsets, strict=True):
        if parent < 0:
            place.append(offset)
            turned.append(rotation)
        else:
            place.append(place[parent] + (turned[parent] @ offset[..., None])[..., 0])
            turned.append(turned[parent] @ rotation)
    return np.stack(place, 1)
