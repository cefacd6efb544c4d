"""Training steps and exported rows a second, and peak memory, each beside the plain version in ``plain.py``.

    python benchmarks/speed.py --source ../shared/data/cmu_everyday.npz --rig ../shared/data/rigs.json:studio

Every figure is measured in a process of its own, ours and the plain one in turn, and the median of the rounds is
printed. These machines are noisy: read the ratios.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from poseaug_gen.config import ExportSettings, resolve

ROWS = 10_240  # source poses of a measured training pass: forty steps of 256


@click.command()
@click.option("--source", default="../shared/data/cmu_everyday.npz", show_default=True)
@click.option("--rig", default="../shared/data/rigs.json:studio", show_default=True)
@click.option("--preset", default="quick", show_default=True, help="Its estimator and batch size are measured.")
@click.option("--rows", default=200_000, show_default=True, help="Rows of a measured export.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--only", hidden=True, help="Measure one figure in this process and print it as JSON.")
def main(source: str, rig: str, preset: str, rows: int, rounds: int, only: str | None) -> None:
    """Print a table of rates, ours beside the plain version's."""
    if only:
        click.echo(json.dumps(measure(only, source, rig, preset, rows)))
        return
    options = ["--source", source, "--rig", rig, "--preset", preset, "--rows", str(rows)]
    results: dict[str, list[dict]] = {}
    for _ in range(rounds):
        for what in ("gan-plain", "gan-ours", "estimator-plain", "estimator-ours", "export-plain", "export-ours"):
            done = subprocess.run(
                [sys.executable, __file__, *options, "--only", what], capture_output=True, text=True, check=True
            )
            results.setdefault(what, []).append(json.loads(done.stdout.splitlines()[-1]))
    click.echo(f"preset {preset}, median of {rounds}\n")
    click.echo(f"{'':26}{'ours':>12}{'plain':>12}{'ratio':>8}{'peak ours':>12}{'peak plain':>12}")
    for title, key in (
        ("GAN steps/s", "gan"),
        ("estimator steps/s", "estimator"),
        ("export rows/s (written)", "export"),
    ):
        ours, plain = (statistics.median(r["rate"] for r in results[f"{key}-{kind}"]) for kind in ("ours", "plain"))
        memory = [max(r["peak_mb"] for r in results[f"{key}-{kind}"]) for kind in ("ours", "plain")]
        click.echo(f"{title:26}{ours:12,.1f}{plain:12,.1f}{ours / plain:8.2f}{memory[0]:9,.0f} MB{memory[1]:9,.0f} MB")


def measure(what: str, source: str, rig: str, preset: str, rows: int) -> dict[str, float]:
    """One rate (steps or rows a second) and the process's peak memory."""
    key, kind = what.split("-")
    amount, seconds = (_export if key == "export" else _training)(key, kind == "plain", source, rig, preset, rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": amount / seconds, "peak_mb": peak}


def _training(key: str, plain: bool, source: str, rig: str, preset: str, rows: int) -> tuple[int, float]:
    import plain as plain_version
    import torch

    from poseaug_gen.skeleton import load_skeleton
    from poseaug_gen.sources import read_sources
    from poseaug_gen.sources.formats import Request
    from poseaug_gen.sources.rigs import load_rig
    from poseaug_gen.training.networks import Networks
    from poseaug_gen.training.pairs import Pairs, batches_in
    from poseaug_gen.training.passes import train_estimator, train_gan

    config = resolve(preset)
    poses = read_sources([source], Request(load_skeleton(), load_rig(rig) if rig else None)).subsample(ROWS)
    networks = Networks(config, poses.skeleton, torch.device("cpu"))
    pairs = Pairs.of(poses, torch.device("cpu"))
    steps = batches_in(len(pairs), config.schedule.batch_size)
    epoch = config.schedule.warmup_epochs + 1  # with feedback

    def ours_gan() -> int:
        train_gan(networks, pairs, epoch)
        return steps

    def ours_estimator() -> int:
        train_estimator(networks, pairs, "estimator")
        return steps

    run = {
        ("gan", False): ours_gan,
        ("gan", True): lambda: plain_version.train_gan(networks, pairs),
        ("estimator", False): ours_estimator,
        ("estimator", True): lambda: plain_version.train_estimator(networks, pairs),
    }[key, plain]
    run()  # caches, thread pools and the allocator warm up
    started = time.perf_counter()
    return run(), time.perf_counter() - started


def _export(key: str, plain: bool, source: str, rig: str, preset: str, rows: int) -> tuple[int, float]:
    import plain as plain_version
    import torch

    from poseaug_gen.export.dataset import export
    from poseaug_gen.skeleton import load_skeleton
    from poseaug_gen.sources import read_sources
    from poseaug_gen.sources.formats import Request
    from poseaug_gen.sources.rigs import load_rig
    from poseaug_gen.training.loop import train
    from poseaug_gen.training.run_folder import RunFolder

    with tempfile.TemporaryDirectory() as folder:
        # A run of no training: its poses stand at the source's place, which is all that a rate needs.
        options = {"schedule.epochs": 1, "schedule.pretrain_epochs": 0, "run.preview_every": 0}
        options["source.validation_share"] = 0.0
        poses = read_sources([source], Request(load_skeleton(), load_rig(rig) if rig else None))
        run = train(resolve(preset, options=options), poses, RunFolder(Path(folder) / "run"))
        if plain:
            positions, intrinsics = torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics)
            augmentor = run.augmentor()
            plain_version.augment(augmentor, positions, intrinsics, 16384)
            started = time.perf_counter()
            made = plain_version.augment(augmentor, positions, intrinsics, rows)
            return made, time.perf_counter() - started
        export(run, ExportSettings(n=16384), Path(folder) / "warm.h5", False, lambda done: None)
        started = time.perf_counter()
        export(run, ExportSettings(n=rows), Path(folder) / "aug.h5", False, lambda done: None)
        return rows, time.perf_counter() - started


if __name__ == "__main__":
    main()
