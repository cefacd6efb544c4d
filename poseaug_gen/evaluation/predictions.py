"""A user's own predictions for a target: read, checked against it, and scored as a lifter's are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.scores import score
from poseaug_gen.evaluation.transfer import Outcome, Target
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.checks import check_bodies, checked_positions
from poseaug_gen.sources.fields import joint_names_in
from poseaug_gen.sources.joints import joint_names
from poseaug_gen.sources.safe_h5 import looks_like_hdf5, names_in, opened, read_dataset
from poseaug_gen.sources.safe_npz import looks_like_zip, read_members

FIELD = "positions_3d"
FIELDS = (FIELD, "joints")
NAME = "predictions"


def score_predictions(paths: Sequence[Path], targets: Sequence[Target]) -> Outcome:
    """What files of predictions score, one a target.

    Raises:
        PoseAugError: one of them is not of its target (:func:`read_predictions`).
    """
    scores = {
        target.name: score(read_predictions(path, target.poses), target.poses)
        for path, target in zip(paths, targets, strict=True)
    }
    return Outcome(NAME, 0, 0.0, {"files": [path.name for path in paths]}, scores)


def read_predictions(path: Path, target: PoseSet) -> Float[Tensor, "rows joints 3"]:
    """The poses in ``positions_3d`` of an .npz or .h5: metres, camera frame, absolute or root-relative.

    Their joints are the target's in its order, or those that the field ``joints`` names.

    Raises:
        PoseAugError: the file cannot be read, or its poses are not one for each row of the target, of its joints,
            finite and in metres.
    """
    where = str(path)
    found = _read(path)
    positions = checked_positions(
        found[FIELD],
        joint_names_in(found, where),
        target.skeleton,
        joint_names(),
        where,
        if_not_finite="predict a pose for each row of the target",
    )
    if len(positions) != len(target):
        raise PoseAugError(
            f"{where}: holds {len(positions):,} poses and its target {len(target):,}; predict one for each row of the "
            f"target, in its order (poseaug-gen sources convert writes the rows)"
        )
    check_bodies(positions, target.skeleton, where)
    return torch.from_numpy(positions)


def _read(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The poses, and the names of their joints where the file has them, of whatever shape and type."""
    if not path.is_file():
        raise PoseAugError(f"{path}: there is no such file; give the .npz or .h5 with your predictions")
    if looks_like_zip(path):
        found = read_members(path, FIELDS)
    elif looks_like_hdf5(path):
        with opened(path) as file:
            found = {name: read_dataset(file, name) for name in FIELDS if name in names_in(file)}
    else:
        raise PoseAugError(f"{path}: neither .npz nor HDF5; write {FIELD!r} (rows, joints, 3) to one of them")
    if FIELD not in found:
        raise PoseAugError(f"{path}: lacks {FIELD!r}; write your poses (rows, joints, 3) under that name")
    return found
