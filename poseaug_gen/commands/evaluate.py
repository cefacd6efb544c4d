"""``poseaug-gen evaluate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseaug_gen.commands.completing import exports, files, of_setting
from poseaug_gen.commands.run_options import run_options
from poseaug_gen.commands.source_options import source_options
from poseaug_gen.errors import BadConfigError, nearest

if TYPE_CHECKING:
    from poseaug_gen.evaluation.report import Report
    from poseaug_gen.evaluation.transfer import Outcome, Plan

ARMS = ("source", "export", "plain", "online", "published")
DEFAULT_ARMS = "source,export,plain"


@click.command(name="evaluate")
@click.option(
    "--target",
    "targets",
    multiple=True,
    shell_complete=files,
    required=True,
    metavar="FILE[@RIG]",
    help="Poses to test on, any that train reads; @RIG names the cameras that see those of a world frame, instead of "
    "--rig. May be repeated.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    shell_complete=files,
    metavar="PATH",
    help="Poses to train on. [default: the run's own]",
)
@run_options
@click.option(
    "--export",
    "export_path",
    type=click.Path(path_type=Path),
    shell_complete=exports,
    metavar="FILE",
    help="Take the pairs of this export. [default: made in memory from the run]",
)
@click.option(
    "--arms",
    metavar="NAMES",
    help=f"What to compare, of {', '.join(ARMS)}; the last two train a GAN for each seed. [default: {DEFAULT_ARMS}]",
)
@click.option(
    "--estimator",
    default="videopose",
    show_default=True,
    shell_complete=of_setting("estimator.name"),
    metavar="NAME",
    help="The lifter: videopose, mlp, semgcn or stgcn.",
)
@click.option("--channels", type=click.IntRange(1), help="Its width. [default: 256, or its own where that is less]")
@click.option("--steps", type=click.IntRange(1), default=5000, show_default=True, help="Training steps of a lifter.")
@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Lifters of each arm; the first has --seed."
)
@click.option(
    "--n",
    type=click.IntRange(1),
    default=1_000_000,
    show_default=True,
    metavar="N",
    help="Most pairs of an arm to draw batches from, kept in memory: 320 MB a million.",
)
@click.option(
    "--predictions",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own predictions, one file a target in the same order: positions_3d (rows, joints, 3) in metres, row by "
    "row as the target's. No lifter is trained beside them unless --arms, --run or --export is given.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    metavar="FOLDER",
    help="Where evaluation.json, evaluation.png and each finished lifter's scores go.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="To train on.",
)
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
@source_options
def command(
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    run_path: Path | None,
    outputs: Path,
    export_path: Path | None,
    arms: str | None,
    estimator: str,
    channels: int | None,
    steps: int,
    seeds: int,
    n: int,
    predictions: tuple[Path, ...],
    out: Path,
    device: str,
    log_json: bool,
    **options: Any,
) -> None:
    """Does it help? Train fresh lifters with and without an export, and test them on poses they never saw.

    Every lifter has the same budget, the same initial weights for a seed and the same source rows at a step; "source"
    trains on the source alone, the others on half of it and half of: the export; plain random augmentation (uniform
    yaw, random tilt, placement and bone lengths); what a new augmentor and drawn pairs make online, with the run's
    settings; PoseAug online as published.

    \b
    poseaug-gen evaluate --target sports.npz@ring --target climb.npz@rigs.json:street
    poseaug-gen evaluate --target test.h5 --predictions mine.npz

    The same command goes on where an interrupted one stopped; finished lifters are kept in FOLDER/arms.
    """
    chosen = chosen_arms(arms, alone=bool(predictions) and run_path is None and export_path is None)
    if predictions and len(predictions) != len(targets):
        raise BadConfigError(
            f"--predictions was given {len(predictions)} time(s) and --target {len(targets)}; give one file a target"
        )
    from poseaug_gen.commands.evaluate_material import find_material
    from poseaug_gen.evaluation.transfer import Plan
    from poseaug_gen.training.lifter import Budget
    from poseaug_gen.training.networks import pick_device

    budget, place = Budget.of(estimator, steps, channels), pick_device(device)
    first = options["seed"] or 0
    material = find_material(chosen, sources, run_path, outputs, export_path, targets, options)
    tests = material.targets(targets)
    lifters = material.arms(chosen, n, place)
    plan = Plan(lifters, range(first, first + seeds), tests, budget, out / "arms")
    report = _evaluate(plan, predictions, out, log_json)
    _write(report, out, log_json)


def chosen_arms(text: str | None, alone: bool = False) -> list[str]:
    """The names in ``--arms``; none where it is not given and predictions are to be scored ``alone``.

    Raises:
        BadConfigError: there is no such arm, or one is named twice.
    """
    if text is None:
        return [] if alone else DEFAULT_ARMS.split(",")
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in ARMS:
            raise BadConfigError(f"--arms {text}: no arm {name!r}; {nearest(name, ARMS)}")
        if names.count(name) > 1:
            raise BadConfigError(f"--arms {text}: {name!r} is named twice; name it once")
    return names


def _evaluate(plan: Plan, predictions: Sequence[Path], out: Path, log_json: bool) -> Report:
    """Score the predictions, then train and test what is not kept, telling of each lifter."""
    from poseaug_gen import storage
    from poseaug_gen.commands.progress import progress
    from poseaug_gen.evaluation.predictions import score_predictions
    from poseaug_gen.evaluation.report import Report

    # First, as a file that cannot be scored must not cost an hour.
    scored = [score_predictions(predictions, plan.targets)] if predictions else []
    with storage.locked(out / "evaluation", f"{out}: another evaluation writes there; wait, or choose another --out"):
        storage.clear_temporaries(plan.folder)
        with progress("evaluate", plan.missing(), log_json) as advance:
            outcomes = plan.run(advance, lambda outcome: _tell(outcome, log_json))
    return Report(plan.targets, [*outcomes, *scored], plan.budget)


def _tell(outcome: Outcome, log_json: bool) -> None:
    """One lifter's scores in a line."""
    from poseaug_gen.evaluation.scores import MPJPE, OVERALL, PA_MPJPE, mean_scores

    overall = mean_scores(list(outcome.targets.values()))[OVERALL]
    if log_json:
        facts = {"arm": outcome.arm, "seed": outcome.seed, "seconds": outcome.seconds}
        click.echo(json.dumps({"event": "lifter", **facts, **overall}))
        return
    click.echo(
        f"{outcome.arm}, seed {outcome.seed}: MPJPE {overall[MPJPE]:.1f} mm, PA-MPJPE {overall[PA_MPJPE]:.1f} mm, "
        f"trained and tested in {outcome.seconds:,.0f} s",
        err=True,
    )


def _write(report: Report, out: Path, log_json: bool) -> None:
    """The tables on the terminal (Markdown where it is none), everything as JSON, and the figure."""
    from rich.console import Console

    from poseaug_gen.evaluation.figure import NO_MATPLOTLIB

    files = [out / "evaluation.json", out / "evaluation.png"]
    report.write_json(files[0])
    drawn = report.draw(files[1])
    if log_json:
        click.echo(json.dumps({"event": "done", "files": [str(file) for file in files[: 1 + drawn]]}))
        return
    console = Console()
    for table in report.tables():
        if console.is_terminal:
            console.print(table.rich())
        else:
            click.echo(f"{table.title}\n\n{table.markdown()}\n")
    click.echo(f"{report.title}: {', '.join(str(file) for file in files[: 1 + drawn])}")
    if not drawn:
        click.echo(NO_MATPLOTLIB, err=True)
