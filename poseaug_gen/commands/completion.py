"""``poseaug-gen completion``."""

from __future__ import annotations

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

PROGRAM = "poseaug-gen"
VARIABLE = "_POSEAUG_GEN_COMPLETE"  # as click makes it of the program's name
SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def command(context: click.Context, shell: str | None) -> None:
    """Print the script by which a shell completes commands, options and their values; SHELL is yours by default.

    \b
    poseaug-gen completion bash > ~/.local/share/bash-completion/completions/poseaug-gen
    poseaug-gen completion zsh > "${fpath[1]}/_poseaug-gen"
    poseaug-gen completion fish > ~/.config/fish/completions/poseaug-gen.fish
    """
    shell = shell or PurePath(os.environ.get("SHELL", "")).name
    made_by = get_completion_class(shell) if shell in SHELLS else None
    if made_by is None:
        raise click.UsageError(f"Name the shell: poseaug-gen completion {'|'.join(SHELLS)}.")
    click.echo(made_by(context.find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
