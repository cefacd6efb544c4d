"""A body as a graph for graph convolutions: its joints or its parts, and the kinds of neighbours they have.

All of it follows from the skeleton's tree and its left/right pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from poseaug_gen.skeleton import Skeleton


@dataclass(frozen=True)
class BodyGraph:
    """Nodes (joints or parts) and what joins them."""

    linked: Bool[np.ndarray, "nodes nodes"]  # by a bone; each with itself too
    mirror: Int[np.ndarray, " nodes"]  # each one's twin on the other side; itself on the body's middle
    steps: Int[np.ndarray, " nodes"]  # links between it and the graph's centre

    def shares(self) -> Float[np.ndarray, "kinds nodes nodes"]:
        """The weight of each node's neighbours (last axis) in its mean over them, split by kind of neighbour.

        The neighbours are those linked and the twin; all weigh alike. The kinds are those of Cai et al. (ICCV 2019,
        "spatial" partition): the node itself, those farther from the centre, those nearer, the twin. A kind that no
        node of the graph has (twins, on a body without sides) is left out.
        """
        itself = np.eye(len(self.steps), dtype=bool)
        twin = itself[self.mirror] & ~itself
        outwards = np.sign(self.steps[None, :] - self.steps[:, None])
        kinds = [itself, self.linked & (outwards > 0), self.linked & (outwards < 0), twin]
        share = 1 / np.sum(kinds, axis=(0, 2))
        return np.stack([kind * share[:, None] for kind in kinds if kind.any()])


def joint_graph(skeleton: Skeleton) -> BodyGraph:
    """The joints, linked by bones; the centre is the joint whose farthest joint is nearest (the spine of h36m16)."""
    chain = skeleton.chain_matrix
    bones_between = np.abs(chain[:, None] - chain[None]).sum(-1).astype(np.int64)
    centre = bones_between.max(-1).argmin()  # of two, the one nearer the root: parents come first
    return BodyGraph(bones_between <= 1, skeleton.mirror_joints, bones_between[centre])


def part_graph(skeleton: Skeleton) -> BodyGraph:
    """The parts of :func:`body_parts`: each limb is linked to the body's middle, which is the centre."""
    first = [part[0] for part in body_parts(skeleton)]
    middle = np.arange(len(first)) == len(first) - 1
    linked = np.eye(len(first), dtype=bool) | middle | middle[:, None]
    mirror = np.array([first.index(int(skeleton.mirror_joints[joint])) for joint in first])
    return BodyGraph(linked, mirror, (~middle).astype(np.int64))


def body_parts(skeleton: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Every joint in one part: each limb from where it leaves the body's middle, in order; last the middle itself."""
    limbs = [skeleton.chain_matrix[:, first - 1] > 0 for first in np.flatnonzero(skeleton.limb_depth == 1)]
    parts = [*limbs, skeleton.limb_depth == 0]
    return tuple(tuple(int(joint) for joint in np.flatnonzero(part)) for part in parts)
