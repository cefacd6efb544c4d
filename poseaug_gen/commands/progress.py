"""How long work shows itself: a rich bar on a terminal, plain lines elsewhere, JSON lines where asked for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_LINE_EVERY = 10.0  # seconds


def bar(console: Console) -> Progress:
    """The progress bar that all commands share."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def sayer(as_json: bool) -> Callable[[str], None]:
    """What tells a user a line beside the work, on stderr; nothing where JSON lines were asked for."""

    def say(text: str) -> None:
        if not as_json:
            click.echo(text, err=True)

    return say


@contextmanager
def progress(description: str, total: int, as_json: bool = False) -> Iterator[Callable[[int], None]]:
    """Show how much of ``total`` is done; the block calls what it gets with each part that it has done."""
    console = Console(stderr=True)
    if console.is_terminal and not as_json:
        with bar(console) as shown:
            task = shown.add_task(description, total=total)
            yield lambda amount: shown.update(task, advance=amount)
        return
    done, last = 0, time.monotonic()

    def advance(amount: int) -> None:
        nonlocal done, last
        done += amount
        if done < total and time.monotonic() - last < PLAIN_LINE_EVERY:
            return
        last = time.monotonic()
        if as_json:
            print(json.dumps({"event": "progress", "task": description, "done": done, "total": total}), flush=True)
        else:
            print(f"{description}: {done:,} of {total:,} ({done / max(1, total):.0%})", file=sys.stderr, flush=True)

    yield advance
