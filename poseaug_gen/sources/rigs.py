"""Virtual cameras around a person: from a JSON file of rigs, and what they see of poses in a world frame.

A rig is a list of cameras, each ``azimuth_deg`` and ``distance_m`` (from the vertical axis through the origin),
``height_m``, ``look_at_height_m`` (the point of that axis in the middle of the image), ``intrinsics`` and
``image_size``. World: metres, z up. A file maps names to rigs; what is not a list is a remark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen import storage
from poseaug_gen.camera import Camera, look_at
from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.sources.checks import checked_image_size, checked_intrinsics

WANDER = 1.2  # metres: how far from the axis a person may stand; farther, and four cameras 5 m away lose the feet
_PLACE = ("azimuth_deg", "distance_m", "height_m", "look_at_height_m")
_KEYS = (*_PLACE, "intrinsics", "image_size")
_LARGEST = 1e6  # no number of a rig is near it; also keeps out NaN, infinity and integers beyond floats


def load_rig(rig: str) -> tuple[Camera, ...]:
    """The cameras of ``FILE:NAME``; camera ``i`` is called ``NAME-i``.

    Raises:
        PoseAugError: there is no such file or rig, or it does not describe cameras.
    """
    file, colon, name = rig.rpartition(":")
    if not (file and colon and name):
        raise PoseAugError(f"--rig {rig}: not of the form FILE:NAME; give a rig file and the name of a rig in it")
    data = storage.read_json(Path(file))
    rigs = {key: value for key, value in data.items() if isinstance(value, list)} if isinstance(data, dict) else {}
    if not rigs:
        raise PoseAugError(f"{file}: holds no rig; it must map names to lists of cameras")
    if name not in rigs:
        raise PoseAugError(f"{file}: no rig {name!r}; {nearest(name, rigs)}")
    if not rigs[name]:
        raise PoseAugError(f"{file}: rig {name!r} has no cameras; list at least one")
    return tuple(_camera(entry, f"{name}-{i}", f"{file}, camera {i} of {name}") for i, entry in enumerate(rigs[name]))


def _camera(entry: Any, name: str, where: str) -> Camera:
    """One camera of a rig from its JSON form."""
    if not isinstance(entry, dict):
        raise PoseAugError(f"{where}: not an object; a camera has {', '.join(_KEYS)}")
    for key in entry:
        if key not in _KEYS:
            raise PoseAugError(f"{where}: unknown key {key!r}; {nearest(key, _KEYS)}")
    for key in _KEYS:
        if key not in entry:
            raise PoseAugError(f"{where}: lacks {key!r}; a camera has {', '.join(_KEYS)}")
    azimuth, distance, height, target = (_number(entry[key], key, where) for key in _PLACE)
    if distance <= 0:
        raise PoseAugError(f"{where}: 'distance_m' is {distance:g}; a camera stands off the axis that it looks at")
    turn = math.radians(azimuth)
    position = np.array([distance * math.cos(turn), distance * math.sin(turn), height])
    width, height_px = checked_image_size(_numbers(entry["image_size"], "image_size", where), where).tolist()
    return Camera(
        intrinsics=checked_intrinsics(_numbers(entry["intrinsics"], "intrinsics", where), where),
        image_size=(width, height_px),
        rotation=look_at(position, np.array([0.0, 0.0, target])),
        position=position,
        name=name,
    )


def _numbers(values: Any, key: str, where: str) -> Float[np.ndarray, " n"]:
    if not isinstance(values, list):
        raise PoseAugError(f"{where}: {key!r} is {values!r}; it must be a list of numbers")
    return np.array([_number(value, key, where) for value in values], dtype=np.float64)


def _number(value: Any, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise PoseAugError(f"{where}: {key!r} holds {value!r}; it must be a finite number")
    return float(value)


def see_with_rig(
    world: Float[np.ndarray, "poses joints 3"], clip: Int[np.ndarray, " poses"], cameras: Sequence[Camera]
) -> Float[np.ndarray, "rows joints 3"]:
    """World poses, recentred clip by clip, in every camera's frame; ``rows = cameras · poses``.

    Rows are camera-major: the first ``poses`` rows are what the first camera sees. ``clip`` tells which poses belong
    together.
    """
    centred = world + recentring(world[:, 0], clip)[:, None]
    seen = np.empty((len(cameras), *world.shape), dtype=np.float32)
    for view, camera in zip(seen, cameras, strict=True):
        view[:] = camera.see(centred)
    return seen.reshape(-1, *world.shape[1:])


def recentring(root: Float[np.ndarray, "poses 3"], clip: Int[np.ndarray, " poses"]) -> Float[np.ndarray, "poses 3"]:
    """The shift that brings each pose to the middle of the volume, metres; heights are kept.

    A clip's horizontal root path, less its mean over the clip, is held within :data:`WANDER` of the axis.
    """
    path = root[:, :2].astype(np.float64)
    _, code = np.unique(clip, return_inverse=True)
    mean = np.stack([np.bincount(code, path[:, axis]) for axis in (0, 1)], -1) / np.bincount(code)[:, None]
    wander = path - mean[code]
    radius = np.linalg.norm(wander, axis=-1, keepdims=True)
    held = wander * np.minimum(1, WANDER / np.maximum(radius, WANDER))
    return np.concatenate([held - path, np.zeros((len(root), 1))], -1)
