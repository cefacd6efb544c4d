"""Where a training run tells what it does. The command line shows it; a library user passes their own or none."""

from __future__ import annotations

from typing import Any


class Monitor:
    """Called by the training loop; this one keeps silent."""

    def message(self, text: str) -> None:
        """Something a user should know, one sentence."""

    def begin_epoch(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """An epoch (from 1) of a phase ("pretrain", "joint" or "judge") begins; it has ``steps`` steps."""

    def step(self) -> None:
        """One step is done."""

    def end_epoch(self, row: dict[str, Any]) -> None:
        """An epoch is done; ``row`` is its line of ``metrics.jsonl``. Its weights are kept if it is ``healthy``."""


SILENT = Monitor()
