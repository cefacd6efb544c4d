"""TFRecord files: TensorFlow itself reads them, checksums and all, and our parser makes batches of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poseaug_gen.consumers.tfrecord import parse_tfrecord, tfrecord_dataset
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export.schema import all_columns
from poseaug_gen.skeleton import load_skeleton

tf = pytest.importorskip("tensorflow")

ALL = tuple(column.name for column in all_columns(load_skeleton()) if not column.optional)


@pytest.fixture(scope="module")
def folder(exports, convert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tfrecord") / "out"
    convert(exports["shards"], "tfrecord", folder, rows_per_file=2500)
    return folder


@pytest.fixture(scope="module")
def rows(rows_of) -> dict[str, np.ndarray]:
    return rows_of("shards")


def gathered(dataset) -> list[np.ndarray]:
    """Whole columns of a data set of batches."""
    return [np.concatenate(parts) for parts in zip(*dataset.as_numpy_iterator(), strict=True)]


def test_every_column_comes_back_bit_for_bit(folder, rows) -> None:
    dataset = tfrecord_dataset(folder, 700, fields=ALL, shuffle=False, root_relative=False)
    for name, values in zip(ALL, gathered(dataset), strict=True):
        np.testing.assert_array_equal(values, rows[name], strict=True)


def test_records_are_examples_of_a_block_of_rows(folder, rows) -> None:
    """With nothing of ours: an ``Example`` as TensorFlow's own protocol buffers see it."""
    files = sorted(map(str, folder.glob("*.tfrecord")))
    assert [Path(file).name for file in files] == [f"aug-0000{i}-of-00003.tfrecord" for i in range(3)]
    examples = [tf.train.Example.FromString(r.numpy()) for r in tf.data.TFRecordDataset(files)]
    counts = [example.features.feature["rows"].int64_list.value[0] for example in examples]
    assert counts == [1024, 1024, 452, 1024, 1024, 452, 1000]
    about = json.loads((folder / "about.json").read_text())
    columns = {column["name"]: column for column in about["columns"]}
    for example in examples:
        assert set(example.features.feature) == {*columns, "rows"}
        # What TensorFlow writes of the same message, in the order of its keys, is the same message.
        again = tf.train.Example.FromString(example.SerializeToString(deterministic=True))
        assert again == example
    first = examples[0].features.feature["image_size"].bytes_list.value[0]
    found = np.frombuffer(first, columns["image_size"]["dtype"]).reshape(-1, *columns["image_size"]["shape"])
    np.testing.assert_array_equal(found, rows["image_size"][:1024])


def test_a_flipped_bit_is_found_by_tensorflow(folder, tmp_path) -> None:
    """So the checksums are TensorFlow's."""
    data = bytearray((folder / "aug-00000-of-00003.tfrecord").read_bytes())
    data[5000] ^= 1
    (tmp_path / "x.tfrecord").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")))


def test_shuffled_batches_have_each_row_once_and_another_order_each_pass(folder, rows) -> None:
    dataset = tfrecord_dataset(folder, 512, fields=("source_index", "positions_3d", "positions_2d"), seed=3)
    passes = [gathered(dataset) for _ in range(2)]
    known = {row.tobytes(): i for i, row in enumerate(rows["positions_2d"])}
    orders = [[known[row.tobytes()] for row in seen] for _, _, seen in passes]
    assert orders[0] != orders[1] != sorted(orders[1])
    for (source, pose, _), order in zip(passes, orders, strict=True):
        assert sorted(order) == list(range(6000))
        np.testing.assert_array_equal(source, rows["source_index"][order])
        expected = rows["positions_3d"][order]
        np.testing.assert_array_equal(pose, expected - expected[:, :1])
    again = gathered(tfrecord_dataset(folder, 512, fields=("positions_2d",), seed=3))[0]
    np.testing.assert_array_equal(again, passes[0][2])
    other = gathered(tfrecord_dataset(folder, 512, fields=("positions_2d",), seed=4))[0]
    assert not np.array_equal(again, other)


@pytest.mark.parametrize(("drop", "sizes"), [(False, [2048, 2048, 1904]), (True, [2048, 2048])])
def test_the_last_batch_is_smaller_or_left_out(folder, drop: bool, sizes: list[int]) -> None:
    dataset = tfrecord_dataset(folder, 2048, drop_remainder=drop)
    assert [len(seen) for seen, _ in dataset] == sizes


def test_one_record_is_parsed_by_hand(folder, rows) -> None:
    about = json.loads((folder / "about.json").read_text())
    columns = {column["name"]: column for column in about["columns"]}
    record = next(iter(tf.data.TFRecordDataset(str(folder / "aug-00001-of-00003.tfrecord"))))
    (size,) = parse_tfrecord(record, columns, ["image_size"])
    np.testing.assert_array_equal(size.numpy(), rows["image_size"][2500 : 2500 + 1024])


def test_what_is_not_there_is_one_sentence(folder, tmp_path) -> None:
    with pytest.raises(BadConfigError, match="did you mean 'positions_2d'"):
        tfrecord_dataset(folder, fields=("position_2d",))
    with pytest.raises(PoseAugError, match=r"about\.json: cannot be read"):
        tfrecord_dataset(tmp_path)
    (tmp_path / "about.json").write_text((folder / "about.json").read_text())
    with pytest.raises(PoseAugError, match=r"no \*\.tfrecord files"):
        tfrecord_dataset(tmp_path)
