"""Draw clips of motion capture, a line each: python scripts/draw_clips.py FOLDER clips.png

docs/pictures/clips.png was made so of ../shared/data/raw. Look at one of your own: do the people stand on the floor,
are they as tall as they should be, do their knees bend forwards, is their left (blue) on their left?
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseaug_gen.drawing import bone_colours
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import acclaim, bvh, c3d_file
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import to_skeleton

READERS = (acclaim, bvh, c3d_file)
FRAMES = 9
APART = 1.05  # metres from pose to pose
SEEN_FROM = np.radians(35)  # so far to their left of whom faces the viewer
SKELETON = "h36m17"  # with neck and head


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
def main(folder: Path, picture: Path) -> None:
    """Draw each clip in FOLDER into PICTURE."""
    clips = [(path, reader) for path in sorted(folder.iterdir()) for reader in READERS if reader.recognises(path)]
    skeleton = load_skeleton(SKELETON)
    request = Request(skeleton)
    figure = Figure(figsize=(12, 2.6 * len(clips)), layout="constrained")
    FigureCanvasAgg(figure)
    for line, (path, reader) in enumerate(clips):
        world = reader.read_world(path, request)
        poses = to_skeleton(world.positions, world.joints, skeleton, request.names, str(path))
        axes = figure.add_subplot(len(clips), 1, line + 1)
        rate = f", {world.rate:.0f} a second" if world.rate else ""
        axes.set_title(
            f"{path.name}: {len(poses):,} frames{rate}; unit {world.unit}, {world.up} up", fontsize=9, loc="left"
        )
        draw_line(axes, poses, skeleton)
    figure.savefig(picture, dpi=80, metadata={"Software": None})
    click.echo(f"{picture}: {len(clips)} clips of {folder}")


def draw_line(axes: Axes, poses: np.ndarray, skeleton: Skeleton) -> None:
    """Poses of a clip from its beginning to its end, each turned as the first one is seen from its front and left."""
    chosen = poses[np.linspace(0, len(poses) - 1, FRAMES).astype(int)]
    joint = {name: chosen[0, i] for i, name in enumerate(skeleton.joints)}
    left = joint["l_hip"] - joint["r_hip"]
    azimuth = np.arctan2(left[1], left[0]) - np.pi / 2 + SEEN_FROM  # of the viewer, from the person
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])  # on the picture: what is to the viewer's right
    towards = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    colours = bone_colours(skeleton)
    for number, pose in enumerate(chosen):
        x, height, near = (pose - pose[0]) @ right + number * APART, pose[:, 2], pose @ towards
        far_to_near = np.argsort([near[bone + 1] + near[parent] for bone, parent in enumerate(skeleton.bone_parents)])
        for bone in far_to_near:
            ends = [skeleton.bone_parents[bone], bone + 1]
            axes.plot(x[ends], height[ends], color=colours[bone], linewidth=2.5, solid_capstyle="round")
    axes.axhline(0, color="#bbbbbb", linewidth=0.8)
    axes.set(xlim=(-0.7, (FRAMES - 1) * APART + 0.7), ylim=(-0.08, 2.1), xticks=[], yticks=[0, 1, 2])
    axes.set_aspect("equal")
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    axes.set_ylabel("metres", fontsize=8)


if __name__ == "__main__":
    main()
