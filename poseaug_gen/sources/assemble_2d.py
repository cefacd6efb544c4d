"""What every reader of 2D poses shares: joints mapped to a skeleton, which are known, and which poses are of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Shaped

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import partial_matrix

LEAST_CONFIDENCE = 0.3  # of a detected joint or person: below it OpenMMLab's tools draw none (kpt_thr, bbox_thr)
LEAST_JOINTS = 0.5  # share of a pose's joints that must be known
FARTHEST = 3.0  # half image widths from the middle; the corner of an upright phone's image is 2 from it
SMALLEST = 0.1  # half image widths that a person must span: 50 pixels of 1,000, as visibility.farthest has it


def on_skeleton(
    positions: Float[np.ndarray, "rows file_joints 2"],
    visible: Bool[np.ndarray, "rows file_joints"],
    joints: Sequence[str],
    request: Request,
) -> tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"]]:
    """2D poses of a file's joints as poses of the request's skeleton, and which of its joints are known.

    A joint that the file lacks is derived by the rules for 3D (:mod:`.joints`), and missing where a part of it is.

    Args:
        positions: in any plane; of any value where a joint is not visible.
        joints: their names.
    """
    weights = partial_matrix(joints, request.skeleton, request.names)
    known = visible & np.isfinite(positions).all(-1)
    whole = np.where(known[..., None], positions, 0)  # what is not known must not spoil what is made without it
    part = weights != 0
    parts_known = known.astype(np.int64) @ part.T.astype(np.int64)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is missing later
        return np.einsum("jk,nkd->njd", weights, whole), (parts_known == part.sum(1)) & part.any(1)


def visible_joints(
    pixels: Shaped[np.ndarray, "rows file_joints 2"], confidence: Shaped[np.ndarray, "rows file_joints"]
) -> Bool[np.ndarray, "rows file_joints"]:
    """Which joints a file knows: those it is confident of, or says are labelled (COCO's 1 and 2), and not at (0, 0)."""
    return (confidence >= LEAST_CONFIDENCE) & (pixels != 0).any(-1)


def usable(poses: Poses2D, where: str) -> Poses2D:
    """The poses that say where a person is and how they stand; the records say how many others there were, and why not.

    Those need the torso, half of the joints (:data:`LEAST_JOINTS`), a place about the image (:data:`FARTHEST`) and
    some size (:data:`SMALLEST`). The published run with extra 2D poses, too, left out people too near or too far.

    Raises:
        PoseAugError: no pose is left, or most lie so far out that they are no normalised coordinates.
    """
    if not poses.visible.any():
        raise PoseAugError(
            f"{where}: none of its {len(poses):,} 2D poses has a joint of skeleton {poses.skeleton.name!r} "
            f"({', '.join(poses.skeleton.joints)}); choose another --skeleton"
        )
    torso = list(poses.skeleton.trunk or (0,))
    known = poses.visible[..., None]
    reach = np.where(known, np.abs(poses.positions), 0).max((1, 2), initial=0)
    box = [np.where(known, poses.positions, edge) for edge in (np.float32(-np.inf), np.float32(np.inf))]
    span = (box[0].max(1) - box[1].min(1)).max(1)
    causes = {
        "too_few_joints": ~poses.visible[:, torso].all(1) | (poses.visible.mean(1) < LEAST_JOINTS),
        "far_out_of_the_image": reach > FARTHEST,
        "too_small": span < SMALLEST,
    }
    kept, counts = np.ones(len(poses), dtype=bool), {}
    for cause, fails in causes.items():
        counts[cause] = int((kept & fails).sum())
        kept &= ~fails
    if counts["far_out_of_the_image"] > len(poses) / 2:
        raise PoseAugError(
            f"{where}: most of its 2D poses lie far outside the image (up to {reach.max():.4g} half widths from its "
            f"middle); if they are in pixels, give the 'image_size' of their images"
        )
    if not kept.any():
        reasons = ", ".join(f"{cause.replace('_', ' ')}: {count:,}" for cause, count in counts.items())
        raise PoseAugError(f"{where}: none of its {len(poses):,} 2D poses is of use ({reasons}); leave the file out")
    chosen = poses.take(kept)
    return replace(chosen, provenance=tuple({**record, "of_no_use": counts} for record in poses.provenance))
