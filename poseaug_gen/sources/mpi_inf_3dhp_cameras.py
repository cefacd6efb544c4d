"""The cameras of MPI-INF-3DHP: published ones, those of a calibration file, and one fitted to 2D and 3D annotations."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float

from poseaug_gen.camera import normalised_intrinsics
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.checks import WIDEST_IMAGE

CAMERAS = "mpi_inf_3dhp_cameras.toml"
CALIBRATION = "Skeletool Camera Calibration File"  # how a calibration file begins
LARGEST_CALIBRATION = 2**20  # bytes; the published ones have six thousand
FARTHEST_FIT = 0.05  # of the width: how far a fitted camera may be from the published one, focal length and centre


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion.

    Attributes:
        name: how the data set calls it.
        focal, centre: focal lengths and principal point, x and y, pixels.
        image_size: width and height, pixels.
    """

    name: str
    focal: tuple[float, float]
    centre: tuple[float, float]
    image_size: tuple[int, int]

    @property
    def intrinsics(self) -> Float[np.ndarray, "9"]:
        """The nine normalised numbers."""
        return normalised_intrinsics(np.array(self.focal), np.array(self.centre), self.image_size)


@lru_cache
def published(which: str) -> tuple[Pinhole, ...]:
    """The fourteen cameras of the ``training`` set, or the two of the ``test`` set."""
    data = tomllib.loads(resources.files(__package__).joinpath(CAMERAS).read_text(encoding="utf-8"))
    return tuple(
        Pinhole(camera["name"], tuple(camera["focal"]), tuple(camera["centre"]), tuple(camera["image_size"]))
        for camera in data[which]
    )


# --- calibration files ----------------------------------------------------------------------------------------


def calibrated(path: Path) -> dict[int, Pinhole]:
    """The cameras of a ``camera.calibration``, by number.

    Of each camera the file has lines ``name`` (the number), ``size`` (pixels), ``intrinsic`` (4 × 4, row by row),
    ``radial`` (0: no distortion) and others that we do not need.

    Raises:
        PoseAugError: there is no such file, or it is not one of calibrated cameras.
    """
    cameras: dict[int, Pinhole] = {}
    for block in _text(path).split("\nname")[1:]:
        fields = {words[0]: words[1:] for line in ("name" + block).splitlines() if (words := line.split())}
        name, width, height = _numbers(fields, "name", 1, path) + _numbers(fields, "size", 2, path)
        if not (1 <= width <= WIDEST_IMAGE and 1 <= height <= WIDEST_IMAGE):
            raise PoseAugError(f"{path}: camera {name:g} has images of {width:g} × {height:g} pixels; mend its 'size'")
        k = _numbers(fields, "intrinsic", 16, path)
        if any(_numbers(fields, "radial", len(fields.get("radial", ())), path)):
            raise PoseAugError(f"{path}: camera {name:g} has a radial distortion, and its formula is not known here")
        cameras[int(name)] = Pinhole(f"video_{name:g}", (k[0], k[5]), (k[2], k[6]), (int(width), int(height)))
    if not cameras:
        raise PoseAugError(f"{path}: holds no camera; give the camera.calibration of the sequence")
    return cameras


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_CALIBRATION).decode("ascii", "replace")
    except OSError as error:
        raise PoseAugError(
            f"{path}: cannot be read: {error.strerror}; put the camera.calibration of the sequence beside its annot.mat"
        ) from error
    if not text.startswith(CALIBRATION):
        raise PoseAugError(f"{path}: does not begin with {CALIBRATION!r}; give the one that was published")
    return "\n".join(line.strip() for line in text.splitlines())


def _numbers(fields: dict[str, list[str]], key: str, count: int, path: Path) -> list[float]:
    try:
        numbers = [float(word) for word in fields[key]]
    except (KeyError, ValueError):
        numbers = []
    if len(numbers) != count or not all(abs(number) < 1e6 for number in numbers):  # NaN is no number here either
        raise PoseAugError(f"{path}: a camera's {key!r} must be {count} numbers; give the file as it was published")
    return numbers


# --- annotations ----------------------------------------------------------------------------------------------


def fitted(
    positions: Float[np.ndarray, "rows joints 3"], pixels: Float[np.ndarray, "rows joints 2"], where: str
) -> Pinhole:
    """The camera of the test set that saw these joints, its numbers fitted to them by least squares.

    A pinhole's pixels are a straight line in ``X / Z`` (and ``Y / Z``): slope and intercept are focal length and
    principal point. The camera is the published one whose principal point is nearer.

    Raises:
        PoseAugError: the fit is far from that camera: the annotations are not of the test set.
    """
    with np.errstate(all="ignore"):
        ray = (positions[..., :2] / positions[..., 2:]).reshape(-1, 2)
        pixel = pixels.reshape(-1, 2)
        good = np.isfinite(ray).all(-1) & np.isfinite(pixel).all(-1)
        ray, pixel = ray[good], pixel[good]
        ray_mean, pixel_mean = ray.sum(0) / len(ray), pixel.sum(0) / len(ray)
        focal = ((ray - ray_mean) * pixel).sum(0) / np.square(ray - ray_mean).sum(0)
        centre = pixel_mean - focal * ray_mean
    cameras = published("test")
    camera = min(cameras, key=lambda camera: np.abs(centre - camera.centre).max())
    off = np.abs(np.concatenate([focal - camera.focal, centre - camera.centre])).max()
    if not off <= FARTHEST_FIT * camera.image_size[0]:
        raise PoseAugError(
            f"{where}: its 2D annotations are not what a camera of MPI-INF-3DHP's test set sees of its 3D (a focal "
            f"length of {focal[0]:.0f} px fits them best); give the annot_data.mat as it was published"
        )
    return replace(camera, focal=(float(focal[0]), float(focal[1])), centre=(float(centre[0]), float(centre[1])))
