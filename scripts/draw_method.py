"""The figures of docs/method.md, from a run: python scripts/draw_method.py outputs/mine

``stages.png``: what each step of the augmentor does; ``parts.png``: the bones that each part of the 3D discriminator
sees; ``losses.png``: what the augmentor's loss leaves free; ``drawn.png``: a recombined posture, and drawn cameras.
docs/pictures has them of a run of preset quick on CMU's everyday motion.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseaug_gen.bones import root_relative
from poseaug_gen.config import FeedbackSettings, LossSettings, ViewSettings
from poseaug_gen.coverage.cameras import STANDING, draw_views
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.drawing import LEFT, MIDDLE, RIGHT, draw_2d, draw_3d
from poseaug_gen.models.augmentor import LENGTH_LIMIT
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.losses import angle_range_loss, angle_target, length_range_loss
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.run_folder import RunFolder

EXAMPLES = 3  # poses of stages.png
CAMERAS = 400  # of drawn.png
GREY = "#cccccc"


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/pictures"), show_default=True)
@click.option("--seed", default=3, show_default=True, help="Which poses are drawn.")
def main(run: Path, out: Path, seed: int) -> None:
    """Draw all figures of RUN into a folder."""
    folder = RunFolder(run)
    pool = PosturePool(folder.poses, folder.built_in_rows, folder.config.postures, folder.difficulty())
    figures = {
        "stages.png": stages(folder, seed),
        "parts.png": parts(folder.skeleton),
        "losses.png": losses(),
        "drawn.png": drawn(folder, pool, seed),
    }
    for name, figure in figures.items():
        figure.savefig(out / name, dpi=90, metadata={"Software": None})
        click.echo(out / name)


def stages(folder: RunFolder, seed: int) -> Figure:
    """Some source poses after each step of the augmentor, and what the camera sees at last."""
    augmentor = folder.augmentor()
    pairs = Pairs.of(folder.source_poses, torch.device("cpu"))
    rows = np.random.default_rng(seed).choice(len(pairs), EXAMPLES, replace=False)
    batch = pairs.take(torch.from_numpy(rows))
    with torch.inference_mode():
        noise = augmentor.draw_noise(EXAMPLES, torch.Generator().manual_seed(seed))
        made = augmentor.eval()(batch.pose, batch.intrinsics, noise)
    poses = {
        "source": batch.pose,
        "bone angle": made.pose_ba,
        "bone length": made.pose_bl,
        "rigid transform": made.pose_rt,
    }
    figure = _figure(12, 2.5 * EXAMPLES)
    for row in range(EXAMPLES):
        for column, (title, pose) in enumerate(poses.items()):
            axes = figure.add_subplot(EXAMPLES, 5, 5 * row + column + 1, projection="3d")
            draw_3d(axes, root_relative(pose)[row].numpy(), augmentor.skeleton)
            axes.set_title(title if row == 0 else "", fontsize=10)
        axes = figure.add_subplot(EXAMPLES, 5, 5 * row + 5)
        width, height = batch.image_size[row].tolist()
        draw_2d(axes, batch.pose_2d[row].numpy(), augmentor.skeleton, height / width, alpha=0.25)
        draw_2d(axes, made.pose_2d[row].numpy(), augmentor.skeleton, height / width)
        axes.set_title("its 2D (source faint)" if row == 0 else "", fontsize=10)
    return figure


def parts(skeleton: Skeleton) -> Figure:
    """The bones of each part, on a schematic body."""
    places = schematic(skeleton)
    figure = _figure(10, 2.8)
    for number, (name, bones) in enumerate(skeleton.parts):
        axes = figure.add_subplot(1, len(skeleton.parts), number + 1)
        for bone, parent in enumerate(skeleton.bone_parents):
            seen = bone in bones
            ends = places[[parent, bone + 1]]
            axes.plot(*ends.T, color=RIGHT if seen else GREY, linewidth=3.5 if seen else 2, zorder=2 if seen else 1)
        axes.scatter(*places.T, s=9, color=MIDDLE, zorder=3)
        axes.set_title(f"{name.replace('_', ' ')} ({len(bones)})", fontsize=10)
        _bare(axes)
    return figure


def schematic(skeleton: Skeleton) -> np.ndarray:
    """A body seen from behind, ``(joints, 2)``, by the tree alone: the middle upwards, arms to the sides, legs down."""
    place = np.zeros((skeleton.num_joints, 2))
    side = {joint: sign for pair in skeleton.pairs for joint, sign in zip(pair, (-1, 1), strict=True)}
    for joint in range(1, skeleton.num_joints):
        parent, depth = skeleton.parents[joint], skeleton.limb_depth[joint]
        leg = depth > 0 and _hangs_from_root(skeleton, joint)
        step = (0, 1) if depth == 0 else (0.45, 0) if depth == 1 else (0.06, -1) if leg else (0.35, -0.75)
        place[joint] = place[parent] + np.array(step) * [side.get(joint, 1), 1]
    return place


def _hangs_from_root(skeleton: Skeleton, joint: int) -> bool:
    """Whether a limb begins at the root."""
    while skeleton.limb_depth[joint] > 1:
        joint = skeleton.parents[joint]
    return skeleton.parents[joint] == 0


def losses() -> Figure:
    """What a pose's change of angles and lengths costs, and how hard the estimator may find it, over the epochs."""
    loss, feedback = LossSettings(), FeedbackSettings()
    figure = _figure(11, 2.9)
    axes = figure.add_subplot(131)
    change = torch.linspace(0, 1, 400)
    axes.plot(change, [angle_range_loss(a[None, None], loss.angle_target, loss.angle_band) for a in change], color=LEFT)
    axes.set(xlabel="mean 1 − cos of a pose's bones", title="angle range")
    axes = figure.add_subplot(132)
    ratio = torch.linspace(-LENGTH_LIMIT, LENGTH_LIMIT, 400)
    axes.plot(ratio, [length_range_loss(r[None, None], loss.length_band) for r in ratio], color=LEFT)
    axes.set(xlabel="change of a bone's length", title="length range")
    axes = figure.add_subplot(133)
    progress = np.linspace(0, 1, 50)
    target = np.array([angle_target(feedback, float(p)) for p in progress])
    for middle, band, name, colour in (
        (np.full(50, feedback.rigid_target), feedback.rigid_band, "whole augmentation", RIGHT),
        (target, feedback.angle_band, "bone angle", LEFT),
    ):
        axes.fill_between(progress, middle - band, middle + band, color=colour, alpha=0.15, linewidth=0)
        axes.plot(progress, middle, color=colour, label=name)
    axes.set(xlabel="progress through the epochs", title="feedback: error over the source's", yscale="log")
    axes.legend(fontsize=8, frameon=False)
    for axes in figure.axes:
        axes.title.set_fontsize(10)
        for edge in ("top", "right"):
            axes.spines[edge].set_visible(False)
    return figure


