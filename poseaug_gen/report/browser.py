"""Rows as the page's script reads them: coordinates as base64 of 16-bit whole numbers, everything else as JSON."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from jaxtyping import Shaped

from poseaug_gen.drawing import bone_sides
from poseaug_gen.poses import PoseSet
from poseaug_gen.report.chosen import BROWSED, browsed_rows
from poseaug_gen.report.material import Material
from poseaug_gen.report.stick import levelled
from poseaug_gen.report.viewpoints import viewpoints

MILLIMETRES = 1000  # of a metre
PLACES = 8192  # of a half image width, so that four of them either way fit into 16 bits
SHORT = np.iinfo(np.int16)
FIGURES = {"score_3d": 3, "score_2d": 3, "difficulty": 2, "angle_change": 3}  # columns, and digits worth showing


def browsed(material: Material) -> dict[str, Any]:
    """The rows that can be browsed.

    Every list has an entry a row. ``pose`` and ``source`` are (rows, joints, 3) millimetres about the root in a level
    frame (x right, y down, z away from the camera), ``camera`` (rows, 3) likewise; ``seen``, ``detected`` and
    ``source_seen`` (rows, joints, 2) normalised times :data:`PLACES`. What is not known is null.
    """
    index = browsed_rows(material)
    pairs, up = material.pairs.take(index), material.up[index]
    rows = {name: values[index] for name, values in material.rows.items()}
    pose, camera = levelled(pairs.positions, up)
    seen_from = viewpoints(pairs.positions, up, pairs.skeleton)
    skeleton = pairs.skeleton
    return {
        "joints": list(skeleton.joints),
        "parents": list(skeleton.parents),
        "sides": bone_sides(skeleton),
        "count": len(index),
        "hardest": len(index) > BROWSED,
        "row": rows["row"].tolist(),
        "kind": material.learned[index].astype(int).tolist() if material.is_export else None,
        "depth": rounded(pairs.positions[:, 0, 2], 2),
        "elevation": rounded(seen_from.elevation, 0),
        "azimuth": None if seen_from.azimuth is None else rounded(seen_from.azimuth, 0),
        "roll": rounded(seen_from.roll, 0),
        "aspect": rounded(pairs.image_size[:, 1] / pairs.image_size[:, 0], 4),
        **{name: rounded(rows[name], digits) if name in rows else None for name, digits in FIGURES.items()},
        "pose": packed(pose, MILLIMETRES),
        "camera": packed(camera, MILLIMETRES),
        "seen": packed(pairs.project(), PLACES),
        "detected": _detected(material, index),
        **_of_source(material, index),
    }


def _detected(material: Material, index: np.ndarray) -> str | None:
    """What a detector found, or would."""
    found = material.rows.get("detected_2d", material.pairs.detected_2d)
    return None if found is None else packed(found[index], PLACES)


def _of_source(material: Material, index: np.ndarray) -> dict[str, Any]:
    """What the script is told of each row's source pose: whose, doing what, its posture and how its camera saw it."""
    if not material.is_export:
        return _whose(material.pairs.take(index))
    told = {
        "source_index": material.rows["source_index"][index].tolist(),
        "mirrored": material.rows["mirrored"][index].tolist(),
    }
    before = material.unaugmented(index)
    if before is None:
        return told
    level, _ = levelled(before.posture, material.up[index])
    source = {"source": packed(level, MILLIMETRES), "source_seen": packed(before.seen, PLACES)}
    return {**told, **_whose(before.poses), **source}


def _whose(poses: PoseSet) -> dict[str, Any]:
    """Subject and action of each pose, as numbers into a list of names; an unknown one is null."""
    told = {}
    for name, labels in (("subject", poses.subject), ("action", poses.action)):
        codes, numbers = np.unique(labels.codes, return_inverse=True)
        names = [None if labels.names[code] == "unknown" else labels.names[code] for code in codes]
        told[name] = {"names": names, "codes": numbers.ravel().tolist()}
    return told


def packed(values: Shaped[np.ndarray, "*any"], unit: int) -> str:
    """Numbers times ``unit`` as base64 of little-endian 16-bit whole ones; what is too large is as large as they go."""
    finite = np.nan_to_num(values.astype(np.float64))
    whole = np.clip(np.rint(finite * unit), SHORT.min, SHORT.max).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode("ascii")


def rounded(values: Shaped[np.ndarray, " rows"], digits: int) -> list[float | int]:
    """Numbers with so many digits behind the point."""
    figures = np.round(values.astype(np.float64), digits) + 0.0  # not -0
    return figures.astype(int).tolist() if digits == 0 else figures.tolist()
