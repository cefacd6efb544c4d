"""2D -> 3D lifting estimators: normalised 2D poses in, root-relative 3D poses (metres) out.

Each is a module ``Estimator(skeleton, channels, dropout)`` whose ``forward`` maps ``(batch, joints, 2)`` to
``(batch, joints, 3)``. To add one of yours, :func:`register` it; to add one to the tool, write its module and enter it
in :data:`ESTIMATORS` and its name among the choices in :mod:`poseaug_gen.config`, which refuses others before anything
is read.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from poseaug_gen import config
from poseaug_gen.errors import BadConfigError, nearest
from poseaug_gen.models.estimators.mlp import SimpleBaseline
from poseaug_gen.models.estimators.semgcn import SemGCN
from poseaug_gen.models.estimators.stgcn import STGCN
from poseaug_gen.models.estimators.videopose import VideoPose
from poseaug_gen.skeleton import Skeleton

Build = Callable[[Skeleton, int, float], nn.Module]  # of a skeleton, channels and dropout

ESTIMATORS: dict[str, Build] = {"videopose": VideoPose, "mlp": SimpleBaseline, "semgcn": SemGCN, "stgcn": STGCN}


def register(name: str, build: Build, **settings: int | float) -> None:
    """Have another estimator be chosen by its name, in configurations and with ``--estimator``.

    Args:
        build: makes one of a skeleton, channels and dropout.
        settings: of the section ``estimator``, where it asks for others than the presets have: ``channels=64``.

    Raises:
        ValueError: there is an estimator of that name.
    """
    if name in ESTIMATORS:
        raise ValueError(f"there is an estimator {name!r} already; give yours another name")
    ESTIMATORS[name] = build
    config.CHOICES["estimator.name"] += (name,)
    config.ESTIMATOR_LAYERS[name] = {"estimator": dict(settings)}


def build_estimator(name: str, skeleton: Skeleton, channels: int, dropout: float) -> nn.Module:
    """A new estimator by name.

    Raises:
        BadConfigError: there is none of that name.
    """
    if name not in ESTIMATORS:
        raise BadConfigError(f"estimator.name = {name!r} is unknown; {nearest(name, ESTIMATORS)}")
    return ESTIMATORS[name](skeleton, channels, dropout)
