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
from poseaug_gen.rotation import rotation_matrix

STANDING = 1.7  # metres: the person for whom a lens is chosen
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
    rows = len(level)

    def uniform(low: float, high: float) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, rows)).to(level)

    def normal(spread: float) -> Tensor:
        return torch.from_numpy(random.normal(0.0, spread, rows)).to(level)

    zero = torch.zeros(rows).to(level)
    leans_towards, lean = uniform(0.0, 2 * math.pi), normal(math.radians(settings.lean))
    leaning = rotation_matrix(torch.stack([lean * leans_towards.cos(), zero, lean * leans_towards.sin()], -1))
    turning = rotation_matrix(torch.stack([zero, uniform(-math.pi, math.pi), zero], -1))
    standing = turning @ leaning

    sole = (level @ standing.transpose(-1, -2))[..., 1].amax(1)  # the lowest joint, under the root
    raised = uniform(0.0, 1.0) < settings.raised
    lift = torch.where(raised, uniform(0.0, settings.raised_height), settings.sole + normal(settings.sole_spread))
    away, round_about = settings.wander * uniform(0.0, 1.0).sqrt(), uniform(0.0, 2 * math.pi)
    root = torch.stack([away * round_about.cos(), -sole - lift, away * round_about.sin()], -1)

    distance = uniform(math.log(settings.nearest), math.log(settings.farthest)).exp()
    height, aim = uniform(settings.lowest, settings.highest), settings.aim + normal(settings.aim_spread)
    camera = torch.stack([zero, -height, -distance], -1)
    tilting = rotation_matrix(torch.stack([torch.atan2(height - aim, distance), zero, zero], -1))
    rolling = rotation_matrix(torch.stack([zero, zero, normal(math.radians(settings.roll))], -1))
    looking = rolling @ tilting

    translation = (looking @ (root - camera)[..., None])[..., 0]
    sight = (distance.square() + (height - aim).square()).sqrt()
    focal = 2 * uniform(settings.fills_least, settings.fills_most) * sight / STANDING  # a frame is 2 half widths wide
    own = torch.from_numpy(random.integers(len(lenses.intrinsics), size=rows)).to(level.device)
    drawn = torch.zeros(rows, len(INTRINSICS)).to(level)
    drawn[:, 0] = drawn[:, 1] = focal
    drawn[:, 2], drawn[:, 3] = normal(CENTRE_SPREAD), normal(CENTRE_SPREAD)
    keeps = (uniform(0.0, 1.0) < settings.own_lens)[:, None]
    intrinsics = torch.where(keeps, lenses.intrinsics[own], drawn)
    return Views(looking @ standing, translation, intrinsics, lenses.image_size[own])
