"""What cameras see of people: the views, and what a rig of cameras is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen.poses import Labels

WANDER = 1.2  # metres: how far from the axis a person may stand; farther, and four cameras 5 m away lose the feet
_AT_ONCE = 8192  # poses turned at once: what float64 needs in between stays in the processor's cache

Draw = Literal["each", "one"]


@dataclass(frozen=True, eq=False)
class Views:
    """What a rig sees of some poses, one row a view.

    Attributes:
        positions: joints in the camera's frame, metres.
        intrinsics, image_size, camera: of the row's camera, as in :class:`poseaug_gen.poses.PoseSet`.
        pose: which of the poses each row shows.
    """

    positions: Float[np.ndarray, "rows joints 3"]
    intrinsics: Float[np.ndarray, "rows 9"]
    image_size: Int[np.ndarray, "rows 2"]
    camera: Labels
    pose: Int[np.ndarray, " rows"]


@runtime_checkable
class Rig(Protocol):
    """Virtual cameras about the vertical axis through the origin."""

    @property
    def names(self) -> list[str]:
        """Of its cameras, for the record."""

    def drawing(self, draw: Draw) -> Rig:
        """The same cameras: ``each`` sees each pose, or ``one`` that is drawn at random."""

    def see(self, world: Float[np.ndarray, "poses joints 3"], seed: int) -> Views:
        """Poses of a world frame (metres, z up, near the origin) as the cameras see them.

        ``seed`` settles what is drawn at random; equal arguments give equal views.
        """


def blocks(rows: int) -> Iterator[slice]:
    """The rows from the first to the last, a handy number at a time."""
    return (slice(start, start + _AT_ONCE) for start in range(0, rows, _AT_ONCE))
