"""How two samples of a distribution lie to one another, and how wide one is. Pure functions over points and poses.

Points are (points, axes), poses (poses, joints, 3) in metres in a frame of their bodies; float64. Distances between all
of two samples are made a block of rows at a time, so that memory grows with one sample alone, and in float32: which is
the nearest needs no more, and how far that is, is then measured anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.metrics import mpjpe_mm

BLOCK_ROWS = 512
PRECISION_NEIGHBOURS = 3  # Kynkäänniemi et al. 2019
DENSITY_NEIGHBOURS = 5  # Naeem et al. 2020
PARTNERS = 16  # that each pose is compared with in the average pairwise distance

Points = Float[Tensor, "points axes"]
Others = Float[Tensor, "others axes"]  # another sample, which need not be of one size with the first
Poses = Float[Tensor, "poses joints 3"]
OtherPoses = Float[Tensor, "others joints 3"]


def frechet_distance(a: Points, b: Others) -> float:
    """Squared Fréchet distance between the Gaussians that have the mean and covariance of two samples.

    ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))`` (Heusel et al. 2017). The trace of the product's root is the
    sum of the singular values of ``C_a^(1/2) C_b^(1/2)``, and these roots are of symmetric matrices: nothing becomes
    complex, and a covariance without full rank does no harm.
    """
    between = (a.mean(0) - b.mean(0)).square().sum()
    root_a, root_b = (_root(points.T.cov()) for points in (a, b))
    within = root_a.square().sum() + root_b.square().sum()  # of a symmetric root, the trace of root @ root
    return float((between + within - 2 * torch.linalg.svdvals(root_a @ root_b).sum()).clamp_min(0))


def _root(covariance: Float[Tensor, "axes axes"]) -> Float[Tensor, "axes axes"]:
    """The symmetric root of a positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


@dataclass(frozen=True)
class Agreement:
    """How far a sample and a reference cover one another, shares from 0 to 1 (density: from 0).

    Attributes:
        precision, recall: Kynkäänniemi et al. 2019, section 2.
        density, coverage: Naeem et al. 2020, section 3.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def agreement(sample: Points, reference: Others) -> Agreement:
    """How a sample agrees with a reference, by who lies in whose balls.

    About each point of a set is a ball that reaches to its k-th nearest other. ``precision``: the share of the sample
    within balls of the reference; ``recall``: the share of the reference within balls of the sample; ``density``: in
    how many balls of the reference, over k, a point of the sample is on average; ``coverage``: the share of the
    reference's balls that hold a point of the sample.
    """
    sample, reference = sample.float(), reference.float()
    own, _ = _radii(sample)
    theirs, wider = _radii(reference)
    inside, balls = 0, 0
    reached, covered = (torch.zeros(len(reference), dtype=torch.bool) for _ in range(2))
    for rows, distance in _blocks(sample, reference):
        inside += int((distance <= theirs).any(1).sum())
        reached |= (distance <= own[rows, None]).any(0)
        holds = distance <= wider
        balls += int(holds.sum())
        covered |= holds.any(0)
    return Agreement(
        precision=inside / len(sample),
        recall=int(reached.sum()) / len(reference),
        density=balls / (DENSITY_NEIGHBOURS * len(sample)),
        coverage=int(covered.sum()) / len(reference),
    )


def _radii(points: Points) -> tuple[Float[Tensor, " points"], Float[Tensor, " points"]]:
    """How far it is from each point to the last of its neighbours, for precision and recall, and for density."""
    nearest = (distance.topk(DENSITY_NEIGHBOURS + 1, largest=False).values for _, distance in _blocks(points, points))
    sorted_distances = torch.cat(list(nearest))  # the first is of the point itself
    return sorted_distances[:, PRECISION_NEIGHBOURS], sorted_distances[:, DENSITY_NEIGHBOURS]


def _blocks(a: Points, b: Others) -> Iterator[tuple[slice, Tensor]]:
    """Which points of the first sample, and their distances (rows, others) to all of the second."""
    for start in range(0, len(a), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        yield rows, torch.cdist(a[rows], b)


def nearest_mm(a: Poses, b: OtherPoses) -> tuple[Float[Tensor, " poses"], Float[Tensor, " others"]]:
    """How far each pose is from the nearest of the other sample, both ways: MPJPE, millimetres."""
    mine, theirs = (poses.float().transpose(0, 1).contiguous() for poses in (a, b))
    nearest_b = []
    least, nearest_a = torch.full((len(b),), torch.inf), torch.zeros(len(b), dtype=torch.int64)
    for start in range(0, len(a), BLOCK_ROWS):
        distance = torch.zeros(len(a[start : start + BLOCK_ROWS]), len(b))
        for joint_a, joint_b in zip(mine[:, start : start + BLOCK_ROWS], theirs, strict=True):
            distance += torch.cdist(joint_a, joint_b)
        nearest_b.append(distance.argmin(1))
        found, place = distance.min(0)
        nearest_a = torch.where(found < least, place + start, nearest_a)
        least = torch.minimum(least, found)
    return mpjpe_mm(a, b[torch.cat(nearest_b)]), mpjpe_mm(b, a[nearest_a])


def average_pairwise_distance_mm(poses: Poses, random: np.random.Generator) -> float:
    """Mean distance between two poses of a sample: MPJPE, millimetres.

    Each pose is held against the :data:`PARTNERS` that follow it in a random order, or all where there are fewer.
    """
    poses = poses[torch.from_numpy(random.permutation(len(poses)))]
    shifts = range(1, min(PARTNERS, len(poses) - 1) + 1)
    return float(np.mean([mpjpe_mm(poses, poses.roll(shift, 0)).mean().item() for shift in shifts]))


def distinct(poses: Poses, closest: float, random: np.random.Generator) -> Int[np.ndarray, " kept"]:
    """The numbers of poses of which no two agree in every coordinate to within ``closest``.

    What is near in space is near along any line: poses are sorted along one, and each is held against those that follow
    it within reach, if they are near along another line as well.
    """
    flat = poses.flatten(1).numpy()
    lines = random.standard_normal((flat.shape[1], 2))
    along = flat @ (lines / np.linalg.norm(lines, axis=0))
    kept = np.argsort(along[:, 0], kind="stable")
    flat, along = flat[kept], np.ascontiguousarray(along[kept].T)
    reach, step = closest * flat.shape[1] ** 0.5, 1
    while step < len(kept) and (near := along[0, step:] - along[0, :-step] <= reach).any():
        first = np.flatnonzero(near & (np.abs(along[1, step:] - along[1, :-step]) <= reach))
        twins = first[(np.abs(flat[first + step] - flat[first]) <= closest).all(1)] + step
        if len(twins):  # whoever stood between two others may be gone: begin again
            kept, flat, along = np.delete(kept, twins), np.delete(flat, twins, 0), np.delete(along, twins, 1)
        step = 1 if len(twins) else step + 1
    return np.sort(kept)
