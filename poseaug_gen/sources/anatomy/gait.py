"""Joint angles of people who walk and run, from published curves over the gait cycle.

The curves and where they come from are data, :data:`gait.toml <TABLE>`. A cycle is two steps: at phase 0 the left foot
touches the floor, at a half the right one does. Between the table's speeds angles go in straight lines; beyond them
they stay.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

TABLE = "gait.toml"
HARMONICS = 10  # of the cycle; the first seven hold 99.7 % of the power of walking (Winter 2009, section 3.4)
MIDLINE = ("pelvis_", "lumbar_", "thorax_", "neck_")

Kind = Literal["walk", "run"]
Rows = Float[np.ndarray, " rows"]


def gait_angles(kind: Kind, phase: Rows, speed: Rows) -> dict[str, Rows]:
    """Angles of the trunk and of both sides, radians, float32.

    Beside the degrees of freedom of ``limits.toml`` there are ``pelvis_tilt`` (forward), ``pelvis_list`` (right side
    down) and ``pelvis_rotation`` (to the left of the way one goes).

    Args:
        phase: of the cycle, in turns; any real numbers.
        speed: metres a second.
    """
    curves = _curves(kind)
    basis = _basis(phase)
    weights = _weights(speed, curves.speeds)
    left = _blend(basis, curves.coefficients, weights)
    right = _blend(basis * _half_a_cycle_on(), curves.coefficients, weights)
    result = {}
    for i, name in enumerate(curves.names):
        if name.startswith(MIDLINE):
            result[name] = left[:, i]
        else:
            result[f"l_{name}"], result[f"r_{name}"] = left[:, i], right[:, i]
    return result


# --- Fourier series -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curves:
    """Fourier series of a gait's curves at the table's speeds: a constant, cosines, sines; radians."""

    names: tuple[str, ...]
    speeds: Float[np.ndarray, " speeds"]
    coefficients: Float[np.ndarray, "speeds terms curves"]


def _basis(phase: Rows) -> Float[np.ndarray, "rows terms"]:
    """1, cosines and sines of the harmonics."""
    turn = np.exp(2j * np.pi * (phase % 1)).astype(np.complex64)
    powers = np.cumprod(np.broadcast_to(turn[:, None], (len(phase), HARMONICS)), axis=1)
    return np.concatenate([np.ones((len(phase), 1), np.float32), powers.real, powers.imag], 1)


def _half_a_cycle_on() -> Float[np.ndarray, " terms"]:
    """What half a cycle makes of the basis: odd harmonics change their sign."""
    sign = (-1.0) ** np.arange(1, HARMONICS + 1)
    return np.concatenate([[1.0], sign, sign]).astype(np.float32)


def _weights(speed: Rows, known: Float[np.ndarray, " speeds"]) -> Float[np.ndarray, "rows speeds"]:
    """How much of each known speed is in a speed: only its two neighbours, and they sum to 1."""
    return np.stack([np.interp(speed, known, hat) for hat in np.eye(len(known))], 1).astype(np.float32)


def _blend(
    basis: Float[np.ndarray, "rows terms"],
    coefficients: Float[np.ndarray, "speeds terms curves"],
    weights: Float[np.ndarray, "rows speeds"],
) -> Float[np.ndarray, "rows curves"]:
    """The curves' values, in between speeds."""
    result = np.zeros((len(basis), coefficients.shape[-1]), dtype=np.float32)
    for speed, terms in enumerate(coefficients):
        result += weights[:, speed, None] * (basis @ terms)
    return result


def _series(values: Float[np.ndarray, "curves samples"]) -> Float[np.ndarray, "curves terms"]:
    """The Fourier series through samples evenly over a cycle, its highest harmonics left away."""
    parts = np.fft.rfft(values, axis=-1)[:, : HARMONICS + 1] / values.shape[-1]
    return np.concatenate([parts[:, :1].real, 2 * parts[:, 1:].real, -2 * parts[:, 1:].imag], -1)


# --- the table ------------------------------------------------------------------------------------------------


@lru_cache
def _curves(kind: Kind) -> _Curves:
    table = tomllib.loads(resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))[kind]
    speeds = np.array(table["speeds"])
    series = {name: _sampled(row, len(speeds)) for name, row in table["curves"].items()}
    series |= {name: _wave(row, len(speeds)) for name, row in table["waves"].items()}
    coefficients = np.radians(np.stack(list(series.values()), -1)).astype(np.float32)
    return _Curves(tuple(series), speeds, coefficients)


def _sampled(row: dict[str, Any], speeds: int) -> Float[np.ndarray, "speeds terms"]:
    """A curve of samples for each speed, or of one for all and its scale."""
    terms = np.repeat(_series(np.array(row["degrees"])), speeds if len(row["degrees"]) == 1 else 1, axis=0)
    terms[:, 1:] *= np.array(row.get("scale", [1.0]))[:, None]
    return terms


def _wave(row: dict[str, Any], speeds: int) -> Float[np.ndarray, "speeds terms"]:
    """A cosine that is highest at ``peak``."""
    cycles = row.get("cycles", 1)
    terms = np.zeros((speeds, 2 * HARMONICS + 1))
    terms[:, 0] = row["level"]
    terms[:, cycles] = np.array(row["swing"]) * np.cos(2 * np.pi * cycles * row["peak"])
    terms[:, HARMONICS + cycles] = np.array(row["swing"]) * np.sin(2 * np.pi * cycles * row["peak"])
    return terms
