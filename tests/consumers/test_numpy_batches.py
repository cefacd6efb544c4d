"""``numpy_batches``: passes and places of the plainest loader."""

from __future__ import annotations

import itertools
import json
import pickle
import sys
import threading

import numpy as np
import pytest
from bare import assert_same
from loaders import numpy_

from poseaug_gen import consumers
from poseaug_gen.consumers import numpy_batches
from poseaug_gen.errors import PoseAugError


def test_each_pass_is_the_next_epoch(plain):
    loader = numpy_batches(plain, 300)
    assert len(loader) == 31
    for epoch in (0, 1):
        assert_same(loader, numpy_(plain, 300, epoch=epoch))


def test_a_pass_that_is_broken_off_is_begun_again(plain):
    loader, expected = numpy_batches(plain, 300), numpy_(plain, 300)
    for _ in range(2):
        assert_same(itertools.islice(loader, 4), expected[:4])
    assert_same(loader, expected)


def test_a_pass_that_was_counted_to_its_end_is_at_its_end(plain):
    """Who takes ``len(loader)`` batches never asks for what is not there."""
    loader = numpy_batches(plain, 300)
    for epoch in (0, 1):
        assert_same(
            [batch for _, batch in zip(range(len(loader)), loader, strict=False)], numpy_(plain, 300, epoch=epoch)
        )


def test_a_state_goes_on_with_the_batches_that_would_have_come(plain):
    loader, whole = numpy_batches(plain, 300, buffer_rows=1000), numpy_(plain, 300, buffer_rows=1000, epoch=4)
    loader.set_epoch(4)
    for batches in (0, 1, 5, 30):
        list(itertools.islice(loader, batches))
        state = json.loads(json.dumps(loader.state_dict()))
        again = numpy_batches(plain, 300, buffer_rows=1000)
        again.load_state_dict(state)
        assert_same(again, whole[batches:])
    list(loader)
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (5, 0)


def test_batches_are_nobody_elses_memory(plain):
    kept = []
    for batch in numpy_batches(plain, 300, buffer_rows=600):
        kept.append(tuple(part.copy() for part in batch))
        for part in batch:
            part.fill(-1)
    assert_same(kept, numpy_(plain, 300, buffer_rows=600))


def test_it_is_pickled_with_its_place(plain):
    loader = numpy_batches(plain, 300)
    loader.set_epoch(3, skip=7)
    assert_same(pickle.loads(pickle.dumps(loader)), numpy_(plain, 300, epoch=3)[7:])


def test_a_pass_that_is_broken_off_leaves_no_thread(plain):
    before = threading.active_count()
    batches = iter(numpy_batches(plain, 300, buffer_rows=600))
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_what_goes_wrong_in_the_reading_thread_is_told(plain, tmp_path):
    path = tmp_path / "aug.h5"
    path.write_bytes(plain.read_bytes())
    loader = numpy_batches(path)
    path.unlink()
    with pytest.raises(PoseAugError, match=r"aug\.h5: missing"):
        list(loader)


def test_loaders_are_found_by_name_and_nothing_else_is():
    assert set(consumers.__all__) <= set(dir(consumers))
    for name in consumers.__all__:
        assert getattr(consumers, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = consumers.nothing
    with pytest.raises(ImportError):
        from poseaug_gen.consumers import nothing  # noqa: F401


def test_a_framework_that_is_not_there_is_named_with_its_mend(plain, monkeypatch):
    for module, call in (("tensorflow", consumers.tf_dataset), ("jax", consumers.jax_batches)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(PoseAugError, match=rf"pip install 'poseaug-gen\[{module}\]'"):
            call(plain)
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "poseaug_gen.consumers.for_keras", raising=False)
    with pytest.raises(PoseAugError, match=r"^Keras cannot be imported .*'poseaug-gen\[tensorflow\]'"):
        _ = consumers.keras_dataset


def test_the_root_is_at_the_origin(plain):
    for _, pose in numpy_batches(plain, 3000):
        assert np.all(pose[:, 0] == 0)
