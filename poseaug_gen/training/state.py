"""A run between its epochs: how far it is, what is kept of an epoch, and the way back where one fell ill.

``state.pt`` holds the last healthy state and how the run was ill so far. A run that is resumed and one that recovers
both go on from there. An epoch depends on that state, the seed and its number alone: the random state is set anew at
each, so a run that is resumed after a kill ends with the same bytes as one that was left in peace (on one device).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from poseaug_gen import storage
from poseaug_gen.config import Config
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.training import preview
from poseaug_gen.training.batches import Pool
from poseaug_gen.training.data import Data
from poseaug_gen.training.health import Illness, Remedy, illnesses
from poseaug_gen.training.judge import judge_postures
from poseaug_gen.training.measures import Reference, measure_epoch
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import batches_in
from poseaug_gen.training.run_folder import DIFFICULTY, FAILED, FINISHED, JOINT, PRETRAIN, RunFolder, snapshot_name

HELD_OUT = ("validation_mpjpe_mm", "unseen_views_mpjpe_mm")  # what the best epoch is chosen by


class Run:
    """A run in training.

    Attributes:
        done: epochs that were kept, by phase.
        events: how the run was ill, oldest first, as ``run.json`` has it; what they changed holds from then on.
    """

    def __init__(self, config: Config, folder: RunFolder, device: torch.device, monitor: Monitor) -> None:
        self.config = config
        self.folder = folder
        self.device = device
        self.monitor = monitor
        self.data = Data.of(folder, device)
        self.reference = Reference.of(self.data)
        state = folder.read_state() or {}
        self.events: list[dict[str, Any]] = state.get("events", [])
        self.rows = state.get("rows", 0)  # of metrics.jsonl
        folder.truncate_metrics(self.rows)
        self._go_back(state)

    # --- one epoch --------------------------------------------------------------------------------------------

    def begin_epoch(self, phase: str) -> int:
        """Set torch's random state for the next epoch of a phase and no other; returns its number."""
        epoch = self.done[phase] + 1
        torch.manual_seed(self._seed(phase, epoch))
        schedule = self.config.schedule
        steps = batches_in(len(self.data.train), schedule.batch_size)
        if phase == PRETRAIN:
            self.monitor.begin_epoch(phase, epoch, schedule.pretrain_epochs, steps)
        else:
            passes = 1 if epoch <= schedule.warmup_epochs else 3
            self.monitor.begin_epoch(phase, epoch, schedule.epochs, passes * steps)
        self.started = time.perf_counter()
        return epoch

    def end_epoch(self, phase: str, losses: dict[str, float]) -> None:
        """Measure the epoch; keep what it did if it is healthy, else go back to the state before it, with a remedy.

        Raises:
            PoseAugError: the run stays ill.
        """
        epoch = self.done[phase] + 1
        measures = measure_epoch(self.networks, self.data, self.reference, losses, self._best_error())
        row = {"phase": phase, "epoch": epoch, **losses, **measures}
        illness = next(illnesses(row, self.config.health), None)
        row["healthy"] = illness is None
        if illness is not None:
            row |= {"illness": illness.name, "sentence": illness.sentence}
        row["seconds"] = round(time.perf_counter() - self.started, 3)
        row = json.loads(json.dumps(row), parse_constant=lambda _: None)  # JSON has no NaN
        self.folder.append_metrics(row)
        self.rows += 1
        if illness is None:
            self._keep(row)
        self.monitor.end_epoch(row)
        if illness is not None:
            self._recover(phase, epoch, illness)

    def _keep(self, row: dict[str, Any]) -> None:
        """Save what the epoch did; ``state.pt`` says that the epoch is whole, so it comes after the snapshot."""
        phase, epoch = row["phase"], row["epoch"]
        if phase == JOINT:
            every = self.config.run.preview_every
            if every and (epoch % every == 0 or epoch == self.config.schedule.epochs):
                preview.write(self.folder, self.networks.augmentor, self.data.train, epoch, self.monitor)
            self.folder.write_weights(snapshot_name(epoch), self.networks.augmentor)
        self.done[phase] = epoch
        self._save(healthy=True)

    def _best_error(self) -> float | None:
        """The estimator's lowest error on real poses after an epoch that was kept, millimetres."""
        return min((row["estimator_mpjpe_mm"] for row in self.folder.kept_metrics()), default=None)

    def _seed(self, phase: str, epoch: int) -> int:
        """Other random numbers for each phase, epoch and try."""
        return _spread(self.config.run.seed, (PRETRAIN, JOINT).index(phase), epoch, len(self.events))

    # --- recovery ---------------------------------------------------------------------------------------------

    def _recover(self, phase: str, epoch: int, illness: Illness) -> None:
        """Go back to the last healthy state, of pre-training to its start, and change what the illness asks for.

        Raises:
            PoseAugError: the epoch, or the run, was tried again as often as may be.
        """
        tries = sum((event["phase"], event["epoch"]) == (phase, epoch) for event in self.events)
        given_up = tries >= self.config.health.attempts or len(self.events) >= self.config.health.recoveries
        remedy = Remedy() if given_up else illness.remedy
        self.events.append(
            {
                "phase": phase,
                "epoch": epoch,
                "attempt": tries + 1,
                "illness": illness.name,
                "sentence": illness.sentence,
                "remedy": "none: given up" if given_up else str(remedy),
                "changes": remedy.to_dict(),
            }
        )
        if given_up:
            self.folder.write_info(state=FAILED, health=self._health(healthy=False))
            raise PoseAugError(
                f"{self.folder.path}: {phase} epoch {epoch} is ill ({illness.name}: {illness.sentence}), after "
                f"{len(self.events) - 1} recoveries of the run, {tries} of them in this epoch; start it again with "
                f"--overwrite and another --seed or smaller learning rates (docs/health.md)"
            )
        self._go_back({} if phase == PRETRAIN else self.folder.read_state() or {})
        torch.manual_seed(self._seed(phase, epoch))
        for name in remedy.renewed:
            self.networks.renew(name)
        self._save(healthy=False)
        place = next(
            (f"after {name} epoch {done}" for name, done in reversed(self.done.items()) if done), "at its start"
        )
        self.monitor.message(
            f"{phase} epoch {epoch} is ill ({illness.name}: {illness.sentence}): back to the state {place}, "
            f"with {remedy} (try {tries + 2} of {self.config.health.attempts + 1})."
        )

    def _go_back(self, state: dict[str, Any]) -> None:
        """Take up the networks of ``state.pt``, or new ones, under all that the run's illnesses changed."""
        self.networks = self._new_networks()
        self.done = {PRETRAIN: 0, JOINT: 0}
        if state:
            self.networks.restore(state["networks"])
            self.done = dict(state["done"])
        rates: dict[str, float] = {}
        for event in self.events:
            for name, factor in event["changes"]["rates"].items():
                rates[name] = rates.get(name, 1.0) * factor
        self.networks.adapt(rates, math.prod((event["changes"]["adversarial"] for event in self.events), start=1.0))

    def _new_networks(self) -> Networks:
        """The networks as a run begins; other weights after each illness."""
        seed = self.config.run.seed
        torch.manual_seed(_spread(seed, len(self.events)) if self.events else seed)
        networks = Networks(self.config, self.folder.skeleton, self.device)
        networks.shape_start(self.data.train, self.data.extra)
        return networks

    # --- the folder -------------------------------------------------------------------------------------------

    def _save(self, healthy: bool) -> None:
        """``state.pt`` first: ``run.json`` is written anew after each epoch, from what that holds."""
        state = {"networks": self.networks.state(), "done": self.done, "events": self.events, "rows": self.rows}
        self.folder.write_state(state)
        self.folder.write_info(health=self._health(healthy))

    def _health(self, healthy: bool) -> dict[str, Any]:
        return {"state": "healthy" if healthy else "ill", "events": self.events}

    def finish(self) -> None:
        """Write what an export reads, and mark the run as finished."""
        joint = [row for row in self.folder.kept_metrics() if row["phase"] == JOINT]
        best = best_epoch(joint)
        path = self.folder.path
        storage.write_bytes(path / "augmentor.safetensors", (path / snapshot_name(best)).read_bytes())
        discriminators = torch.nn.ModuleDict({"d3d": self.networks.d3d, "d2d": self.networks.d2d})
        self.folder.write_weights("discriminators.safetensors", discriminators)
        self.folder.write_weights("estimator.safetensors", self.networks.estimator)
        self._judge()
        health = {**self._health(healthy=True), "measured": joint[best - 1]}
        choice = {"metric": "mean of " + " and ".join(HELD_OUT), "curve": [held_out_error(row) for row in joint]}
        self.folder.write_info(state=FINISHED, epochs=len(joint), best_epoch=best, choice=choice, health=health)

    def _judge(self) -> None:
        """Find out how hard each posture is, where drawn ones are to be had by that."""
        settings, poses = self.config.postures, self.folder.poses
        if not settings.draws or not settings.difficulty or not settings.judge_steps:
            return
        pool = PosturePool(poses, self.folder.built_in_rows, settings)
        source = Pool.of(self.folder.source_poses, self.device)
        difficulty = judge_postures(pool, source, self.config, self.device, self.monitor)
        self.folder.write_tensors(DIFFICULTY, {"difficulty": torch.from_numpy(difficulty)})


def best_epoch(rows: list[dict[str, Any]]) -> int:
    """The epoch whose estimator did best on poses of subjects held out; the last where there are none.

    Seen by the source's cameras and by others, both count alike: never is the choice made on a target. Epochs of the
    warm-up left the estimator as it was, so they say nothing of their augmentor.
    """
    errors = {row["epoch"]: held_out_error(row) for row in rows if "estimator_loss" in row}
    scored = {epoch: error for epoch, error in errors.items() if error is not None}
    return min(scored, key=scored.__getitem__, default=len(rows))


def held_out_error(row: Mapping[str, Any]) -> float | None:
    """The estimator's error after an epoch on poses held out, mean over both kinds of cameras; None without any."""
    errors = [row[name] for name in HELD_OUT if row.get(name) is not None]
    return sum(errors) / len(errors) if errors else None


def _spread(*numbers: int) -> int:
    """A seed of 63 bits: neighbouring seeds, epochs and tries share no stream of random numbers."""
    words = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
