"""2D poses as a detector would find them: each joint off by as much as it is hard to tell, and how sure it is of it.

How hard a joint is to tell is COCO's object keypoint similarity (OKS; cocodataset.org, "Keypoint Evaluation"; Ruggero
Ronchi & Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation", ICCV 2017). For each kind of
joint ``sigma^2 = E[d^2 / s^2]`` over 5,000 images that several people marked: ``d`` is how far their marks are apart
and ``s^2`` the area of the person in the image. At a distance ``d`` the similarity is
``exp(-d^2 / (2 s^2 (2 sigma)^2))``.

``gaussian``: as one such person would mark the joints, ``E[d^2] = (scale sigma s)^2``, half of it along each axis.
``mixture``: as a detector finds them: most joints nearer than that, some farther off, a few anywhere about the person.
MotionBERT's noise (Zhu et al., ICCV 2023, ``lib/data/augmentation.py``) is such a mixture of a Gaussian and a uniform
part. Neither mistakes left for right or one person for another.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.skeleton import Skeleton, canonical_name, without_side

# COCO's sigmas, in square roots of the person's area (pycocotools, cocoeval.py).
SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
# What COCO does not mark, as what is most like it. The head's middle or top has no more of a landmark than an ear has.
LIKE = {"head": "ear", "jaw": "ear", "hand": "wrist", "foot": "ankle", "heel": "ankle", "toe": "ankle"}
# Pelvis, spine, thorax, neck lie under clothes between hips and shoulders, and are told by these.
TRUNK = (SIGMAS["hip"] + SIGMAS["shoulder"]) / 2

# COCO's area is the silhouette's. The box of the joints leaves out hands, feet and the top of the head, and is about as
# large: 0.7 m^2 of a standing person. Seen from the side the joints are almost on a line, the silhouette is not:
NARROWEST = 0.2  # least width of that box, of its height (and least height, of its width)
SMALLEST = 1e-4  # half image widths: so long at least is its longer side, so that nothing divides by zero

# Detectors put three quarters of the joints "good", at similarities over 0.85 (Ruggero Ronchi & Perona). The shares of
# the others are PoseFix's (Moon et al., CVPR 2019, main/gen_batch.py), which follow that analysis, of people with over
# ten joints in view, the mean over COCO's 17 joints; its inversions (4 %) and swaps with others' joints are left out.
WIDE_SHARE = 0.14  # "jitter": similarities of 0.5 to 0.85, ...
WIDE_SPREAD = 2.0  # ... in whose middle, at exp(-4/8) = 0.61, is a joint that is off by twice sigma s
MISS_SHARE = 0.065  # "miss": near no joint, ...
MISS_BOX = 1.25  # ... but within what a top-down detector cuts out: the person's box, so much enlarged about its middle
MOST_MISSED = 0.5  # whatever the scale
CORE_SPREAD = 0.75  # of the rest, in sigma s: then three quarters of all joints are good

# A detector does not know how far off it is. It judges by a distance that is the true one times a log-normal factor of
# median 1; this is its spread: one joint in three is judged by less than 2/3 or more than 3/2 of its distance.
MISJUDGED = math.log(1.5)


def detect(
    pose_2d: Float[Tensor, "rows joints 2"], skeleton: Skeleton, form: str, scale: float, random: np.random.Generator
) -> tuple[Float[Tensor, "rows joints 2"], Float[Tensor, "rows joints"]]:
    """What a detector finds of 2D poses (normalised image plane), and its confidence in each joint (0 to 1).

    The confidence is the joint's similarity as the detector judges it: 1 where it is exactly right.

    Args:
        form: ``gaussian`` or ``mixture``.
        scale: 1: as a person who marks joints or, of a mixture, as a common detector. It multiplies the distances of
            joints and how often they are far off. 0: the poses as they are.
    """
    rows, joints, _ = pose_2d.shape

    def on_device(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(pose_2d.device)

    low, high = pose_2d.amin(1), pose_2d.amax(1)
    tolerance = _size(high - low)[:, None] * on_device(joint_sigmas(skeleton))  # sigma s, (rows, joints)
    spread = tolerance * (scale / math.sqrt(2))  # along each axis
    noise = on_device(random.standard_normal((rows, joints, 2), dtype=np.float32))
    if form == "mixture":
        missed_share = min(scale * MISS_SHARE, MOST_MISSED)
        wide_share = min(scale * WIDE_SHARE, 1 - missed_share)
        chance = on_device(random.random((rows, joints), dtype=np.float32))
        spread *= torch.where(chance < wide_share, WIDE_SPREAD, CORE_SPREAD)
    found = noise.mul_(spread[..., None]).add_(pose_2d)
    if form == "mixture":
        row, joint = (chance >= 1 - missed_share).nonzero(as_tuple=True)
        about = on_device(random.random((len(row), 2), dtype=np.float32) - np.float32(0.5))
        found[row, joint] = (low + high)[row] / 2 + about * MISS_BOX * (high - low)[row]
    offness = (found - pose_2d).square().sum(-1) / tolerance.square()
    judged = on_device(random.standard_normal((rows, joints), dtype=np.float32)).mul_(2 * MISJUDGED).exp_()
    return found, offness.mul_(judged).mul_(-1 / 8).exp_()


@lru_cache
def joint_sigmas(skeleton: Skeleton) -> Float[np.ndarray, " joints"]:
    """COCO's sigma of each joint, in square roots of the person's area; a trunk's where COCO has no such joint."""
    paired = {joint for pair in skeleton.pairs for joint in pair}
    sigmas = []
    for number, name in enumerate(skeleton.joints):
        kind = canonical_name(without_side(name))
        kind = LIKE.get(kind, kind)
        # A hip of the middle is the pelvis.
        sigmas.append(TRUNK if kind == "hip" and number not in paired else SIGMAS.get(kind, TRUNK))
    return np.array(sigmas, dtype=np.float32)


def _size(sides: Float[Tensor, "rows 2"]) -> Float[Tensor, " rows"]:
    """The square root of a person's area in the image, from the sides of the box of the joints."""
    longer = sides.amax(1).clamp(min=SMALLEST)
    shorter = torch.maximum(sides.amin(1), NARROWEST * longer)
    return (longer * shorter).sqrt()
