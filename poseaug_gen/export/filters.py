"""Which candidates become rows: what no camera could have taken, bends or looks wrong, is too easy or hard goes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.candidates import Candidates, Made
from poseaug_gen.export.frozen import stepped
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.models.precision import use_bfloat16
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.joint_limits import beyond_limits, missing_joints
from poseaug_gen.training.losses import EPSILON
from poseaug_gen.training.run_folder import RunFolder
from poseaug_gen.validity import CAUSES

# A row is counted under the first that applies.
REASONS = (*CAUSES, "joint_limits", "score", "difficulty", "not_chosen")
_JOINT_LIMITS, _SCORE, _DIFFICULTY, _NOT_CHOSEN = range(len(CAUSES), len(REASONS))
KEPT = -1
PASS_ROWS = 2048  # that networks see at once: a layer's values then stay in a core's cache

Measured = dict[str, Float[Tensor, " rows"]]  # columns of scores and difficulty


class Filters:
    """What an export's settings ask of a row, and what is measured of it on the way.

    Raises:
        PoseAugError: limbs are to be within their limits, and the skeleton has none; or the run lacks a network.
    """

    def __init__(self, run: RunFolder, settings: ExportSettings, postures: PosturePool) -> None:
        self.candidates = settings.candidates
        self.min_score, self.range = settings.min_score, settings.difficulty_range
        wants_scores = settings.scores or self.min_score is not None
        wants_difficulty = settings.difficulty or self.range is not None
        self.limbs = JointLimits(postures.skeleton) if settings.within_limits else None
        in_bfloat16 = settings.precision == "bf16"
        device = postures.pose.device
        self.critics = Critics(*run.discriminators(), device, in_bfloat16) if wants_scores else None
        self.difficulty = Difficulty(run.estimator().to(device), postures, in_bfloat16) if wants_difficulty else None

    def judge(self, candidates: Candidates, posture: Drawn) -> tuple[Int[Tensor, " rows"], Measured]:
        """Why each candidate is dropped, a number of :data:`REASONS`, or :data:`KEPT`; and what was measured.

        Only what a camera could have taken, and is within the joint limits where those were asked for, is measured;
        the others' values are NaN.
        """
        reason = first_fault(candidates.fault)
        if self.limbs is not None:
            visible = (reason == KEPT).nonzero()[:, 0]
            pose = candidates.made.pose.index_select(0, candidates.place.index_select(0, visible))
            reason[visible[self.limbs.beyond(pose)]] = _JOINT_LIMITS
        measured: Measured = {}
        if self.critics is None and self.difficulty is None:
            return reason, measured
        valid = (reason == KEPT).nonzero()[:, 0]
        seen = candidates.take(valid)
        if self.critics is not None:
            for name, values in zip(("score_3d", "score_2d"), self.critics(seen.pose, seen.pose_2d), strict=True):
                measured[name] = _spread(values, valid, len(reason))
            if self.min_score is not None:
                reason[(reason == KEPT) & ~(measured["score_3d"] >= self.min_score)] = _SCORE
        if self.difficulty is not None:
            difficulty = _spread(self.difficulty(seen, posture.take(valid)), valid, len(reason))
            measured["difficulty"] = difficulty
            if self.range is not None:
                low, high = self.range
                reason[(reason == KEPT) & ~((difficulty >= low) & (difficulty <= high))] = _DIFFICULTY
                self._choose(reason, difficulty, (low + high) / 2)
        return reason, measured

    def _choose(self, reason: Int[Tensor, " rows"], difficulty: Float[Tensor, " rows"], wished: float) -> None:
        """Of each posture's candidates keep the one whose difficulty is nearest the wished one."""
        if self.candidates == 1:
            return
        off = torch.where(reason == KEPT, (difficulty - wished).abs(), torch.inf).unflatten(0, (-1, self.candidates))
        chosen = torch.zeros_like(off, dtype=torch.bool).scatter_(1, off.argmin(1, keepdim=True), True).flatten()
        reason[(reason == KEPT) & ~chosen] = _NOT_CHOSEN


