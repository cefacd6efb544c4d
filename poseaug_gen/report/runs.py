"""Which run an export was made by."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.exported import made_of
from poseaug_gen.export.reading import Found, parsed
from poseaug_gen.export.schema import recorded_settings
from poseaug_gen.export.snapshots import augmentors_sha256
from poseaug_gen.training.run_folder import RunFolder, runs_under


def run_of(found: Found, attributes: Mapping[str, Any], named: Path | None, outputs: Path) -> RunFolder | None:
    """The run that made an export: the one that is named, or the newest under ``outputs`` that fits.

    A run fits whose poses and augmentor have the hashes in the export's ``attributes``: others of the same poses have
    other curves. None: none is named, and none fits.

    Raises:
        PoseAugError: the one that is named is no run, or does not fit.
    """
    if named is None:
        return next((run for run in runs_under(outputs) if _made(run, found, attributes)), None)
    run = RunFolder(named)
    if not run.exists:
        raise PoseAugError(f"{named}: not a run folder (no run.json); name the one that {found.path} was made by")
    if not _made(run, found, attributes):
        raise PoseAugError(f"{found.path}: was not made by the run {named}, whose augmentor or poses are others")
    return run


def _made(run: RunFolder, found: Found, attributes: Mapping[str, Any]) -> bool:
    """Whether a run's poses and augmentor are the ones that an export's attributes tell of."""
    with suppress(PoseAugError, LookupError, AttributeError, OSError):  # what is unfinished or damaged has made nothing
        snapshots = recorded_settings(parsed(attributes, "config", found.path)).snapshots
        return made_of(found, run) and augmentors_sha256(run, snapshots) == attributes["created_from"]
    return False
