"""HuggingFace's ``datasets`` reads the files as they are: nothing of ours has a part in it."""

from __future__ import annotations

import numpy as np
import pytest
from bare import columns


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The package, without the network and with its cache in the test's folder."""
    for name, value in {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    return pytest.importorskip("datasets")


@pytest.mark.parametrize(("form", "streaming"), [("sharded", False), ("plain", True)])
def test_it_reads_every_column_of_every_row(datasets, tmp_path, plain, sharded, form, streaming):
    files = [str(plain)] if form == "plain" else [str(path) for path in sorted(sharded.parent.glob("aug.shards/*.h5"))]
    found = datasets.load_dataset(
        "hdf5", data_files=files, split="train", cache_dir=str(tmp_path / "cache"), streaming=streaming
    )
    names = list(found.features)
    expected = dict(zip(names, columns(plain if form == "plain" else sharded, names), strict=True))
    assert {"positions_3d", "positions_2d", "intrinsics", "source_index"} <= set(names)
    blocks = list(found.with_format("numpy").iter(batch_size=2000))
    for name, values in expected.items():
        np.testing.assert_array_equal(np.concatenate([block[name] for block in blocks]), values)
