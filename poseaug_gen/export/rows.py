"""The rows of a shard: candidates drawn block by block, the invalid ones dropped and drawn again.

Random numbers come from Philox, a counter-based generator, keyed by (seed, shard) with the block in its counter.
So a shard depends on (run, settings, seed, shard number) alone: not on process or thread, nor on what else was made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Int

from poseaug_gen.config import Config, ExportSettings, PostureSettings
from poseaug_gen.coverage.chance import uniforms
from poseaug_gen.coverage.postures import Drawn, PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.candidates import Made, Maker
from poseaug_gen.export.detector_noise import detect
from poseaug_gen.export.filters import REASONS, Filters
from poseaug_gen.export.frozen import FrozenAugmentor
from poseaug_gen.export.lenses import draw_lenses, lenses_of
from poseaug_gen.export.machine import resolved
from poseaug_gen.export.schema import columns_of
from poseaug_gen.export.snapshots import chosen_snapshots
from poseaug_gen.export.split import validation_rows
from poseaug_gen.training.run_folder import RunFolder
from poseaug_gen.validity import LEAST_VALID, Limits

BLOCK_ROWS = 16384  # candidates of one block; a part of the recipe: another number gives other rows
CUDA_BLOCK_ROWS = 131_072  # a GPU is busy with so many for as long as Python takes to ask for them
RECENT_BLOCKS = 8  # that tell how many more are needed
TRIAL_BLOCKS = 8  # 131,072 candidates show what share of them is valid

MENDS = {
    "not_finite": "the augmentor's weights or its source poses are broken, so train again",
    "depth": "train longer, or train with a wider visibility.nearest and visibility.farthest, or with nearer views",
    "out_of_frame": "train longer, or train with a wider visibility.frame, or with a smaller views.fills_most",
    "joint_limits": "leave out --within-limits, or train again with a smaller augmentor.output_scale",
    "score": "ask for a lower --min-score",
    "difficulty": "ask for a wider --difficulty",
    "not_chosen": "ask for fewer --candidates",
}

Rows = dict[str, np.ndarray]  # column name -> (rows, ...) array


@dataclass
class Tally:
    """How many candidates were drawn for the rows that were kept, and why the others were not."""

    candidates: int = 0
    redrawn: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    def __add__(self, other: Tally) -> Tally:
        redrawn = {cause: n + other.redrawn[cause] for cause, n in self.redrawn.items()}
        return Tally(self.candidates + other.candidates, redrawn)

    def to_dict(self) -> dict[str, int]:
        """The form of the ``redrawn`` attribute."""
        return {"candidates": self.candidates, **self.redrawn}


@dataclass
class Block:
    """All valid rows of one block's candidates."""

    rows: Rows
    kept: Int[np.ndarray, " rows"]  # their numbers among the candidates
    reason: Int[np.ndarray, " candidates"]  # why each candidate was dropped, a number of REASONS; -1: it was kept

    def first(self, wanted: int) -> tuple[Rows, Tally]:
        """The first rows, at most ``wanted``; candidates after the last of them do not count."""
        enough = len(self.kept) >= wanted
        seen = int(self.kept[wanted - 1]) + 1 if enough else len(self.reason)
        counts = np.bincount(self.reason[:seen] + 1, minlength=len(REASONS) + 1)[1:]
        rows = {name: values[:wanted] for name, values in self.rows.items()} if enough else self.rows
        return rows, Tally(seen, dict(zip(REASONS, counts.tolist(), strict=True)))


