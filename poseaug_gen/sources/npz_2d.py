"""2D poses in a NumPy .npz file.

``positions_2d`` (rows, joints, 2) are pixels where the file has ``image_size`` (width and height, one for all or one a
row), and else normalised (``x = 2u/w - 1``, ``y = 2v/w - h/w``). A joint is missing where it is NaN, where ``visible``
(rows, joints) is zero, or ``confidence`` (rows, joints) is low. ``joints`` names the joints, else they are the
skeleton's own; ``name``, ``licence`` and ``citation`` are for the record.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.camera import to_normalised
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.assemble import TEXTS, provenance
from poseaug_gen.sources.assemble_2d import LEAST_CONFIDENCE, on_skeleton
from poseaug_gen.sources.checks import checked_image_size
from poseaug_gen.sources.fields import Fields, every_row, joint_names_in, record_in
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.safe_npz import looks_like_zip, members, read_members

FIELDS = ("positions_2d", "image_size", "visible", "confidence", "joints", *TEXTS)


def recognises(path: Path) -> bool:
    """Whether the file is a .npz with ``positions_2d``."""
    return looks_like_zip(path) and "positions_2d" in members(path)


def read(path: Path, request: Request) -> Poses2D:
    """The poses of such a file.

    Raises:
        PoseAugError: a field does not hold what it should.
    """
    where = str(path)
    fields = read_members(path, FIELDS)
    positions = _numbers(fields, "positions_2d", 3, where)
    joints = joint_names_in(fields, where) or list(request.skeleton.joints)
    if positions.shape[1:] != (len(joints), 2):
        raise PoseAugError(
            f"{where}: 'positions_2d' has the shape {positions.shape}; it must be (rows, {len(joints)}, 2): "
            f"name the file's joints in a field 'joints', or choose another --skeleton"
        )
    visible = _visible(fields, positions.shape[:2], where)
    if "image_size" in fields:
        size = every_row(fields["image_size"], len(positions), 2, "image_size", where)
        positions = to_normalised(positions, checked_image_size(size, where))
    mapped = on_skeleton(positions, visible, joints, request)
    return Poses2D.of(request.skeleton, *mapped, provenance(path, len(positions), record_in(fields, where)))


def _visible(fields: Fields, shape: tuple[int, ...], where: str) -> Bool[np.ndarray, "rows joints"]:
    visible = np.ones(shape, dtype=bool)
    for name, least in (("visible", 1), ("confidence", LEAST_CONFIDENCE)):
        if name in fields:
            values = _numbers(fields, name, 2, where)
            if values.shape != shape:
                raise PoseAugError(
                    f"{where}: {name!r} has the shape {values.shape} for poses of {shape}; give one number a joint"
                )
            visible &= values >= least
    return visible


def _numbers(fields: Fields, name: str, dims: int, where: str) -> Float[np.ndarray, "..."]:
    """A field as float64."""
    values = fields[name]
    if values.dtype.kind not in "biuf" or values.ndim != dims:
        raise PoseAugError(
            f"{where}: {name!r} is {values.dtype} of shape {values.shape}; it must be numbers in {dims} dimensions"
        )
    return values.astype(np.float64)
