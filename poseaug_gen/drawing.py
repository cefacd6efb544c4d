"""Poses as pictures, with matplotlib (the extra ``report``), which is imported only when something is drawn.

Left limbs are blue, right limbs red, the middle grey: a mirrored body shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton

LEFT, RIGHT, MIDDLE = "#2a6fbb", "#c8452f", "#555555"

IN_A_LINE = 4  # panels of a picture

Side = Literal["left", "right", "middle"]


def bone_sides(skeleton: Skeleton) -> list[Side]:
    """The side of the body that each bone is on: its far joint's."""
    side: dict[int, Side] = {}
    for left, right in skeleton.pairs:
        side[left], side[right] = "left", "right"
    return [side.get(bone + 1, "middle") for bone in range(skeleton.num_bones)]


def bone_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each bone: its side's."""
    colour: dict[Side, str] = {"left": LEFT, "right": RIGHT, "middle": MIDDLE}
    return [colour[side] for side in bone_sides(skeleton)]


def evenly_spaced(poses: PoseSet | Poses2D, count: int) -> PoseSet | Poses2D:
    """At most ``count`` rows, evenly spread."""
    return poses.take(evenly_spaced_rows(len(poses), count))


def evenly_spaced_rows(rows: int, count: int) -> Int[np.ndarray, " count"]:
    """The numbers of at most ``count`` of so many rows, evenly spread."""
    count = min(count, rows)
    return ((np.arange(count) + 0.5) * rows / max(count, 1)).astype(int)


def seen_2d(poses: PoseSet | Poses2D) -> Float[np.ndarray, "rows joints 2"]:
    """2D poses as they are to be drawn, normalised: NaN where a joint is missing or not finite."""
    if isinstance(poses, PoseSet):
        seen = poses.seen_2d()
        known = np.isfinite(seen).all(-1)
    else:
        seen, known = poses.positions, poses.visible
    return np.where(known[..., None], seen, np.float32(np.nan))


def caption(poses: PoseSet | Poses2D, row: int) -> str:
    """Whose pose a row is, doing what, seen by which camera, how far away; what nobody knows is left out."""
    if isinstance(poses, Poses2D):
        return f"{poses.visible[row].sum()} of {poses.skeleton.num_joints} joints"
    labels = (poses.subject, poses.action, poses.camera)
    known = [name for label in labels if (name := label.names[label.codes[row]]) != "unknown"]
    return ", ".join([*known, f"{poses.positions[row, 0, 2]:.1f} m"])


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


def write_picture(path: Path, poses: PoseSet | Poses2D, title: str) -> None:
    """A PNG of every row, each in the frame of its camera, and where it is known, in 3D beside that.

    Where a detector's 2D pose is known it is drawn, and the projection faint behind it.

    Raises:
        PoseAugError: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PoseAugError(
            f"{path}: drawing needs matplotlib; install it with: pip install 'poseaug-gen[report]'"
        ) from error
    in_3d = isinstance(poses, PoseSet)
    panels = 2 if in_3d else 1  # of a pose
    lines = -(-len(poses) * panels // IN_A_LINE)
    figure = Figure(figsize=(11, 0.7 + 2.9 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}  (blue: left, red: right{'; squares 1.2 m wide' if in_3d else ''})")
    seen, aspects = seen_2d(poses), _aspects(poses)
    for row in range(len(poses)):
        place = row * panels + 1
        axes = first = figure.add_subplot(lines, IN_A_LINE, place, projection="3d" if in_3d else None)
        if isinstance(poses, PoseSet):
            draw_3d(first, poses.positions[row], poses.skeleton)
            axes = figure.add_subplot(lines, IN_A_LINE, place + 1)
            if poses.detected_2d is not None:
                draw_2d(axes, poses.take(np.array([row])).project()[0], poses.skeleton, aspects[row], alpha=0.25)
        draw_2d(axes, seen[row], poses.skeleton, aspects[row])
        first.set_title(caption(poses, row), fontsize=8, wrap=True)
    with storage.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


def _aspects(poses: PoseSet | Poses2D) -> list[float]:
    """Each image's height over its width; of 2D poses alone, of whose images nobody knows, what shows all of them."""
    if isinstance(poses, PoseSet):
        return (poses.image_size[:, 1] / poses.image_size[:, 0]).tolist()
    return [max(0.5, float(np.abs(poses.positions[..., 1]).max(initial=0)))] * len(poses)
