"""Draw pairs of an export beside their source poses: python scripts/draw_pairs.py aug.h5 RUN pairs.png

The README's picture was made so; look at one of your own before you train on a million of its brothers.
"""

from __future__ import annotations

from pathlib import Path

import click
import h5py
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseaug_gen.drawing import draw_2d, draw_3d
from poseaug_gen.training.run_folder import RunFolder

COLUMNS = 2  # examples side by side, each a source, an augmented pose and its 2D


@click.command()
@click.argument("export", type=click.Path(exists=True, path_type=Path))
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--rows", default=4, show_default=True, help="Rows of the picture.")
@click.option("--seed", default=0, show_default=True, help="Which pairs are drawn.")
def main(export: Path, run: Path, picture: Path, rows: int, seed: int) -> None:
    """Draw random pairs of EXPORT, which was made from RUN, into PICTURE."""
    poses = RunFolder(run).poses
    seen = poses.project()
    with h5py.File(export) as file:
        chosen = np.sort(np.random.default_rng(seed).choice(len(file["positions_3d"]), rows * COLUMNS, replace=False))
        made = {name: file[name][chosen] for name in ("positions_3d", "positions_2d", "source_index", "image_size")}
    figure = Figure(figsize=(12, 2.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for i, source in enumerate(made["source_index"]):
        place = 3 * i + 1
        for title, pose in (("source", poses.positions[source]), ("augmented", made["positions_3d"][i])):
            axes = figure.add_subplot(rows, 3 * COLUMNS, place, projection="3d")
            draw_3d(axes, pose - pose[0], poses.skeleton)
            axes.set_title(title if i < COLUMNS else "", fontsize=10)
            place += 1
        axes = figure.add_subplot(rows, 3 * COLUMNS, place)
        width, height = made["image_size"][i]
        draw_2d(axes, seen[source], poses.skeleton, height / width, alpha=0.25)
        draw_2d(axes, made["positions_2d"][i], poses.skeleton, height / width)
        axes.set_title("what its camera sees" if i < COLUMNS else "", fontsize=10)
    figure.savefig(picture, dpi=80, metadata={"Software": None})
    click.echo(f"{picture}: {rows * COLUMNS} pairs of {export}")


if __name__ == "__main__":
    main()
