"""``poseaug-gen train``."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from poseaug_gen.commands import completing
from poseaug_gen.commands.completing import files, of_setting, run_names
from poseaug_gen.commands.run_options import OUTPUTS
from poseaug_gen.commands.source_options import request_from, source_options
from poseaug_gen.config import DEFAULT_PRESET, PRESETS, Config, chosen_preset, parse_option, resolve

if TYPE_CHECKING:
    from poseaug_gen.poses import PoseSet
    from poseaug_gen.sources.formats import Request
    from poseaug_gen.training.monitor import Monitor

DATA = "data"
# Built-in postures come in groups of 256 that do one thing; of a crowd so many times larger, each group lends a few.
CROWD = 8


@click.command(name="train")
@click.option(
    "--source",
    "sources",
    multiple=True,
    shell_complete=files,
    metavar="PATH",
    help="Pose file or folder, or anatomy, the built-in source; may be repeated. [default: data/, else anatomy]",
)
@click.option(
    "--extra-2d",
    multiple=True,
    shell_complete=files,
    metavar="PATH",
    help="File of 2D poses from where you will deploy: views and places are steered there; may be repeated.",
)
@source_options
@click.option("--rows", type=click.IntRange(1), metavar="N", help="Poses that anatomy makes. [default: 50000]")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help=f"A few minutes, a quarter of an hour, or SPEC as written. [default: {DEFAULT_PRESET}]",
)
@click.option(
    "--estimator",
    shell_complete=of_setting("estimator.name"),
    metavar="NAME",
    help="Reference estimator: videopose, mlp, semgcn or stgcn. [default: videopose]",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of joint training.")
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
    shell_complete=completing.settings,
    metavar="KEY=VALUE",
    help="Any setting, e.g. schedule.epochs=30; may be repeated.",
)
@click.option(
    "--name",
    shell_complete=run_names,
    metavar="NAME",
    help="Run folder under outputs/. [default: from source, preset and settings]",
)
@click.option(
    "--outputs", type=click.Path(path_type=Path), default=OUTPUTS, show_default=True, help="Folder of the runs."
)
@click.option("--overwrite", is_flag=True, help="Throw away what the run folder holds, and start again.")
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(
    sources: tuple[str, ...],
    extra_2d: tuple[str, ...],
    rows: int | None,
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
    **reading: Any,
) -> None:
    """Learn an augmentor from 3D poses, together with the estimator it is to help.

    \b
    poseaug-gen train                                          the poses in data/, or the built-in ones
    poseaug-gen train --source poses.npz --rig rigs.json:studio --preset quick

    The same command goes on where an interrupted run stopped.
    """
    named = {
        "source.paths": list(sources) or None,
        "source.extra_2d": list(extra_2d) or None,
        "source.rows": rows,
        **{f"source.{key}": str(value) for key, value in reading.items() if value is not None},
        "estimator.name": estimator,
        "schedule.epochs": epochs,
        "run.seed": seed,
        "run.device": device,
    }
    options = dict(parse_option(text) for text in settings)
    options |= {key: value for key, value in named.items() if value is not None}
    config = resolve(preset, config_file, options)
    named_none = not config.source.paths
    if named_none:
        config = resolve(preset, config_file, options | {"source.paths": [default_source()]})
    folder = outputs / (name or default_name(config, chosen_preset(preset, config_file)))
    with _monitor(log_json) as monitor:
        if named_none:
            monitor.message(_what_was_taken(config.source.paths[0]))
        _train(config, folder, overwrite, monitor)


def _train(config: Config, path: Path, overwrite: bool, monitor: Monitor) -> None:
    """Read the poses, train, and say where the run lies."""
    from poseaug_gen.sources import read_sources
    from poseaug_gen.sources.extra_2d import read_extra_2d
    from poseaug_gen.training.begin import check_not_failed, check_same_settings, divided
    from poseaug_gen.training.loop import train
    from poseaug_gen.training.run_folder import RunFolder

    folder = RunFolder(path)
    poses = extra_2d = built_in = None
    if folder.exists and not overwrite:
        check_same_settings(folder, config)
        check_not_failed(folder)
        if folder.finished:
            monitor.message(f"{path} is finished already; --overwrite trains it again.")
            return
        monitor.message(f"Going on with {path}.")
    else:
        request = request_of(config)
        poses = read_sources(config.source.paths, request)
        monitor.message(
            f"{len(poses):,} poses of {len(poses.subject.counts())} subject(s) seen by "
            f"{len(poses.camera.counts())} camera(s), from {', '.join(config.source.paths)}"
        )
        if config.source.extra_2d:
            extra_2d = read_extra_2d(config.source.extra_2d, request)
            others = sum(count for record in extra_2d.provenance for count in record["of_no_use"].values())
            monitor.message(
                f"{len(extra_2d):,} extra 2D poses (and {others:,} too small, too far out or with too few joints), "
                f"from {', '.join(config.source.extra_2d)}"
            )
        built_in = built_in_postures(config, request, monitor)
        if overwrite and path.exists():
            divided(config, poses, built_in)  # what cannot be read, or trained on, must not cost the old run
            folder.remove()
    train(config, poses, folder, monitor, extra_2d, built_in)
    info = folder.info()
    monitor.message(f"Done: {path} (best epoch {info['best_epoch']} of {info['epochs']}; {health_line(info)}).")
    monitor.message("Next: poseaug-gen export --n 1000000 --out aug.h5")


def built_in_postures(config: Config, request: Request, monitor: Monitor) -> PoseSet | None:
    """The built-in postures that go beside a source's own; None where none are wanted, or the skeleton has none."""
    from poseaug_gen.errors import PoseAugError
    from poseaug_gen.sources import BUILT_IN, read_sources

    rows = config.postures.built_in_rows
    if not rows or BUILT_IN in config.source.paths:
        return None
    try:
        crowd = read_sources([BUILT_IN], replace(request, rows=CROWD * rows))
    except PoseAugError as error:
        monitor.message(f"No built-in postures are added: {error}.")
        return None
    poses = crowd.subsample(rows, config.run.seed)
    monitor.message(f"{len(poses):,} built-in postures are added; --set postures.built_in_rows=0 leaves them out.")
    return poses


