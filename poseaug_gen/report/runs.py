"""Which run an export was made by."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import parsed
from poseaug_gen.export.schema import recorded_settings
from poseaug_gen.export.snapshots import augmentors_sha256
from poseaug_gen.training.run_folder import RunFolder


def run_of(attributes: Mapping[str, Any], path: Path, named: Path | None, outputs: Path) -> RunFolder | None:
    """The run that made the export at ``path``: the one that is named, or the newest under ``outputs`` that fits.

    A run fits whose augmentor and training poses have the hashes in the export's ``attributes``. None: none is named,
    and none fits.

    Raises:
        PoseAugError: the one that is named is no run, or does not fit.
    """
    if named is None:
        runs = [RunFolder(entry.parent) for entry in outputs.glob("*/run.json")]
        newest_first = sorted(runs, key=lambda run: (run.path / "run.json").stat().st_mtime_ns, reverse=True)
        return next((run for run in newest_first if _made(run, attributes, path)), None)
    run = RunFolder(named)
    if not run.exists:
        raise PoseAugError(f"{named}: not a run folder (it has no run.json); name the run that {path.name} was made by")
    if not _made(run, attributes, path):
        raise PoseAugError(f"{named}: {path.name} was not made by this run (its augmentor or its poses are others)")
    return run


def _made(run: RunFolder, attributes: Mapping[str, Any], path: Path) -> bool:
    """Whether a run's augmentor and poses are the ones that the attributes tell of."""
    with suppress(PoseAugError, KeyError, OSError):  # an unfinished or damaged run has made nothing
        recorded = parsed(attributes, "run", path).get("source_sha256")
        snapshots = recorded_settings(parsed(attributes, "config", path)).snapshots
        return (
            run.info().get("source_sha256") == recorded
            and augmentors_sha256(run, snapshots) == attributes["created_from"]
        )
    return False