class Sampler:
    """All that the rows of an export are made of: the run's poses on the one hand, its frozen networks on the other.

    Args:
        threads: blocks that are made side by side; each by one thread, so that its rows are the same however many.
    """

    def __init__(self, run: RunFolder, settings: ExportSettings, threads: int = 1) -> None:
        settings, config, poses = resolved(settings), run.config, run.poses
        self.settings, self.threads = settings, threads
        self.skeleton = poses.skeleton
        self.columns = columns_of(poses.skeleton, settings)
        device = torch.device(settings.device)
        self.block_rows = CUDA_BLOCK_ROWS if device.type == "cuda" else BLOCK_ROWS
        self.postures = PosturePool(poses, run.built_in_rows, _postures(config, settings), run.difficulty()).to(device)
        self.maker = _maker(run, settings)
        self.filters = Filters(run, settings, self.postures)
        if device.type == "cuda":
            torch.cuda.synchronize()  # the threads' streams read what this one has put there
        self.sides = [self.postures]  # of the split: for training, for validation
        if settings.split:
            held_out = validation_rows(poses, run.built_in_rows, settings.split, settings.seed, str(run.path))
            self.sides = [self.postures.only(~held_out), self.postures.only(held_out)]

    def blocks(self, shard: int, rows: int) -> Iterator[tuple[Rows, Tally]]:
        """The rows of one shard, exactly ``rows`` in all, in blocks of uneven size.

        Raises:
            PoseAugError: hardly a candidate is valid.
        """
        total, done = Tally(), 0
        for number, block in enumerate(self._made_ahead(shard, rows)):
            kept, tally = block.first(rows - done)
            total, done = total + tally, done + len(kept["source_index"])
            yield kept, tally
            if done == rows:
                return
            postures = total.candidates / self.settings.candidates  # of each at most one candidate is kept
            if number + 1 >= TRIAL_BLOCKS and done < LEAST_VALID * postures:
                raise _hardly_valid(done, total, self.settings)

    def _made_ahead(self, shard: int, rows: int) -> Iterator[Block]:
        """Blocks in their order, without end; while one is used, threads make those that ``rows`` rows still need."""
        whole_process = torch.get_num_threads()
        with ThreadPoolExecutor(self.threads, initializer=_begin_thread, initargs=(self.settings.device,)) as pool:
            numbers = count()
            ahead: deque[Future[Block]] = deque()
            sizes = [self.block_rows // self.settings.candidates]  # a guess, until there are blocks to go by
            used = 0
            try:
                while True:
                    while not ahead or (len(ahead) <= self.threads and used + len(ahead) * fmean(sizes) < rows):
                        ahead.append(pool.submit(self.block, shard, next(numbers)))
                    block = ahead.popleft().result()
                    used += len(block.kept)
                    sizes = [*sizes[-RECENT_BLOCKS:], len(block.kept)]
                    yield block
            finally:
                for future in ahead:
                    future.cancel()
                torch.set_num_threads(whole_process)  # a part of what a thread sets for itself holds for all

    @torch.inference_mode()
    def block(self, shard: int, number: int) -> Block:
        """The valid rows among one block's candidates."""
        random = generator_of(self.settings.seed, shard, number)
        posture, side = self._draw(self.block_rows // self.settings.candidates, random)
        if self.settings.candidates > 1:
            again = torch.arange(len(posture), device=side.device).repeat_interleave(self.settings.candidates)
            posture, side = posture.take(again), side[again]
        candidates = self.maker.make(posture, random)
        reason, measured = self.filters.judge(candidates, posture)
        kept = (reason < 0).nonzero()[:, 0]
        made, measured = candidates.take(kept), {name: values[kept] for name, values in measured.items()}
        measured["split"] = side[kept]
        if self.settings.noise != "none":
            noise = self.settings.noise, self.settings.noise_scale
            measured["detected_2d"], measured["confidence"] = detect(made.pose_2d, self.skeleton, *noise, random)
        rows = self._columns(made, posture.take(kept), measured)
        return Block(rows, kept.cpu().numpy(), reason.cpu().numpy())

    def _draw(self, rows: int, random: np.random.Generator) -> tuple[Drawn, Int[torch.Tensor, " rows"]]:
        """Postures, and of each whether it is for training (0) or validation (1)."""
        if len(self.sides) == 1:
            posture = self.postures.draw(rows, random)
            return posture, torch.zeros_like(posture.place)
        side = (uniforms(random, rows, device=self.postures.pose.device) < self.settings.split).long()
        training, validation = (
            pool.draw(int((side == number).sum()), random) for number, pool in enumerate(self.sides)
        )
        # Both are in no order, so the first of a side may go wherever that side comes next.
        return training.followed_by(validation).take(side.argsort(stable=True).argsort()), side

    def _columns(self, made: Made, posture: Drawn, measured: dict[str, torch.Tensor]) -> Rows:
        """The arrays that the file holds, of the types that it holds."""
        values = {
            "positions_3d": made.pose,
            "positions_2d": made.pose_2d,
            "intrinsics": made.intrinsics,
            "image_size": made.image_size,
            "rotation": made.rotation,
            "translation": made.pose[:, 0],
            "length_ratio": made.length_ratio,
            "angle_change": made.angle_change,
            "source_index": posture.index,
            "mirrored": posture.mirrored,
            "snapshot": made.snapshot,
            **measured,
        }
        return {
            column.name: np.ascontiguousarray(values[column.name].cpu().numpy(), dtype=column.dtype)
            for column in self.columns
        }


def generator_of(seed: int, shard: int, block: int) -> np.random.Generator:
    """The source of all that one block leaves to chance."""
    # The block lies in the counter's last word, which the draws within a block never reach.
    bits = np.random.Philox(key=np.array([seed, shard], np.uint64), counter=np.array([0, 0, 0, block], np.uint64))
    return np.random.Generator(bits)


def _begin_thread(device: str) -> None:
    """A thread that makes blocks has a core to itself, and on a GPU a stream: copies then overlap the others' work."""
    torch.set_num_threads(1)
    if device == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream())


def _postures(config: Config, settings: ExportSettings) -> PostureSettings:
    """The run's settings of postures, and what the export's own say otherwise."""
    if settings.mirror is None:
        return config.postures
    return replace(config.postures, mirrored=PostureSettings.mirrored if settings.mirror else 0.0)


def _maker(run: RunFolder, settings: ExportSettings) -> Maker:
    config, lenses = run.config, lenses_of(settings)
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    augmentors = {
        epoch: FrozenAugmentor(augmentor, dtype, torch.device(settings.device))
        for epoch, augmentor in chosen_snapshots(run, settings.snapshots).items()
    }
    return Maker(
        augmentors,
        config.postures.learned,
        config.views,
        Limits.of_export(config.visibility, settings),
        lens=None if lenses is None else partial(draw_lenses, lenses),
        balance=settings.balance == "view",
    )


def _hardly_valid(valid: int, tally: Tally, settings: ExportSettings) -> PoseAugError:
    cause = max(tally.redrawn, key=lambda name: tally.redrawn[name])
    share = tally.redrawn[cause] / tally.candidates
    asked = {"depth": settings.depth and "--depth", "out_of_frame": settings.frame and "--frame"}.get(cause)
    mend = f"ask for a wider {asked}" if asked else MENDS[cause]
    return PoseAugError(
        f"hardly a candidate is a valid pair ({valid:,} of {tally.candidates:,} candidates; {share:.0%} fail by "
        f"{cause}): {mend}"
    )
