"""Keras: a small lifter from your poses alone, and from half of them and half an export; which is better elsewhere?

    python examples/train_keras.py --source poses.npz --export aug.h5 --target test.npz
    python examples/train_keras.py --source everyday.npz --target sports.npz --rig rigs.json:studio --export aug.h5

Both lifters begin with the same weights and take as many batches of the same size. The error is MPJPE, the mean
distance of the joints from their places about the root, on poses that neither has seen. Keras runs on TensorFlow here.
"""

from __future__ import annotations

import click
import keras
import numpy as np
import tensorflow as tf

from poseaug_gen.consumers import tf_dataset
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

Pairs = tuple[np.ndarray, np.ndarray]  # 2D poses (rows, J, 2), normalised; 3D poses (rows, J, 3) about the root, metres


@click.command()
@click.option("--source", required=True, help="The poses to train on.")
@click.option("--export", required=True, help="What was exported from a run on them.")
@click.option("--target", required=True, help="Poses to be tested on.")
@click.option("--rig", default="studio", show_default=True, help="The cameras, for poses of a world frame.")
@click.option("--steps", default=4000, show_default=True, help="Batches that each lifter takes.")
@click.option("--batch", default=256, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(source: str, export: str, target: str, rig: str, steps: int, batch: int, seed: int) -> None:
    """Train twice on one budget and print both errors."""
    source_pairs, target_pairs = read(source, rig), read(target, rig)

    alone = trained(from_source(source_pairs, batch, seed), steps, seed)
    print(f"MPJPE on {target}, trained on the source alone: {error_mm(alone, target_pairs):.1f} mm", flush=True)

    ours, theirs = from_source(source_pairs, batch // 2, seed), from_export(export, batch - batch // 2, seed)
    mixed = trained(halved(ours, theirs), steps, seed)
    print(f"MPJPE on {target}, trained with the export: {error_mm(mixed, target_pairs):.1f} mm")


def read(path: str, rig: str) -> Pairs:
    """The poses of a file in any format that is known, as cameras see them."""
    poses = read_sources([path], Request(load_skeleton(), load_rig(rig)))
    return poses.seen_2d(), poses.positions - poses.positions[:, :1]


def from_source(pairs: Pairs, batch: int, seed: int) -> tf.data.Dataset:
    """Batches of poses in memory, for ever."""
    return tf.data.Dataset.from_tensor_slices(pairs).shuffle(len(pairs[0]), seed).repeat().batch(batch, True)


def from_export(path: str, batch: int, seed: int) -> tf.data.Dataset:
    """Batches of an export, epoch after epoch."""
    return tf_dataset(path, batch, drop_remainder=True, seed=seed).repeat()


def halved(ours: tf.data.Dataset, theirs: tf.data.Dataset) -> tf.data.Dataset:
    """Batches that are half of one kind and half of the other."""
    both = tf.data.Dataset.zip(ours, theirs)
    return both.map(lambda one, other: (tf.concat([one[0], other[0]], 0), tf.concat([one[1], other[1]], 0)))


def lifter(joints: int, width: int = 512) -> keras.Model:
    """Three hidden layers, and a last one that begins at zero: the first steps need not undo what chance put there."""
    layers: list[keras.layers.Layer] = [keras.Input((joints, 2)), keras.layers.Flatten()]
    for _ in range(3):
        layers += [keras.layers.Dense(width), keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
        layers += [keras.layers.Dropout(0.1)]
    last = keras.layers.Dense(3 * joints, kernel_initializer="zeros")
    return keras.Sequential([*layers, last, keras.layers.Reshape((joints, 3))])


def trained(batches: tf.data.Dataset, steps: int, seed: int) -> keras.Model:
    """A lifter that has seen so many batches."""
    keras.utils.set_random_seed(seed)
    model = lifter(batches.element_spec[0].shape[1])
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)), "mse")
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


def error_mm(model: keras.Model, pairs: Pairs) -> float:
    """Mean per-joint position error about the root, millimetres."""
    predicted = model.predict(pairs[0], batch_size=4096, verbose=0)
    return float(1000 * np.linalg.norm(predicted - predicted[:, :1] - pairs[1], axis=-1).mean())


if __name__ == "__main__":
    main()
