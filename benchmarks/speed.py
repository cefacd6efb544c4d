"""Epochs of training, each beside the plain version in ``plain.py``: rates, peak memory, growth with poses.

    python benchmarks/speed.py                                   the standard preset
    python benchmarks/speed.py --preset paper --steps 8 --device cuda
    python benchmarks/speed.py --poses 62500 --poses 250000 --poses 1000000      and how cost grows with them

Exports have ``export.py``.

Every figure is measured in a process of its own, ours and the plain one in turn, and the median of the rounds is
printed. These machines are noisy: read the ratios, each of which is the median over the rounds.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import click

PLAIN, FLOAT32, BF16 = "plain", "float32", "bf16"
EPOCH, PRODUCT = "epoch", "product"
PRODUCT_SIZE = 4096  # rows and columns of the largest matrices whose products tell the machine's rate
Result = dict[str, float]


@click.command()
@click.option("--source", default="../shared/data/cmu_everyday.npz", show_default=True)
@click.option("--rig", default="../shared/data/rigs.json:studio", show_default=True)
@click.option("--preset", default="standard", show_default=True, help="Its networks and batch size are measured.")
@click.option("--steps", default=40, show_default=True, help="Batches of a measured pass; an epoch has three.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--poses", type=int, multiple=True, help="Measure epochs of so many poses too.")
@click.option("--only", hidden=True, help="Measure one figure in this process and print it as JSON.")
def main(
    source: str,
    rig: str,
    preset: str,
    steps: int,
    rounds: int,
    device: str,
    poses: tuple[int, ...],
    only: str | None,
) -> None:
    """Print tables of rates, ours beside the plain version's, in Markdown."""
    batch = _config(preset, device).schedule.batch_size
    if only:
        what, kind, amount = only.split(":")
        click.echo(json.dumps(_measure(what, kind, int(amount), _config(preset, device, kind), source, rig)))
        return

    def measure(what: str, kind: str, amount: int) -> Result:
        """One figure, in a process of its own."""
        words = ["--source", source, "--rig", rig, "--preset", preset, "--device", device]
        words += ["--only", f"{what}:{kind}:{amount}"]
        done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    click.echo(f"preset {preset}, batches of {batch:,}, {device}, median of {rounds}\n")
    _print_epochs(measure, steps, batch, rounds)
    if poses:
        _print_growth(measure, poses)


