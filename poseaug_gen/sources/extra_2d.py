"""Files of 2D poses, in any format that is known, as one Poses2D: what ``--extra-2d`` reads.

A format recognises a file by its content and reads it; :data:`FORMATS_2D` is the list of them. A file of 3D poses
(:data:`poseaug_gen.sources.FORMATS`) serves too, by what its cameras see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D, concatenate_2d
from poseaug_gen.sources import (
    FORMATS,
    canonical_2d,
    coco,
    mmpose,
    mpi_inf_3dhp_npz,
    npz_2d,
    threedpw,
    videopose3d,
)
from poseaug_gen.sources.assemble_2d import usable
from poseaug_gen.sources.formats import Format, Request

# Positions on the normalised image plane, which joints are known, and the record of their origin.
Detections = tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"], Mapping[str, Any]]


def _poses_of(detections: Callable[[Path, Request], Detections]) -> Callable[[Path, Request], Poses2D]:
    """A reader of the 2D poses that lie in a file of 3D poses."""

    def read(path: Path, request: Request) -> Poses2D:
        positions, visible, record = detections(path, request)
        return Poses2D.of(request.skeleton, positions, visible, record)

    return read


def _of_mpi_inf_3dhp(path: Path) -> bool:
    return mpi_inf_3dhp_npz.holds_poseaug(path) or mpi_inf_3dhp_npz.holds_spin(path)


# The first that recognises a file reads it, so a special format stands before a general one.
FORMATS_2D: tuple[Format[Poses2D], ...] = (
    Format("poseaug-gen 2D poses", "the extra_2d.h5 of a run", canonical_2d.recognises, canonical_2d.read),
    Format("VideoPose3D's 2D poses", "data_2d_*.npz", videopose3d.holds_keypoints, videopose3d.read_2d),
    Format("MMPose's Human3.6M", "h36m_*.npz", mmpose.holds_detections, _poses_of(mmpose.detections)),
    Format(
        "MPI-INF-3DHP",
        "PoseAug's test_3dhp.npz or SPIN's mpi_inf_3dhp_*.npz",
        _of_mpi_inf_3dhp,
        _poses_of(mpi_inf_3dhp_npz.detections),
    ),
    Format("3DPW", "a sequence's .pkl", threedpw.recognises, _poses_of(threedpw.detections)),
    Format(
        "npz, 2D poses",
        "positions_2d (rows, joints, 2), in pixels with image_size or normalised without; visible or confidence",
        npz_2d.recognises,
        npz_2d.read,
    ),
    Format(
        "COCO keypoints",
        "JSON with images, categories and annotations with keypoints, or detections of that form",
        coco.recognises,
        coco.read,
        owner="COCO Consortium, cocodataset.org, and whoever annotates in its form",
        licence="COCO's annotations: CC BY 4.0; others': their owner's",
        citation='Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014',
    ),
)


def read_extra_2d(paths: Sequence[str | Path], request: Request) -> Poses2D:
    """The usable 2D poses of files, as one set.

    Raises:
        PoseAugError: a file is missing, of no known format, does not hold what its format should, or has no pose that
            is of use.
    """
    if not paths:
        raise PoseAugError("no file of extra 2D poses was given; name one with --extra-2d")
    return concatenate_2d([usable(_read(Path(path), request), str(path)) for path in paths])


def _read(path: Path, request: Request) -> Poses2D:
    if not path.is_file():
        what = "is a folder; name the files in it" if path.is_dir() else "there is no such file; check the path"
        raise PoseAugError(f"{path}: {what}")
    try:
        for format in FORMATS_2D:
            if format.recognises(path):
                return format.read(path, request)
        for source in FORMATS:
            if source.recognises(path):
                poses = source.read(path, request)
                seen = poses.seen_2d()
                return Poses2D.of(request.skeleton, seen, np.ones(seen.shape[:2], dtype=bool), poses.provenance)
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    known = "; ".join(f"{format.name} ({format.description})" for format in FORMATS_2D)
    raise PoseAugError(f"{path}: no 2D poses of a known format; known: {known}; and every file of 3D poses")
