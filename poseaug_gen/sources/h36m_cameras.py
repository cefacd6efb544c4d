"""The published cameras of Human3.6M; the constants and their source are in :data:`h36m_cameras.toml <CAMERAS>`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Float

from poseaug_gen.camera import Camera, normalised_intrinsics
from poseaug_gen.errors import PoseAugError, nearest

CAMERAS = "h36m_cameras.toml"
LICENCE = "Human3.6M: academic use only, on registration"
CITATION = (
    'Ionescu, Papava, Olaru, Sminchisescu, "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human '
    'Sensing in Natural Environments", IEEE TPAMI 36(7), 2014'
)


def h36m_subjects() -> tuple[str, ...]:
    """The subjects whose cameras are published."""
    return tuple(_constants()["placed"])


@lru_cache
def h36m_cameras(subject: str) -> tuple[Camera, ...]:
    """The four cameras of a subject, in the published order, each named by its id.

    Raises:
        PoseAugError: no cameras of this subject are published.
    """
    placed = _constants()["placed"]
    if subject not in placed:
        raise PoseAugError(f"no cameras of Human3.6M's subject {subject!r} are published; {nearest(subject, placed)}")
    return tuple(
        Camera(
            intrinsics=normalised_intrinsics(
                np.array(camera["focal"]),
                np.array(camera["centre"]),
                (camera["image_size"][0], camera["image_size"][1]),
                np.array(camera["radial"]),
                np.array(camera["tangential"]),
            ),
            image_size=(camera["image_size"][0], camera["image_size"][1]),
            rotation=_rotation(place["orientation"]).T,
            position=np.array(place["translation"]) / 1000,
            name=camera["id"],
        )
        for camera, place in zip(_constants()["camera"], placed[subject], strict=True)
    )


def h36m_camera(subject: str, camera_id: str) -> Camera:
    """One camera of a subject, by its id (``54138969``, …).

    Raises:
        PoseAugError: no such camera, or none of this subject, is published.
    """
    cameras = {camera.name: camera for camera in h36m_cameras(subject)}
    if camera_id not in cameras:
        raise PoseAugError(f"Human3.6M has no camera {camera_id!r}; {nearest(camera_id, cameras)}")
    return cameras[camera_id]


@lru_cache
def _constants() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(CAMERAS).read_text(encoding="utf-8"))


def _rotation(quaternion: Sequence[float]) -> Float[np.ndarray, "3 3"]:
    """The rotation matrix of a quaternion w x y z; its length does not matter.

    Rodrigues' ``R = I + 2 (w K + K K)`` with K the cross product's matrix of x y z.
    """
    w, x, y, z = np.asarray(quaternion) / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * (w * cross + cross @ cross)
