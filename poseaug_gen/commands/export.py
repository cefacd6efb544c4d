"""``poseaug-gen export``."""

from __future__ import annotations

from pathlib import Path

import click

from poseaug_gen.commands.run_options import finished_run, run_options
from poseaug_gen.config import ExportSettings, export_from_dict

DEFAULTS = ExportSettings()


@click.command(name="export")
@click.option(
    "--n",
    type=int,
    default=DEFAULTS.n,
    show_default=True,
    metavar="N",
    help="Pairs to make; 5_000_000 is a number too.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("aug.h5"),
    show_default=True,
    metavar="FILE",
    help="HDF5 file to write; of more pairs than --shard-rows it is a virtual dataset over FILE's .shards folder.",
)
@run_options
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Another seed gives other pairs.")
@click.option(
    "--shard-rows",
    type=int,
    default=DEFAULTS.shard_rows,
    show_default=True,
    metavar="N",
    help="Most pairs in one file.",
)
@click.option("--scores", is_flag=True, help="Add the discriminators' scores of each pair.")
@click.option("--difficulty", is_flag=True, help="Add the estimator's error on each pair over that on its source pose.")
@click.option("--overwrite", is_flag=True, help="Replace an export that is there already.")
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(
    n: int,
    out: Path,
    run_path: Path | None,
    outputs: Path,
    seed: int,
    shard_rows: int,
    scores: bool,
    difficulty: bool,
    overwrite: bool,
    log_json: bool,
) -> None:
    """Freeze a run's augmentor and write 2D-3D pairs to HDF5.

    The same command writes the same bytes. Pairs that no camera could have taken are drawn again; how many, and why,
    is said at the end and in the file.

    \b
    poseaug-gen export --n 200000 --out aug.h5
    poseaug-gen export --n 5_000_000 --out aug.h5 --run outputs/mine --scores
    """
    settings = export_from_dict(
        {"n": n, "seed": seed, "shard_rows": shard_rows, "scores": scores, "difficulty": difficulty}
    )
    from poseaug_gen.commands.progress import progress
    from poseaug_gen.export.dataset import export

    run = finished_run(run_path, outputs)
    if not log_json:
        click.echo(f"{n:,} pairs from {run.path}", err=True)
    with progress("export", n, log_json) as advance:
        summary = export(run, settings, out, overwrite, advance)
    counts = summary.tally.to_dict()
    if log_json:
        import json

        facts = {"path": str(out), "rows": n, "shards": summary.shards, "bytes": summary.bytes, "redrawn": counts}
        click.echo(json.dumps({"event": "done", **facts}))
        return
    redrawn = ", ".join(f"{number:,} {cause}" for cause, number in summary.tally.redrawn.items() if number)
    files = "one file" if summary.shards == 1 else f"{summary.shards} shards"
    click.echo(f"{out}: {n:,} pairs in {files}, {summary.bytes / 1e6:,.1f} MB; redrawn: {redrawn or 'none'}")
    click.echo(f"Next: poseaug-gen verify {out}")
