"""Blocks of an export as a consumer wants them, from whole files alone, in whichever process asks."""

from __future__ import annotations

import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from bare import as_bytes, columns, default, in_pixels

from poseaug_gen.config import ExportSettings
from poseaug_gen.consumers import files
from poseaug_gen.consumers.pairs import Pairs
from poseaug_gen.consumers.view import View
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export.dataset import export


def all_rows(pairs):
    blocks = [pairs.read(span) for span in pairs.spans]
    return [np.concatenate([block[name] for block in blocks]) for name in pairs.view.fields]


def test_every_form_of_an_export_gives_its_rows_in_their_order(exported):
    pairs = Pairs(exported)
    assert len(pairs) == 9001
    assert as_bytes(all_rows(pairs)) == as_bytes(default(exported))


@pytest.mark.parametrize(("split", "value"), [("training", 0), ("validation", 1)])
def test_a_split_has_its_rows_alone(plain, split, value):
    pairs = Pairs(plain, split=split)
    assert 0 < len(pairs) < 9001
    assert as_bytes(all_rows(pairs)) == as_bytes(default(plain, value))


def test_parts_of_a_span_are_read_by_themselves(plain):
    for split, value in ((None, None), ("validation", 1)):
        pairs = Pairs(plain, View(("positions_3d", "source_index"), root_relative=False), split)
        found = pairs.room_for(len(pairs))
        at = 0
        for span in pairs.spans:
            middle = span.rows // 3
            at = pairs.fill(found, at, span, 0, middle)
            at = pairs.fill(found, at, span, middle, span.rows)
        assert at == len(pairs)
        assert as_bytes(list(found.values())) == as_bytes(columns(plain, list(found), value))


def test_pixels_are_as_the_readme_says(plain):
    fields = ("detected_2d", "positions_2d", "intrinsics")
    seen = dict(zip(fields, all_rows(Pairs(plain, View(fields, pixels=True))), strict=True))
    *points, intrinsics, size = columns(plain, [*fields, "image_size"])
    for name, normalised in zip(fields, points, strict=False):
        np.testing.assert_allclose(seen[name], in_pixels(normalised, size), rtol=0, atol=2e-3)
        assert seen[name].dtype == np.float32
    w, h = size.T.astype(float)
    expected = [intrinsics[:, 0] * w / 2, intrinsics[:, 1] * w / 2, (intrinsics[:, 2] + 1) * w / 2]
    expected += [(intrinsics[:, 3] + h / w) * w / 2, *intrinsics.T[4:]]
    np.testing.assert_allclose(seen["intrinsics"], np.stack(expected, 1), rtol=1e-5)


def test_absolute_poses_are_the_files_own(plain):
    pairs = Pairs(plain, View(("positions_3d",), root_relative=False))
    assert as_bytes(all_rows(pairs)) == as_bytes(columns(plain, ["positions_3d"]))


def test_it_crosses_pickling_and_forking_with_files_open(sharded):
    pairs = Pairs(sharded)
    expected = as_bytes(all_rows(pairs))  # and now its files are open
    again = pickle.loads(pickle.dumps(pairs))
    assert as_bytes(all_rows(again)) == expected
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = as_bytes(all_rows(pairs)) == expected
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert as_bytes(all_rows(pairs)) == expected


def test_threads_share_it(sharded):
    pairs = Pairs(sharded)
    expected = all_rows(pairs)
    pairs.close()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda turn: as_bytes(all_rows(pairs)), range(8)))
    assert all(rows == as_bytes(expected) for rows in found)


def test_few_files_are_open_at_a_time(sharded, monkeypatch):
    monkeypatch.setattr(files, "MOST_OPEN", 2)
    opened = []
    real = h5py.File
    monkeypatch.setattr(files.h5py, "File", lambda *args, **kwargs: opened.append(real(*args, **kwargs)) or opened[-1])
    pairs = Pairs(sharded)
    expected = as_bytes(default(sharded))
    for _ in range(2):
        assert as_bytes(all_rows(pairs)) == expected
        assert len(pairs._files._open) == 2
    assert len(opened) > 3
    pairs.close()
    assert not pairs._files._open


def test_nothing_is_open_before_rows_are_read(sharded):
    assert not Pairs(sharded)._files._open


def test_fields_that_are_not_there_are_refused(plain, sharded):
    with pytest.raises(BadConfigError, match=r"has no column 'pose'; (known|did you mean)"):
        Pairs(plain, View(("pose",)))
    with pytest.raises(BadConfigError, match="no field was asked for"):
        Pairs(plain, View(()))
    with pytest.raises(BadConfigError, match="split='test': is one of 'training', 'validation'"):
        Pairs(plain, split="test")
    with pytest.raises(BadConfigError, match="has no column 'split'; export with --split"):
        Pairs(sharded, split="training")


@pytest.fixture
def copied(sharded, tmp_path):
    return shutil.copytree(sharded.parent, tmp_path / "copied") / "aug.h5"


def test_a_missing_shard_is_refused(copied):
    (copied.parent / "aug.shards" / "aug-00001-of-00003.h5").unlink()
    with pytest.raises(PoseAugError, match=r"aug-00001-of-00003\.h5: missing"):
        Pairs(copied)


def test_a_truncated_shard_is_refused(copied):
    shard = copied.parent / "aug.shards" / "aug-00002-of-00003.h5"
    os.truncate(shard, shard.stat().st_size // 2)
    with pytest.raises(PoseAugError, match=r"aug-00002-of-00003\.h5: truncated"):
        Pairs(copied)


def test_a_flipped_bit_is_refused_where_hashes_are_asked_for(copied):
    shard = copied.parent / "aug.shards" / "aug-00000-of-00003.h5"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    Pairs(copied)
    with pytest.raises(PoseAugError, match="SHA-256"):
        Pairs(copied, hashes=True)


@pytest.mark.parametrize("shard", [0, 2])
def test_a_shard_that_is_cut_or_removed_before_it_is_read_is_named(copied, shard):
    pairs = Pairs(copied)
    path = copied.parent / "aug.shards" / f"aug-0000{shard}-of-00003.h5"
    for damage in (lambda: os.truncate(path, path.stat().st_size // 2), path.unlink):
        damage()
        with pytest.raises(PoseAugError, match=rf"{path.name}: (missing|truncated|damaged)") as caught:
            all_rows(pairs)
        assert "\n" not in str(caught.value)


def test_a_chunk_that_cannot_be_decompressed_is_named(fake_run, tmp_path):
    path = tmp_path / "aug.h5"
    export(fake_run, ExportSettings(n=5000, compression="gzip"), path)
    with h5py.File(path) as file:
        chunk = file["positions_3d"].id.get_chunk_info(1)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 8 : chunk.byte_offset + chunk.size - 8] = bytes(chunk.size - 16)
    path.write_bytes(data)
    with pytest.raises(PoseAugError, match=r"aug\.h5: damaged, or changed since it was opened") as caught:
        all_rows(Pairs(path))
    assert "\n" not in str(caught.value)
