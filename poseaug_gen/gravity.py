"""Where up is for each camera, told from the people in front of it: files of camera-frame poses do not say.

People stand, walk and sit with an upright trunk, so over a camera's poses the mean direction of the trunk is nearly the
vertical; a climber's, who leans forward all the time, is 11 degrees off. But whichever way people lean, the lines
across their hips and shoulders are level on average. The vertical is found from both. On the real motion of
``tests/test_gravity.py``, seen by cameras of known tilt, it is 1 to 4 degrees off.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton, canonical_name

LEVEL_UP = np.array([0.0, -1.0, 0.0])  # of a camera that is held level: y runs down
# Mean length of the unit trunk directions: 1 where all agree, 0.87 where they lean by 30 degrees every way. Below this
# as many lie or tumble as stand, and their mean says nothing.
LEAST_AGREEMENT = 0.5
# What the lines across weigh against the trunk: the square of how much farther the mean trunk may lean (10 degrees)
# than the mean line (2 degrees). From 10 to 100 the vertical of our real motion moves by less than 2 degrees.
WEIGHT_ACROSS = 20.0

Vectors = Float[np.ndarray, "rows 3"]


def up_of(poses: PoseSet) -> Vectors:
    """The unit vector that points up, in the frame of each row's camera (x right, y down, z forward).

    Rows with one camera label are taken to be seen by one camera that stands still; of cameras that move, or are drawn
    anew for every pose, it is their mean. A camera held level is assumed where nothing tells: the skeleton has neither
    hips and shoulders nor a trunk, or the camera's people point every way.
    """
    up = np.tile(LEVEL_UP, (len(poses), 1))
    axes = body_axes(poses.positions, poses.skeleton)
    if axes is None:
        return up
    for code in np.unique(poses.camera.codes):
        rows = poses.camera.codes == code
        up[rows] = _vertical(*(axis[rows] for axis in axes))
    return up


def _vertical(trunk: Vectors, *across: Vectors) -> Float[np.ndarray, "3"]:
    """The unit vector nearest to the mean trunk that the lines across are perpendicular to.

    It minimises ``|u - mean trunk|^2 + WEIGHT_ACROSS mean((line . u)^2)``.
    """
    mean = trunk.mean(0)
    if np.linalg.norm(mean) < LEAST_AGREEMENT:
        return LEVEL_UP
    slant = [WEIGHT_ACROSS / len(across) * (lines.T @ lines) / len(lines) for lines in across]
    vertical = np.linalg.solve(sum(slant, np.eye(3)), mean)
    return vertical / np.linalg.norm(vertical)


def body_axes(positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton) -> list[Vectors] | None:
    """Unit vectors up each body's trunk and, from right to left, across its hips and across its shoulders.

    The trunk runs from the middle of the hips to the middle of the shoulders. Of a skeleton without joints of these
    names it runs from the root to the trunk's last joint, where that lies on the body's middle, and nothing across is
    known; of one without such a trunk, nothing at all: None.
    """
    pose = positions.astype(np.float64)
    hips, shoulders = _named(skeleton, "hip"), _named(skeleton, "shoulder")
    if hips and shoulders:
        trunk = pose[:, shoulders].mean(1) - pose[:, hips].mean(1)
        return [unit(trunk), *(unit(pose[:, left] - pose[:, right]) for left, right in (hips, shoulders))]
    if skeleton.trunk and skeleton.mirror_joints[skeleton.trunk[-1]] == skeleton.trunk[-1]:
        return [unit(pose[:, skeleton.trunk[-1]] - pose[:, 0])]
    return None


def _named(skeleton: Skeleton, name: str) -> list[int]:
    """The left and the right joint of this name, however the skeleton spells it; none where it has not both."""
    spelt = {canonical_name(joint): index for index, joint in enumerate(skeleton.joints)} | dict(skeleton.aliases)
    sides = [f"l{name}", f"r{name}"]
    return [spelt[side] for side in sides] if all(side in spelt for side in sides) else []


def unit(vectors: Vectors) -> Vectors:
    """The vectors at length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
