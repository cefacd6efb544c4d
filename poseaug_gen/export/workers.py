"""Who makes the shards: this process, or several at once.

In this process two threads do: one computes and writes, the other hashes and publishes. The main thread only waits, so
that Ctrl-C never strikes within HDF5, which could not let go of its file then.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.machine import cores
from poseaug_gen.export.maker import Finished, Recipe, ShardMaker, make_shards
from poseaug_gen.export.shard import Advance

READY, ROWS, FINISHED, FAILED, DONE = "ready", "rows", "finished", "failed", "done"  # what a worker tells


def threads_of(workers: int) -> int:
    """The threads of each worker, so that all of them together are as many as there are cores."""
    return max(1, cores() // workers)


class _Stopped(Exception):
    """The main thread has given up: what is being made is of no use any more."""


def make_here(recipe: Recipe, shards: Sequence[int], finished: Finished, advance: Advance) -> None:
    """Make some shards in this process, with all its cores.

    Raises:
        PoseAugError: as :meth:`ShardMaker.make`.
    """
    stop = threading.Event()

    def advance_unless_stopped(rows: int) -> None:
        if stop.is_set():
            raise _Stopped
        advance(rows)

    def work() -> None:
        make_shards(ShardMaker(replace(recipe, threads=threads_of(1))), shards, finished, advance_unless_stopped)

    with ThreadPoolExecutor(1, "make") as thread:
        working = thread.submit(work)
        try:
            working.result()
        except BaseException:
            stop.set()
            raise


@dataclass
class _Worker:
    """A process of ours, as its parent knows it."""

    process: BaseProcess
    pipe: Connection
    shard: int | None = None  # that it makes


def make_in_processes(
    recipe: Recipe, shards: Sequence[int], workers: int, finished: Finished, advance: Advance
) -> None:
    """Make some shards in so many processes, each with its share of the cores.

    Raises:
        PoseAugError: as :meth:`ShardMaker.make`, or a worker was killed.
    """
    left = list(reversed(shards))
    with _started(replace(recipe, threads=threads_of(workers)), workers) as working:
        while working:
            for pipe in wait([worker.pipe for worker in working]):
                worker = next(worker for worker in working if worker.pipe is pipe)
                kind, value = _told(worker, recipe)
                if kind == READY:
                    worker.shard = left.pop() if left else None
                    worker.pipe.send(worker.shard)
                elif kind == ROWS:
                    advance(value)
                elif kind == FINISHED:
                    finished(value)
                elif kind == FAILED:
                    raise value
                else:
                    working.remove(worker)


def _told(worker: _Worker, recipe: Recipe) -> tuple[str, Any]:
    """What a worker has to say. Raises a PoseAugError where it is dead."""
    try:
        return worker.pipe.recv()
    except (EOFError, OSError) as error:
        worker.process.join()
        code = worker.process.exitcode or 0
        what = f"killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
        doing = "as it started" if worker.shard is None else f"over {recipe.layout.path(worker.shard).name}"
        raise PoseAugError(
            f"{recipe.store.show(recipe.layout.out)}: a worker was {what} {doing}, perhaps for want of memory; "
            f"run the same command to go on, with fewer --workers if it happens again"
        ) from error


@contextlib.contextmanager
def _started(recipe: Recipe, workers: int) -> Iterator[list[_Worker]]:
    """So many processes at work; at the end of the block none is left."""
    context = multiprocessing.get_context("spawn")  # a fork would take over threads of torch that are not there
    everyone: list[_Worker] = []
    resource_tracker.ensure_running()  # multiprocessing's own process; as it starts, it lets signals through again
    # Ctrl-C goes to every process of the terminal. Signals that are blocked now stay blocked in the new processes, from
    # their first instruction on: they leave it to us to stop them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(recipe, theirs), daemon=True)
            process.start()
            theirs.close()
            everyone.append(_Worker(process, ours))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield list(everyone)
    finally:
        for worker in everyone:
            worker.process.kill()  # those that have done their work are gone already; the others' is of no use
        for worker in everyone:
            worker.process.join()
            worker.pipe.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _work(recipe: Recipe, pipe: Connection) -> None:
    """A worker's whole life: shard after shard, as its parent names them."""
    _die_with_parent()
    import torch

    torch.set_num_threads(recipe.threads)
    talking = threading.Lock()  # two threads tell: one of rows, the other of finished shards

    def tell(kind: str, value: Any = None) -> None:
        with talking:
            pipe.send((kind, value))

    def asked() -> Iterator[int]:
        while True:
            tell(READY)
            shard = pipe.recv()
            if shard is None:
                return
            yield shard

    try:
        make_shards(ShardMaker(recipe), asked(), lambda entry: tell(FINISHED, entry), lambda rows: tell(ROWS, rows))
        tell(DONE)
    except BaseException as error:
        known = isinstance(error, PoseAugError)
        tell(FAILED, error if known else RuntimeError(f"a worker failed:\n{traceback.format_exc()}"))


def _die_with_parent() -> None:
    """End this process at once when its parent has: nobody would hear of its shards."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
