"""Does it help? The whole experiment on transfer, from source poses to table.

    python benchmarks/transfer.py                       short: 5,000 steps, three seeds, source, export and plain
    python benchmarks/transfer.py --budget long         15,000 steps, one seed
    python benchmarks/transfer.py --arms source,export,plain,online,published

Lifters learn from everyday motion through four studio cameras, with and without an export of the default run, and are
tested on other motion through the same cameras and through eight that none was trained on. The run is trained where it
is not there yet; every finished lifter's scores are kept under --out and not made again. Prints Markdown: MPJPE /
PA-MPJPE in mm, in brackets the MPJPE against the source alone and against plain random augmentation.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click

from poseaug_gen.commands.evaluate import chosen_arms
from poseaug_gen.commands.evaluate_material import find_material
from poseaug_gen.commands.progress import progress
from poseaug_gen.evaluation.arms import EXPORT, PLAIN, SOURCE
from poseaug_gen.evaluation.online import ONLINE
from poseaug_gen.evaluation.report import Report
from poseaug_gen.evaluation.table import by_arm
from poseaug_gen.evaluation.transfer import Plan, summarise
from poseaug_gen.training.lifter import Budget
from poseaug_gen.training.networks import pick_device
from poseaug_gen.training.run_folder import RunFolder

DATA = "../shared/data"
BUDGETS = {"short": (5_000, (0, 1, 2)), "long": (15_000, (0,))}  # steps, seeds
RIGS = ("studio", "street")


@click.command()
@click.option("--budget", type=click.Choice(list(BUDGETS)), default="short", show_default=True)
@click.option("--steps", type=int, help="Instead of the budget's.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Instead of the budget's; may be repeated.")
@click.option("--arms", default="source,export,plain", show_default=True)
@click.option("--estimator", default="videopose", show_default=True)
@click.option("--source", default=f"{DATA}/cmu_everyday.npz", show_default=True)
@click.option("--source-rig", default=f"{DATA}/rigs.json:studio", show_default=True)
@click.option(
    "--target",
    "targets",
    multiple=True,
    default=[f"{DATA}/cmu_sports.npz", f"{DATA}/far_climb.npz"],
    show_default=True,
    help="Seen by each of --target-rig.",
)
@click.option(
    "--target-rig", "rigs", multiple=True, default=[f"{DATA}/rigs.json:{rig}" for rig in RIGS], show_default=True
)
@click.option("--run", default="outputs/transfer", show_default=True, help="Run folder; trained where it is not there.")
@click.option("--n", default=1_000_000, show_default=True, help="Pairs of an arm's pool.")
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("outputs/transfer-results"), show_default=True)
def main(
    budget: str,
    steps: int | None,
    seeds: tuple[int, ...],
    arms: str,
    estimator: str,
    source: str,
    source_rig: str,
    targets: tuple[str, ...],
    rigs: tuple[str, ...],
    run: str,
    n: int,
    device: str,
    out: Path,
) -> None:
    """Print the table: a row a training set, a column a rig's mean and a target."""
    names, folder = chosen_arms(arms), Path(run)
    needs_run = bool({EXPORT, ONLINE} & set(names))
    if needs_run and not RunFolder(folder).finished:
        train_default(source, source_rig, folder)
    seen = [f"{target}@{rig}" for rig in rigs for target in targets]
    reading = {"skeleton": None, "rig": source_rig}
    material = find_material(names, [source], folder if needs_run else None, folder, None, seen, reading)
    plan = Plan(
        material.arms(names, n, pick_device(device)),
        seeds or BUDGETS[budget][1],
        material.targets(seen),
        Budget.of(estimator, steps or BUDGETS[budget][0]),
        out,
    )
    with progress("transfer", plan.missing()) as advance:
        outcomes = plan.run(advance)
    report = Report(plan.targets, outcomes, plan.budget)
    report.write_json(out / f"transfer-{plan.budget.estimator}-{plan.budget.steps}.json")
    each = [target.name for target in plan.targets]
    by_rig = [each[at : at + len(targets)] for at in range(0, len(each), len(targets))]
    means = {f"mean of {rig.rpartition(':')[2]}": group for rig, group in zip(rigs, by_rig, strict=True)}
    click.echo(f"{report.title}\n")
    click.echo(by_arm(summarise(outcomes, means), [*means, *each], [SOURCE, PLAIN]).markdown())
    if len(plan.seeds) > 1:
        apart = [replace(outcome, arm=f"{outcome.arm}, seed {outcome.seed}") for outcome in outcomes]
        click.echo(f"\n{by_arm(summarise(apart, means), [*means, *each], []).markdown()}")


def train_default(source: str, rig: str, folder: Path) -> None:
    """The run that ``poseaug-gen train`` makes of the source without any other option; one that was cut goes on."""
    where = ["--outputs", str(folder.parent), "--name", folder.name]
    words = ["train", "--source", source, "--rig", rig, *where]
    subprocess.run([sys.executable, "-m", "poseaug_gen.cli", *words], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
