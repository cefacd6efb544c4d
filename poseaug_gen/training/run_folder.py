"""The folder that a training run leaves, and all that an export needs of it.

``config.toml``, ``run.json`` (state, versions, source, health, best epoch), ``metrics.jsonl``,
``augmentor.safetensors`` (the best epoch's), ``snapshots/epoch-0001.safetensors`` …, ``discriminators.safetensors``,
``estimator.safetensors``, ``state.pt`` (to resume; read with ``weights_only=True``), ``poses.h5`` (the training
poses), ``validation.h5``, ``extra_2d.h5`` (where there are extra 2D poses) and ``previews/*.png``. Every file is
written under a temporary name, fsynced and renamed.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from poseaug_gen import storage
from poseaug_gen.config import Config, resolve
from poseaug_gen.errors import PoseAugError
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.canonical import read_poses
from poseaug_gen.sources.canonical_2d import read_poses_2d

Module = TypeVar("Module", bound=nn.Module)
FINISHED = "finished"
RUNNING = "running"
EXTRA_2D = "extra_2d.h5"


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. Reading methods raise :class:`PoseAugError` where a file is missing or damaged."""

    path: Path

    # --- reading ------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        return (self.path / "run.json").is_file()

    def info(self) -> dict[str, Any]:
        """``run.json``."""
        return storage.read_json(self.path / "run.json")

    @property
    def finished(self) -> bool:
        return self.exists and self.info().get("state") == FINISHED

    @cached_property
    def config(self) -> Config:
        """The configuration that the run was started with."""
        return resolve(preset="paper", file=self.path / "config.toml")

    @cached_property
    def poses(self) -> PoseSet:
        """The training poses."""
        return read_poses(self.path / "poses.h5")

    @property
    def extra_2d(self) -> Poses2D | None:
        """The extra 2D poses; None where the run has none."""
        return read_poses_2d(self.path / EXTRA_2D) if "extra_2d" in self.info().get("rows", {}) else None

    @property
    def skeleton(self) -> Skeleton:
        return self.poses.skeleton

    def augmentor(self, epoch: int | None = None) -> Augmentor:
        """The augmentor in evaluation mode: the best epoch's, or that of a snapshot."""
        settings = self.config.augmentor
        model = Augmentor(self.skeleton, settings.noise, settings.width)
        return self._load(model, "augmentor.safetensors" if epoch is None else snapshot_name(epoch))

    def discriminators(self) -> tuple[Discriminator3D, Discriminator2D]:
        """Both discriminators as they ended, in evaluation mode."""
        both = nn.ModuleDict({"d3d": Discriminator3D(self.skeleton), "d2d": Discriminator2D(self.skeleton)})
        self._load(both, "discriminators.safetensors")
        return both["d3d"], both["d2d"]  # type: ignore[return-value]

    def estimator(self) -> nn.Module:
        """The reference estimator as it ended, in evaluation mode."""
        settings = self.config.estimator
        model = build_estimator(settings.name, self.skeleton, settings.channels, settings.dropout)
        return self._load(model, "estimator.safetensors")

    def snapshots(self) -> list[int]:
        """Epochs of which there is a snapshot, in order."""
        found = (re.fullmatch(r"epoch-(\d+)\.safetensors", p.name) for p in (self.path / "snapshots").glob("*"))
        return sorted(int(match[1]) for match in found if match)

    def _load(self, model: Module, name: str) -> Module:
        path = self.path / name
        try:
            model.load_state_dict(load_file(path))
        except FileNotFoundError as error:
            raise PoseAugError(f"{path}: missing; the run did not get far enough, train it again") from error
        except (SafetensorError, RuntimeError, OSError) as error:
            raise PoseAugError(f"{path}: not the weights of this run's network ({_line(error)})") from error
        return model.eval()

    # --- writing ------------------------------------------------------------------------------------------

    def locked(self) -> AbstractContextManager[None]:
        """Hold the run alone, to train or to remove it; raises where another process does."""
        return storage.locked(self.path / "run", busy=f"{self.path}: another process is training this run")

    def remove(self) -> None:
        """Delete the run, unless what lies there is no run or another process is training it."""
        if any(self.path.iterdir()) and not self.exists:
            raise PoseAugError(f"{self.path}: not a run folder, so it is not overwritten; choose another --name")
        with self.locked():
            shutil.rmtree(self.path)

    def write_info(self, **entries: Any) -> None:
        """Add entries to ``run.json``."""
        known = self.info() if self.exists else {}
        storage.write_json(self.path / "run.json", {**known, **entries})

    def write_weights(self, name: str, model: nn.Module) -> None:
        """Weights as safetensors, the same bytes for the same weights."""
        weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
        storage.write_bytes(self.path / name, save(weights))

    def append_metrics(self, row: dict[str, Any]) -> None:
        """One line of ``metrics.jsonl``."""
        storage.append_text(self.path / "metrics.jsonl", json.dumps(row) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``; a last line cut short by a kill is left out."""
        path = self.path / "metrics.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def truncate_metrics(self, rows: int) -> None:
        """Keep the first rows alone: those of epochs that ``state.pt`` holds."""
        kept = self.metrics()[:rows]
        storage.write_text(self.path / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in kept))

    def write_state(self, state: dict[str, Any]) -> None:
        """What a resumed run needs: ``state.pt``."""
        buffer = io.BytesIO()  # by file name, torch would store the temporary's name too, and hide a full disk's error
        torch.save(state, buffer)
        storage.write_bytes(self.path / "state.pt", buffer.getbuffer())

    def read_state(self) -> dict[str, Any] | None:
        """``state.pt``, or None where the run had not got so far."""
        path = self.path / "state.pt"
        if not path.exists():
            return None
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises pickle, zip and runtime errors alike
            raise PoseAugError(
                f"{path}: damaged, so the run cannot be resumed ({_line(error)}); start it again with --overwrite"
            ) from error


def snapshot_name(epoch: int) -> str:
    """Where the augmentor of one epoch lies in the run folder."""
    return f"snapshots/epoch-{epoch:04d}.safetensors"


def newest_finished(outputs: Path) -> RunFolder:
    """The run under ``outputs`` that finished last.

    Raises:
        PoseAugError: none has.
    """
    runs = [RunFolder(path.parent) for path in outputs.glob("*/run.json")]
    finished = [run for run in runs if run.finished]
    if not finished:
        unfinished = f" ({len(runs)} unfinished)" if runs else ""
        raise PoseAugError(f"{outputs}: no finished run{unfinished}; make one with: poseaug-gen train")
    return max(finished, key=lambda run: (run.path / "run.json").stat().st_mtime_ns)


def _line(error: Exception) -> str:
    """Another library's message in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__
