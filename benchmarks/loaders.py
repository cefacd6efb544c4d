"""How fast loaders read an export into training, beside bare h5py that reads the same bytes in blocks.

    python benchmarks/loaders.py aug.h5
    python benchmarks/loaders.py aug.h5 --rounds 3 numpy torch tensorflow        these loaders alone

The rows are the default fields of the default skeleton: ``positions_2d`` and ``positions_3d`` about the root, 320 bytes
in all, in shuffled batches. Every figure is measured in a process of its own after a first epoch, so that the export is
in the page cache; what is compared is measured in turn, and the median of the rounds is printed. These machines are
noisy: read the ratios, each of which is the median over the rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import click

from poseaug_gen.export.reading import find

ROW_BY_ROW = 2000  # rows that are read one by one: enough to tell a rate
SECONDS = 3.0  # of a measurement, in whole epochs
Result = dict[str, float]


@click.command()
@click.argument("export", type=click.Path(path_type=Path))
@click.argument("loaders", nargs=-1)
@click.option("--batch", default=1024, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--only", hidden=True, help="Measure one loader in this process and print its rate as JSON.")
def main(export: Path, loaders: tuple[str, ...], batch: int, rounds: int, only: str | None) -> None:
    """Print a table of rows a second in Markdown."""
    if only:
        click.echo(json.dumps(_rate(LOADERS[only](export, batch))))
        return
    chosen = loaders or tuple(name for name in LOADERS if name != BARE)
    done: dict[str, list[float]] = {name: [] for name in (BARE, *chosen)}
    for _ in range(rounds):
        for name, rates in done.items():
            rates.append(_measured(name, export, batch))
    found, load = find(export), ", ".join(f"{one:.1f}" for one in os.getloadavg())
    click.echo(f"\n## {found.rows:,} rows in {len(found.parts)} file(s), batches of {batch:,}, median of {rounds}\n")
    click.echo(f"{os.cpu_count()} cores, load {load}\n")
    click.echo("| | rows/s | of bare h5py |\n|---|---|---|")
    for name, rates in done.items():
        ratio = median(one / bare for one, bare in zip(rates, done[BARE], strict=True))
        click.echo(f"| {name} | {median(rates):,.0f} | {ratio:.2g} |")


def _measured(name: str, export: Path, batch: int) -> float:
    words = [sys.executable, __file__, str(export), "--batch", str(batch), "--only", name]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=quiet)
    return json.loads(done.stdout.splitlines()[-1])


def _rate(epoch: Callable[[], int]) -> float:
    """Rows a second of whole epochs, after a first one."""
    epoch()
    rows, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        rows += epoch()
    return rows / (time.perf_counter() - start)


def _counted(batches: Iterable[Any]) -> int:
    return sum(batch[0].shape[0] for batch in batches)


# --- loaders: each returns what reads one epoch and counts its rows ---------------------------------------------------


def _bare(export: Path, batch: int) -> Callable[[], int]:
    """Both columns of every file in blocks of 65,536 rows, in their order, as they are."""
    import h5py

    def epoch() -> int:
        rows = 0
        for part in find(export).parts:
            with h5py.File(part.path) as file:
                for start in range(0, part.rows, 65536):
                    rows += len(file["positions_2d"][start : start + 65536])
                    file["positions_3d"][start : start + 65536]
        return rows

    return epoch


def _numpy(export: Path, batch: int) -> Callable[[], int]:
    from poseaug_gen.consumers import numpy_batches

    loader = numpy_batches(export, batch)
    return lambda: _counted(loader)


def _torch(export: Path, batch: int, workers: int = 0) -> Callable[[], int]:
    from torch.utils.data import DataLoader

    from poseaug_gen.consumers import torch_dataset

    dataset = torch_dataset(export, batch)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, persistent_workers=workers > 0)
    return lambda: _counted(loader)


def _torch_workers(export: Path, batch: int) -> Callable[[], int]:
    return _torch(export, batch, workers=2)


def _torch_rows(export: Path, batch: int) -> Callable[[], int]:
    """As one writes it at first: a ``Dataset`` whose item is a row."""
    import h5py
    from torch.utils.data import DataLoader, Dataset, RandomSampler

    class Rows(Dataset):
        file = h5py.File(find(export).parts[0].path)  # a virtual dataset would be slower still
        seen, pose = file["positions_2d"], file["positions_3d"]

        def __len__(self) -> int:
            return len(self.seen)

        def __getitem__(self, row: int) -> tuple[Any, Any]:
            pose = self.pose[row]
            return self.seen[row], pose - pose[:1]

    rows = Rows()
    some = RandomSampler(rows, num_samples=ROW_BY_ROW)
    return lambda: _counted(DataLoader(rows, batch_size=batch, sampler=some))


def _tensorflow(export: Path, batch: int) -> Callable[[], int]:
    from poseaug_gen.consumers import tf_dataset

    dataset = tf_dataset(export, batch)
    return lambda: _counted(dataset)


def _tensorflow_rows(export: Path, batch: int) -> Callable[[], int]:
    """As one writes it at first: a generator of rows."""
    import h5py
    import tensorflow as tf

    file = h5py.File(find(export).parts[0].path)

    seen_2d, poses = file["positions_2d"], file["positions_3d"]

    def rows() -> Iterable[tuple[Any, Any]]:
        for row in range(ROW_BY_ROW):
            pose = poses[row]
            yield seen_2d[row], pose - pose[:1]

    joints = poses.shape[1]
    shapes = (tf.TensorSpec((joints, 2), tf.float32), tf.TensorSpec((joints, 3), tf.float32))
    dataset = tf.data.Dataset.from_generator(rows, output_signature=shapes).shuffle(4096).batch(batch).prefetch(2)
    return lambda: _counted(dataset)


def _keras(export: Path, batch: int) -> Callable[[], int]:
    import random

    from poseaug_gen.consumers import keras_dataset

    dataset = keras_dataset(export, batch)
    return lambda: _counted(dataset[number] for number in random.sample(range(len(dataset)), len(dataset)))


def _fit(dataset: Any, rows: int) -> Callable[[], int]:
    """An epoch of ``fit``, of a linear map: its step costs next to nothing."""
    import keras

    joints = 16  # h36m16
    layers = [keras.layers.Flatten(), keras.layers.Dense(3 * joints), keras.layers.Reshape((joints, 3))]
    model = keras.Sequential([keras.Input((joints, 2)), *layers])
    model.compile("sgd", "mse")

    def epoch() -> int:
        model.fit(dataset, verbose=0)
        return rows

    return epoch


def _tensorflow_fit(export: Path, batch: int) -> Callable[[], int]:
    from poseaug_gen.consumers import tf_dataset

    return _fit(tf_dataset(export, batch), find(export).rows)


def _keras_fit(export: Path, batch: int) -> Callable[[], int]:
    from poseaug_gen.consumers import keras_dataset

    return _fit(keras_dataset(export, batch), find(export).rows)


def _jax(export: Path, batch: int) -> Callable[[], int]:
    from poseaug_gen.consumers import jax_batches

    loader = jax_batches(export, batch)
    return lambda: _counted(loader)


def _grain(export: Path, batch: int) -> Callable[[], int]:
    import grain

    from poseaug_gen.consumers import grain_source

    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=16)
    dataset = grain.MapDataset.source(grain_source(export, batch)).to_iter_dataset(options)
    return lambda: _counted(dataset)


BARE = "bare h5py, in blocks"
LOADERS: dict[str, Callable[[Path, int], Callable[[], int]]] = {
    BARE: _bare,
    "numpy": _numpy,
    "torch": _torch,
    "torch, 2 workers": _torch_workers,
    "torch, row by row": _torch_rows,
    "tensorflow": _tensorflow,
    "tensorflow, row by row": _tensorflow_rows,
    "tensorflow, in fit": _tensorflow_fit,
    "keras": _keras,
    "keras, in fit": _keras_fit,
    "jax": _jax,
    "grain": _grain,
}

if __name__ == "__main__":
    main()
