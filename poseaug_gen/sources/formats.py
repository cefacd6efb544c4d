"""What a file format is, and what its reader is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.joints import JointNames, joint_names
from poseaug_gen.sources.rigs import Rig

Poses = TypeVar("Poses", PoseSet, Poses2D)


@dataclass(frozen=True)
class Request:
    """How poses are wanted, whatever the format they come in.

    Attributes:
        skeleton: whose joints.
        rig: the virtual cameras that see poses of a world frame; None: such poses cannot be read.
        names: what files call the joints.
        unit: of motion capture that does not say: ``auto``, or a name of :data:`poseaug_gen.sources.units.UNITS`.
        up: the vertical axis of motion capture: ``auto``, ``x``, ``y`` or ``z``.
        rows: how many poses the built-in source is to make.
        seed: of what is drawn at random (views).
    """

    skeleton: Skeleton
    rig: Rig | None = None
    names: JointNames = field(default_factory=joint_names)
    unit: str = "auto"
    up: str = "auto"
    rows: int = 200_000
    seed: int = 0


def no_companions(path: Path) -> list[Path]:
    """Most files stand alone."""
    return []


@dataclass(frozen=True)
class Format(Generic[Poses]):
    """A kind of file that holds poses: a PoseSet, or Poses2D.

    Attributes:
        name: how errors and lists call it.
        description: what such a file holds, for a person who wants to write one.
        recognises: whether a file is one, by its content. Raises a PoseAugError where it is a damaged one.
        read: the poses of such a file.
        needs: the files beside it, or the options, without which it cannot be read.
        owner, licence, citation: who publishes such files, under which terms, and what to cite.
        companions: the files beside one that its reader takes in; a folder's are not read by themselves.
    """

    name: str
    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Request], Poses]
    needs: str = ""
    owner: str = ""
    licence: str = ""
    citation: str = ""
    companions: Callable[[Path], list[Path]] = no_companions
