"""What all loaders keep: each row once and no other, an order that follows from the seed, a place to resume from."""

from __future__ import annotations

import os

import numpy as np
import pytest
from bare import as_bytes, assert_each_row_once, assert_same, columns, default, in_pixels, joined
from loaders import BY_NUMBER, LOADERS, STREAMS, numpy_

from poseaug_gen.errors import BadConfigError, PoseAugError

SMALL = {"buffer_rows": 2000}  # several groups in an export of 9,001 rows

every_loader = pytest.mark.parametrize("name", LOADERS)


def options_of(name):
    return SMALL if name in STREAMS else {}


@every_loader
def test_each_row_comes_once(name, exported):
    batches = LOADERS[name](exported, 256, **options_of(name))
    assert [len(batch[0]) for batch in batches] == [256] * 35 + [41]
    assert_each_row_once(batches, default(exported))


@every_loader
def test_batches_are_tuples_of_the_fields_asked_for(name, plain):
    """Whatever the type, in the order asked for; integers of 64 bits are JAX's 32."""
    fields = ("snapshot", "positions_2d", "split", "confidence", "angle_change", "image_size", "mirrored")
    batches = LOADERS[name](plain, 500, fields=fields)
    expected = columns(plain, fields)
    assert [(part.dtype, part.shape[1:]) for part in batches[0]] == [(part.dtype, part.shape[1:]) for part in expected]
    assert_each_row_once(batches, expected)
    (alone,) = LOADERS[name](plain, 10_000, fields="positions_2d", shuffle=False)
    assert len(alone) == 1
    np.testing.assert_array_equal(alone[0], expected[1])


@every_loader
def test_without_shuffling_rows_come_as_they_lie(name, exported):
    batches = LOADERS[name](exported, 1000, shuffle=False)
    assert as_bytes(joined(batches)) == as_bytes(default(exported))


@every_loader
@pytest.mark.parametrize(("split", "value"), [("training", 0), ("validation", 1)])
def test_a_split_is_all_of_it(name, plain, split, value):
    assert_each_row_once(LOADERS[name](plain, 100, split=split), default(plain, value))


@every_loader
def test_pixels_and_absolute_poses(name, plain):
    fields = ("positions_2d", "positions_3d")
    batches = LOADERS[name](plain, 4000, fields=fields, pixels=True, root_relative=False, shuffle=False)
    seen, pose = joined(batches)
    normalised, absolute, size = columns(plain, (*fields, "image_size"))
    np.testing.assert_allclose(seen, in_pixels(normalised, size), rtol=0, atol=2e-3)
    np.testing.assert_array_equal(pose, absolute)


@every_loader
def test_without_a_remainder(name, plain):
    batches = LOADERS[name](plain, 256, drop_remainder=True)
    assert [len(batch[0]) for batch in batches] == [256] * 35
    rows = as_bytes(joined(batches))
    assert len(set(rows)) == len(rows)
    assert set(rows) < set(as_bytes(default(plain)))


@every_loader
def test_the_order_follows_from_the_seed_and_differs_from_epoch_to_epoch(name, sharded):
    first, again, next_epoch, other_seed = (
        LOADERS[name](sharded, 300, epoch=epoch, seed=seed) for epoch, seed in ((0, 1), (0, 1), (1, 1), (0, 2))
    )
    assert_same(first, again)
    rows = as_bytes(joined(first))
    for batches in (next_epoch, other_seed):
        others = as_bytes(joined(batches))
        assert sorted(others) == sorted(rows)
        assert np.mean([one == other for one, other in zip(rows, others, strict=True)]) < 0.01


@every_loader
def test_an_epoch_is_taken_up_in_its_middle(name, sharded):
    options = options_of(name)
    whole = LOADERS[name](sharded, 300, epoch=2, **options)
    for skip in (1, 6, 17, 30):
        assert_same(LOADERS[name](sharded, 300, epoch=2, skip=skip, **options), whole[skip:])


@every_loader
def test_ranks_see_rows_of_their_own(name, sharded):
    options = options_of(name)
    ranks = [LOADERS[name](sharded, 300, rank=rank, world=2, **options) for rank in (0, 1)]
    assert_each_row_once(ranks[0] + ranks[1], default(sharded))
    assert len(ranks[0]) == len(ranks[1])


@every_loader
def test_ranks_make_equally_many_batches_where_rows_fill_those_of_one(name, plain):
    """9,001 rows on two ranks in batches of 900: 4,500 rows fill five, 4,501 do not."""
    ranks = [LOADERS[name](plain, 900, rank=rank, world=2) for rank in (0, 1)]
    assert [[len(batch[0]) for batch in batches] for batches in ranks] == [[900] * 4 + [899, 1], [900] * 5 + [1]]
    assert_each_row_once(ranks[0] + ranks[1], default(plain))


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "numpy"])
@pytest.mark.parametrize("batch", [10, 300, 4096])
def test_all_that_stream_give_the_same_batches(name, sharded, batch):
    options = {**SMALL, "seed": 7, "epoch": 3}
    expected = numpy_(sharded, batch, **options)
    assert_same(STREAMS[name](sharded, batch, **options), expected)


def test_all_that_go_by_number_give_the_same_batches(sharded):
    one, other = (loader(sharded, 300, seed=7, epoch=3) for loader in BY_NUMBER.values())
    assert_same(one, other)


@every_loader
def test_what_does_not_make_sense_is_refused(name, plain, tmp_path):
    load = LOADERS[name]
    with pytest.raises(BadConfigError, match="batch=0: is a whole number"):
        load(plain, 0)
    with pytest.raises(BadConfigError, match="rank=2: is one of 0 to 1"):
        load(plain, 10, rank=2, world=2)
    with pytest.raises(BadConfigError, match="rows are too few for a batch of 10,000; take smaller"):
        load(plain, 10_000, drop_remainder=True)
    with pytest.raises(BadConfigError, match=r"epochs?=(-1|0): is a whole number"):
        load(plain, 10, epoch=-1)
    with pytest.raises(PoseAugError, match=r"no\.h5: missing"):
        load(tmp_path / "no.h5", 10)
    with pytest.raises(TypeError, match="shufle"):
        load(plain, 10, shufle=False)


@every_loader
def test_what_is_not_whole_is_refused(name, sharded, tmp_path):
    shards = sharded.with_name("aug.shards")
    (tmp_path / "aug.shards").mkdir()
    for path in shards.iterdir():
        (tmp_path / "aug.shards" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "aug.h5").write_bytes(sharded.read_bytes())
    victim = tmp_path / "aug.shards" / "aug-00001-of-00003.h5"
    os.truncate(victim, victim.stat().st_size - 1)
    with pytest.raises(PoseAugError, match=f"{victim.name}: truncated"):
        LOADERS[name](tmp_path / "aug.h5", 10)
    victim.write_bytes((shards / "aug-00000-of-00003.h5").read_bytes())
    with pytest.raises(PoseAugError, match="is shard 0, not 1"):
        LOADERS[name](tmp_path / "aug.h5", 10)
    victim.unlink()
    with pytest.raises(PoseAugError, match=f"{victim.name}: missing"):
        LOADERS[name](tmp_path / "aug.h5", 10)
