"""``tf_dataset`` within TensorFlow: shapes, passes, Keras."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets each process otherwise

import pytest
from bare import assert_each_row_once, assert_same, default
from loaders import numpy_

from poseaug_gen.consumers import tf_dataset

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")


def test_shapes_are_known_to_the_graph(plain):
    assert tf_dataset(plain, 64).element_spec == (
        tf.TensorSpec((None, 16, 2), tf.float32),
        tf.TensorSpec((None, 16, 3), tf.float32),
    )
    dataset = tf_dataset(plain, 64, drop_remainder=True, fields=("positions_2d", "snapshot"))
    assert dataset.element_spec == (tf.TensorSpec((64, 16, 2), tf.float32), tf.TensorSpec((64,), tf.int16))


def test_it_knows_how_many_batches_there_are(plain):
    assert int(tf_dataset(plain, 64).cardinality()) == 141
    assert int(tf_dataset(plain, 64, drop_remainder=True).cardinality()) == 140
    assert tf_dataset(plain, 64, skip=3).cardinality() == tf.data.UNKNOWN_CARDINALITY


def test_each_pass_is_the_next_epoch(plain):
    dataset = tf_dataset(plain, 300, epoch=2)
    epochs = [numpy_(plain, 300, epoch=epoch) for epoch in (2, 3, 4, 5)]
    assert_same(dataset.as_numpy_iterator(), epochs[0])
    assert_same(dataset.as_numpy_iterator(), epochs[1])
    assert_same(dataset.repeat(2).as_numpy_iterator(), epochs[2] + epochs[3])


def test_a_pass_that_is_broken_off_is_begun_again(plain):
    dataset, expected = tf_dataset(plain, 100), numpy_(plain, 100)
    for _ in range(2):
        assert_same(dataset.take(3).as_numpy_iterator(), expected[:3])
    assert_same(dataset.as_numpy_iterator(), expected)


def test_the_pass_after_one_that_was_taken_up_is_whole(plain):
    dataset = tf_dataset(plain, 300, epoch=1, skip=20)
    for expected in (numpy_(plain, 300, epoch=1)[20:], numpy_(plain, 300, epoch=2)):
        assert_same(dataset.as_numpy_iterator(), expected)


def test_what_is_wrong_while_reading_is_said(plain, tmp_path):
    path = tmp_path / "aug.h5"
    path.write_bytes(plain.read_bytes())
    dataset = tf_dataset(path)
    path.unlink()
    with pytest.raises(tf.errors.OpError, match=r"aug\.h5: missing"):
        next(iter(dataset))


def test_strategies_give_ranks_their_own_files_no_second_time(plain):
    """TensorFlow would deal rows again that are dealt already, and does so where they are not."""
    off, default_policy = tf.data.experimental.AutoShardPolicy.OFF, tf.data.experimental.AutoShardPolicy.AUTO
    for options, policy in (({"rank": 1, "world": 2}, off), ({}, default_policy)):
        found = tf_dataset(plain, **options).options().experimental_distribute.auto_shard_policy
        assert found == policy


def test_keras_learns_from_it_epoch_after_epoch(plain):
    keras.utils.set_random_seed(0)
    seen = []
    dataset = tf_dataset(plain, 256)
    model = lifter()
    history = model.fit(dataset, epochs=3, verbose=0, callbacks=[Steps(seen)])
    assert seen == [36, 36, 36]
    first, *_, last = history.history["loss"]
    assert last < 0.5 * first
    assert_each_row_once(dataset.as_numpy_iterator(), default(plain))


def lifter():
    """A linear map from a 2D pose to a 3D pose."""
    model = keras.Sequential(
        [keras.Input((16, 2)), keras.layers.Flatten(), keras.layers.Dense(48), keras.layers.Reshape((16, 3))]
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    return model


class Steps(keras.callbacks.Callback):
    """Counts the batches of each epoch."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.seen[-1] += 1
