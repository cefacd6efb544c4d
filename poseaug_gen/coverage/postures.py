"""What an export stands on: source and built-in postures, as they are, mirrored, and with the limbs of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from poseaug_gen.bones import pose_of
from poseaug_gen.config import PostureSettings
from poseaug_gen.coverage.cameras import Lenses
from poseaug_gen.coverage.recombination import Recombination
from poseaug_gen.gravity import up_of
from poseaug_gen.poses import PoseSet
from poseaug_gen.rotation import upright

MIRROR = (-1, 1, 1)  # what a mirror image does to a vector
EXTREME = 4.0  # a posture this much harder or easier than the mean counts as no harder or easier than that


@dataclass
class Drawn:
    """Postures on random bodies. Poses in metres, in the frame of the camera that saw the trunk."""

    place: Int[Tensor, " rows"]  # the trunk's place in the pool
    index: Int[Tensor, " rows"]  # its row in the poses that the pool was made of
    mirrored: Bool[Tensor, " rows"]
    pose: Float[Tensor, "rows joints 3"]  # the root where the trunk's was
    intrinsics: Float[Tensor, "rows 9"]  # of the trunk's camera, mirrored with the trunk
    image_size: Int[Tensor, "rows 2"]
    level: Float[Tensor, "rows 3 3"]  # from that camera's frame to a level one (y down)


class PosturePool:
    """Postures to draw from: each row of ``poses`` has a place, and its mirror image another, ``len(poses)`` on.

    Args:
        poses: the source's, then the built-in ones.
        built_in: how many of them, at the end, are built-in ones.
        difficulty: how hard each place is for an estimator, in any unit; None: all alike.
    """

    def __init__(
        self,
        poses: PoseSet,
        built_in: int,
        settings: PostureSettings,
        difficulty: Float[np.ndarray, " places"] | None = None,
    ) -> None:
        both = (poses, poses.mirrored())
        own, added = (poses.take(part) for part in np.split(np.arange(len(poses)), [len(poses) - built_in]))
        self.skeleton = poses.skeleton
        self.settings = settings
        self.rows = len(poses)
        self.pose = torch.cat([torch.from_numpy(half.positions) for half in both])
        self.intrinsics = torch.cat([torch.from_numpy(half.intrinsics) for half in both])
        self.image_size = torch.from_numpy(poses.image_size.astype(np.int16)).repeat(2, 1)
        # Each part by itself: a camera of the one may be called as a camera of the other.
        up = np.concatenate([up_of(own), up_of(added)])
        self.level = upright(torch.from_numpy(np.concatenate([up, up * MIRROR])).float())
        # The joints of another data set's bodies may lie elsewhere; the source's own bodies are the ones to vary.
        self.bodies = torch.from_numpy((own if len(own) else added).subject_bone_lengths())
        self.recombination = Recombination(self.pose, poses.skeleton)
        self._up_to = _weights(self.rows, built_in, settings, difficulty).cumsum()

    @property
    def places(self) -> int:
        return len(self.pose)

    @property
    def lenses(self) -> Lenses:
        """The source's cameras, as they are."""
        return Lenses(self.intrinsics[: self.rows], self.image_size[: self.rows])

    def draw(self, rows: int, random: np.random.Generator) -> Drawn:
        """Random postures, some with the limbs of others, each on the body of a random subject."""
        limbs = self.recombination.limbs
        place, *donors = (self._draw_places(rows, random) for _ in range(1 + len(limbs)))
        shares = [self.settings.exchange_legs if group.bear else self.settings.exchange_arms for group in limbs]
        exchanged = [torch.from_numpy(random.random(rows) < share) for share in shares]
        return self._made(place, self.recombination.recombine(place, donors, exchanged), random)

    def as_they_are(self, place: Int[Tensor, " rows"], random: np.random.Generator) -> Drawn:
        """The postures at some places, with their own limbs, each on the body of a random subject."""
        return self._made(place, self.recombination.directions[place], random)

    def draw_spread(self, rows: int, random: np.random.Generator) -> Float[Tensor, "rows groups"]:
        """Random bone length ratios, so that there are more bodies than the source has."""
        spread = self.settings.length_spread
        return torch.from_numpy(random.uniform(-spread, spread, (rows, self.skeleton.num_groups))).float()

    def _made(
        self, place: Int[Tensor, " rows"], directions: Float[Tensor, "rows bones 3"], random: np.random.Generator
    ) -> Drawn:
        """Bodies of these bone directions where the trunks' roots were."""
        body = self.bodies[torch.from_numpy(random.integers(len(self.bodies), size=len(place)))]
        pose = pose_of(directions * body[..., None], self.skeleton) + self.pose[place, :1]
        lens, size, level = self.intrinsics[place], self.image_size[place], self.level[place]
        return Drawn(place, place % self.rows, place >= self.rows, pose, lens, size, level)

    def _draw_places(self, rows: int, random: np.random.Generator) -> Int[Tensor, " rows"]:
        at = np.searchsorted(self._up_to, random.random(rows) * self._up_to[-1], side="right")
        return torch.from_numpy(np.minimum(at, self.places - 1))


def _weights(
    rows: int, built_in: int, settings: PostureSettings, difficulty: Float[np.ndarray, " places"] | None
) -> Float[np.ndarray, " places"]:
    """How often each place is to be drawn: by where it is from, whether it is mirrored, and how hard it is."""
    source = rows - built_in
    share = 0.0 if built_in == 0 else 1.0 if source == 0 else settings.built_in
    weight = np.concatenate(
        [np.full(source, (1 - share) / max(source, 1)), np.full(built_in, share / max(built_in, 1))]
    )
    weight = np.concatenate([weight * (1 - settings.mirrored), weight * settings.mirrored])
    if difficulty is None:
        return weight
    relative = difficulty / np.average(difficulty, weights=weight)
    return weight * relative.clip(1 / EXTREME, EXTREME) ** settings.difficulty
