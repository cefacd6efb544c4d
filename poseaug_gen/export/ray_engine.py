"""The same shard function on a Ray cluster (extra ``ray``): one task a shard, made again elsewhere if its node is lost.

The run's files travel with the tasks; the output must be a folder that all nodes share, or a URL.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.maker import Finished, Recipe, ShardMaker
from poseaug_gen.export.manifest import Entry
from poseaug_gen.export.shard import Advance
from poseaug_gen.export.stores import LocalStore
from poseaug_gen.export.workers import threads_of

RETRIES = 5  # of a shard whose node or process is lost
NEEDED = ("config.toml", "run.json", "*.h5", "*.safetensors", "snapshots/*.safetensors")  # what an export may read
ANSWER_SECONDS = 5.0  # that a cluster may take to answer
NOT_NEEDED = ("validation.h5",)
RIG = "rig"  # the kind of cameras that are in a file, and the folder that it travels in

_makers: dict[str, ShardMaker] = {}  # of a Ray process, by export; it makes many shards of one, and holds one


def make_on_ray(recipe: Recipe, shards: Sequence[int], workers: int, finished: Finished, advance: Advance) -> None:
    """Make some shards on the cluster that is there (``RAY_ADDRESS``, or one of this machine), else on one of our own.

    Args:
        workers: cores of a cluster of our own. A task takes one core of a cluster that is there.

    Raises:
        PoseAugError: as :meth:`ShardMaker.make`, Ray is not installed, or the same shard was lost time and again.
    """
    try:
        import ray
    except ImportError as error:
        raise PoseAugError(
            "--engine ray needs the package ray; install it with: pip install 'poseaug-gen[ray]'"
        ) from error
    with _connected(ray, workers) as own:
        recipe = replace(recipe, threads=threads_of(workers) if own else 1)
        if isinstance(recipe.store, LocalStore):  # a node's folder of work is another
            recipe = replace(recipe, store=LocalStore(recipe.store.root.absolute()))
        key, files = os.urandom(8).hex(), ray.put(_files(recipe))
        task: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(_make_one)
        waiting = [task.remote(key, recipe, files, shard) for shard in shards]
        while waiting:
            done, waiting = ray.wait(waiting)
            entry = _result(ray, done[0], recipe)
            finished(entry)
            advance(entry.rows)


def _result(ray: Any, reference: Any, recipe: Recipe) -> Entry:
    """What a task came to, its errors as ours."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        what = str(error).splitlines()[0][:200]
        raise PoseAugError(
            f"{recipe.store.show(recipe.layout.out)}: Ray lost a shard {RETRIES + 1} times ({what}); run the same "
            f"command to go on"
        ) from error


@contextmanager
def _connected(ray: Any, workers: int) -> Iterator[bool]:
    """Be connected to Ray; whether the cluster is one of our own, which ends with the block."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "ignore_reinit_error": True}
    was, own = ray.is_initialized(), False
    if not was:
        try:
            _ask(os.environ.get("RAY_ADDRESS", ""))
            ray.init(address="auto", **quiet)
        except (ConnectionError, RuntimeError) as error:
            if os.environ.get("RAY_ADDRESS"):
                why = " ".join(str(error).split())[:200]
                raise PoseAugError(
                    f"RAY_ADDRESS={os.environ['RAY_ADDRESS']}: cannot be joined ({why}); start a cluster with "
                    f"ray start, or unset it"
                ) from error
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours tells nobody of itself
            ray.init(num_cpus=workers, include_dashboard=False, **quiet)
            own = True
    try:
        yield own
    finally:
        if not was:
            ray.shutdown()


def _ask(address: str) -> None:
    """Raise a ConnectionError where nobody listens at ``host:port``: Ray itself would try for a minute and more."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        except OSError as error:
            raise ConnectionError(f"nobody listens there: {error}") from error


def _files(recipe: Recipe) -> dict[str, bytes]:
    """The files that an export may read, by their names in the folder of its run; a rig's lies in a folder beside."""
    run = recipe.run
    paths = (path for pattern in NEEDED for path in sorted(run.glob(pattern)) if path.name not in NOT_NEEDED)
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}
    rig = _rig_file(recipe.settings.cameras)
    return files if rig is None else {**files, f"{RIG}/{rig.name}": rig.read_bytes()}


def _rig_file(cameras: str) -> Path | None:
    """The file in the setting ``cameras`` (``rig:FILE`` or ``rig:FILE:NAME``); None where there is none in it."""
    kind, _, rig = cameras.partition(":")
    paths = [Path(name) for name in (rig, rig.rpartition(":")[0]) if kind == RIG and name]
    return next((path for path in paths if path.is_file()), None)


def _make_one(key: str, recipe: Recipe, files: Mapping[str, bytes], shard: int) -> Entry:
    """A task: one shard, by a maker that the process keeps for the next."""
    import torch

    torch.set_num_threads(recipe.threads)
    if key not in _makers:
        _makers.clear()
        with tempfile.TemporaryDirectory(prefix="poseaug-gen-run-") as folder:
            _makers[key] = ShardMaker(_unpacked(recipe, files, Path(folder)))
    return _makers[key].make(shard)


def _unpacked(recipe: Recipe, files: Mapping[str, bytes], folder: Path) -> Recipe:
    """The same recipe, whose files lie in ``folder``."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    settings = recipe.settings
    for name in files:
        if name.startswith(f"{RIG}/"):
            rest = settings.cameras.rpartition(Path(name).name)[2]  # the camera rig's name in its file, if any
            settings = replace(settings, cameras=f"{RIG}:{folder / name}{rest}")
    return replace(recipe, run=folder, settings=settings)
