"""Exports to convert: of two skeletons, in one file and in shards, with a few cameras and with one a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseaug_gen.config import ExportSettings
from poseaug_gen.consumers.convert.conversion import Summary, prepare
from poseaug_gen.export.dataset import export
from poseaug_gen.skeleton import load_skeleton

# A wide lens that is distorted on both axes, and a long one that is not; their images are not of one shape.
LENSES = {
    "two": [
        {"intrinsics": [2.0, 2.01, 0.02, -0.03, -0.2, 0.24, -0.003, -0.001, 0.0015], "image_size": [1000, 1002]},
        {"intrinsics": [2.4, 2.4, 0.01, 0.0, 0, 0, 0, 0, 0], "image_size": [1920, 1080]},
    ]
}
PLACE = {"azimuth_deg": 0, "distance_m": 5, "height_m": 1.5, "look_at_height_m": 1}


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory, make_run: Callable) -> dict[str, Path]:
    """Exports that nobody may change, by name.

    ``lenses``: h36m17, two lenses, detections and a split. ``shards``: h36m16 in shards, most rows with a camera of
    their own. ``fov``: h36m17, every row with a pinhole of its own. ``coco``: coco17.
    """
    folder = tmp_path_factory.mktemp("exports")
    rig = folder / "lenses.json"
    rig.write_text(json.dumps({name: [PLACE | lens for lens in lenses] for name, lenses in LENSES.items()}))
    runs = {name: make_run(load_skeleton(name)) for name in ("h36m16", "h36m17", "coco17")}
    made = {
        "lenses": ("h36m17", {"n": 5000, "cameras": f"rig:{rig}:two", "noise": "mixture", "split": 0.2}),
        "shards": ("h36m16", {"n": 6000, "shard_rows": 2500}),
        "fov": ("h36m17", {"n": 3000, "cameras": "fov:50:70"}),
        "coco": ("coco17", {"n": 500}),
    }
    for name, (skeleton, settings) in made.items():
        export(runs[skeleton], ExportSettings(seed=len(name), **settings), folder / name / "aug.h5")
    return {name: folder / name / "aug.h5" for name in made}


@pytest.fixture(scope="session")
def rows_of(exports: dict[str, Path]) -> Callable[..., dict[str, np.ndarray]]:
    """``rows_of(name, most=None)``: the columns of one of the exports, or of its first rows, as h5py reads them."""

    def read(name: str, most: int | None = None) -> dict[str, np.ndarray]:
        with h5py.File(exports[name]) as file:
            return {column: file[column][:most] for column in file}

    return read


Convert = Callable[..., Summary]


@pytest.fixture(scope="session")
def convert() -> Convert:
    """``convert(export, to, out, …)``: the conversion in one call."""

    def make(export: Path, to: str, out: Path, overwrite: bool = False, **options: object) -> Summary:
        return prepare(export, to, out, **options).run(overwrite)

    return make
