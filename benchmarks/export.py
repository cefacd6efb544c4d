"""How fast an export is made and written, beside the plain way, the bare matrix products and the bare disk.

    python benchmarks/export.py                        every table
    python benchmarks/export.py speed --rows 5000000   one of them: speed, memory, writing, compression, workers

Every figure is measured in a process of its own, what is compared in turn, and the median of the rounds is printed.
These machines are noisy: read the ratios, each of which is the median over the rounds. The run that is exported is of
no training, as a rate does not depend on the weights: poses of ``--source``, 25,000 built-in ones, preset standard.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click

RECIPES = {"default": "the default recipe", "learned": "the augmentor's alone"}
BATCH = 8192  # of the plain module and of the bare products
Result = dict[str, float]
Measure = Callable[..., Result]


@click.command()
@click.argument("tables", nargs=-1)
@click.option("--source", default="../shared/data/cmu_everyday.npz", show_default=True)
@click.option("--rig", default="../shared/data/rigs.json:studio", show_default=True)
@click.option("--rows", default=5_000_000, show_default=True, help="Of a measured export.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--folder", default=None, help="Where exports are written and removed. [default: a temporary folder]")
@click.option("--only", hidden=True, help="Measure one figure in this process and print it as JSON.")
@click.option("--run", "run_path", hidden=True, help="The run that the first process made.")
def main(
    tables: tuple[str, ...],
    source: str,
    rig: str,
    rows: int,
    rounds: int,
    device: str,
    folder: str | None,
    only: str | None,
    run_path: str | None,
) -> None:
    """Print tables of rates in Markdown."""
    if only:
        what, arguments = json.loads(only)
        result = FIGURES[what](Path(run_path or ""), device, **arguments)
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        click.echo(json.dumps({"peak_mb": peak / 1024} | result))
        return
    with tempfile.TemporaryDirectory(dir=folder) as place:
        runs = {recipe: _run(recipe, source, rig, Path(place)) for recipe in RECIPES}

        def measure(what: str, recipe: str = "default", **arguments: Any) -> Result:
            words = ["--device", device, "--run", str(runs[recipe]), "--only", json.dumps([what, arguments])]
            done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
            return json.loads(done.stdout.splitlines()[-1])

        for table in tables or TABLES:
            click.echo(f"\n## {table}: {device}, median of {rounds}\n")
            TABLES[table](measure, rows, rounds)


# --- tables -----------------------------------------------------------------------------------------------------------


def _speed(measure: Measure, rows: int, rounds: int) -> None:
    """Exports, written, hashed and fsynced, beside the plain module and the bare products."""
    kinds = [
        (recipe, precision, scores) for recipe in RECIPES for precision in ("fp32", "bf16") for scores in (False, True)
    ]
    plain, products, exports = [], {"fp32": [], "bf16": []}, {kind: [] for kind in kinds}
    for _ in range(rounds):
        plain.append(measure("plain")["rate"])
        for precision, rates in products.items():
            rates.append(measure("products", precision=precision)["rate"])
        for recipe, precision, scores in kinds:
            # An export of a few seconds tells a rate: the slow ones are as many rows as take as long as the fast one.
            slower = (1 if recipe == "default" else 3) * (1 if precision == "bf16" else 2) * (3 if scores else 1)
            asked = {"rows": rows // slower, "precision": precision, "scores": scores}
            exports[recipe, precision, scores].append(measure("export", recipe, **asked))
    click.echo(f"the plain module throws away {median(plain):,.0f} pairs a second; the bare folded products are as of")
    click.echo(", ".join(f"{median(rates):,.0f} ({name})" for name, rates in products.items()) + "\n")
    click.echo("| export | rows | rows/s | of plain | of the bare products | peak |\n|---|---|---|---|---|---|")
    for (recipe, precision, scores), done in exports.items():
        of_plain = median(one["rate"] / rate for one, rate in zip(done, plain, strict=True))
        of_products = median(one["rate"] / rate for one, rate in zip(done, products[precision], strict=True))
        name = f"{RECIPES[recipe]}, {precision}{', scores' if scores else ''}"
        click.echo(
            f"| {name} | {done[0]['rows']:,.0f} | {median(one['rate'] for one in done):,.0f} | {of_plain:.2f} × | "
            f"{of_products:.0%} | {max(one['peak_mb'] for one in done):,.0f} MB |"
        )


def _memory(measure: Measure, rows: int, rounds: int) -> None:
    """The peak does not grow with the rows."""
    few, many = ([measure("export", rows=n)["peak_mb"] for _ in range(rounds)] for n in (100_000, 2 * rows))
    click.echo(f"100,000 pairs: {median(few):,.0f} MB; {2 * rows:,} pairs: {median(many):,.0f} MB; ", nl=False)
    click.echo(f"ratio {median(many) / median(few):.3f}")


def _writing(measure: Measure, rows: int, rounds: int) -> None:
    """Writing alone, beside a raw file of the same bytes."""
    rows = min(rows, 1_000_000)  # one file
    kinds = {"tofile": {}, "write": {"digests": False}, "write, digests included": {"digests": True}}
    done = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, rates in done.items():
            rates.append(measure(kind.partition(",")[0], rows=rows, **kinds[kind])["rate"])
    for kind, rates in done.items():
        ratio = median(ours / raw for raw, ours in zip(done["tofile"], rates, strict=True))
        click.echo(f"{kind}: {median(rates):,.0f} MB/s, fsync included: {ratio:.0%}")


def _compression(measure: Measure, rows: int, rounds: int) -> None:
    """What a compressed file saves and costs."""
    rows = min(rows, 1_000_000) // 2
    click.echo("| compression | bytes of none | rows/s of none | reading, rows/s |\n|---|---|---|---|")
    done = {kind: [] for kind in ("none", "gzip", "blosc")}
    for _ in range(rounds):
        for kind, results in done.items():
            results.append(measure("export", rows=rows, compression=kind))
    for kind, results in done.items():
        size, rate, reading = (median(one[name] for one in results) for name in ("bytes", "rate", "reading"))
        of = {name: median(one[name] for one in done["none"]) for name in ("bytes", "rate")}
        click.echo(f"| {kind} | {size / of['bytes']:.1%} | {rate / of['rate']:.2f} | {reading:,.0f} |")


def _workers(measure: Measure, rows: int, rounds: int) -> None:
    """Processes beside threads of one process."""
    done = {workers: [] for workers in (1, 2)}
    for _ in range(rounds):
        for workers, rates in done.items():
            rates.append(measure("export", rows=rows, workers=workers)["rate"])
    ratio = median(two / one for one, two in zip(*done.values(), strict=True))
    rates = ", ".join(f"{workers}: {median(rates):,.0f}" for workers, rates in done.items())
    click.echo(f"rows a second by workers: {rates} ({ratio:.2f} ×, start of the processes included)")


TABLES = {
    "speed": _speed,
    "memory": _memory,
    "writing": _writing,
    "compression": _compression,
    "workers": _workers,
}

# --- figures, each in a process of its own ----------------------------------------------------------------------------


def _run(recipe: str, source: str, rig: str, folder: Path) -> Path:
    """A finished run of no training."""
    from speed import _config, _poses

    from poseaug_gen.training.loop import train
    from poseaug_gen.training.run_folder import RunFolder

    config = _config("standard", "cpu", **({"postures.learned": 1.0} if recipe == "learned" else {}))
    return train(config, _poses(source, rig), RunFolder(folder / f"run-{recipe}")).path


def _plain(run: Path, device: str) -> Result:
    """The module of the same augmentor, float32, evaluation mode, and the projection; nothing is written."""
    import plain
    import torch

    from poseaug_gen.training.run_folder import RunFolder

    folder = RunFolder(run)
    material = folder.augmentor(), torch.from_numpy(folder.poses.positions), torch.from_numpy(folder.poses.intrinsics)
    plain.augment(*material, 4 * BATCH, BATCH)
    start, rows = time.perf_counter(), 20 * BATCH
    plain.augment(*material, rows, BATCH)
    return {"rate": rows / (time.perf_counter() - start)}


def _products(run: Path, device: str, precision: str) -> Result:
    """The matrix products of the folded layers alone: no bias, activation, noise or geometry."""
    import torch

    from poseaug_gen.export.frozen import fold
    from poseaug_gen.models.augmentor import NETWORKS
    from poseaug_gen.training.run_folder import RunFolder

    augmentor = RunFolder(run).augmentor()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    networks = [
        [weight.to(device, dtype).contiguous() for weight, _ in fold(augmentor.nets[name])]  # type: ignore[arg-type]
        for name in NETWORKS
    ]
    inputs = [torch.randn(BATCH, len(layers[0]), device=device).to(dtype) for layers in networks]

    def once() -> None:
        for x, layers in zip(inputs, networks, strict=True):
            for weight in layers:
                x = x @ weight

    with torch.inference_mode():
        for _ in range(3):
            once()
        times, start = 30, _now(device)
        for _ in range(times):
            once()
    return {"rate": times * BATCH / (_now(device) - start)}


def _export(
    run: Path,
    device: str,
    rows: int,
    precision: str = "auto",
    scores: bool = False,
    compression: str = "none",
    workers: int = 1,
) -> Result:
    """An export as the command makes it, from its first look at the run to the last fsync."""
    import h5py

    from poseaug_gen.config import ExportSettings
    from poseaug_gen.export.dataset import export
    from poseaug_gen.training.run_folder import RunFolder

    settings = ExportSettings(n=rows, precision=precision, scores=scores, compression=compression, device=device)
    with tempfile.TemporaryDirectory(dir=run.parent) as folder:
        start = time.perf_counter()
        summary = export(RunFolder(run), settings, Path(folder) / "aug.h5", workers=workers)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        with h5py.File(Path(folder) / "aug.h5") as file:
            for begin in range(0, rows, 65536):
                for name in file:
                    file[name][begin : begin + 65536]
        reading = rows / (time.perf_counter() - start)
    return {"rate": rows / seconds, "rows": rows, "bytes": summary.bytes, "reading": reading}


def _columns(run: Path, rows: int) -> dict[str, Any]:
    """The columns of an export's first rows, in memory."""
    import numpy as np

    from poseaug_gen.config import ExportSettings
    from poseaug_gen.export.rows import Sampler
    from poseaug_gen.training.run_folder import RunFolder

    blocks = [block for block, _ in Sampler(RunFolder(run), ExportSettings(), threads=2).blocks(0, rows)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _tofile(run: Path, device: str, rows: int) -> Result:
    """One file of raw columns."""
    import os

    columns = _columns(run, rows)
    with tempfile.TemporaryDirectory(dir=run.parent) as folder:
        start = time.perf_counter()
        with (Path(folder) / "raw").open("wb") as file:
            for values in columns.values():
                values.tofile(file)
            file.flush()
            os.fsync(file.fileno())
        seconds = time.perf_counter() - start
    return {"rate": sum(values.nbytes for values in columns.values()) / 1e6 / seconds}


def _write(run: Path, device: str, rows: int, digests: bool) -> Result:
    """One file of ours; without the SHA-256 of every column, it is the writing alone."""
    from poseaug_gen import storage
    from poseaug_gen.config import ExportSettings
    from poseaug_gen.export import shard
    from poseaug_gen.export.schema import columns_of
    from poseaug_gen.hdf5 import Writer
    from poseaug_gen.training.run_folder import RunFolder

    columns, settings = _columns(run, rows), ExportSettings()
    if not digests:
        shard._Hashes.update = lambda self, chunk: None
    with tempfile.TemporaryDirectory(dir=run.parent) as folder:
        path, start = Path(folder) / "aug.h5", time.perf_counter()
        with Writer(path) as writer:
            shard.write_rows(writer, columns_of(RunFolder(run).skeleton, settings), rows, [columns], lambda done: None)
        storage.sync(path)
        seconds = time.perf_counter() - start
    return {"rate": sum(values.nbytes for values in columns.values()) / 1e6 / seconds}


FIGURES: dict[str, Callable[..., Result]] = {
    "plain": _plain,
    "products": _products,
    "export": _export,
    "tofile": _tofile,
    "write": _write,
}


def _now(device: str) -> float:
    """Seconds, once the device has done all that it was asked to."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
