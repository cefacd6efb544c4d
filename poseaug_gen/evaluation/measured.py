"""The numbers behind :mod:`poseaug_gen.evaluation.realism`: of one set of poses, and of one held against another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.bones import bones_of, directions_of
from poseaug_gen.evaluation.manifold import (
    agreement,
    average_pairwise_distance_mm,
    distinct,
    frechet_distance,
    nearest_mm,
)
from poseaug_gen.evaluation.viewpoint import MOST_BITS, entropy_bits, viewpoint_bins
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.joint_limits import beyond_limits
from poseaug_gen.sources.body_frame import camera_direction, in_body_frame
from poseaug_gen.sources.facts import SAMPLE_ROWS

FEWEST = 20  # below it, nobody's neighbours say anything
UNEQUAL = 0.01  # of a bone's length: 4 mm of a thigh, and joint centres are known no better
SAME = 1e-4  # metres: one pose as several cameras see it differs by float32's rounding, a hundredth of this

NO_SOURCE = "the source poses were not found; name the run that the export was made of with --run"
NO_PAIRS = "the skeleton has no left and right bones"
NO_LIMBS = "the skeleton lacks hips, knees, ankles, spine, shoulders, elbows or wrists"
NO_FRAME = "the skeleton lacks hip, thorax or shoulders, which tell how a body is turned"

# What two sets are compared by, in the order in which it is measured.
COMPARED = (
    *("frechet_distance", "novelty_median", "novelty_mean", "gap_median", "gap_mean"),
    *("precision", "recall", "density", "coverage"),
)

Bodies = Float[Tensor, "poses joints 3"]


@dataclass(frozen=True)
class Told:
    """A number and of how many poses it is; or none, and why."""

    value: float | None = None
    rows: int = 0
    why: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """Rows of a set to measure.

    Attributes:
        poses: at most 65,536 of the set's rows.
        bodies: those of them that differ, in random order, in their body frames, metres; None: nothing tells how a
            body is turned.
    """

    poses: PoseSet
    bodies: Bodies | None

    @classmethod
    def of(cls, poses: PoseSet, seed: int) -> Drawn:
        """Rows drawn at random by the seed alone. One pose as several cameras see it is one body."""
        poses = poses.subsample(SAMPLE_ROWS, seed)
        placed = in_body_frame(poses)
        if placed is None:
            return cls(poses, None)
        bodies, random = torch.from_numpy(placed), np.random.default_rng(seed)
        return cls(poses, bodies[torch.from_numpy(random.permutation(distinct(bodies, SAME, random)))])


def of_one(drawn: Drawn, sample: int, seed: int) -> dict[str, Told]:
    """What is said of one set by itself; ``sample`` is the most bodies that are held against one another."""
    return {
        **_symmetry(drawn.poses),
        **_viewpoints(drawn.poses),
        "beyond_limits": _limits(drawn.poses),
        "diversity": _diversity(drawn.bodies, sample, seed),
    }


def of_two(drawn: Drawn, source: Drawn | None, sample: int) -> tuple[dict[str, Told], dict[str, Told]]:
    """:data:`COMPARED` of a set held against half of the source's bodies; and of the other half in its place.

    All three are of one size, at most ``sample``: nearest neighbours are the nearer, the more there are.
    """
    why, mine, theirs = "", drawn.bodies, None if source is None else source.bodies
    if mine is None:
        why = NO_FRAME
    elif theirs is None:
        why = NO_SOURCE
    elif len(mine) < FEWEST or len(theirs) < 2 * FEWEST:
        why = f"{len(mine):,} poses and {len(theirs):,} of the source differ; {FEWEST} and {2 * FEWEST} are needed"
    if why or mine is None or theirs is None:
        return dict.fromkeys(COMPARED, Told(why=why)), {}
    rows = min(sample, len(mine), len(theirs) // 2)
    reference, others = theirs[:rows], theirs[rows : 2 * rows]
    return (
        _compared(mine[:rows], reference, drawn.poses.skeleton),
        _compared(others, reference, drawn.poses.skeleton),
    )


def _compared(bodies: Bodies, reference: Bodies, skeleton: Skeleton) -> dict[str, Told]:
    mine, theirs = (directions_of(bones_of(side, skeleton)).flatten(1) for side in (bodies, reference))
    there, back = nearest_mm(bodies, reference)
    agree = agreement(mine, theirs)
    numbers = (
        frechet_distance(mine, theirs),
        *(there.quantile(0.5).item(), there.mean().item(), back.quantile(0.5).item(), back.mean().item()),
        *(agree.precision, agree.recall, agree.density, agree.coverage),
    )
    return {name: Told(number, len(bodies)) for name, number in zip(COMPARED, numbers, strict=True)}


def _symmetry(poses: PoseSet) -> dict[str, Told]:
    names = ("asymmetry", "asymmetric")
    if not poses.skeleton.pairs:
        return dict.fromkeys(names, Told(why=NO_PAIRS))
    lengths = poses.bone_lengths().astype(np.float64)
    left, right = (lengths[:, [joint - 1 for joint in side]] for side in zip(*poses.skeleton.pairs, strict=True))
    off = 2 * np.abs(left - right) / (left + right)
    shares = off.mean(), (off > UNEQUAL).any(1).mean()
    return {name: Told(100 * float(share), len(poses)) for name, share in zip(names, shares, strict=True)}


def _limits(poses: PoseSet) -> Told:
    outside = beyond_limits(poses.positions, poses.skeleton)
    if outside is None:
        return Told(why=NO_LIMBS)
    details = {name: 100 * float(rows.mean()) for name, rows in outside.items()}
    return Told(100 * float(np.any(list(outside.values()), axis=0).mean()), len(poses), details=details)


def _viewpoints(poses: PoseSet) -> dict[str, Told]:
    directions = camera_direction(poses)
    if directions is None:
        return dict.fromkeys(("viewpoint_entropy", "viewpoint_evenness"), Told(why=NO_FRAME))
    bits = entropy_bits(viewpoint_bins(directions))
    return {
        "viewpoint_entropy": Told(bits, len(poses)),
        "viewpoint_evenness": Told(100 * bits / MOST_BITS, len(poses)),
    }


def _diversity(bodies: Bodies | None, sample: int, seed: int) -> Told:
    if bodies is None:
        return Told(why=NO_FRAME)
    bodies = bodies[:sample]
    if len(bodies) < 2:
        return Told(why="no two of the poses differ")
    return Told(average_pairwise_distance_mm(bodies, np.random.default_rng(seed)), len(bodies))
