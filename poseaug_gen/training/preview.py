"""A picture of what the augmentor does: source, bone angle, bone length, rigid transform, and the 2D of it."""

from __future__ import annotations

import torch
from torch.random import fork_rng

from poseaug_gen import storage
from poseaug_gen.bones import root_relative
from poseaug_gen.drawing import draw_2d, draw_3d
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.run_folder import RunFolder

ROWS = 6
NO_MATPLOTLIB = "No preview was drawn: it needs matplotlib (pip install 'poseaug-gen[report]')."


def write(folder: RunFolder, augmentor: Augmentor, pairs: Pairs, epoch: int, monitor: Monitor) -> None:
    """``previews/epoch-0005.png``: evenly spaced source poses, one augmentation of each."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        monitor.message(NO_MATPLOTLIB)
        return
    rows = torch.linspace(0, len(pairs) - 1, min(ROWS, len(pairs)) + 2)[1:-1].long().to(pairs.pose.device)
    batch = pairs.take(rows)
    augmentor.eval()
    with torch.inference_mode(), fork_rng(devices=[]):
        torch.manual_seed(0)  # the same draws in every picture, so that epochs compare
        result = augmentor(batch.pose, batch.intrinsics, augmentor.draw_noise(len(rows)))

    stages = {
        "source": batch.pose,
        "bone angle": result.pose_ba,
        "bone length": result.pose_bl,
        "rigid transform": result.pose_rt,
    }
    figure = Figure(figsize=(13, 2.45 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{folder.path.name}, epoch {epoch}  (blue: left, red: right; squares 1.2 m wide)")
    columns = len(stages) + 1
    for row in range(len(rows)):
        for column, (title, pose) in enumerate(stages.items()):
            axes = figure.add_subplot(len(rows), columns, row * columns + column + 1, projection="3d")
            draw_3d(axes, root_relative(pose)[row].cpu().numpy(), augmentor.skeleton)
            axes.set_title(title if row == 0 else "", fontsize=10)
        axes = figure.add_subplot(len(rows), columns, (row + 1) * columns)
        width, height = batch.image_size[row].tolist()
        draw_2d(axes, batch.pose_2d[row].cpu().numpy(), augmentor.skeleton, height / width, alpha=0.25)
        draw_2d(axes, result.pose_2d[row].cpu().numpy(), augmentor.skeleton, height / width)
        depth = float(result.pose_rt[row, 0, 2])
        axes.set_title(("2D; source faint\n" if row == 0 else "") + f"root at {depth:.1f} m", fontsize=9)
    with storage.replacing(folder.path / "previews" / f"epoch-{epoch:04d}.png") as temporary:
        figure.savefig(temporary, format="png", dpi=80, metadata={"Software": None})
