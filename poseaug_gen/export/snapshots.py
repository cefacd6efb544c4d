"""Which epochs' augmentors make an export's rows."""

from __future__ import annotations

import hashlib
import re

from poseaug_gen import storage
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.training.run_folder import RunFolder, snapshot_name

BEST, LAST, ALL = "auto", "last", "all"


def chosen_snapshots(run: RunFolder, setting: str) -> dict[int, Augmentor]:
    """The augmentors that the setting ``snapshots`` names, by their epochs.

    ``auto``: that of the epoch after which the estimator did best; ``last``; ``all``; ``A:B`` or ``A``: epochs A to B.

    Raises:
        BadConfigError: it is none of these.
        PoseAugError: the run has no snapshot of such an epoch.
    """
    if setting == BEST:
        return {int(run.info().get("best_epoch", 0)): run.augmentor()}
    return {epoch: run.augmentor(epoch) for epoch in _epochs(run, setting)}


def augmentors_sha256(run: RunFolder, setting: str) -> str:
    """The SHA-256 of the augmentor's file; of several, that of theirs one after the other. Raises as above."""
    if setting == BEST:
        return storage.sha256(run.path / "augmentor.safetensors")
    each = [storage.sha256(run.path / snapshot_name(epoch)) for epoch in _epochs(run, setting)]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def _epochs(run: RunFolder, setting: str) -> list[int]:
    """The epochs, in order, of the snapshots that a setting other than ``auto`` names."""
    known = run.snapshots()
    if not known:
        raise PoseAugError(f"{run.path}: has no snapshots; export with --snapshots {BEST}, or train the run again")
    if setting == ALL:
        return known
    if setting == LAST:
        return known[-1:]
    asked = re.fullmatch(r"(\d+)(?::(\d+))?", setting)
    if asked is None:
        raise BadConfigError(f"--snapshots {setting}: unknown; give {BEST}, {LAST}, {ALL}, or epochs such as 5:12")
    first, last = int(asked[1]), int(asked[2] or asked[1])
    chosen = [epoch for epoch in known if first <= epoch <= last]
    if not chosen:
        raise PoseAugError(
            f"{run.path}: has no snapshot of epochs {setting}; it has those of {known[0]} to {known[-1]}"
        )
    return chosen
