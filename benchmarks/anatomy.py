"""What the built-in source is worth: lifters trained on it, on uniform random joint angles, and on other real people.

    python benchmarks/anatomy.py --target ../shared/data/cmu_everyday.npz --rig ../shared/data/rigs.json:studio

Each lifter is the one-frame videopose of 256 channels, 5,000 steps of 1,024 pairs, Adam from 1e-3 falling as
(1 - s/S)^0.9; its prediction is averaged with that of the mirrored input. Root-relative MPJPE and PA-MPJPE, mm.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import nn

from poseaug_gen.evaluation.predict import predict
from poseaug_gen.evaluation.scores import MPJPE, OVERALL, PA_MPJPE, score
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.anatomy.activities import UNIFORM
from poseaug_gen.sources.anatomy.source import see_crowd
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig
from poseaug_gen.training.batches import Pool, half_and_half
from poseaug_gen.training.lifter import Budget, train_lifter

CPU = torch.device("cpu")


@click.command()
@click.option("--target", "targets", multiple=True, default=["../shared/data/cmu_everyday.npz"], show_default=True)
@click.option(
    "--real", default="../shared/data/cmu_sports.npz", show_default=True, help="Other real people to learn from."
)
@click.option(
    "--rig", default="../shared/data/rigs.json:studio", show_default=True, help="Sees sources and targets alike."
)
@click.option("--rows", default=200_000, show_default=True, help="Poses of anatomy, each seen by one camera.")
@click.option("--steps", default=5_000, show_default=True)
@click.option("--seed", "seeds", multiple=True, default=[0], show_default=True)
@click.option("--only", multiple=True, help="Of anatomy, uniform, real; all where none is named.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also append the figures to this file, a JSON object a line."
)
def main(
    targets: tuple[str, ...],
    real: str,
    rig: str,
    rows: int,
    steps: int,
    seeds: tuple[int, ...],
    only: tuple[str, ...],
    out: Path | None,
) -> None:
    """Print a table: a row a training set, two columns a target."""
    skeleton = load_skeleton()
    request = Request(skeleton, load_rig(rig))
    tests = {Path(target).stem: read_sources([target], request) for target in targets}
    one = replace(request, rig=load_rig(rig, "one"))
    makers = {
        "anatomy": lambda seed: see_crowd(replace(one, rows=rows, seed=seed)),
        "uniform": lambda seed: see_crowd(replace(one, rows=rows, seed=seed), (UNIFORM,)),
        "real": lambda seed: read_sources([real], request),
    }
    click.echo(f"{'':24}" + "".join(f"{name:>22}" for name in tests))
    for name in only or makers:
        for seed in seeds:
            started = time.perf_counter()
            poses = makers[name](seed)
            made = time.perf_counter() - started
            pool = Pool.of(poses, CPU)
            lifter = train_lifter(half_and_half(pool, pool), Budget(steps=steps), skeleton, seed, CPU)
            errors = {test: test_lifter(lifter, target) for test, target in tests.items()}
            cells = "".join(f"{mpjpe:13.1f} / {pa:5.1f}" + " " for mpjpe, pa in errors.values())
            click.echo(f"{name:10} seed {seed:<8}{cells}  ({len(poses):,} pairs, made in {made:.0f} s)")
            if out:
                with out.open("a") as file:
                    row = {"source": name, "seed": seed, "steps": steps, "pairs": len(poses), "mpjpe_pa_mm": errors}
                    file.write(json.dumps(row) + "\n")


def test_lifter(model: nn.Module, target: PoseSet) -> tuple[float, float]:
    """MPJPE and PA-MPJPE of a lifter on a target, millimetres."""
    overall = score(predict(model, torch.from_numpy(target.project()), target.skeleton), target)[OVERALL]
    return overall[MPJPE], overall[PA_MPJPE]


if __name__ == "__main__":
    main()
