"""What the bodies of the built-in source do, as a picture: a row of poses for each activity.

python scripts/draw_anatomy.py --out docs/pictures/anatomy.png
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib
import numpy as np

from poseaug_gen.drawing import draw_3d
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.anatomy.activities import ACTIVITIES
from poseaug_gen.sources.anatomy.people import JOINTS, draw_crowd
from poseaug_gen.sources.joints import joint_names, to_skeleton

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLUMNS = 12


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/pictures/anatomy.png"), show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(out: Path, seed: int) -> None:
    """Draw COLUMNS poses of each activity, in the order they come."""
    skeleton = load_skeleton("h36m17")
    crowd = draw_crowd(60_000, seed)
    figure = plt.figure(figsize=(COLUMNS * 0.95, len(ACTIVITIES) * 1.05))
    for row, activity in enumerate(ACTIVITIES):
        chosen = np.flatnonzero(crowd.action.codes == row)[:COLUMNS]
        world = to_skeleton(crowd.positions[chosen], JOINTS, skeleton, joint_names(), "anatomy")
        for column, pose in enumerate(world):
            axes = figure.add_subplot(len(ACTIVITIES), COLUMNS, row * COLUMNS + column + 1, projection="3d")
            draw_3d(axes, pose[:, [0, 2, 1]] * np.float32([1, -1, 1]), skeleton)  # as a camera along y would have it
            if column == 0:
                axes.text2D(0.0, 0.96, activity.name, transform=axes.transAxes, fontsize=7, color="#333333")
    figure.subplots_adjust(0.005, 0, 1, 1, 0, 0)
    figure.savefig(out, dpi=100)
    click.echo(f"{out}: {len(ACTIVITIES)} activities")


if __name__ == "__main__":
    main()
