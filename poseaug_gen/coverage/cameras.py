"""Cameras where a source has none: on tripods, on walls and in hands, near and far, with wide and long lenses.

The learned rigid transform stays where the source's cameras were, as the 2D discriminator sees to that; a lifter
meets others. A camera is drawn as people set them up: it stands somewhere round the person, at some height, looks
at the height of a body's middle, and its lens is chosen so that a standing person fills a good part of the frame.
So elevation, perspective and place in the frame belong together as they do in a photograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from poseaug_gen.camera import INTRINSICS
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.chance import normals, uniforms
from poseaug_gen.memory import rows_last, stacked
from poseaug_gen.rotation import product, rotate, rotation_about

STANDING = 1.7  # metres: the person for whom a lens is chosen
UNIFORM_DRAWS, NORMAL_DRAWS = 10, 6  # numbers that a view leaves to chance
CENTRE_SPREAD = 0.02  # of a principal point, half widths: Human3.6M's lie 0.003 to 0.04 off the middle


@dataclass
class Lenses:
    """The source's cameras, one row each, that drawn views may look through."""

    intrinsics: Float[Tensor, "lenses 9"]
    image_size: Int[Tensor, "lenses 2"]


@dataclass
class Views:
    """How each of some bodies is seen: ``rotation @ body + translation``, through the lens ``intrinsics``."""

    rotation: Float[Tensor, "rows 3 3"]  # level frame (y down) to camera frame
    translation: Float[Tensor, "rows 3"]  # the root in the camera frame, metres
    intrinsics: Float[Tensor, "rows 9"]
    image_size: Int[Tensor, "rows 2"]


def draw_views(
    level: Float[Tensor, "rows joints 3"], lenses: Lenses, settings: ViewSettings, random: np.random.Generator
) -> Views:
    """A camera for each body, given root-relative in a level frame (metres, y down).

    The person stands on the floor (or on something, or jumps), faces anywhere and is up to ``settings.wander`` from
    where the camera looks. Whether all of it is in the frame is for the caller to test.
    """
    rows, device = len(level), level.device
    # All chance at once: a call for each number costs more than the numbers.
    chance = iter(uniforms(random, UNIFORM_DRAWS, rows, device=device))
    deviation = iter(normals(random, NORMAL_DRAWS, rows, device=device))

    def uniform(low: float, high: float) -> Tensor:
        return next(chance).mul_(high - low).add_(low)

    def normal(spread: float) -> Tensor:
        return next(deviation).mul_(spread)

    leans_towards, lean = uniform(0.0, 2 * math.pi), normal(math.radians(settings.lean))
    leaning = rotation_about(1, leans_towards)
    leaning = product(product(leaning, rotation_about(0, lean)), leaning.mT)
    standing = product(rotation_about(1, uniform(-math.pi, math.pi)), leaning)

    (right, down, forward), (x, y, z) = standing[:, 1, :, None].unbind(1), level.unbind(-1)
    sole = (right * x + down * y + forward * z).amax(1)  # how far the lowest joint is under the root
    raised = uniform(0.0, 1.0) < settings.raised
    lift = torch.where(raised, uniform(0.0, settings.raised_height), settings.sole + normal(settings.sole_spread))
    away, round_about = settings.wander * uniform(0.0, 1.0).sqrt(), uniform(0.0, 2 * math.pi)
    root = away * round_about.cos(), -sole - lift, away * round_about.sin()

    distance = uniform(math.log(settings.nearest), math.log(settings.farthest)).exp()
    height, aim = uniform(settings.lowest, settings.highest), settings.aim + normal(settings.aim_spread)
    looking = product(
        rotation_about(2, normal(math.radians(settings.roll))), rotation_about(0, torch.atan2(height - aim, distance))
    )

    from_camera = stacked([root[0], root[1] + height, root[2] + distance])
    translation = rotate(looking, from_camera[:, None])[:, 0]
    sight = (distance.square() + (height - aim).square()).sqrt()
    focal = 2 * uniform(settings.fills_least, settings.fills_most) * sight / STANDING  # a frame is 2 half widths wide
    own = torch.from_numpy(random.integers(len(lenses.intrinsics), size=rows)).to(device)
    centre, none = (normal(CENTRE_SPREAD), normal(CENTRE_SPREAD)), torch.zeros_like(focal)
    drawn = stacked([focal, focal, *centre, *[none] * (len(INTRINSICS) - 4)])
    keeps = (uniform(0.0, 1.0) < settings.own_lens)[:, None]
    intrinsics = torch.where(keeps, rows_last(lenses.intrinsics.index_select(0, own)), drawn)
    return Views(product(looking, standing), translation, intrinsics, lenses.image_size.index_select(0, own))
