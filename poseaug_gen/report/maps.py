"""Where cameras stand round bodies, and where in the frame bodies are: maps of equal areas, as SVG."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from markupsafe import Markup, escape

from poseaug_gen.report.palette import HEATS

AROUND, UPWARDS = 24, 12  # cells of the sphere: 15 degrees wide, and as high as makes all of one area
PLACES = 20  # cells of the frame, each way
# Of an even spread's share; a step of colour lies between each two. What nothing is in has the first colour.
STEPS = (0.25, 0.5, 1, 2, 4, 8)
ARC = 4  # pieces of a cell's side that is drawn as a curve
assert len(STEPS) == HEATS - 2


def sphere_density(
    elevation: Float[np.ndarray, " rows"], azimuth: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "up around"]:
    """How often cameras stand in each cell of the sphere round a body, over how often they would, were they even.

    Cells are of one area: even in azimuth (from -180 degrees) and in the sine of the elevation (from -90), degrees.
    """
    height = np.sin(np.radians(elevation))
    counts = np.histogram2d(height, azimuth, bins=(UPWARDS, AROUND), range=((-1, 1), (-180, 180)))[0]
    return counts * counts.size / len(elevation)


def frame_density(x: Float[np.ndarray, " rows"], y: Float[np.ndarray, " rows"]) -> Float[np.ndarray, "down across"]:
    """The same of places in the frame, from its upper left corner (-1, -1) to its lower right one (1, 1)."""
    counts = np.histogram2d(y, x, bins=(PLACES, PLACES), range=((-1, 1), (-1, 1)))[0]
    return counts * counts.size / len(x)


def reached(density: Float[np.ndarray, "down across"], share: float = STEPS[0]) -> float:
    """The part of a map, 0 to 1, where there is at least ``share`` of what an even spread would have there."""
    return float((density >= share).mean())


def step_of(density: float) -> int:
    """Which colour a density has; 0: there is nothing."""
    return 0 if density <= 0 else 1 + sum(bool(density >= step) for step in STEPS)


def sphere(density: Float[np.ndarray, "up around"], alternative: str) -> Markup:
    """The sphere round a body as a Mollweide map, which keeps areas: the middle is before the body, its left is right.

    A camera at azimuth +90 sees the body's left side and is drawn on the right, as one who faces the body sees it.
    """
    heights = np.linspace(-1, 1, UPWARDS + 1)
    azimuths = np.radians(np.linspace(-180, 180, AROUND + 1))
    cells = "".join(
        f'<path class="h{step}" d="M{_cell(azimuths[column : column + 2], heights[row : row + 2])}z"/>'
        for (row, column), value in np.ndenumerate(density)
        if (step := step_of(value))
    )
    lines = "".join(f'<path class="graticule" d="M{_arc(angle)}"/>' for angle in np.radians([-90, 0, 90]))
    lines += '<path class="graticule" d="M-200 0L200 0"/>'
    words = "".join(
        f'<text x="{x}" y="{y}" class="{place}">{word}</text>'
        for x, y, place, word in (
            (0, -106, "middle", "overhead"),
            (0, 117, "middle", "from below"),
            (0, 13, "middle", "front"),
            (100, 13, "middle", "left"),
            (-100, 13, "middle", "right"),
            (204, 4, "start", "back"),
            (-204, 4, "end", "back"),
        )
    )
    return Markup(
        f'<svg class="map" role="img" viewBox="-238 -120 476 242" aria-label="{escape(alternative)}">'
        f'<ellipse class="h0" rx="200" ry="100"/>{cells}{lines}<ellipse class="edge" rx="200" ry="100"/>{words}</svg>'
    )


def frame(density: Float[np.ndarray, "down across"], alternative: str) -> Markup:
    """The frame of all images, whatever their sides, as a square."""
    size = 200 / PLACES
    cells = "".join(
        f'<path class="h{step}" d="M{column * size - 100:g} {row * size - 100:g}h{size:g}v{size:g}h-{size:g}z"/>'
        for (row, column), value in np.ndenumerate(density)
        if (step := step_of(value))
    )
    return Markup(
        f'<svg class="map square" role="img" viewBox="-101 -101 202 202" aria-label="{escape(alternative)}">'
        f'<rect class="h0" x="-100" y="-100" width="200" height="200"/>{cells}'
        f'<path class="graticule" d="M0 -100V100M-100 0H100"/>'
        f'<rect class="edge" x="-100" y="-100" width="200" height="200"/></svg>'
    )


def _cell(azimuths: Float[np.ndarray, "2"], heights: Float[np.ndarray, "2"]) -> str:
    """The outline of a cell: up its one side, down its other."""
    lowest, highest = np.arcsin(heights)
    up = np.sin(np.linspace(lowest, highest, ARC + 1))  # the nearer to a pole, the rounder
    return "L".join(
        _place(azimuth, height) for azimuth, side in zip(azimuths, (up, up[::-1]), strict=True) for height in side
    )


def _arc(azimuth: float) -> str:
    """A line from below to overhead."""
    return "L".join(_place(azimuth, height) for height in np.sin(np.linspace(-math.pi / 2, math.pi / 2, 25)))


def _place(azimuth: float, height: float) -> str:
    """Mollweide's projection of a direction, given by azimuth (radians) and the sine of its elevation, y down.

    ``x = 2 w azimuth cos(t) / pi``, ``y = w sin(t)`` where ``2 t + sin(2 t) = pi sin(elevation)`` (Snyder, "Map
    projections: a working manual", 1987, pp. 249-252), for a map that reaches 2 w = 200 across either way.
    """
    low, high = -math.pi / 2, math.pi / 2
    for _ in range(40):  # the left side rises with t, so halving finds it; Newton's steps fail at the poles
        middle = (low + high) / 2
        low, high = (middle, high) if 2 * middle + math.sin(2 * middle) < math.pi * height else (low, middle)
    return f"{200 * azimuth / math.pi * math.cos(low):.1f} {-100 * math.sin(low):.1f}"
