"""Candidates for an export's rows: postures as the frozen augmentor or a drawn body and camera make pairs of them.

They are made in tiles, with the rows innermost in memory (see :mod:`poseaug_gen.memory`), and
put together row after row, as files have them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from poseaug_gen.camera import project
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.balance import even_views
from poseaug_gen.coverage.chance import normals, uniforms
from poseaug_gen.coverage.pairs import draw_pairs
from poseaug_gen.coverage.postures import Drawn
from poseaug_gen.export.frozen import FrozenAugmentor
from poseaug_gen.memory import rows_last
from poseaug_gen.models.augmentor import NETWORKS
from poseaug_gen.rotation import product, rotate, rotation_matrix, rotation_vector
from poseaug_gen.validity import Limits, faults

# Candidates that are made at once on a CPU. More would not fit a core's cache; with fewer, threads of one process stand
# in each other's way, as every call to PyTorch takes Python's lock.
TILE_ROWS = 8192
DRAWN = 0  # the snapshot of a pair that no augmentor made

# Intrinsics and image sizes (None: as they are) for so many rows, in place of those that a pair has.
LensDraw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray | None]]


@dataclass
class Made:
    """Candidates, whoever made them. Metres, camera frame."""

    pose: Float[Tensor, "rows joints 3"]
    pose_2d: Float[Tensor, "rows joints 2"]  # normalised image plane
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]
    rotation: Float[Tensor, "rows 3"]  # rotation vector from the frame of the source's camera
    length_ratio: Float[Tensor, "rows groups"]
    angle_change: Float[Tensor, " rows"]
    snapshot: Int[Tensor, " rows"]  # epoch of the augmentor; 0: a drawn pair

    def take(self, rows: Int[Tensor, " chosen"]) -> Made:
        """Some rows of every field."""
        return Made(*(getattr(self, field.name).index_select(0, rows) for field in fields(self)))


@dataclass
class Candidates:
    """One candidate for each of some postures, and why no camera could have taken it.

    They lie in the order in which they were made; :meth:`take` knows them by their postures.
    """

    made: Made
    place: Int[Tensor, " rows"]  # where in ``made`` the candidate of each posture lies
    fault: Bool[Tensor, "rows causes"]  # of each posture's candidate, causes as in validity

    def take(self, rows: Int[Tensor, " chosen"]) -> Made:
        """The candidates of some postures."""
        return self.made.take(self.place.index_select(0, rows))


class Maker:
    """Makes candidates of postures: a share of them by frozen augmentors, the others drawn.

    Args:
        augmentors: by the epoch that each is of; rows are spread evenly over them.
        share: of the candidates that an augmentor makes.
        lens: draws other cameras to look through; None: the pair's own.
        balance: whether views come evenly from all round.
    """

    def __init__(
        self,
        augmentors: dict[int, FrozenAugmentor],
        share: float,
        views: ViewSettings,
        limits: Limits,
        lens: LensDraw | None = None,
        balance: bool = False,
    ) -> None:
        self.augmentors = augmentors
        self.share, self.views, self.limits = share, views, limits
        self.lens, self.balance = lens, balance

    @torch.inference_mode()
    def make(self, posture: Drawn, random: np.random.Generator) -> Candidates:
        """One candidate for each posture."""
        device = posture.place.device
        tile_rows = TILE_ROWS if device.type == "cpu" else len(posture)
        epochs = list(self.augmentors)
        chance = uniforms(random, 2, len(posture), device=device)
        # Which augmentor, by number; the drawn ones come after the last.
        maker = torch.where(chance[0] < self.share, (chance[1] * len(epochs)).long(), len(epochs))
        rows = [(maker == number).nonzero()[:, 0] for number in range(len(epochs) + 1)]
        tiles = [
            (epoch, tile)
            for epoch, own in zip([*epochs, None], rows, strict=True)
            for tile in (own.split(tile_rows) if len(own) else ())
        ]
        parts = [self._made(posture.take(tile), epoch, random) for epoch, tile in tiles]
        fault = [faults(part.pose, part.pose_2d, part.image_size, self.limits) for part in parts]
        place = torch.empty_like(posture.place)
        place[torch.cat(rows)] = torch.arange(len(posture), device=device)
        made = Made(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Made)))
        return Candidates(made, place, torch.cat(fault).index_select(0, place))

    def _made(self, posture: Drawn, epoch: int | None, random: np.random.Generator) -> Made:
        """A tile of candidates by the augmentor of an epoch, or drawn ones (None)."""
        made = self._drawn(posture, random) if epoch is None else self._learned(posture, epoch, random)
        if self.balance:
            root = made.pose[:, 0]
            turned = product(even_views(root, self.views, random), posture.level)
            turn = product(turned, rotation_matrix(made.rotation).mT)
            pose = rotate(turn, made.pose - root[:, None]) + root[:, None]
            made = replace(made, pose=pose, rotation=rotation_vector(turned))
        if self.lens is not None:
            intrinsics, size = self.lens(len(posture), random)
            made = replace(made, intrinsics=rows_last(torch.from_numpy(intrinsics).to(made.pose.device)))
            if size is not None:
                made = replace(made, image_size=torch.from_numpy(size).to(made.pose.device))
        if self.balance or self.lens is not None:
            made = replace(made, pose_2d=project(made.pose, made.intrinsics))
        return made

    def _learned(self, posture: Drawn, epoch: int, random: np.random.Generator) -> Made:
        """What the augmentor made of some postures, seen by their own cameras."""
        augmentor, device = self.augmentors[epoch], posture.place.device

        def noise(rows: int) -> Tensor:
            return normals(random, len(NETWORKS), rows, augmentor.noise, device=device)

        intrinsics = posture.intrinsics
        made = augmentor(posture.directions, posture.lengths, intrinsics, noise)
        return Made(
            **vars(made),
            intrinsics=intrinsics,
            image_size=posture.image_size,
            snapshot=torch.full_like(posture.place, epoch),
        )

    def _drawn(self, posture: Drawn, random: np.random.Generator) -> Made:
        """What was drawn: no bone was turned, and no augmentor had a hand in it."""
        made = draw_pairs(posture, posture.pool, self.views, random)
        return Made(
            pose=made.pose,
            pose_2d=made.pose_2d,
            intrinsics=made.intrinsics,
            image_size=made.image_size,
            rotation=rotation_vector(made.rotation),
            length_ratio=made.length_ratio,
            angle_change=torch.zeros(len(posture), device=posture.place.device),
            snapshot=torch.full_like(posture.place, DRAWN),
        )
