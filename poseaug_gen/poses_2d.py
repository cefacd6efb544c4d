"""2D poses in memory that belong to no 3D pose: what cameras saw of people of whom nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from poseaug_gen.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Poses2D:
    """Unpaired 2D poses, any joints of which may be missing. Nothing is changed in place.

    Attributes:
        positions: joints on the normalised image plane; zeros where a joint is missing.
        visible: which joints are known.
        provenance: a record of each file that the poses come from (name, licence, citation, hash, …).
    """

    skeleton: Skeleton
    positions: Float[np.ndarray, "rows joints 2"]
    visible: Bool[np.ndarray, "rows joints"]
    provenance: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(
        cls,
        skeleton: Skeleton,
        positions: Shaped[np.ndarray, "rows joints 2"],
        visible: Bool[np.ndarray, "rows joints"],
        *provenance: Mapping[str, Any],
    ) -> Poses2D:
        """Poses in single precision; a joint that is not visible or not finite is missing."""
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and so missing
            single = positions.astype(np.float32)
        known = visible & np.isfinite(single).all(-1)
        return cls(skeleton, np.where(known[..., None], single, np.float32(0)), known, provenance)

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, index: np.ndarray) -> Poses2D:
        """Some rows, by index or mask."""
        return replace(self, positions=self.positions[index], visible=self.visible[index])


def concatenate_2d(sets: Sequence[Poses2D]) -> Poses2D:
    """Several sets of one skeleton as one.

    Raises:
        ValueError: the skeletons differ.
    """
    if any(s.skeleton != sets[0].skeleton for s in sets):
        raise ValueError(f"skeletons differ: {', '.join(s.skeleton.name for s in sets)}")
    return Poses2D(
        sets[0].skeleton,
        np.concatenate([s.positions for s in sets]),
        np.concatenate([s.visible for s in sets]),
        tuple(record for s in sets for record in s.provenance),
    )
