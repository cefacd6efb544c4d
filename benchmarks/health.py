"""Train several seeds of a preset, one after another, and print how healthy each run was as a Markdown table.

    python benchmarks/health.py --preset quick --seeds 10

A seed whose run is finished is not run again, and one that was cut off is gone on with. Figures are those of the best
epoch; minutes are of training, those of ill epochs too.
"""

from __future__ import annotations

from pathlib import Path

import click

from poseaug_gen.commands.train import built_in_postures, illnesses_line, request_of
from poseaug_gen.config import Config, parse_option, resolve
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import read_sources
from poseaug_gen.training.begin import check_same_settings
from poseaug_gen.training.loop import train
from poseaug_gen.training.monitor import SILENT
from poseaug_gen.training.run_folder import FAILED, JOINT, RunFolder

FIGURES = (  # title, key of the best epoch's row, format
    ("validation MPJPE, mm", "validation_mpjpe_mm", "{:.1f}"),
    ("D3D right", "d3d_accuracy", "{:.0%}"),
    ("D2D right", "d2d_accuracy", "{:.0%}"),
    ("angle change", "angle_change", "{:.3f}"),
    ("pairwise distance, of the source's", "pairwise_distance_ratio", "{:.2f}"),
    ("invalid pairs", "invalid_share", "{:.1%}"),
)
COLUMNS = ("seed", "epochs", "best", "recoveries", *(title for title, _, _ in FIGURES), "minutes")


@click.command()
@click.option("--preset", default="quick", show_default=True)
@click.option("--source", "sources", multiple=True, default=["../shared/data/cmu_everyday.npz"], show_default=True)
@click.option("--rig", default="../shared/data/rigs.json:studio", show_default=True)
@click.option("--seeds", default=10, show_default=True, help="Seeds 0, 1, … are trained.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting, as in poseaug-gen train.")
@click.option("--outputs", type=click.Path(path_type=Path), default=Path("outputs/health"), show_default=True)
def main(preset: str, sources: tuple[str, ...], rig: str, seeds: int, settings: tuple[str, ...], outputs: Path) -> None:
    """Train, and print a row a seed."""
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for seed in range(seeds):
        options = dict(parse_option(text) for text in settings)
        options |= {"source.paths": list(sources), "source.rig": rig, "run.seed": seed}
        folder = RunFolder(outputs / f"{Path(sources[0]).stem}-{preset}-{seed}")
        finish(folder, resolve(preset, options=options))
        click.echo(f"| {' | '.join(cells(folder, seed))} |")


def finish(folder: RunFolder, config: Config) -> None:
    """Train the run unless it is done, whichever way it ended. Raises as ``poseaug-gen train`` does for settings."""
    if folder.exists:
        check_same_settings(folder, config)
        if folder.finished or folder.info()["state"] == FAILED:
            return
    poses = built_in = None
    if not folder.exists:
        request = request_of(config)
        poses, built_in = read_sources(config.source.paths, request), built_in_postures(config, request, SILENT)
    try:
        train(config, poses, folder, built_in=built_in)
    except PoseAugError as error:
        if not folder.exists or folder.info()["state"] != FAILED:
            raise
        click.echo(f"seed {config.run.seed}: {error}", err=True)


def cells(folder: RunFolder, seed: int) -> list[str]:
    """One run's row of the table."""
    info, kept = folder.info(), [row for row in folder.kept_metrics() if row["phase"] == JOINT]
    ill = illnesses_line(info) or "0"
    minutes = f"{sum(row['seconds'] for row in folder.metrics()) / 60:.1f}"
    if not folder.finished:
        return [str(seed), str(len(kept)), "failed", ill, *("–" for _ in FIGURES), minutes]
    best = kept[info["best_epoch"] - 1]
    figures = [form.format(best[key]) if best.get(key) is not None else "–" for _, key, form in FIGURES]
    return [str(seed), str(info["epochs"]), str(info["best_epoch"]), ill, *figures, minutes]


if __name__ == "__main__":
    main()
