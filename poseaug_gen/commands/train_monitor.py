"""What ``poseaug-gen train`` shows: a live bar and a table that grows, plain lines, or JSON lines."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from poseaug_gen.commands.progress import bar
from poseaug_gen.training.monitor import Monitor

# What a line says of an epoch, in order: title, key of the metrics' row, format.
FIGURES = (
    ("validation MPJPE", "validation_mpjpe_mm", "{:.1f} mm"),
    ("angle change", "angle_change", "{:.3f}"),
    ("length change", "length_change", "{:.3f}"),
    ("difficulty", "difficulty", "{:.1f}"),
    ("diversity", "pairwise_distance_ratio", "{:.0%}"),
    ("D3D right", "d3d_accuracy", "{:.0%}"),
    ("D2D right", "d2d_accuracy", "{:.0%}"),
    ("out of frame", "rejected_out_of_frame", "{:.1%}"),
    ("time", "seconds", "{:.0f} s"),
    ("ill:", "illness", "{}"),
)

TITLES = {
    "pretrain": "Pre-training the estimator",
    "joint": "Training the augmentor",
    "judge": "Finding out which postures are hard",
}


def epoch_line(row: dict[str, Any]) -> str:
    """One epoch's figures in words."""
    figures = [f"{title} {form.format(row[key])}" for title, key, form in FIGURES if row.get(key) is not None]
    return f"{row['phase']:>8} {row['epoch']:>3}: " + ", ".join(figures)


class PlainMonitor(Monitor):
    """A line an epoch."""

    def message(self, text: str) -> None:
        click.echo(text)

    def end_epoch(self, row: dict[str, Any]) -> None:
        click.echo(epoch_line(row))


class LiveMonitor(PlainMonitor):
    """A bar that fills with the epoch's steps; finished epochs' lines stay above it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress = bar(console)
        self.task: TaskID = self.progress.add_task("starting", total=None)

    def __enter__(self) -> LiveMonitor:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def message(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def begin_epoch(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        title = TITLES[phase]
        self.progress.reset(self.task, total=steps, description=f"{title}, epoch {epoch} of {epochs}")

    def step(self) -> None:
        self.progress.advance(self.task)

    def end_epoch(self, row: dict[str, Any]) -> None:
        self.console.print(epoch_line(row), highlight=False, markup=False)


class JsonMonitor(Monitor):
    """One JSON object a line."""

    def message(self, text: str) -> None:
        click.echo(json.dumps({"event": "message", "text": text}))

    def begin_epoch(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        click.echo(
            json.dumps({"event": "begin_epoch", "phase": phase, "epoch": epoch, "epochs": epochs, "steps": steps})
        )

    def end_epoch(self, row: dict[str, Any]) -> None:
        click.echo(json.dumps({"event": "end_epoch", **row}))
