"""The command line: finds a command, runs it, and turns errors into one sentence and an exit code.

Exit codes: 0 done; 1 failed; 2 wrong usage; 130 interrupted (the same command resumes).
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

import click
from click.shell_completion import CompletionItem

from poseaug_gen import __version__
from poseaug_gen.errors import BadConfigError, PoseAugError

COMMANDS = {
    "sources": "List the formats and rigs that poses can come from, or convert files to our own form.",
    "train": "Learn an augmentor from 3D poses, into a run folder.",
    "export": "Freeze a run's augmentor and write 2D-3D pairs to HDF5.",
    "merge": "Make one export of the shards that separate jobs made.",
    "convert": "Write an export as the files that other tools read: VideoPose3D, MMPose, COCO, TFRecord, Parquet, …",
    "verify": "Check every row of an export against its camera and its limits.",
    "evaluate": "Train lifters with and without an export, and test them on poses they never saw.",
    "report": "Show an export or a run on one HTML page.",
    "info": "Say what an export, a run, a pose file or a folder of these holds.",
    "completion": "Print the script by which bash, zsh or fish completes all this.",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is called, so that ``--help`` never waits for torch."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"poseaug_gen.commands.{name}").command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, context, incomplete)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return super().invoke(context)
        except PoseAugError as error:
            if context.params.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            context.exit(2 if isinstance(error, BadConfigError) else 1)
        except KeyboardInterrupt:
            click.echo("Interrupted; run the same command again to finish.", err=True)
            context.exit(130)
        except BrokenPipeError:  # `poseaug-gen info … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(1)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """What a reader has to say of a file is one line for the user; other warnings tell their place in the code."""
    place = warnings.formatwarning(message, category, filename, lineno)
    said = f"Warning: {message}" if category is UserWarning else place
    click.echo(said, err=True)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="poseaug-gen")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Augment 3D human poses with a learned augmentor, and export 2D-3D pairs to HDF5.

    \b
    poseaug-gen sources                          what poses can be read
    poseaug-gen train                            learn from the poses in data/
    poseaug-gen export --n 5000000 --out aug.h5  write pairs with the newest finished run
    """


if __name__ == "__main__":
    main()
