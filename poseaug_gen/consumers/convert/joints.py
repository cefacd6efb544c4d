"""Which joints a format's files have, and how those that an export lacks are made of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from poseaug_gen.camera import project
from poseaug_gen.consumers.view import Block
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.joints import joint_names, matrix


@dataclass(frozen=True, eq=False)
class Joints:
    """How poses of one skeleton become poses of another.

    Attributes:
        skeleton: of the files that are written.
        given: of the export.
        weights: ``pose = weights @ the export's pose``.
    """

    skeleton: Skeleton
    given: Skeleton
    weights: Float[np.ndarray, "joints given"]

    @cached_property
    def derived(self) -> dict[str, str]:
        """The joints that the export lacks, and what each is made of: ``nose`` -> ``0.5 thorax + 0.5 head``."""
        rows = zip(self.skeleton.joints, self.weights, strict=True)
        return {joint: self._sum(row) for joint, row in rows if not _is_one(row)}

    @property
    def same(self) -> bool:
        """Whether nothing changes."""
        return np.array_equal(self.weights, np.eye(len(self.weights)))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that :meth:`of` needs beside the 2D poses that it is to make."""
        return ("positions_3d", "intrinsics") if self.derived else ()

    def of(self, block: Block) -> Block:
        """The same rows with these joints.

        A joint that is derived is, in ``positions_2d``, where its camera sees it: the projection of its 3D place, as
        all the others are. In ``detected_2d`` it is the same sum of detections, and as sure as the least sure of them.
        """
        if self.same:
            return block
        made = dict(block)
        for name in ("positions_3d", "positions_2d", "detected_2d"):
            if name in block:
                made[name] = self._summed(block[name])
        if "positions_2d" in block and self.derived:
            joints = [self.skeleton.joints.index(joint) for joint in self.derived]
            seen = project(torch.from_numpy(made["positions_3d"][:, joints]), torch.from_numpy(block["intrinsics"]))
            made["positions_2d"][:, joints] = seen.numpy()
        if "confidence" in block:
            made["confidence"] = np.stack([block["confidence"][:, row != 0].min(1) for row in self.weights], 1)
        return made

    def _summed(self, points: Float[np.ndarray, "rows given n"]) -> Float[np.ndarray, "rows joints n"]:
        made = points[:, self.weights.argmax(1)]
        for joint, row in enumerate(self.weights):
            if not _is_one(row):
                used = np.flatnonzero(row)
                made[:, joint] = np.einsum("k,nkd->nd", row[used], points[:, used].astype(np.float64))
        return made

    def _sum(self, row: Float[np.ndarray, " given"]) -> str:
        return " + ".join(f"{row[i]:g} {self.given.joints[i]}" for i in np.flatnonzero(row))


def own_joints(skeleton: Skeleton) -> Joints:
    """A skeleton's joints as they are."""
    return Joints(skeleton, skeleton, np.eye(skeleton.num_joints))


def choose_joints(skeleton: Skeleton, layouts: Sequence[str], wanted: str | None, title: str, where: str) -> Joints:
    """The joints that a format's files will have.

    Args:
        skeleton: of the export.
        layouts: the skeletons whose joints such files may have, the most wanted first; none: any.
        wanted: the skeleton that the user names, whose joints may be derived; None: the first of the layouts all of
            whose joints the export has.
        title: of the format.
        where: the export, as an error names it.

    Raises:
        BadConfigError: such files cannot have the joints of the skeleton that is wanted.
        PoseAugError: the export has not all of the joints, and it was not said that others may be made of them.
    """
    if wanted is not None:
        if layouts and wanted not in layouts:
            raise BadConfigError(f"--skeleton {wanted}: {title} takes the joints of {' or '.join(layouts)}; name one")
        target = load_skeleton(wanted)
        return Joints(target, skeleton, matrix(skeleton.joints, target, joint_names(), where))
    if not layouts:
        return own_joints(skeleton)
    for layout in layouts:
        joints = _found(skeleton, load_skeleton(layout), where)
        if joints is not None and not joints.derived:
            return joints
    raise PoseAugError(_lacking(skeleton, layouts[0], title, where))


def _found(skeleton: Skeleton, target: Skeleton, where: str) -> Joints | None:
    try:
        return Joints(target, skeleton, matrix(skeleton.joints, target, joint_names(), where))
    except PoseAugError:
        return None


def _lacking(skeleton: Skeleton, layout: str, title: str, where: str) -> str:
    target = load_skeleton(layout)
    joints = _found(skeleton, target, where)
    begin = f"{where}: {title} takes the {target.num_joints} joints of {layout}"
    train = f"train with --skeleton {layout} and export again"
    if joints is None:
        return f"{begin}, which are not among those of {skeleton.name} and cannot be derived from them; {train}"
    made = ", ".join(f"{joint} = {rule}" for joint, rule in joints.derived.items())
    derive = f"derive with --skeleton {layout} ({made})"
    return f"{begin}, and {skeleton.name} lacks {', '.join(joints.derived)}; {derive}, or {train}"


def _is_one(row: Float[np.ndarray, " given"]) -> bool:
    return row[row != 0].tolist() == [1]
