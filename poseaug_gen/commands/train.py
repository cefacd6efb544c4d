"""``poseaug-gen train``."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

if TYPE_CHECKING:
    from poseaug_gen.config import Config
    from poseaug_gen.training.monitor import Monitor

DATA = "data"
OUTPUTS = Path("outputs")


@click.command(name="train")
@click.option(
    "--source", "sources", multiple=True, metavar="PATH", help="Pose file or folder; may be repeated. [default: data/]"
)
@click.option("--rig", metavar="FILE:NAME", help="Virtual cameras for poses in a world frame, e.g. rigs.json:studio.")
@click.option(
    "--skeleton",
    metavar="NAME|FILE",
    help="A built-in skeleton (h36m16, h36m17, coco17) or a TOML file. [default: h36m16]",
)
@click.option(
    "--preset",
    type=click.Choice(["quick", "standard", "paper"]),
    help="Minutes, half an hour, or SPEC as written. [default: standard]",
)
@click.option("--estimator", metavar="NAME", help="Reference estimator: videopose, mlp or semgcn. [default: videopose]")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of joint training.")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random. [default: 0]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where to train. [default: auto]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file of settings; options override it.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any setting, e.g. schedule.epochs=30; may be repeated.",
)
@click.option("--name", metavar="NAME", help="Run folder under outputs/. [default: from source, preset and settings]")
@click.option(
    "--outputs", type=click.Path(path_type=Path), default=OUTPUTS, show_default=True, help="Folder of the runs."
)
@click.option("--overwrite", is_flag=True, help="Throw away what the run folder holds, and start again.")
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(
    sources: tuple[str, ...],
    rig: str | None,
    skeleton: str | None,
    preset: str | None,
    estimator: str | None,
    epochs: int | None,
    seed: int | None,
    device: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    name: str | None,
    outputs: Path,
    overwrite: bool,
    log_json: bool,
) -> None:
    """Learn an augmentor from 3D poses, together with the estimator it is to help.

    \b
    poseaug-gen train                                          the poses in data/
    poseaug-gen train --source poses.npz --rig rigs.json:studio --preset quick

    The same command goes on where an interrupted run stopped.
    """
    from poseaug_gen.config import parse_option, resolve

    named = {
        "source.paths": list(sources) or None,
        "source.rig": rig,
        "source.skeleton": skeleton,
        "estimator.name": estimator,
        "schedule.epochs": epochs,
        "run.seed": seed,
        "run.device": device,
    }
    options = dict(parse_option(text) for text in settings)
    options |= {key: value for key, value in named.items() if value is not None}
    config = resolve(preset, config_file, options)
    if not config.source.paths:
        config = resolve(preset, config_file, options | {"source.paths": [DATA]})
    folder = outputs / (name or default_name(config, preset))
    with _monitor(log_json) as monitor:
        _train(config, folder, overwrite, monitor)


def _train(config: Config, path: Path, overwrite: bool, monitor: Monitor) -> None:
    """Read the poses, train, and say where the run lies."""
    from poseaug_gen.skeleton import load_skeleton
    from poseaug_gen.sources import read_sources
    from poseaug_gen.training.loop import check_same_settings, train
    from poseaug_gen.training.run_folder import RunFolder

    folder = RunFolder(path)
    poses = None
    if folder.exists and not overwrite:
        check_same_settings(folder, config)
        if folder.finished:
            monitor.message(f"{path} is finished already; --overwrite trains it again.")
            return
        monitor.message(f"Going on with {path}.")
    else:
        poses = read_sources(config.source.paths, config.source.rig, load_skeleton(config.source.skeleton))
        monitor.message(
            f"{len(poses):,} poses of {len(poses.subject.counts())} subject(s) seen by "
            f"{len(poses.camera.counts())} camera(s), from {', '.join(config.source.paths)}"
        )
        if overwrite and path.exists():  # only now: a source that cannot be read must not cost the old run
            folder.remove()
    train(config, poses, folder, monitor)
    info = folder.info()
    monitor.message(f"Done: {path} (best epoch {info['best_epoch']} of {info['epochs']}).")
    monitor.message("Next: poseaug-gen export --n 1000000 --out aug.h5")


def default_name(config: Config, preset: str | None) -> str:
    """A name that the same settings give again, so that the same command finds its run."""
    text = json.dumps(config.to_dict(), sort_keys=True)
    source = "-".join(Path(path).stem for path in config.source.paths)[:40]
    return f"{source}-{preset or 'standard'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _monitor(log_json: bool) -> contextlib.AbstractContextManager[Any]:
    from poseaug_gen.commands.train_monitor import JsonMonitor, LiveMonitor, PlainMonitor

    if log_json:
        return contextlib.nullcontext(JsonMonitor())
    console = Console()
    return LiveMonitor(console) if console.is_terminal else contextlib.nullcontext(PlainMonitor())