def _print_epochs(measure: Callable[[str, str, int], Result], steps: int, batch: int, rounds: int) -> None:
    kinds = (PLAIN, FLOAT32, BF16)
    done: dict[str, list[Result]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            done[kind].append(measure(EPOCH, kind, steps * batch))
    products = {kind: measure(PRODUCT, kind, PRODUCT_SIZE)["flops"] for kind in (FLOAT32, BF16)}
    products[PLAIN] = products[FLOAT32]
    click.echo("| epoch | GAN steps/s | estimator steps/s | of plain | matrix products | peak |")
    click.echo("|---|---|---|---|---|---|")
    for kind in kinds:
        faster = median(p["seconds"] / r["seconds"] for p, r in zip(done[PLAIN], done[kind], strict=True))
        gan, estimator = (median(steps / r[part] for r in done[kind]) for part in ("gan_seconds", "estimator_seconds"))
        rate = median(r["flops"] / r["seconds"] for r in done[kind])
        peak = max(r["peak_mb"] for r in done[kind])
        share = f"{rate / 1e9:,.0f} Gflop/s, {rate / products[kind]:.0%} of {products[kind] / 1e9:,.0f}"
        click.echo(f"| {kind} | {gan:,.1f} | {estimator:,.1f} | {faster:.2f} × | {share} | {peak:,.0f} MB |")


def _print_growth(measure: Callable[[str, str, int], Result], poses: tuple[int, ...]) -> None:
    click.echo("\n| poses | epoch, s | s a million | peak |\n|---|---|---|---|")
    for amount in poses:
        result = measure(EPOCH, FLOAT32, amount)
        seconds = result["seconds"]
        per_million = seconds / amount * 1e6
        click.echo(f"| {amount:,} | {seconds:,.1f} | {per_million:,.0f} | {result['peak_mb']:,.0f} MB |")


# --- in a process of its own ----------------------------------------------------------------------------------


def _config(preset: str, device: str, kind: str = FLOAT32, **others: float) -> Any:
    from poseaug_gen.config import resolve

    options = {"schedule.epochs": 1, "schedule.warmup_epochs": 0, "schedule.pretrain_epochs": 0}
    options |= {"run.preview_every": 0, "source.validation_share": 0.0, "postures.judge_steps": 0, "run.device": device}
    if kind == BF16:
        options["run.precision"] = BF16
    return resolve(preset, options=options | others)


def _measure(what: str, kind: str, amount: int, config: Any, source: str, rig: str) -> Result:
    """Seconds and peak memory (a GPU's where one is used), and what else that figure has."""
    import torch

    result = {EPOCH: _epoch, PRODUCT: _product}[what](kind, amount, config, source, rig)
    on_gpu = config.run.device.startswith("cuda") and what == EPOCH
    peak = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return result | {"peak_mb": peak / 2**20}


def _epoch(kind: str, amount: int, config: Any, source: str, rig: str) -> Result:
    """A pass of augmentor and discriminators with feedback, and two of the estimator."""
    import numpy as np
    import plain
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from poseaug_gen.models.estimators import videopose
    from poseaug_gen.training.networks import Networks, pick_device
    from poseaug_gen.training.pairs import Pairs
    from poseaug_gen.training.passes import train_estimator, train_gan

    poses, device = _poses(source, rig), pick_device(config.run.device)
    networks, batch = Networks(config, poses.skeleton, device), config.schedule.batch_size
    gan, estimator = partial(train_gan, epoch=1), partial(train_estimator, optimiser="estimator")
    if kind == PLAIN:
        gan, estimator = plain.train_gan, plain.train_estimator
        videopose.dropout = torch.nn.functional.dropout

    def epoch(pairs: Pairs) -> Result:
        started = _now(device)
        gan(networks, pairs)
        between = _now(device)
        for _ in range(2):
            estimator(networks, pairs)
        ended = _now(device)
        return {
            "seconds": ended - started,
            "gan_seconds": between - started,
            "estimator_seconds": (ended - between) / 2,
        }

    def repeated(rows: int) -> Pairs:
        return Pairs.of(poses.take(np.arange(rows) % len(poses)), device)

    few = repeated(4 * batch)
    epoch(few)  # caches, thread pools and the allocator warm up
    with FlopCounterMode(display=False) as counter:
        epoch(few)
    return epoch(repeated(amount)) | {"flops": counter.get_total_flops() / len(few) * amount}


def _product(kind: str, largest: int, config: Any, source: str, rig: str) -> Result:
    """The machine's rate of matrix products: the best of ten of every size, as no one size suits all machines."""
    import torch

    from poseaug_gen.training.networks import pick_device

    device, best = pick_device(config.run.device), {"seconds": 0.0, "flops": 0.0}
    for size in (largest // 8, largest // 4, largest // 2, largest):
        matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16 if kind == BF16 else torch.float32)
        for _ in range(10):
            started = _now(device)
            matrix @ matrix
            seconds = _now(device) - started
            best = max(best, {"seconds": seconds, "flops": 2 * size**3 / seconds}, key=lambda one: one["flops"])
    return best


def _poses(source: str, rig: str) -> Any:
    from poseaug_gen.skeleton import load_skeleton
    from poseaug_gen.sources import read_sources
    from poseaug_gen.sources.formats import Request
    from poseaug_gen.sources.rigs import load_rig

    return read_sources([source], Request(load_skeleton(), load_rig(rig) if rig else None))


def _now(device: Any) -> float:
    """Seconds, once the device has done all that it was asked to."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
