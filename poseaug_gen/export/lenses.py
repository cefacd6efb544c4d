"""Lenses that an export's pairs are seen through in place of the source's: those of a rig, or fields of view.

``--cameras source`` keeps the lens that each pair was made with; ``rig:RIG`` draws one of a rig's lenses for each pair
(RIG as :func:`poseaug_gen.sources.rigs.load_rig` takes it: studio, ring, ring:KEY=VALUE,…, FILE:NAME); ``fov:LO:HI``
draws a pinhole whose horizontal field of view is between two angles in degrees. Where a camera stands is no part of it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen.camera import INTRINSICS
from poseaug_gen.config import BadConfigError, ExportSettings, Range
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.rigs import FixedRig, load_rig
from poseaug_gen.sources.ring import RingRig

SOURCE = "source"
_RIG, _FIELD = "rig:", "fov:"
_ANGLES = re.compile(r"(\d+(?:\.\d*)?|\.\d+):(\d+(?:\.\d*)?|\.\d+)")


@dataclass(frozen=True, eq=False)
class FixedLenses:
    """The lenses of a rig of cameras, each as likely as another."""

    intrinsics: Float[np.ndarray, "lenses 9"]
    image_size: Int[np.ndarray, "lenses 2"]  # pixels

    def record(self) -> list[list[float | int]]:
        """One list a lens: its nine intrinsics, its image's width and its height."""
        return [
            [*map(float, lens), *map(int, size)] for lens, size in zip(self.intrinsics, self.image_size, strict=True)
        ]


@dataclass(frozen=True)
class FieldsOfView:
    """Pinholes whose angle across the image's width is drawn evenly from a range."""

    degrees: Range
    image_size: tuple[int, int] | None = None  # pixels; None: that of the camera that a pair was made with

    def record(self) -> list[list[float | int]]:
        """The range and the image's width and height, as one list."""
        return [[*self.degrees, *(self.image_size or ())]]


Lenses = FixedLenses | FieldsOfView


def lenses_of(settings: ExportSettings) -> Lenses | None:
    """What the setting ``cameras`` names; None for the lenses that the pairs are made with.

    Raises:
        BadConfigError: it is none of the three forms, or its angles are no range of fields of view.
        PoseAugError: there is no such rig.
    """
    cameras = settings.cameras
    if cameras == SOURCE:
        return None
    if cameras.startswith(_FIELD):
        return FieldsOfView(_degrees(cameras))
    if not cameras.startswith(_RIG):
        raise BadConfigError(f"--cameras {cameras}: unknown; give source, rig:RIG or fov:LO:HI")
    try:
        rig = load_rig(cameras.removeprefix(_RIG))
    except PoseAugError as error:
        # What is wrong with a rig that was not read from a file is told of the option that a source has.
        raise PoseAugError(re.sub(r"^--rig ", f"--cameras {_RIG}", str(error))) from error
    if isinstance(rig, RingRig):
        return FieldsOfView(rig.fov, rig.size)
    assert isinstance(rig, FixedRig)
    sizes = np.array([camera.image_size for camera in rig.cameras], dtype=np.int16)
    return FixedLenses(np.stack([camera.intrinsics for camera in rig.cameras]).astype(np.float32), sizes)


def draw_lenses(
    lenses: Lenses, rows: int, random: np.random.Generator
) -> tuple[Float[np.ndarray, "rows 9"], Int[np.ndarray, "rows 2"] | None]:
    """A lens for each of some pairs: normalised intrinsics, float32, and image sizes in pixels, int16.

    None for the image sizes: they stay as they are. A pinhole that sees an angle ``a`` across its image has
    ``fx = fy = 1 / tan(a / 2)``, in half image widths.
    """
    if isinstance(lenses, FixedLenses):
        chosen = random.integers(len(lenses.intrinsics), size=rows)
        return lenses.intrinsics[chosen], lenses.image_size[chosen]
    low, high = np.radians(lenses.degrees).astype(np.float32)
    intrinsics = np.zeros((rows, len(INTRINSICS)), dtype=np.float32)
    intrinsics[:, :2] = 1 / np.tan((low + (high - low) * random.random(rows, dtype=np.float32)) / 2)[:, None]
    size = lenses.image_size
    return intrinsics, None if size is None else np.tile(np.array(size, dtype=np.int16), (rows, 1))


def record(settings: ExportSettings) -> dict[str, Any]:
    """What an export's file says of its lenses: the setting without folders and, of a rig, the lenses in it.

    A rig's file may change under its name, and the pairs with it: so the settings then tell.
    """
    cameras, lenses = settings.cameras, lenses_of(settings)
    if lenses is None or not cameras.startswith(_RIG):
        return {"cameras": cameras}
    return {"cameras": f"{_RIG}{PurePath(cameras.removeprefix(_RIG)).name}", "lenses": lenses.record()}


def _degrees(cameras: str) -> Range:
    """The two angles of ``fov:LO:HI``."""
    match = _ANGLES.fullmatch(cameras.removeprefix(_FIELD))
    low, high = map(float, match.groups()) if match else (math.nan, math.nan)
    if not 0 < low < high < 180:
        raise BadConfigError(
            f"--cameras {cameras}: not a range of fields of view; give two angles in degrees, the smaller first, "
            f"between 0 and 180, such as fov:40:75"
        )
    return low, high
