"""What ``poseaug-gen evaluate`` works on, found from what was typed: run, export, source, targets, arms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch

from poseaug_gen.commands.run_options import finished_run
from poseaug_gen.commands.source_options import request_from
from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.arms import EXPORT, PLAIN, SOURCE, Arm, file_arm, plain_arm, run_arm, source_arm
from poseaug_gen.evaluation.exported import made_of, skeleton_in
from poseaug_gen.evaluation.online import ONLINE, PUBLISHED, online_arm, published_arm
from poseaug_gen.evaluation.report import MEAN
from poseaug_gen.evaluation.transfer import Target
from poseaug_gen.export.reading import Found, find
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.facts import skeleton_within
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig
from poseaug_gen.training.run_folder import RunFolder


@dataclass(frozen=True)
class Material:
    """All of one skeleton, the request's. What no arm needs is None."""

    request: Request
    run: RunFolder | None
    export: Found | None
    source: PoseSet | None

    def targets(self, texts: Sequence[str]) -> list[Target]:
        """The poses of each ``FILE[@RIG]``, called by file and rig; a name that is taken has a number too.

        Raises:
            PoseAugError: one cannot be read, or has not the skeleton's joints.
        """
        found: list[Target] = []
        for text in texts:
            file, rig = split_rig(text)
            request = replace(self.request, rig=load_rig(rig)) if rig else self.request
            name = Path(file).stem + (f"@{_short(rig)}" if rig else "")
            name = _unlike(name, [MEAN, *(target.name for target in found)])
            found.append(Target(name, read_sources([file], request)))
        return found

    def arms(self, names: Sequence[str], rows: int, device: torch.device) -> list[Arm]:
        """The arms of these names, with pools of at most ``rows`` pairs."""
        return [self._arm(name, rows, device) for name in names]

    def _arm(self, name: str, rows: int, device: torch.device) -> Arm:
        assert self.source is not None  # find_material reads it where there are arms ...
        if name == SOURCE:
            return source_arm(self.source, device)
        if name == PLAIN:
            return plain_arm(self.source, rows, device)
        if name == PUBLISHED:
            return published_arm(self.source, device)
        if name == EXPORT and self.export is not None:
            return file_arm(self.source, self.export, rows, device)
        assert self.run is not None  # ... and finds this for those that are left
        return (
            run_arm(self.source, self.run, rows, device)
            if name == EXPORT
            else online_arm(self.source, self.run, device)
        )


def find_material(
    arms: Sequence[str],
    sources: Sequence[str],
    run_path: Path | None,
    outputs: Path,
    export_path: Path | None,
    targets: Sequence[str],
    reading: Mapping[str, Any],
) -> Material:
    """What the arms need, and nothing else.

    Args:
        reading: the options of :func:`poseaug_gen.commands.source_options.source_options`.

    Raises:
        PoseAugError: something is missing, cannot be read, or does not belong together.
    """
    export = find(export_path) if export_path else None
    needs_run = bool(arms) and (not sources or ONLINE in arms or (EXPORT in arms and export is None))
    run = finished_run(run_path, outputs) if run_path or needs_run else None
    request = replace(request_from(**reading), skeleton=_skeleton(run, export, targets[0], reading["skeleton"]))
    if not arms:
        return Material(request, run, export, None)
    if sources:
        return Material(request, run, export, read_sources(sources, request))
    assert run is not None
    if export is not None and not made_of(export, run):
        raise PoseAugError(
            f"{export.path}: was not made of the poses of {run.path}; name its run with --run, or them with --source"
        )
    return Material(request, run, export, run.source_poses)


def _skeleton(run: RunFolder | None, export: Found | None, target: str, named: str | None) -> Skeleton:
    """The skeleton of run and export; without them the one named, or the one that the first target says it has.

    Raises:
        PoseAugError: two of them are not the same.
    """
    known = {str(run.path): run.skeleton} if run else {}
    known |= {str(export.path): skeleton_in(export)} if export else {}
    known |= {f"--skeleton {named}": load_skeleton(named)} if named else {}
    if not known:
        file = Path(split_rig(target)[0])
        return (skeleton_within(file) if file.is_file() else None) or load_skeleton()
    (first, skeleton), *others = known.items()
    for other, its in others:
        if its.joints != skeleton.joints:
            raise PoseAugError(
                f"{first} has the skeleton {skeleton.name} and {other} has {its.name}; name what belongs together"
            )
    return skeleton


def split_rig(text: str) -> tuple[str, str]:
    """File and rig of ``FILE@RIG``; no rig where none is named, or where a file has that very name."""
    if os.path.exists(text):
        return text, ""
    file, at, rig = text.rpartition("@")
    return (file, rig) if at else (text, "")


def _unlike(name: str, others: Sequence[str]) -> str:
    """The name, with the first number that sets it apart from the others where it is one of them."""
    numbered = (f"{name} ({number})" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in others)


def _short(rig: str) -> str:
    """``street`` of ``rigs.json:street``, ``ring`` of ``ring:height=1-2``: what a table calls it."""
    file, _, name = rig.partition(":")
    return name if name and "=" not in name else Path(file).stem
