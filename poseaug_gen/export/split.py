"""Which of a run's poses an export's validation rows stand on: people, or at least actions, that training never sees.

A split by row would put the same posture, mirrored or seen from elsewhere, on both sides, and a lifter that only
remembers would pass for one that understands.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet


def validation_rows(
    poses: PoseSet, built_in: int, share: float, seed: int, where: str = "this run"
) -> Bool[np.ndarray, " rows"]:
    """The poses for validation, about ``share`` of the source's and about as many of the built-in ones.

    Of each of the two parts whole subjects where it has several, else whole actions. At least one is on either side,
    so of few large ones the share may be missed by far; what of an export is for validation is another share.

    Args:
        poses: the source's, then the built-in ones.
        built_in: how many of them, at the end, are built-in ones.
        seed: another one holds out others.
        where: the run, for an error.

    Raises:
        PoseAugError: a part has one subject and one action.
    """
    own, added = (poses.take(part) for part in np.split(np.arange(len(poses)), [len(poses) - built_in]))
    masks = (
        _held_out(part, share, seed, f"{where}: its {name} poses")
        for part, name in ((own, "source"), (added, "built-in"))
    )
    return np.concatenate(list(masks))


def _held_out(poses: PoseSet, share: float, seed: int, what: str) -> Bool[np.ndarray, " rows"]:
    """The rows of one part that are for validation."""
    if len(poses) == 0:
        return np.zeros(0, dtype=bool)
    for labels in (poses.subject, poses.action):
        if len(labels.counts()) > 1:
            return labels.held_out(share, seed)
    raise PoseAugError(
        f"{what} are of one subject ({next(iter(poses.subject.counts()))}) and one action, so none can be kept for "
        f"validation; export without --split, or train on a source with several subjects or actions"
    )
