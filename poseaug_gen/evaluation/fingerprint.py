"""Hashes of poses, by which a result finds what it depends on."""

from __future__ import annotations

import hashlib

import numpy as np

from poseaug_gen.export.schema import to_json
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D


def fingerprint(poses: PoseSet) -> str:
    """A hash of all that training or a test takes from a pose set; where the files lay is no part of it."""
    digest = hashlib.sha256(to_json(poses.skeleton.to_dict()).encode())
    for array in (poses.positions, poses.intrinsics, poses.image_size.astype(np.int32), poses.detected_2d):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    for labels in (poses.subject, poses.action, poses.camera):
        digest.update(to_json(labels.names).encode() + labels.codes.astype(np.int32).tobytes())
    return digest.hexdigest()


def fingerprint_2d(poses: Poses2D) -> str:
    """The same of 2D poses alone."""
    digest = hashlib.sha256(np.ascontiguousarray(poses.positions).tobytes())
    digest.update(np.ascontiguousarray(poses.visible).tobytes())
    return digest.hexdigest()
