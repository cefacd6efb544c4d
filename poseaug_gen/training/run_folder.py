"""The folder that a training run leaves, and all that an export needs of it.

``config.toml``, ``run.json`` (state, versions, source, health, best epoch), ``metrics.jsonl`` (a row an epoch),
``augmentor.safetensors`` (the best epoch's), ``snapshots/epoch-0001.safetensors`` …, ``discriminators.safetensors``,
``estimator.safetensors``, ``state.pt`` (to resume; read with ``weights_only=True``), ``poses.h5`` (the training
poses), ``validation.h5``, ``difficulty.safetensors`` (how hard each training pose is, where that was judged),
``extra_2d.h5`` (where there are extra 2D poses) and ``previews/*.png``. Every file is written under a temporary name,
fsynced and renamed.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
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
RUNNING, FINISHED, FAILED = "running", "finished", "failed"  # states of a run
PRETRAIN, JOINT = "pretrain", "joint"  # phases of training
VALIDATION = "validation.h5"
DIFFICULTY = "difficulty.safetensors"
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
    def source_poses(self) -> PoseSet:
        """The training poses less the built-in ones that were added to the source's."""
        return self.poses.take(np.arange(len(self.poses) - self.built_in_rows))

    @property
    def built_in_poses(self) -> PoseSet | None:
        """The built-in ones of the training poses; None where none were added."""
        rows = self.built_in_rows
        return self.poses.take(np.arange(len(self.poses) - rows, len(self.poses))) if rows else None

    @property
    def built_in_rows(self) -> int:
        """How many of the training poses, at the end, are built-in ones that were added to the source's."""
        return int(self.info().get("rows", {}).get("built_in", 0))

    def difficulty(self) -> Float[np.ndarray, " places"] | None:
        """How hard each posture is (:mod:`poseaug_gen.training.judge`), millimetres; None where nobody judged."""
        if not (self.path / DIFFICULTY).exists():
            return None
        difficulty = self._tensors(DIFFICULTY).get("difficulty", torch.empty(0))
        if difficulty.shape != (2 * len(self.poses),):  # each as it is, and mirrored
            path, rows = self.path / DIFFICULTY, len(self.poses)
            raise PoseAugError(f"{path}: not of this run's {rows:,} poses and their mirror images; train the run again")
        if not (difficulty.isfinite() & (difficulty > 0)).all():
            raise PoseAugError(f"{self.path / DIFFICULTY}: holds errors that are no lengths; train the run again")
        return difficulty.numpy()

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
        try:
            model.load_state_dict(self._tensors(name))
        except RuntimeError as error:
            raise PoseAugError(f"{self.path / name}: not the weights of this run's network ({_line(error)})") from error
        return model.eval()

    def _tensors(self, name: str) -> dict[str, torch.Tensor]:
        path = self.path / name
        try:
            return load_file(path)
        except FileNotFoundError as error:
            raise PoseAugError(f"{path}: missing; the run did not get far enough, train it again") from error
        except (SafetensorError, OSError) as error:
            raise PoseAugError(f"{path}: not tensors of this run ({_line(error)})") from error

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
        self.write_tensors(name, model.state_dict())

    def write_tensors(self, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Tensors by name as safetensors."""
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        storage.write_bytes(self.path / name, save(plain))

    def append_metrics(self, row: dict[str, Any]) -> None:
        """One line of ``metrics.jsonl``."""
        storage.append_text(self.path / "metrics.jsonl", json.dumps(row) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``, one a try of an epoch; a last line cut short by a kill is left out."""
        path = self.path / "metrics.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def kept_metrics(self) -> list[dict[str, Any]]:
        """The row of each epoch that counts: the last healthy one, where it was tried more than once."""
        healthy = [row for row in self.metrics() if row.get("healthy", True)]
        return list({(row["phase"], row["epoch"]): row for row in healthy}.values())

    def truncate_metrics(self, rows: int) -> None:
        """Keep the first rows alone: those that ``state.pt`` knows of."""
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
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises pickle, zip and runtime errors alike
            raise PoseAugError(
                f"{path}: damaged, so the run cannot be resumed ({_line(error)}); start it again with --overwrite"
            ) from error
        if not isinstance(state, dict) or not {"networks", "done", "events", "rows"} <= set(state):
            raise PoseAugError(f"{path}: another version's, so the run cannot be resumed; start it with --overwrite")
        return state


def snapshot_name(epoch: int) -> str:
    """Where the augmentor of one epoch lies in the run folder."""
    return f"snapshots/epoch-{epoch:04d}.safetensors"


def newest_finished(outputs: Path) -> RunFolder:
    """The run under ``outputs`` that finished last.

    Raises:
        PoseAugError: none has.
    """
    runs = runs_under(outputs)
    finished = next((run for run in runs if run.finished), None)
    if finished is None:
        unfinished = f" ({len(runs)} unfinished)" if runs else ""
        raise PoseAugError(f"{outputs}: no finished run{unfinished}; make one with: poseaug-gen train")
    return finished


def runs_under(outputs: Path) -> list[RunFolder]:
    """The runs under ``outputs``, the one that was written to last first."""
    written = {path: path.stat().st_mtime_ns for path in outputs.glob("*/run.json")}
    return [RunFolder(path.parent) for path in sorted(written, key=lambda path: written[path], reverse=True)]


def _line(error: Exception) -> str:
    """Another library's message in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__
