"""The formats by name. Their modules are imported when one is asked for: this one is quick to import."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poseaug_gen.consumers.convert.pieces import Format

FORMATS = {
    "videopose3d": "a data_3d_*.npz and data_2d_*.npz, for VideoPose3D and PoseAug",
    "mmpose": "Human3.6M's h36m_*.npz and cameras.pkl, for MMPose",
    "motionbert": "a pickle of arrays, for MotionBERT",
    "coco": "COCO's keypoints in JSON, with 3D beside them",
    "tfrecord": "TFRecord files of blocks of 1,024 rows",
    "webdataset": "tar files of blocks of 1,024 rows",
    "parquet": "Parquet files, for pyarrow, pandas, HuggingFace, Spark, DuckDB",
}


def format_of(name: str) -> Format:
    """One of :data:`FORMATS`."""
    return importlib.import_module(f"poseaug_gen.consumers.convert.{name}").FORMAT
