"""JAX: a small lifter from your poses alone, and from half of them and half an export; which is better elsewhere?

    python examples/train_jax.py --source poses.npz --export aug.h5 --target test.npz
    python examples/train_jax.py --source everyday.npz --target sports.npz --rig rigs.json:studio --export aug.h5

Both lifters begin with the same weights and take as many batches of the same size. The error is MPJPE, the mean
distance of the joints from their places about the root, on poses that neither has seen. JAX alone: no Flax, no Optax.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import click
import jax
import jax.numpy as jnp
import numpy as np

from poseaug_gen.consumers import jax_batches
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import read_sources
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

Pairs = tuple[Any, Any]  # 2D poses (rows, J, 2), normalised; 3D poses (rows, J, 3) about the root, metres
Parameters = list[tuple[jax.Array, jax.Array]]  # weight and bias of each layer
LEARNING_RATE, DECAY, EPSILON = 1e-3, (0.9, 0.999), 1e-8  # Adam's, as published


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


def from_source(pairs: Pairs, batch: int, seed: int) -> Iterator[Pairs]:
    """Batches of poses in memory, for ever."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(pairs[0]), size=batch)
        yield pairs[0][chosen], pairs[1][chosen]


def from_export(path: str, batch: int, seed: int) -> Iterator[Pairs]:
    """Batches of an export, epoch after epoch."""
    loader = jax_batches(path, batch, drop_remainder=True, seed=seed)
    while True:
        yield from loader  # each pass is the next epoch


def halved(ours: Iterator[Pairs], theirs: Iterator[Pairs]) -> Iterator[Pairs]:
    """Batches that are half of one kind and half of the other."""
    for (seen, pose), (more_seen, more_pose) in zip(ours, theirs, strict=True):
        yield jnp.concatenate([seen, more_seen]), jnp.concatenate([pose, more_pose])


def begun(joints: int, seed: int, width: int = 512) -> Parameters:
    """Three hidden layers, begun as He et al. (2015) do, and a last one at zero, so that no step must undo chance."""
    sizes = list(itertools.pairwise([2 * joints, width, width, width, 3 * joints]))
    keys = jax.random.split(jax.random.key(seed), len(sizes))
    weights = [jax.random.normal(key, size) * jnp.sqrt(2 / size[0]) for key, size in zip(keys, sizes, strict=True)]
    weights[-1] = jnp.zeros_like(weights[-1])
    return [(weight, jnp.zeros(weight.shape[1])) for weight in weights]


@jax.jit
def lift(parameters: Parameters, seen: jax.Array) -> jax.Array:
    """2D poses to 3D poses, ``(rows, J, 3)``."""
    hidden = seen.reshape(len(seen), -1)
    for weight, bias in parameters[:-1]:
        hidden = jax.nn.relu(hidden @ weight + bias)
    weight, bias = parameters[-1]
    return (hidden @ weight + bias).reshape(len(seen), -1, 3)


@jax.jit
def step(parameters: Parameters, mean: Any, square: Any, number: int, left: float, seen: Any, pose: Any) -> Any:
    """Step ``number`` (1, 2, …) of Adam (Kingma and Ba, 2015); ``left`` is the share of the steps after it."""

    def loss(parameters: Parameters) -> jax.Array:
        return jnp.square(lift(parameters, seen) - pose).mean()

    gradient = jax.grad(loss)(parameters)
    mean = jax.tree.map(lambda m, g: DECAY[0] * m + (1 - DECAY[0]) * g, mean, gradient)
    square = jax.tree.map(lambda s, g: DECAY[1] * s + (1 - DECAY[1]) * g * g, square, gradient)
    rate = LEARNING_RATE * (1 - jnp.cos(jnp.pi * left)) / 2

    def moved(p: jax.Array, m: jax.Array, s: jax.Array) -> jax.Array:
        return p - rate * (m / (1 - DECAY[0] ** number)) / (jnp.sqrt(s / (1 - DECAY[1] ** number)) + EPSILON)

    return jax.tree.map(moved, parameters, mean, square), mean, square


def trained(batches: Iterator[Pairs], steps: int, seed: int) -> Parameters:
    """A lifter that has seen so many batches."""
    parameters = begun(next(batches)[0].shape[1], seed)
    mean = square = jax.tree.map(jnp.zeros_like, parameters)
    for number, (seen, pose) in enumerate(itertools.islice(batches, steps), start=1):
        parameters, mean, square = step(parameters, mean, square, number, 1 - number / steps, seen, pose)
    return parameters


def error_mm(parameters: Parameters, pairs: Pairs) -> float:
    """Mean per-joint position error about the root, millimetres."""
    predicted = np.asarray(lift(parameters, pairs[0]))
    return float(1000 * np.linalg.norm(predicted - predicted[:, :1] - pairs[1], axis=-1).mean())


if __name__ == "__main__":
    main()
