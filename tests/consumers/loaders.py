"""Every loader in one manner: the batches of one epoch as tuples of arrays."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from poseaug_gen import consumers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets each process otherwise

Batches = list[tuple[np.ndarray, ...]]
Loader = Callable[..., Batches]


def numpy_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    loader = consumers.numpy_batches(path, batch, **options)
    loader.set_epoch(epoch, skip)
    return list(loader)


def torch_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    dataset = consumers.torch_dataset(path, batch, **options)
    dataset.set_epoch(epoch, skip)
    return [tuple(part.numpy() for part in parts) for parts in DataLoader(dataset, batch_size=None)]


def tensorflow_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    pytest.importorskip("tensorflow")
    dataset = consumers.tf_dataset(path, batch, epoch=epoch, skip=skip, **options)
    return list(dataset.as_numpy_iterator())


def jax_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    pytest.importorskip("jax")
    loader = consumers.jax_batches(path, batch, **options)
    loader.set_epoch(epoch, skip)
    return [tuple(map(np.asarray, parts)) for parts in loader]


def keras_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    pytest.importorskip("keras")
    dataset = consumers.keras_dataset(path, batch, **options)
    dataset.set_epoch(epoch)
    return [dataset[number] for number in range(skip, len(dataset))]


def grain_(path: Path, batch: int, epoch: int = 0, skip: int = 0, **options: Any) -> Batches:
    grain = pytest.importorskip("grain")
    source = consumers.grain_source(path, batch, epochs=epoch + 1, **options)
    first = epoch * (len(source) // (epoch + 1)) + skip
    dataset = grain.MapDataset.source(source)[first:]
    return list(dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)))


STREAMS: dict[str, Loader] = {"numpy": numpy_, "torch": torch_, "tensorflow": tensorflow_, "jax": jax_}
BY_NUMBER: dict[str, Loader] = {"keras": keras_, "grain": grain_}
LOADERS = STREAMS | BY_NUMBER
