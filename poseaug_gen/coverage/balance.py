"""Views evenly from all round and from low to high, whatever views the augmentor or the drawn cameras prefer."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.chance import uniforms
from poseaug_gen.rotation import product, rotation_about


def elevations(views: ViewSettings) -> tuple[float, float]:
    """The lowest and the highest elevation (radians) of a camera that stands as near as cameras are drawn."""
    low, high = (math.atan((height - views.aim) / views.nearest) for height in (views.lowest, views.highest))
    return low, high


def even_views(
    translation: Float[Tensor, "rows 3"], views: ViewSettings, random: np.random.Generator
) -> Float[Tensor, "rows 3 3"]:
    """Rotations from a level frame (y down) to the camera's, for bodies whose roots are at ``translation`` (metres).

    From the root the camera lies at an azimuth drawn evenly from all round, and at an elevation drawn evenly between
    :func:`elevations`. Where in the frame the body is stays as it was: the line of sight to it, not the camera's axis,
    is tilted, and turned about.
    """
    rows, device = len(translation), translation.device
    turn, height = uniforms(random, 2, rows, device=device)
    low, high = elevations(views)
    tilted = product(rotation_about(0, low + (high - low) * height), rotation_about(1, (2 * turn - 1) * math.pi))
    x, y, z = (translation / translation.norm(dim=-1, keepdim=True)).unbind(-1)
    # The line of sight: what turns the camera's axis to where the root is.
    sight = product(rotation_about(1, torch.atan2(x, z)), rotation_about(0, -y.clamp(-1, 1).asin()))
    return product(sight, tilted)
