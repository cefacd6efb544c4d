"""``jax_batches`` on devices, and what it does with a place while a batch is on its way."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from bare import assert_same
from loaders import numpy_

from poseaug_gen.consumers import jax_batches

jax = pytest.importorskip("jax")


def test_arrays_are_where_they_were_asked_for(plain):
    device = jax.devices()[0]
    sharding = jax.sharding.SingleDeviceSharding(device)
    for asked in (None, device, sharding):
        seen, pose = next(iter(jax_batches(plain, 100, device=asked)))
        assert isinstance(seen, jax.Array)
        assert seen.devices() == {device}
        assert pose.shape == (100, 16, 3)


def test_batches_on_their_way_are_not_counted_as_given(plain):
    loader = jax_batches(plain, 100)
    whole = numpy_(plain, 100)
    assert_same(itertools.islice(loader, 5), whole[:5])
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["batch"] == 5
    again = jax_batches(plain, 100)
    again.load_state_dict(state)
    assert_same(again, whole[5:])
    assert_same(again, numpy_(plain, 100, epoch=1))


def test_a_batch_stays_what_it_was(plain):
    """JAX may compute in the memory that it was given: nobody else writes there."""
    kept = list(jax_batches(plain, 100, buffer_rows=300))
    assert_same(kept, numpy_(plain, 100, buffer_rows=300))


def test_integers_of_64_bits_are_as_jax_is_set_to(plain):
    ((index,),) = jax_batches(plain, 10_000, fields=("source_index",), shuffle=False)
    ((expected,),) = numpy_(plain, 10_000, fields=("source_index",), shuffle=False)
    assert index.dtype == jax.dtypes.canonicalize_dtype(np.int64)
    np.testing.assert_array_equal(np.asarray(index), expected)
