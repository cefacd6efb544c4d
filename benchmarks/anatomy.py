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
import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.metrics import mpjpe_mm, pa_mpjpe_mm
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.anatomy.activities import UNIFORM
from poseaug_gen.sources.anatomy.source import see_crowd
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig


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
            lifter = train_lifter(poses, steps, seed)
            errors = {test: test_lifter(lifter, target) for test, target in tests.items()}
            cells = "".join(f"{mpjpe:13.1f} / {pa:5.1f}" + " " for mpjpe, pa in errors.values())
            click.echo(f"{name:10} seed {seed:<8}{cells}  ({len(poses):,} pairs, made in {made:.0f} s)")
            if out:
                with out.open("a") as file:
                    row = {"source": name, "seed": seed, "steps": steps, "pairs": len(poses), "mpjpe_pa_mm": errors}
                    file.write(json.dumps(row) + "\n")


def train_lifter(poses: PoseSet, steps: int, seed: int, batch: int = 1024) -> nn.Module:
    """A lifter trained on the pairs of a pose set, batches drawn with replacement."""
    torch.manual_seed(seed)
    model = build_estimator("videopose", poses.skeleton, 256, 0.25)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    pose_2d, pose = torch.from_numpy(poses.project()), root_relative(torch.from_numpy(poses.positions))
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (1 - step / steps) ** 0.9
        rows = torch.randint(len(pose), (batch,))
        loss = mse_loss(root_relative(model(pose_2d[rows])), pose[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@torch.inference_mode()
def test_lifter(model: nn.Module, target: PoseSet) -> tuple[float, float]:
    """MPJPE and PA-MPJPE of a lifter on a target, millimetres, with flip test-time augmentation."""
    mirror = torch.from_numpy(target.skeleton.mirror_joints)
    errors = []
    for positions, intrinsics in zip(
        torch.from_numpy(target.positions).split(8192), torch.from_numpy(target.intrinsics).split(8192), strict=True
    ):
        pose_2d = project(positions, intrinsics)
        flipped = model(pose_2d[:, mirror] * torch.tensor([-1.0, 1.0]))
        predicted = (model(pose_2d) + flipped[:, mirror] * torch.tensor([-1.0, 1.0, 1.0])) / 2
        predicted, true = root_relative(predicted), root_relative(positions)
        errors.append(np.stack([mpjpe_mm(predicted, true), pa_mpjpe_mm(predicted, true)], -1))
    mpjpe, pa = np.concatenate(errors).mean(0)
    return float(mpjpe), float(pa)


if __name__ == "__main__":
    main()
