"""``keras_dataset`` within Keras: with threads and processes, in Keras's own order, epoch after epoch."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets each process otherwise

import pickle
import subprocess
import sys

import numpy as np
import pytest
from bare import as_bytes, assert_each_row_once, assert_same, default, joined
from loaders import keras_

keras = pytest.importorskip("keras")

from poseaug_gen.consumers import keras_dataset  # noqa: E402 - imports Keras

# What a user writes, with another backend: each wants a process of its own.
SCRIPT = """
import sys, keras
from poseaug_gen.consumers import keras_dataset
keras.utils.set_random_seed(0)
layers = [keras.Input((16, 2)), keras.layers.Flatten(), keras.layers.Dense(48), keras.layers.Reshape((16, 3))]
model = keras.Sequential(layers)
model.compile(keras.optimizers.Adam(1e-2), "mse")
losses = model.fit(keras_dataset(sys.argv[1], 256), epochs=3, verbose=0).history["loss"]
print(keras.backend.backend(), losses[-1] < 0.5 * losses[0])
"""


def batches_in_training(dataset, epochs, **fit):
    """What ``fit`` takes from a dataset, epoch by epoch."""
    taken = []

    class Model(keras.Model):
        def train_step(self, data):
            taken.append(tuple(part.numpy() for part in data))
            return {"loss": 0.0}

    model = Model()
    model.compile(run_eagerly=True)
    model.fit(dataset, epochs=epochs, verbose=0, **fit)
    each = len(taken) // epochs
    return [taken[epoch * each : (epoch + 1) * each] for epoch in range(epochs)]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the batches are tensors of TensorFlow")
@pytest.mark.parametrize(
    "workers", [{}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}], ids=["alone", "threads", "processes"]
)
def test_an_epoch_of_training_has_each_row_once(workers, sharded):
    epochs = batches_in_training(keras_dataset(sharded, 500, **workers), 2)
    for batches in epochs:
        assert_each_row_once(batches, default(sharded))
    one, other = (as_bytes(joined(sorted(batches, key=lambda batch: batch[0].tobytes()))) for batches in epochs)
    assert np.mean([mine == theirs for mine, theirs in zip(one, other, strict=True)]) < 0.01


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the batches are tensors of TensorFlow")
def test_without_keras_shuffling_batches_come_by_number(plain):
    trained = batches_in_training(keras_dataset(plain, 500, seed=3), 2, shuffle=False)
    for epoch, batches in enumerate(trained, start=1):  # Keras ends an epoch before it begins the first
        assert_same(batches, keras_(plain, 500, seed=3, epoch=epoch))


def test_a_batch_is_the_same_whenever_it_is_asked_for(plain):
    dataset = keras_dataset(plain, 500)
    assert len(dataset) == 19
    backwards = [dataset[number] for number in reversed(range(19))]
    assert_same(backwards[::-1], [pickle.loads(pickle.dumps(dataset))[number] for number in range(19)])
    for number in (-1, 19):
        with pytest.raises(IndexError):
            dataset[number]


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])  # above: TensorFlow
def test_keras_learns_from_it_on_any_backend(backend, plain):
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, plain], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [backend, "True"]
