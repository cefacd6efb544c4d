"""What an export stands on: source and built-in postures, as they are, mirrored, and with the limbs of others."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from poseaug_gen.bones import pose_of
from poseaug_gen.config import PostureSettings
from poseaug_gen.coverage.cameras import Lenses
from poseaug_gen.coverage.chance import Weighted, uniforms
from poseaug_gen.coverage.recombination import Recombination
from poseaug_gen.errors import PoseAugError
from poseaug_gen.gravity import up_of
from poseaug_gen.memory import rows_last
from poseaug_gen.poses import PoseSet
from poseaug_gen.rotation import upright

MIRROR = (-1, 1, 1)  # what a mirror image does to a vector
EXTREME = 4.0  # a posture this much harder or easier than the mean counts as no harder or easier than that


@dataclass
class Drawn:
    """Postures on random bodies: who was drawn. What they look like is put together when it is asked for.

    Poses in metres, in the frame of the camera that saw the trunk; rows innermost in :mod:`poseaug_gen.memory`'s sense.
    """

    pool: PosturePool
    place: Int[Tensor, " rows"]  # the trunk's place in the pool
    donors: Int[Tensor, "groups rows"]  # the place of whom each of the pool's limbs would be from ...
    exchanged: Bool[Tensor, "groups rows"]  # ... where they are exchanged
    body: Int[Tensor, " rows"]  # which of the pool's bodies

    def __len__(self) -> int:
        return len(self.place)

    def take(self, rows: Int[Tensor, " chosen"]) -> Drawn:
        """Some rows."""
        place, body = (values.index_select(0, rows) for values in (self.place, self.body))
        donors, exchanged = (values.index_select(1, rows) for values in (self.donors, self.exchanged))
        return Drawn(self.pool, place, donors, exchanged, body)

    def followed_by(self, other: Drawn) -> Drawn:
        """These rows, and after them those of a draw from the same pool or a part of it."""
        place, body = (torch.cat([getattr(self, name), getattr(other, name)]) for name in ("place", "body"))
        donors, exchanged = (torch.cat([getattr(self, n), getattr(other, n)], 1) for n in ("donors", "exchanged"))
        return Drawn(self.pool, place, donors, exchanged, body)

    @property
    def index(self) -> Int[Tensor, " rows"]:
        """The trunk's row in the poses that the pool was made of."""
        return self.place % self.pool.rows

    @property
    def mirrored(self) -> Bool[Tensor, " rows"]:
        return self.place >= self.pool.rows

    @cached_property
    def directions(self) -> Float[Tensor, "rows bones 3"]:
        """Unit bone vectors, limbs exchanged."""
        return self.pool.recombination.recombine(self.place, self.donors, self.exchanged)

    @cached_property
    def lengths(self) -> Float[Tensor, "rows bones"]:
        return rows_last(self.pool.bodies.index_select(0, self.body))

    @property
    def pose(self) -> Float[Tensor, "rows joints 3"]:
        """The root where the trunk's was."""
        bones = self.directions * self.lengths[..., None]
        return pose_of(bones, self.pool.skeleton) + rows_last(self.pool.pose[self.place, :1])

    @property
    def intrinsics(self) -> Float[Tensor, "rows 9"]:
        """Of the trunk's camera, mirrored with the trunk."""
        return rows_last(self.pool.intrinsics.index_select(0, self.place))

    @property
    def image_size(self) -> Int[Tensor, "rows 2"]:
        return self.pool.image_size.index_select(0, self.place)

    @property
    def level(self) -> Float[Tensor, "rows 3 3"]:
        """From the frame of the trunk's camera to a level one (y down)."""
        return rows_last(self.pool.level.index_select(0, self.place))


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
        whose = own if len(own) else added
        self.bodies = torch.from_numpy(whose.subject_bone_lengths())
        self.recombination = Recombination(self.pose, poses.skeleton)
        self._weights = _weights(self.rows, built_in, settings, difficulty)
        self._weighted = Weighted(self._weights)
        self._body_of_row = np.full(self.rows, -1)  # those that are varied are the first rows'; the others have -1
        self._body_of_row[: len(whose)] = np.unique(whose.subject.codes, return_inverse=True)[1]
        self._drawn_bodies = torch.arange(len(self.bodies))

    @property
    def places(self) -> int:
        return len(self.pose)

    @property
    def lenses(self) -> Lenses:
        """The source's cameras, as they are."""
        return Lenses(self.intrinsics[: self.rows], self.image_size[: self.rows])

    def to(self, device: torch.device) -> PosturePool:
        """The same pool on another device."""
        other = copy(self)
        for name in ("pose", "intrinsics", "image_size", "level", "bodies", "_weighted", "recombination"):
            setattr(other, name, getattr(self, name).to(device))
        return other

    def only(self, rows: Bool[np.ndarray, " rows"]) -> PosturePool:
        """The same pool, of which only some rows, their mirror images and their subjects' bodies are drawn.

        Raises:
            PoseAugError: none of these rows is ever drawn, or nobody's body is among them.
        """
        part = copy(self)
        part._weights = self._weights * np.tile(rows, 2)
        bodies = np.unique(self._body_of_row[rows & (self._body_of_row >= 0)])
        if not part._weights.any() or not len(bodies):
            raise PoseAugError(
                f"of {int(rows.sum()):,} postures that were set apart none is ever drawn; set more apart"
            )
        part._weighted = Weighted(part._weights).to(self.pose.device)
        part._drawn_bodies = torch.from_numpy(bodies)
        return part

    def draw(self, rows: int, random: np.random.Generator) -> Drawn:
        """Random postures, some with the limbs of others, each on the body of a random subject."""
        limbs = self.recombination.limbs
        shares = [self.settings.exchange_legs if group.bear else self.settings.exchange_arms for group in limbs]
        place, *donors = self._weighted.draw(random, 1 + len(limbs), rows)
        return self._on_bodies(place, donors, shares, random)

    def as_they_are(self, place: Int[Tensor, " rows"], random: np.random.Generator) -> Drawn:
        """The postures at some places, with their own limbs, each on the body of a random subject."""
        limbs = self.recombination.limbs
        return self._on_bodies(place, [place] * len(limbs), [0.0] * len(limbs), random)

    def draw_spread(self, rows: int, random: np.random.Generator) -> Float[Tensor, "rows groups"]:
        """Random bone length ratios, so that there are more bodies than the source has."""
        either_way = uniforms(random, self.skeleton.num_groups, rows, device=self.pose.device).mul_(2).sub_(1)
        return (either_way * self.settings.length_spread).T

    def _on_bodies(
        self,
        place: Int[Tensor, " rows"],
        donors: Sequence[Int[Tensor, " rows"]],
        shares: Sequence[float],
        random: np.random.Generator,
    ) -> Drawn:
        """These postures on random bodies; of each of the pool's limbs a share is exchanged for the donor's."""
        rows, device = len(place), place.device
        chance = uniforms(random, len(shares), rows, device=device)
        exchanged = chance < torch.tensor(shares, device=device)[:, None]
        body = self._drawn_bodies[torch.from_numpy(random.integers(len(self._drawn_bodies), size=rows))].to(device)
        return Drawn(self, place, torch.stack([place, *donors])[1:], exchanged, body)


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
