"""How fast exports are converted, how large the files are, and that memory does not grow with the rows.

    python benchmarks/convert.py aug.h5                     every format, beside the bare reading of the same columns
    python benchmarks/convert.py aug.h5 --to parquet --rows 1000000 --rounds 5

Every figure is measured in a process of its own and the median of the rounds is printed: seconds are of the work alone,
memory is the process's peak, Python, NumPy and torch and all. These machines are noisy: read the ratios.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click

from poseaug_gen.consumers.convert.registry import FORMATS

READING = "(reading alone)"
DERIVES = ("mmpose", "motionbert")  # want 17 joints: where the export has 16 one is derived
FEW = 8  # a part of the rows, to see whether memory grows


@click.command()
@click.argument("export", type=click.Path(exists=True, path_type=Path))
@click.option("--to", multiple=True, type=click.Choice([READING, *FORMATS]), help="[default: all]")
@click.option("--rows", default=400_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--folder", default=None, help="Where files are written and removed. [default: a temporary folder]")
@click.option("--only", hidden=True, help="Measure one figure in this process and print it as JSON.")
def main(export: Path, to: tuple[str, ...], rows: int, rounds: int, folder: str | None, only: str | None) -> None:
    """Print a table in Markdown."""
    if only:
        click.echo(json.dumps(measured(export, only, rows, folder)))
        return
    click.echo(
        "| | rows a second | of reading | bytes a row | peak MB | peak MB of an eighth |\n|---|---|---|---|---|---|"
    )
    read = None
    for name in to or (READING, *FORMATS):
        runs = [apart(export, name, rows, folder) for _ in range(rounds)]
        few = apart(export, name, rows // FEW, folder)
        rate = median(run["rows"] / run["seconds"] for run in runs)
        read = read or rate
        share = f"{rate / read:.2f}" if READING in to or not to else ""
        size = runs[0]["bytes"] / runs[0]["rows"]
        peak = median(run["peak_mb"] for run in runs)
        click.echo(f"| {name} | {rate:,.0f} | {share} | {size:,.0f} | {peak:,.0f} | {few['peak_mb']:,.0f} |")


def apart(export: Path, name: str, rows: int, folder: str | None) -> dict[str, float]:
    """A figure, from a process of its own."""
    words = [sys.executable, __file__, str(export), "--only", name, "--rows", str(rows)]
    done = subprocess.run([*words, *(["--folder", folder] if folder else [])], capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measured(export: Path, name: str, rows: int, folder: str | None) -> dict[str, float]:
    """Seconds, rows, bytes and the peak of memory of one conversion, or of reading its rows."""
    from poseaug_gen.consumers.convert.conversion import prepare
    from poseaug_gen.consumers.convert.rows import Rows
    from poseaug_gen.consumers.pairs import Pairs

    with tempfile.TemporaryDirectory(dir=folder) as place:
        pairs = Pairs(export)
        if name == READING:
            chosen = Rows(pairs, rows)
            start = time.perf_counter()
            size = sum(v.nbytes for block in chosen.blocks(tuple(pairs.columns)) for v in block.values())
            count = len(chosen)
        else:
            skeleton = "h36m17" if name in DERIVES and pairs.skeleton.num_joints == 16 else None
            conversion = prepare(export, name, Path(place) / "out", rows=rows, skeleton=skeleton)
            start = time.perf_counter()
            size, count = conversion.run().bytes, conversion.task.rows
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rows": count, "bytes": size, "peak_mb": peak}


if __name__ == "__main__":
    main()
