"""Hashes of poses: any change that a lifter or a score would feel is another hash, and nothing else is."""

from dataclasses import replace

import numpy as np

from poseaug_gen.evaluation.fingerprint import fingerprint, fingerprint_2d
from poseaug_gen.poses import Labels
from poseaug_gen.poses_2d import Poses2D


def test_the_fingerprint_tells_what_matters_and_nothing_else(source):
    moved = source.positions.copy()
    moved[7, 3, 1] += 1e-6
    others = [
        replace(source, positions=moved),
        replace(source, intrinsics=source.intrinsics * np.float32(1.01)),
        replace(source, image_size=source.image_size + 1),
        replace(source, action=Labels.constant("another", len(source))),
        replace(source, detected_2d=source.project()),
        source.take(np.arange(99)),
    ]
    hashes = {fingerprint(poses) for poses in (source, *others)}
    assert len(hashes) == 1 + len(others)
    assert fingerprint(replace(source, provenance={"file": "elsewhere"})) == fingerprint(source)


def test_2d_poses_too(skeleton, source):
    seen, all_of_them = source.project(), np.ones((len(source), skeleton.num_joints), dtype=bool)
    fewer = all_of_them.copy()
    fewer[3, 4] = False
    sets = [
        Poses2D.of(skeleton, seen, all_of_them),
        Poses2D.of(skeleton, seen, fewer),
        Poses2D.of(skeleton, 2 * seen, fewer),
    ]
    assert len({fingerprint_2d(poses) for poses in sets}) == 3
    assert fingerprint_2d(Poses2D.of(skeleton, seen, all_of_them, {"file": "a"})) == fingerprint_2d(sets[0])