def drawn(folder: RunFolder, pool: PosturePool, seed: int) -> Figure:
    """A trunk, whose legs and arms it gets, and what comes of it; and where drawn cameras stand."""
    random = np.random.default_rng(seed)
    posture = exchanged(pool, random)
    donors = [posture.place, *posture.donors[:2]]
    figure = _figure(12, 3.1)
    for number, (title, place) in enumerate(zip(("trunk", "whose legs", "whose left arm"), donors, strict=True)):
        axes = figure.add_subplot(1, 5, number + 1, projection="3d")
        draw_3d(axes, (pool.pose[place[0]] - pool.pose[place[0], 0]).numpy(), pool.skeleton)
        axes.set_title(title, fontsize=10)
    axes = figure.add_subplot(1, 5, 4, projection="3d")
    draw_3d(axes, root_relative(posture.pose)[0].numpy(), pool.skeleton)
    axes.set_title("the posture", fontsize=10)
    cameras(figure.add_subplot(1, 5, 5), pool, folder.config.views, random)
    return figure


def exchanged(pool: PosturePool, random: np.random.Generator) -> Drawn:
    """A posture of the source's own whose legs and first arm are others', drawn until one is."""
    for _ in range(1000):
        posture = pool.draw(1, random)
        if posture.exchanged[:2].all():
            return posture
    raise click.ClickException("this run exchanges no limbs; draw another's figures")


def cameras(axes: Axes, pool: PosturePool, settings: ViewSettings, random: np.random.Generator) -> None:
    """How high and how far from the person drawn cameras are, and a standing person for size."""
    # The person is a point on the floor, so that what is drawn is the cameras alone.
    settings = replace(settings, lean=0.0, raised=0.0, sole=0.0, sole_spread=0.0)
    views = draw_views(torch.zeros(CAMERAS, pool.skeleton.num_joints, 3), pool.lenses, settings, random)
    place = -(views.rotation.mT @ views.translation[..., None])[..., 0]
    axes.scatter(place[:, [0, 2]].norm(dim=-1), -place[:, 1], s=4, color=LEFT, alpha=0.6, linewidths=0)
    axes.plot([0, 0], [0, STANDING], color=RIGHT, linewidth=4, solid_capstyle="round")
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlim=(-0.5, 8.7), ylim=(-0.3, 4), xlabel="metres away", ylabel="metres high")
    axes.set_title(f"{CAMERAS} drawn cameras", fontsize=10)
    axes.set_aspect("equal")


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _bare(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.set_axis_off()


if __name__ == "__main__":
    main()
