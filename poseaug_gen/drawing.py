"""Poses as pictures, with matplotlib (the extra ``report``), which is imported only when something is drawn.

Left limbs are blue, right limbs red, the middle grey: a mirrored body shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from poseaug_gen.skeleton import Skeleton

LEFT, RIGHT, MIDDLE = "#2a6fbb", "#c8452f", "#555555"


def bone_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each bone: its side's."""
    colour = dict.fromkeys(range(skeleton.num_joints), MIDDLE)
    for left, right in skeleton.pairs:
        colour[left], colour[right] = LEFT, RIGHT
    return [colour[bone + 1] for bone in range(skeleton.num_bones)]


def draw_3d(axes: Any, pose: Float[np.ndarray, "joints 3"], skeleton: Skeleton, reach: float = 1.0) -> None:
    """A camera-frame pose on 3D axes, seen as its camera sees it but from a little above and to the side.

    ``reach`` metres about the root are shown each way, so that bodies in neighbouring pictures compare; the square
    lies under the lowest joint.
    """
    plotted = pose[:, [0, 2, 1]] * [1, 1, -1]  # matplotlib's z is up; ours is -y
    plotted = plotted - plotted[0]
    for bone, colour in enumerate(bone_colours(skeleton)):
        axes.plot(
            *plotted[[skeleton.bone_parents[bone], bone + 1]].T, color=colour, linewidth=2, solid_capstyle="round"
        )
    floor = plotted[:, 2].min()
    edge = reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.6
    axes.plot(*edge.T, np.full(len(edge), floor), color="#bbbbbb", linewidth=0.8)  # something to stand on
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1), zoom=1.75)
    axes.view_init(elev=12, azim=-65)
    axes.set_axis_off()


def draw_2d(
    axes: Any,
    pose_2d: Float[np.ndarray, "joints 2"],
    skeleton: Skeleton,
    aspect: float = 1.0,
    alpha: float = 1.0,
) -> None:
    """A normalised 2D pose in its frame; ``aspect`` is the image's height over its width."""
    for bone, colour in enumerate(bone_colours(skeleton)):
        ends = pose_2d[[skeleton.bone_parents[bone], bone + 1]]
        axes.plot(*ends.T, color=colour, linewidth=2, solid_capstyle="round", alpha=alpha)
    axes.set(xlim=(-1, 1), ylim=(aspect, -aspect), xticks=[], yticks=[])  # y runs down, as in an image
    axes.set_aspect("equal")
