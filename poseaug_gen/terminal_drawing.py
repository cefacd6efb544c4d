"""Poses as lines of text, in Braille: each character is a raster of two by four dots.

Left limbs are blue, right limbs red, where the terminal has colours.
"""

from __future__ import annotations

import textwrap

import numpy as np
from jaxtyping import Float, Int
from rich.text import Text

from poseaug_gen.drawing import Side, bone_sides, caption, evenly_spaced, seen_2d
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton

COLUMNS, LINES, GAP = 18, 13, 2  # of one pose, in characters, and between two
MOST = 6

STYLE: dict[Side, str] = {"left": "bright_blue", "right": "bright_red", "middle": ""}
# Unicode, "Braille Patterns": the bit of the dot in row y (of 4) and column x (of 2) is DOT_BITS[y][x].
DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
DOTS_WIDE, DOTS_HIGH = 2, 4  # of a character; characters are about twice as high as wide, so dots lie on squares


def side_by_side(poses: PoseSet | Poses2D, width: int) -> Text:
    """Some of the poses as their cameras see them, without their places in the image, each over its caption.

    Args:
        width: of the terminal, in characters.
    """
    shown = evenly_spaced(poses, max(1, min(MOST, (width + GAP) // (COLUMNS + GAP))))
    drawn = sketches(seen_2d(shown), shown.skeleton, COLUMNS, LINES)
    captions = [textwrap.wrap(caption(shown, row), COLUMNS) for row in range(len(shown))]
    most = max(len(lines) for lines in captions)
    for pose, lines in zip(drawn, captions, strict=True):
        pose += [Text(line.ljust(COLUMNS)) for line in [*lines, *[""] * (most - len(lines))]]
    gap = Text(" " * GAP)
    return Text("\n").join(gap.join(line) for line in zip(*drawn, strict=True))


def sketches(
    poses_2d: Float[np.ndarray, "poses joints 2"], skeleton: Skeleton, columns: int, lines: int
) -> list[list[Text]]:
    """Each pose as ``lines`` lines of ``columns`` characters, all at one scale, each in the middle of its space.

    Args:
        poses_2d: y down, in any unit that is the same both ways; NaN where a joint is missing.
    """
    place = poses_2d.astype(np.float64)
    low, high = (corner.reduce(place, axis=1, keepdims=True) for corner in (np.fmin, np.fmax))  # these pass over NaN
    room = np.array([columns * DOTS_WIDE, lines * DOTS_HIGH]) - 1
    largest = np.fmax(np.fmax.reduce(high - low, axis=(0, 1)), np.finfo(np.float32).tiny)
    dots = room / 2 + (place - (low + high) / 2) * (room / largest).min()
    return [_sketch(pose, skeleton, columns, lines) for pose in dots.round()]


def _sketch(dots: Float[np.ndarray, "joints 2"], skeleton: Skeleton, columns: int, lines: int) -> list[Text]:
    """One pose whose joints lie on dots ``(x, y)`` of the raster; bones whose ends are both known are drawn."""
    bits = np.zeros((lines, columns), dtype=int)
    sides = np.full((lines, columns), "middle", dtype=object)
    for bone, side in enumerate(bone_sides(skeleton)):
        ends = dots[[skeleton.bone_parents[bone], bone + 1]]
        for x, y in _line(*ends.astype(int)).tolist() if np.isfinite(ends).all() else ():
            cell = y // DOTS_HIGH, x // DOTS_WIDE
            bits[cell] |= DOT_BITS[y % DOTS_HIGH][x % DOTS_WIDE]
            sides[cell] = side
    return [
        Text.assemble(*((chr(BLANK + bit) if bit else " ", STYLE[side]) for bit, side in zip(*line, strict=True)))
        for line in zip(bits.tolist(), sides.tolist(), strict=True)
    ]


def _line(start: Int[np.ndarray, "2"], end: Int[np.ndarray, "2"]) -> Int[np.ndarray, "dots 2"]:
    """The dots from one to another, both among them."""
    steps = int(np.abs(end - start).max())
    return np.round(np.linspace(start, end, steps + 1)).astype(int)
