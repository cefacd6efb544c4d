"""Limbs of some postures on the trunks of others.

A few actors show few postures, but legs that climb and arms that wave need not be seen together to be seen at all
(as body parts are exchanged in Li et al., "Cascaded deep monocular 3D human pose estimation with evolutionary
training data", CVPR 2020). A limb is turned with the trunk it hangs from, so it keeps its angles at hip or shoulder.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from poseaug_gen.bones import bones_of, directions_of
from poseaug_gen.memory import rows_last
from poseaug_gen.rotation import rotate
from poseaug_gen.skeleton import Skeleton


@dataclass(frozen=True)
class Limbs:
    """Limbs that are exchanged together.

    Attributes:
        bones: what is exchanged: all but each limb's first bone, which belongs to the trunk (hip, shoulder).
        holds: the bones of the trunk that meet where the limbs begin; they say which way the trunk faces there.
        bear: they hang from the root and bear the body.
    """

    bones: tuple[int, ...]
    holds: tuple[int, ...]
    bear: bool


@lru_cache
def limbs_of(skeleton: Skeleton) -> tuple[Limbs, ...]:
    """What of a skeleton can be exchanged, each limb by itself, but those that hang from the root together.

    These are the legs: one of them from elsewhere would leave a climber's other foot in the air.
    A limb of a single bone, or one whose trunk does not tell which way it faces, stays.
    """
    first_joints = np.flatnonzero(skeleton.limb_depth == 1)
    together: dict[tuple[int, int], list[int]] = {}
    for joint in (int(j) for j in first_joints):
        parent = skeleton.parents[joint]
        together.setdefault((parent, 0 if parent == 0 else joint), []).append(joint)
    found = []
    for (parent, _), joints in together.items():
        bones = [
            bone
            for bone in range(skeleton.num_bones)
            if skeleton.limb_depth[bone + 1] > 1 and skeleton.chain_matrix[bone + 1, [j - 1 for j in joints]].any()
        ]
        meeting = (
            {parent - 1} if parent > 0 else {bone for bone in range(skeleton.num_bones) if _is_trunk(skeleton, bone)}
        )
        holds = sorted(meeting | {int(j) - 1 for j in first_joints if skeleton.parents[j] == parent})
        if bones and len(holds) > 2:  # two hips may lie in one line, and a body be turned about it
            found.append(Limbs(tuple(bones), tuple(holds), bear=parent == 0))
    return tuple(found)


def _is_trunk(skeleton: Skeleton, bone: int) -> bool:
    """Whether the bone begins at the root, on the body's middle."""
    return skeleton.parents[bone + 1] == 0 and int(skeleton.limb_depth[bone + 1]) == 0


class Recombination:
    """Postures ready to lend their limbs: bone directions, and which way each trunk faces."""

    def __init__(self, pose: Float[Tensor, "postures joints 3"], skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.limbs = limbs_of(skeleton)
        self.directions = directions_of(bones_of(pose, skeleton)).contiguous()
        self.facing = [_facing(self.directions[:, list(limbs.holds)]) for limbs in self.limbs]
        # What a donor gives, in one row of memory: its limbs as its own trunk sees them.
        self._lent = [
            (self.directions[:, list(limbs.bones)] @ facing).contiguous()
            for limbs, facing in zip(self.limbs, self.facing, strict=True)
        ]

    def to(self, device: torch.device) -> Recombination:
        """The same postures on another device."""
        other = copy(self)
        other.directions = self.directions.to(device)
        other.facing, other._lent = ([one.to(device) for one in many] for many in (self.facing, self._lent))
        return other

    def recombine(
        self,
        trunk: Int[Tensor, " rows"],
        donors: Sequence[Int[Tensor, " rows"]] | Int[Tensor, "groups rows"],
        exchanged: Sequence[Bool[Tensor, " rows"]] | Bool[Tensor, "groups rows"],
    ) -> Float[Tensor, "rows bones 3"]:
        """Bone directions of the postures ``trunk``, each of :attr:`limbs` a donor's where it is ``exchanged``."""
        directions = rows_last(self.directions.index_select(0, trunk))
        for limbs, facing, lent, other, changed in zip(
            self.limbs, self.facing, self._lent, donors, exchanged, strict=True
        ):
            rows = changed.nonzero()[:, 0]
            if not len(rows):
                continue
            turn = rows_last(facing.index_select(0, trunk.index_select(0, rows)))
            turned = rotate(turn, rows_last(lent.index_select(0, other.index_select(0, rows))))
            for place, bone in enumerate(limbs.bones):  # each a few columns: no index of two axes at once
                for axis in range(3):
                    directions[:, bone, axis].index_copy_(0, rows, turned[:, place, axis])
        return directions


def _facing(holds: Float[Tensor, "postures holds 3"]) -> Float[Tensor, "postures 3 3"]:
    """The rotation that fits the first posture's bones to each posture's (Kabsch, 1976)."""
    u, _, vh = torch.linalg.svd(torch.einsum("hi,phj->pij", holds[0], holds))
    handed = torch.ones_like(u[:, 0])
    handed[:, -1] = torch.det(u @ vh).sign()
    return (vh.transpose(-1, -2) * handed[:, None]) @ u.transpose(-1, -2)
