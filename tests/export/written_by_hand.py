"""An export that was written from docs/format.md alone, with h5py and NumPy: nothing of poseaug-gen's is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

BODY = np.array([[0, 0, 0], [0, -0.5, 0], [0, -0.5, 0.3]])  # metres: hip, neck, nose
CAMERA = np.array([2, 2.1, 0.01, 0.02, -0.2, 0.2, 0, -1e-3, 2e-3], "<f4")
LABELS = {
    "positions_3d": ["joint", "xyz"],
    "positions_2d": ["joint", "xy"],
    "intrinsics": ["parameter"],
    "image_size": ["width_height"],
    "rotation": ["xyz"],
    "translation": ["xyz"],
    "length_ratio": ["length_group"],
}
SKELETON = {
    "name": "bird",
    "joint_names": ["hip", "neck", "nose"],
    "parents": [-1, 0, 1],
    "joints": {"hip": "", "neck": "hip", "nose": "neck"},
    "length_groups": {"neck": ["neck"], "nose": ["nose"]},
    "parts": {"all": ["neck", "nose"]},
    "scale": "neck",
    "aliases": {},
    **{name: [] for name in ("pairs", "left", "right", "trunk")},
}
TRAIN = {
    "source": {"paths": ["a.csv"], "skeleton": "bird", "rig": "studio"},
    "postures": {"learned": 0.0},
    "visibility": {"nearest": 0.3, "farthest": 30.0, "frame": 1.0},
    "views": {},
}
EXPORT = {
    "seed": 3,
    "shard_rows": 1000,
    "precision": "fp32",
    "device": "cpu",
    "compression": "none",
    "snapshots": "auto",
    "cameras": "source",
    "balance": "none",
    "candidates": 1,
    "noise": "none",
    "noise_scale": 1.0,
    "split": 0.0,
    **dict.fromkeys(("scores", "difficulty", "within_limits"), False),
    **dict.fromkeys(("frame", "depth", "mirror", "min_score", "difficulty_range")),
}
CAUSES = ("not_finite", "depth", "out_of_frame", "joint_limits", "score", "difficulty", "not_chosen")


def write_by_hand(path: Path, rows: int, project: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Write drawn pairs of a skeleton of three joints; ``project`` is the page's own."""
    columns, attributes = _columns(rows, project), _attributes(rows)
    digests = {
        "columns": {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in columns.items()},
        "attributes": hashlib.sha256(json.dumps(dict(sorted(attributes.items()))).encode()).hexdigest(),
    }
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            dataset = file.create_dataset(name, data=values, chunks=(min(4096, rows), *values.shape[1:]))
            for axis, label in enumerate(["pair", *LABELS.get(name, [])]):
                dataset.dims[axis].label = label
        for name, value in {**attributes, "digests": json.dumps(digests)}.items():
            file.attrs[name] = value


def _columns(rows: int, project: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    place = random.uniform([-0.5, -0.5, 4], [0.5, 0.5, 5], (rows, 1, 3))
    pose = np.add(place, BODY).astype("<f4")
    return {
        "positions_3d": pose,
        "positions_2d": np.stack([project(one, CAMERA) for one in pose]).astype("<f4"),
        "intrinsics": np.tile(CAMERA, (rows, 1)),
        "image_size": np.full((rows, 2), 1000, "<i2"),
        "rotation": random.normal(size=(rows, 3)).astype("<f4"),
        "translation": pose[:, 0],
        "length_ratio": np.zeros((rows, 2), "<f4"),
        "angle_change": np.zeros(rows, "<f4"),
        "source_index": np.arange(rows, dtype="<i8"),
        "mirrored": np.zeros(rows, "<i1"),
        "snapshot": np.zeros(rows, "<i2"),
    }


def _attributes(rows: int) -> dict[str, Any]:
    lengths = {"min": [0.5, 0.3], "max": [0.5, 0.3]}
    run = {"best_epoch": 0, "epochs": 1, "versions": {}, "health": {}, "rows": {"training": rows, "validation": 0}}
    return {
        "schema_version": 1,
        "tool_version": "another 1.0",
        "units": "metres, radians; 2D and intrinsics normalised by half the image width",
        "frame": "camera: x right, y down, z forward; 2D: x = 2u/w - 1, y = 2v/w - h/w",
        "skeleton": json.dumps(SKELETON),
        "config": json.dumps({"train": TRAIN, "export": {"n": rows, **EXPORT}}),
        "run": json.dumps(run),
        "seed": 3,
        "source": json.dumps({"licence": "mine", "citation": "", "rows": rows, "bone_length_m": lengths}),
        "created_from": "0" * 64,
        "row_count": rows,
        "redrawn": json.dumps({"candidates": rows, **dict.fromkeys(CAUSES, 0)}),
    }
