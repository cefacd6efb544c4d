"""The options that say which run a command works on, the same wherever one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poseaug_gen.commands.completing import runs
from poseaug_gen.errors import PoseAugError

if TYPE_CHECKING:
    from poseaug_gen.training.run_folder import RunFolder

OUTPUTS = Path("outputs")

Command = TypeVar("Command", bound=Callable[..., Any])

outputs_option = click.option(
    "--outputs", type=click.Path(path_type=Path), default=OUTPUTS, show_default=True, help="Where to look for runs."
)


def run_option(help: str) -> Callable[[Command], Command]:
    """The option ``run`` (as ``run_path``), of whose use each command says something else."""
    return click.option(
        "--run", "run_path", type=click.Path(path_type=Path), shell_complete=runs, metavar="PATH", help=help
    )


def run_options(command: Command) -> Command:
    """Give a command the options ``run`` (as ``run_path``) and ``outputs``."""
    return run_option("Run folder. [default: newest finished]")(outputs_option(command))


def finished_run(path: Path | None, outputs: Path) -> RunFolder:
    """The run that was named, or the newest finished.

    Raises:
        PoseAugError: there is none, or the one named is not finished.
    """
    from poseaug_gen.training.run_folder import RunFolder, newest_finished

    if path is None:
        return newest_finished(outputs)
    run = RunFolder(path)
    if not run.exists:
        raise PoseAugError(f"{path}: not a run folder (it has no run.json); make one with: poseaug-gen train")
    if not run.finished:
        raise PoseAugError(f"{path}: the run is not finished; go on with it with: poseaug-gen train --name {path.name}")
    return run
