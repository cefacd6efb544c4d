"""Annotated poses of MPI-INF-3DHP, from whichever file, as a PoseSet: those that agree with their own 2D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from poseaug_gen.camera import to_normalised
from poseaug_gen.poses import Labels, PoseSet
from poseaug_gen.sources.assemble import camera_set
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.mpi_inf_3dhp_cameras import Pinhole
from poseaug_gen.sources.placing import agreeing, residuals

OWNER = "MPI for Informatics, MPI-INF-3DHP"
LICENCE = "MPI-INF-3DHP: research, not for commercial purposes"
CITATION = (
    'Mehta, Rhodin, Casas, Fua, Sotnychenko, Xu, Theobalt, "Monocular 3D Human Pose Estimation In The Wild Using '
    'Improved CNN Supervision", 3DV 2017'
)


@dataclass(frozen=True, eq=False)
class SeenBy:
    """Which camera saw each row.

    Attributes:
        cameras: those of the file.
        index: of each row's camera.
    """

    cameras: Sequence[Pinhole]
    index: Int[np.ndarray, " rows"]

    @property
    def intrinsics(self) -> Float[np.ndarray, "rows 9"]:
        return np.stack([camera.intrinsics for camera in self.cameras])[self.index]

    @property
    def image_size(self) -> Int[np.ndarray, "rows 2"]:
        return np.array([camera.image_size for camera in self.cameras], dtype=np.int32)[self.index]

    def normalised(self, pixels: Shaped[np.ndarray, "rows joints 2"]) -> Float[np.ndarray, "rows joints 2"]:
        """What was seen in pixels, normalised."""
        with np.errstate(invalid="ignore"):  # what is not finite stays so, and agrees with no pose
            return to_normalised(pixels, self.image_size)

    @property
    def labels(self) -> Labels:
        return Labels.of([camera.name for camera in self.cameras]).take(self.index)


def person(name: str) -> str:
    """A person of the data set, ``S1`` or ``TS1``, so that no other data set's ``S1`` is taken for the same."""
    return f"3dhp-{name}"


def annotated_set(
    positions: Float[np.ndarray, "rows joints 3"],
    seen: Float[np.ndarray, "rows joints 2"],
    by: SeenBy,
    joints: Sequence[str],
    path: Path,
    request: Request,
    *,
    subject: Labels,
    action: Labels,
    name: str,
    left_out: Mapping[str, int] | None = None,
) -> PoseSet:
    """Those poses that project to where they were annotated; the record says how many others were left out.

    The 2D annotations are such projections themselves, so they are no detections and are not kept.

    Args:
        positions: metres, absolute, camera frame.
        seen: the 2D annotations, normalised.
        name: of the data, for the record.
        left_out: what else the file has that is not among these rows, and how often, for the record.

    Raises:
        PoseAugError: most poses do not agree with their 2D, or they are not what they should be.
    """
    residual = residuals(positions, seen, by.intrinsics)
    kept = agreeing(residual, str(path))
    half_width = by.image_size[kept, 0] / 2
    return camera_set(
        positions[kept],
        joints,
        path,
        request,
        intrinsics=by.intrinsics[kept],
        image_size=by.image_size[kept],
        subject=subject.take(kept),
        action=action.take(kept),
        camera=by.labels.take(kept),
        record={
            "name": name,
            "licence": LICENCE,
            "citation": CITATION,
            "left_out": {**(left_out or {}), "poses that do not project to their 2D": int((~kept).sum())},
            "reprojection_px": round(float(np.median(residual[kept] * half_width)), 3),
        },
    )