def first_fault(fault: Bool[Tensor, "rows causes"]) -> Int[Tensor, " rows"]:
    """The first cause of each row that applies, or :data:`KEPT`."""
    reason = torch.full((len(fault),), KEPT, device=fault.device)
    for number in reversed(range(fault.shape[1])):
        reason[fault[:, number]] = number
    return reason


class JointLimits:
    """Whether a pose has a hip, knee, shoulder or elbow that is bent as none is.

    Raises:
        PoseAugError: the skeleton has not the joints to tell it by.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        missing = missing_joints(skeleton)
        if missing:
            raise PoseAugError(
                f"--within-limits: skeleton {skeleton.name!r} has no {', '.join(missing)}, nor joints to make them of, "
                f"so nothing tells how its limbs are bent; leave the option out"
            )
        self.skeleton = skeleton

    def beyond(self, pose: Float[Tensor, "rows joints 3"]) -> Bool[Tensor, " rows"]:
        """Told on the CPU whatever the device, as ``verify`` tells it of the file's rows."""
        outside = beyond_limits(pose.cpu().numpy(), self.skeleton)
        assert outside is not None
        return torch.from_numpy(np.any(list(outside.values()), axis=0)).to(pose.device)


class Critics:
    """Each discriminator's score (1: real) of each pair; the 3D one's parts averaged, and blind to size and view."""

    def __init__(self, d3d: Discriminator3D, d2d: Discriminator2D, device: torch.device, in_bfloat16: bool) -> None:
        self.d3d, self.d2d = d3d.to(device), d2d.to(device)
        if in_bfloat16:
            use_bfloat16(d3d.critics)
            use_bfloat16(d2d)

    def __call__(
        self, pose: Float[Tensor, "rows joints 3"], pose_2d: Float[Tensor, "rows joints 2"]
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        return in_passes(self.d3d, pose).mean(-1), in_passes(self.d2d, pose_2d)[:, 0]


class Difficulty:
    """How much harder a pair is for the estimator than its source pose: mean joint error over mean joint error."""

    def __init__(self, estimator: nn.Module, postures: PosturePool, in_bfloat16: bool) -> None:
        self.estimator = estimator
        if in_bfloat16:
            use_bfloat16(estimator)
        with torch.inference_mode():
            self.source_errors = self._errors(postures.pose, project(postures.pose, postures.intrinsics))

    def __call__(self, made: Made, posture: Drawn) -> Float[Tensor, " rows"]:
        return self._errors(made.pose, made.pose_2d) / (self.source_errors[posture.place] + EPSILON)

    def _errors(
        self, pose: Float[Tensor, "rows joints 3"], pose_2d: Float[Tensor, "rows joints 2"]
    ) -> Float[Tensor, " rows"]:
        """Mean distance of the root-relative joints from where the estimator puts them, metres."""
        found = in_passes(self.estimator, pose_2d)
        return (root_relative(found) - root_relative(pose)).norm(dim=-1).mean(-1)


def in_passes(
    network: Callable[[Tensor], Tensor], poses: Float[Tensor, "rows joints axes"]
) -> Float[Tensor, "rows ..."]:
    """What a network says to some poses, a few thousand at once; in whole steps, as the frozen augmentor's."""
    answers = []
    for part in poses.split(PASS_ROWS):
        filled_up = pad(part, (0, 0, 0, 0, 0, stepped(len(part)) - len(part)))
        answers.append(network(filled_up)[: len(part)])
    return torch.cat(answers)


def _spread(values: Float[Tensor, " chosen"], rows: Int[Tensor, " chosen"], count: int) -> Float[Tensor, " rows"]:
    """Values of some of ``count`` rows, NaN elsewhere."""
    return values.new_full((count,), torch.nan).index_copy_(0, rows, values)