def health_line(info: Mapping[str, Any]) -> str:
    """How a finished run was, in a few words; ``info`` is its ``run.json``."""
    illnesses = illnesses_line(info)
    return f"healthy, after recovering from {illnesses}" if illnesses else "healthy throughout"


def illnesses_line(info: Mapping[str, Any]) -> str:
    """What befell a run, as ``2 × mode_collapse, 1 × non_finite``; empty where nothing did."""
    counts = Counter(event["illness"] for event in info["health"]["events"])
    return ", ".join(f"{count} × {name}" for name, count in counts.items())


def default_source() -> str:
    """The folder of the user's poses, or the built-in source where it holds none."""
    from poseaug_gen.sources import BUILT_IN, candidates

    return DATA if candidates(Path(DATA)) else BUILT_IN


def _what_was_taken(source: str) -> str:
    if source == DATA:
        return f"No --source was named: taking the poses in {DATA}/."
    return f"No --source was named and {DATA}/ holds no poses: taking the built-in source, {source}."


def request_of(config: Config) -> Request:
    """How a configuration wants its poses read."""
    source = config.source
    return request_from(
        skeleton=source.skeleton,
        rig=source.rig,
        views=source.views,
        joints=source.joints,
        unit=source.unit,
        up=source.up,
        rows=source.rows,
        seed=config.run.seed,
    )


def default_name(config: Config, preset: str) -> str:
    """A name that the same settings give again, so that the same command finds its run."""
    text = json.dumps(config.to_dict(), sort_keys=True)
    source = "-".join(Path(path).stem for path in config.source.paths)[:40]
    return f"{source}-{preset}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _monitor(log_json: bool) -> contextlib.AbstractContextManager[Any]:
    from poseaug_gen.commands.train_monitor import JsonMonitor, LiveMonitor, PlainMonitor

    if log_json:
        return contextlib.nullcontext(JsonMonitor())
    console = Console()
    return LiveMonitor(console) if console.is_terminal else contextlib.nullcontext(PlainMonitor())
