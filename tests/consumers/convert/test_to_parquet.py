"""Parquet files: pyarrow, pandas and HuggingFace's datasets find the export's columns and attributes in them."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseaug_gen.consumers.convert import parquet as converter

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def folder(exports, convert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("parquet") / "out"
    convert(exports["lenses"], "parquet", folder, rows_per_file=2000)
    return folder


@pytest.fixture(scope="module")
def rows(rows_of) -> dict[str, np.ndarray]:
    return rows_of("lenses")


def flat(column) -> np.ndarray:
    """A column's numbers, one after the other."""
    values = column.combine_chunks()
    while arrow.types.is_fixed_size_list(values.type):
        values = values.flatten()
    return values.to_numpy()


def test_pyarrow_reads_the_folder_as_one_table(folder, rows) -> None:
    assert [path.name for path in sorted(folder.glob("[!.]*"))] == [f"aug-0000{i}-of-00003.parquet" for i in range(3)]
    table = parquet.read_table(folder)
    assert set(table.column_names) == set(rows)
    for name, values in rows.items():
        found = flat(table[name])
        np.testing.assert_array_equal(found.reshape(values.shape), values, strict=True)


def test_types_say_the_shapes(folder) -> None:
    schema = parquet.read_schema(folder / "aug-00000-of-00003.parquet")
    assert schema.field("positions_3d").type == arrow.list_(arrow.list_(arrow.float32(), 3), 17)
    assert schema.field("intrinsics").type == arrow.list_(arrow.float32(), 9)
    assert schema.field("image_size").type == arrow.list_(arrow.int16(), 2)
    assert schema.field("source_index").type == arrow.int64()
    assert not any(field.nullable for field in schema)


def test_attributes_and_units_are_metadata(folder, exports) -> None:
    schema = parquet.read_schema(folder / "aug-00001-of-00003.parquet")
    with h5py.File(exports["lenses"]) as file:
        attributes = dict(file.attrs)
    said = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    for name in ("units", "frame", "skeleton", "config", "source", "created_from"):
        assert said[name] == attributes[name]
    assert json.loads(said["source"])["licence"] == "none needed"
    assert schema.field("positions_3d").metadata == {
        b"unit": b"metres",
        b"meaning": b"joints in the camera frame, absolute",
    }


def test_a_file_has_row_groups_that_fit_into_memory(exports, convert, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(converter, "GROUP_ROWS", 1024)
    convert(exports["lenses"], "parquet", tmp_path / "out")
    (path,) = (tmp_path / "out").glob("*.parquet")
    about = parquet.ParquetFile(path).metadata
    groups = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    assert groups == [1024, 1024, 1024, 1024, 904]


def test_pandas_has_the_numbers(folder, rows) -> None:
    pytest.importorskip("pandas")
    frame = parquet.read_table(folder, columns=["positions_2d", "split"]).to_pandas()
    np.testing.assert_array_equal(frame["split"], rows["split"])
    assert len(frame) == 5000
    first = np.stack([np.stack(row) for row in frame["positions_2d"][:50]])
    np.testing.assert_array_equal(first, rows["positions_2d"][:50])


def test_huggingface_datasets_reads_the_shards(folder, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, folder.glob("*.parquet")))
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert len(found) == 5000
    found = found.with_format("numpy")
    for name in ("positions_3d", "positions_2d", "source_index", "split"):
        np.testing.assert_array_equal(found[4000:4400][name], rows[name][4000:4400])
    assert found.features["split"].dtype == "int8"
    assert found[:2]["positions_3d"].dtype == np.float32
