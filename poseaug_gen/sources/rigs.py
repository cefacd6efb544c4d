"""Virtual cameras around a person: the published studio, rings of random cameras, and a user's own from a JSON file.

A file maps names to rigs. A rig is a list of cameras, each ``azimuth_deg`` and ``distance_m`` (from the vertical axis
through the origin), ``height_m``, ``look_at_height_m`` (the point of that axis in the middle of the image),
``intrinsics`` and ``image_size``; or an object of ranges (:mod:`poseaug_gen.sources.ring`). What is neither is a
remark. World: metres, z up.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen import storage
from poseaug_gen.camera import Camera, look_at
from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.poses import Labels
from poseaug_gen.sources.checks import checked_image_size, checked_intrinsics
from poseaug_gen.sources.h36m_cameras import h36m_cameras
from poseaug_gen.sources.ring import NAME as RING
from poseaug_gen.sources.ring import is_number, ring_of_text, ring_of_values
from poseaug_gen.sources.views import WANDER, Draw, Rig, Views, blocks

STUDIO = "studio"
STUDIO_SUBJECT = "S1"  # whose cameras; they were moved by some centimetres and degrees between subjects
_PLACE = ("azimuth_deg", "distance_m", "height_m", "look_at_height_m")
_KEYS = (*_PLACE, "intrinsics", "image_size")


@dataclass(frozen=True, eq=False)
class FixedRig:
    """Cameras that stand where they are.

    Attributes:
        draw: ``each``: every camera sees every pose, rows are camera-major; ``one``: a camera drawn at random for
            each pose sees it.
    """

    cameras: tuple[Camera, ...]
    draw: Draw = "each"

    @property
    def names(self) -> list[str]:
        return [camera.name for camera in self.cameras]

    def drawing(self, draw: Draw) -> FixedRig:
        """See :meth:`poseaug_gen.sources.views.Rig.drawing`."""
        return replace(self, draw=draw)

    def see(self, world: Float[np.ndarray, "poses joints 3"], seed: int = 0) -> Views:
        """See :meth:`poseaug_gen.sources.views.Rig.see`."""
        every = np.arange(len(world))
        if self.draw == "each":
            pose, seen_by = np.tile(every, len(self.cameras)), np.repeat(np.arange(len(self.cameras)), len(world))
        else:
            pose, seen_by = every, np.random.default_rng(seed).integers(len(self.cameras), size=len(world))
        positions = np.empty((len(pose), *world.shape[1:]), dtype=np.float32)
        for number, camera in enumerate(self.cameras):
            rows = np.flatnonzero(seen_by == number)
            for at in blocks(len(rows)):
                positions[rows[at]] = camera.see(world[pose[rows[at]]])
        return Views(
            positions=positions,
            intrinsics=np.stack([camera.intrinsics for camera in self.cameras])[seen_by],
            image_size=np.array([camera.image_size for camera in self.cameras], dtype=np.int32)[seen_by],
            camera=Labels.of(self.names).take(seen_by),
            pose=pose,
        )


def studio() -> tuple[Camera, ...]:
    """The four cameras of Human3.6M (Ionescu et al., TPAMI 2014) as published, about the place that they look at.

    They are those of S1, the first subject: calibrated cameras that existed, which a mean over the subjects would not
    be. Where the four optical axes pass nearest to each other (least squares; within 0.15 to 0.39 m, 0.41 m above the
    floor) is above the origin, so a person at the origin stands in the middle of what they film. Seen from there they
    stand at azimuths of 68, 110, 247 and 289 degrees, 4.4 to 5.7 m away and 1.5 to 1.6 m high.
    """
    cameras = h36m_cameras(STUDIO_SUBJECT)
    middle = _meeting_point(cameras) * [1, 1, 0]
    return tuple(replace(camera, position=camera.position - middle) for camera in cameras)


def _meeting_point(cameras: tuple[Camera, ...]) -> Float[np.ndarray, "3"]:
    """The point with the least sum of squared distances to the optical axes, metres, world frame."""
    axis = np.stack([camera.rotation[2] for camera in cameras])
    across = np.eye(3) - axis[:, :, None] * axis[:, None, :]  # what of a vector is perpendicular to the axis
    position = np.stack([camera.position for camera in cameras])
    return np.linalg.solve(across.sum(0), np.einsum("cij,cj->i", across, position))


def load_rig(rig: str, draw: Draw = "each") -> Rig:
    """The cameras of ``studio``, ``ring``, ``ring:KEY=VALUE,…``, ``FILE:NAME``, or ``FILE`` where it holds one rig.

    Camera ``i`` of a list in a file is called ``NAME-i``.

    Raises:
        PoseAugError: there is no such file or rig, or it does not describe cameras.
    """
    if rig == STUDIO:
        return FixedRig(studio(), draw)
    if rig.partition(":")[0] == RING:
        return ring_of_text(rig, draw)
    file, _, name = (rig, "", "") if os.path.isfile(rig) else rig.rpartition(":")
    if not file:
        raise PoseAugError(
            f"--rig {rig}: neither {STUDIO} nor {RING} nor a file of rigs; give one of them, or FILE:NAME"
        )
    rigs = _rigs(file)
    if not name and len(rigs) > 1:
        raise PoseAugError(f"{file}: holds the rigs {', '.join(rigs)}; name one: {file}:{next(iter(rigs))}")
    name = name or next(iter(rigs))
    if name not in rigs:
        raise PoseAugError(f"{file}: no rig {name!r}; {nearest(name, rigs)}")
    entries = rigs[name]
    if isinstance(entries, dict):
        return ring_of_values(entries, f"{file}, {name}", draw)
    if not entries:
        raise PoseAugError(f"{file}: rig {name!r} has no cameras; list at least one")
    cameras = [_camera(entry, f"{name}-{i}", f"{file}, camera {i} of {name}") for i, entry in enumerate(entries)]
    return FixedRig(tuple(cameras), draw)


def _rigs(file: str) -> dict[str, list[Any] | dict[str, Any]]:
    """The rigs of a file by name, remarks left out."""
    data = storage.read_json(Path(file))
    entries = data.items() if isinstance(data, dict) else ()
    rigs = {key: value for key, value in entries if isinstance(value, list | dict)}
    if not rigs:
        raise PoseAugError(f"{file}: holds no rig; it must map names to lists of cameras or to objects of ranges")
    return rigs


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
    if not is_number(value):
        raise PoseAugError(f"{where}: {key!r} holds {value!r}; it must be a finite number")
    return float(value)


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
