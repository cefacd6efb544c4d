"""Runs of seconds, whose weights can be compared."""

import hashlib
from pathlib import Path

from poseaug_gen.config import Config, resolve
from poseaug_gen.training.monitor import Monitor

TINY = {
    "estimator.channels": 16,
    "augmentor.width": 16,
    "augmentor.noise": 4,
    "schedule.batch_size": 32,
    "schedule.pretrain_epochs": 1,
    "schedule.epochs": 4,
    "schedule.warmup_epochs": 1,
    "loss.pool_size": 64,
    "postures.built_in_rows": 0,
    "postures.judge_steps": 0,
    "run.preview_every": 0,
    "run.device": "cpu",
}


def tiny(**options) -> Config:
    """Settings of a run of seconds, with others: ``schedule__epochs=2``."""
    return resolve("quick", options=TINY | {key.replace("__", "."): value for key, value in options.items()})


def tiny_words(**options) -> list[str]:
    """The same settings as a user types them after ``poseaug-gen train``."""
    settings = TINY | {key.replace("__", "."): value for key, value in options.items()}
    return ["--preset", "quick", *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))]


def weights_hash(folder: Path) -> dict[str, str]:
    """The hash of every network that a run folder holds."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.safetensors")
    }


class StopAfter(Monitor):
    """Interrupts the run in the middle of some epoch, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
