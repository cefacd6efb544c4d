"""How a consumer wants its rows: which columns, in which units, about which origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from poseaug_gen.camera import intrinsics_in_pixels, to_pixels
from poseaug_gen.errors import BadConfigError, nearest

Block = dict[str, np.ndarray]  # the columns of some rows, each (rows, …)

_IN_PIXELS = ("positions_2d", "detected_2d")  # points of the image, which can be told in pixels
_INTRINSICS, _SIZE, _POSE = "intrinsics", "image_size", "positions_3d"


@dataclass(frozen=True)
class View:
    """What a consumer sees of a row.

    Attributes:
        fields: columns of the file, in the order in which they are wanted.
        pixels: 2D points in pixels, and intrinsics with focal lengths and centre in pixels; else both normalised by
            half the image's width.
        root_relative: ``positions_3d`` about its root joint, the first, as lifters predict it; else absolute in the
            camera frame. Metres in either case.
    """

    fields: tuple[str, ...] = ("positions_2d", _POSE)
    pixels: bool = False
    root_relative: bool = True

    def check(self, columns: Mapping[str, object], where: str) -> None:
        """Raises a BadConfigError where a field is asked for that is not among a file's columns, or none is."""
        if not self.fields:
            raise BadConfigError(f"{where}: no field was asked for; name columns such as 'positions_2d'")
        for name in self.fields:
            if name not in columns:
                raise BadConfigError(f"{where}: has no column {name!r}; {nearest(name, columns)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be read for these fields."""
        sized = self.pixels and any(name in (*_IN_PIXELS, _INTRINSICS) for name in self.fields)
        return tuple(dict.fromkeys((*self.fields, _SIZE))) if sized else self.fields

    def of(self, block: Block) -> Block:
        """The fields of rows as they were read; what does not change is not copied."""
        seen = {name: block[name] for name in self.fields}
        if self.root_relative and _POSE in seen:
            pose = seen[_POSE]
            root = np.repeat(pose[:, :1], pose.shape[1], axis=1)  # to broadcast it would take twice as long
            seen[_POSE] = np.subtract(pose, root, out=root)
        if self.pixels:
            for name in _IN_PIXELS:
                if name in seen:
                    seen[name] = to_pixels(seen[name], block[_SIZE]).astype(np.float32)
            if _INTRINSICS in seen:
                seen[_INTRINSICS] = intrinsics_in_pixels(seen[_INTRINSICS], block[_SIZE]).astype(np.float32)
        return seen
