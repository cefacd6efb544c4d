"""People as stick figures in SVG, left blue and right red: as somebody a little above and beside their camera sees
them, and in the frame of that camera. ``page.js`` turns them the same way.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from markupsafe import Markup, escape

from poseaug_gen.drawing import bone_sides
from poseaug_gen.gravity import Vectors
from poseaug_gen.rotation import upright
from poseaug_gen.skeleton import Skeleton

YAW, PITCH = math.radians(-25), math.radians(12)  # of the onlooker: to the camera's right, and above
REACH = 1.05  # metres about the body's middle that a picture shows each way
FLOOR = 0.6  # metres from the middle of the square that a body stands on to its edges

Pose = Float[np.ndarray, "joints 3"]


def levelled(
    positions: Float[np.ndarray, "rows joints 3"], up: Vectors
) -> tuple[Float[np.ndarray, "rows joints 3"], Vectors]:
    """Bodies about their roots in a frame that is level (x right, y down, z away from the camera), and their cameras.

    Camera-frame poses turned by the smallest rotation that brings their unit verticals ``up`` upright.
    """
    turn = upright(torch.from_numpy(np.ascontiguousarray(up, dtype=np.float64))).numpy()
    root = positions[:, :1].astype(np.float64)
    return np.einsum("rij,rnj->rni", turn, positions - root), -np.einsum("rij,rj->ri", turn, root[:, 0])


def middle_of(pose: Pose) -> Float[np.ndarray, "3"]:
    """The middle of the box about a pose."""
    return (pose.min(0) + pose.max(0)) / 2


def turned(
    points: Float[np.ndarray, "points 3"], yaw: float = YAW, pitch: float = PITCH
) -> Float[np.ndarray, "points 3"]:
    """Points of a level frame as an onlooker sees them: right, down, away. A positive yaw turns the near side right."""
    x, y, z = points.T
    across, away = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    return np.stack(
        [across, y * math.cos(pitch) - away * math.sin(pitch), away * math.cos(pitch) + y * math.sin(pitch)], -1
    )


def in_3d(pose: Pose, skeleton: Skeleton, alternative: str) -> Markup:
    """A level pose over the square that it stands on, its middle in the middle, the near bones over the far ones."""
    about = middle_of(pose)
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * FLOOR
    corners[:, 1] = pose[:, 1].max() - about[1]
    floor = 100 * turned(corners)
    seen = turned(pose - about)
    depth = seen[skeleton.bone_parents, 2] + seen[1:, 2]
    return Markup(
        f'<svg class="stick" role="img" viewBox="{-100 * REACH:g} {-100 * REACH:g} {200 * REACH:g} {200 * REACH:g}" '
        f'aria-label="{escape(alternative)}"><path class="floor" d="M{_path(floor)}z"/>'
        f"{_bones(100 * seen[:, :2], skeleton, np.argsort(-depth, kind='stable'))}</svg>"
    )


def in_frame(
    seen: Float[np.ndarray, "joints 2"],
    aspect: float,
    skeleton: Skeleton,
    alternative: str,
    faint: Float[np.ndarray, "joints 2"] | None = None,
) -> Markup:
    """A normalised 2D pose in its frame, whose height is ``aspect`` widths; another one, or None, faint behind it."""
    order = np.arange(skeleton.num_bones)
    behind = "" if faint is None else f'<g class="faint">{_bones(100 * faint, skeleton, order)}</g>'
    height = 200 * aspect
    return Markup(
        f'<svg class="stick framed" role="img" viewBox="-101 {-height / 2 - 1:.4g} 202 {height + 2:.4g}" '
        f'aria-label="{escape(alternative)}"><rect class="frame" x="-100" y="{-height / 2:.4g}" width="200" '
        f'height="{height:.4g}"/>{behind}{_bones(100 * seen, skeleton, order)}</svg>'
    )


def _bones(places: Float[np.ndarray, "joints 2"], skeleton: Skeleton, order: np.ndarray) -> str:
    """A line a bone, in this order."""
    sides = bone_sides(skeleton)
    ends = ((sides[bone], places[[skeleton.bone_parents[bone], bone + 1]]) for bone in order.tolist())
    return "".join(f'<path class="{side}" d="M{_path(bone)}"/>' for side, bone in ends if np.isfinite(bone).all())


def _path(points: Float[np.ndarray, "points any"]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y, *_ in points.tolist())
