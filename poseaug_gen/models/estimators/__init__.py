"""2D -> 3D lifting estimators: normalised 2D poses in, root-relative 3D poses (metres) out.

Each is a module ``Estimator(skeleton, channels, dropout)`` whose ``forward`` maps ``(batch, joints, 2)`` to
``(batch, joints, 3)``. To add one, write its module and enter it in :data:`ESTIMATORS` and its
name among the choices in :mod:`poseaug_gen.config`, which refuses others before anything is read.
"""

from __future__ import annotations

from torch import nn

from poseaug_gen.errors import BadConfigError, nearest
from poseaug_gen.models.estimators.mlp import SimpleBaseline
from poseaug_gen.models.estimators.semgcn import SemGCN
from poseaug_gen.models.estimators.stgcn import STGCN
from poseaug_gen.models.estimators.videopose import VideoPose
from poseaug_gen.skeleton import Skeleton

ESTIMATORS = {"videopose": VideoPose, "mlp": SimpleBaseline, "semgcn": SemGCN, "stgcn": STGCN}


def build_estimator(name: str, skeleton: Skeleton, channels: int, dropout: float) -> nn.Module:
    """A new estimator by name.

    Raises:
        BadConfigError: there is none of that name.
    """
    if name not in ESTIMATORS:
        raise BadConfigError(f"estimator.name = {name!r} is unknown; {nearest(name, ESTIMATORS)}")
    return ESTIMATORS[name](skeleton, channels, dropout)
