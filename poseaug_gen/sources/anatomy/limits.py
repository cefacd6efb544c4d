"""How far joints go: each by itself, and what one joint's place takes from another's range.

The numbers and where they come from are data, :data:`limits.toml <TABLE>`. Angles are radians, float32, named by
degree of freedom; those of a limb begin with ``l_`` or ``r_``. A name that the table does not have (the pelvis's, which
stands in the world and in no joint) is free.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

TABLE = "limits.toml"
SIDES = ("l_", "r_")
FARTHEST = 2.5  # standard deviations from the mean; nobody is drawn beyond

Rows = Float[np.ndarray, " rows"]
Ends = dict[str, Float[np.ndarray, " people"]]
End = Float[np.ndarray, "3"]  # of the table: mean of men, of women, standard deviation


@dataclass(frozen=True, eq=False)
class Limits:
    """Ranges of people, by degree of freedom without its side, radians.

    Attributes:
        low, high: one value a person, or one for all. Zero, the anatomical position, is within every range.
    """

    low: Ends
    high: Ends

    def take(self, rows: Int[np.ndarray, " rows"]) -> Limits:
        """The limits of the people with these numbers, in this order."""
        return Limits(*({dof: end[rows] for dof, end in ends.items()} for ends in (self.low, self.high)))

    @cached_property
    def widest(self) -> tuple[Ends, Ends]:
        """Low and high ends whatever the other joints do: couplings that widen a range count, no others."""
        low, high = dict(self.low), dict(self.high)
        for row in _couplings():
            if row.farther > 0:
                ends, farther = (high, row.farther) if row.is_high else (low, -row.farther)
                ends[row.of] = ends[row.of] + farther
        return low, high


@lru_cache
def mean_limits() -> Limits:
    """The mean of men's and women's ranges, for all."""
    return _limits(lambda end: np.array([np.mean(end[:2])]))


@lru_cache
def farthest_limits() -> Limits:
    """The ranges that nobody is drawn beyond: the suppler sex's mean and :data:`FARTHEST` standard deviations more."""

    def farthest(end: End) -> Float[np.ndarray, "1"]:
        men, women, sd = end
        outwards = np.sign(men)
        return np.array([outwards * (max(outwards * men, outwards * women) + FARTHEST * sd)])

    return _limits(farthest)


def draw_limits(rng: np.random.Generator, female: Bool[np.ndarray, " people"]) -> Limits:
    """Ranges drawn for people: who is supple in one joint is, to a degree, in all; both sides are alike."""
    share = _table()["supple"]["correlation"]
    supple = np.sqrt(share) * rng.standard_normal(len(female))

    def draw(end: End) -> Float[np.ndarray, " people"]:
        men, women, sd = end
        farther = supple + np.sqrt(1 - share) * rng.standard_normal(len(female))
        outwards = np.sign(men)
        return np.where(female, women, men) + outwards * sd * np.clip(farther, -FARTHEST, FARTHEST)

    return _limits(draw)


def clamp(angles: Mapping[str, Rows], limits: Limits | None = None) -> dict[str, Rows]:
    """Angles brought into single and coupled ranges; those of :func:`mean_limits` where none are given.

    What is within stays as it is to the last bit.
    """
    limits = limits or mean_limits()
    low, high = limits.widest
    held = {
        name: np.minimum(np.maximum(angle, low[dof]), high[dof]) if (dof := _bare(name)) in low else angle
        for name, angle in angles.items()
    }
    for row in _couplings():
        for side in SIDES:
            name, by = side + row.of, _driver(held, side, row.by)
            if name in held and by is not None:
                end = row.end(limits, by)
                held[name] = np.minimum(held[name], end) if row.is_high else np.maximum(held[name], end)
    return held


def within(angles: Mapping[str, Rows], limits: Limits | None = None, slack: float = 1e-4) -> Bool[np.ndarray, " rows"]:
    """Which rows have all angles in their ranges, give or take ``slack`` radians."""
    held = clamp(angles, limits)
    return np.all([np.abs(held[name] - angle) <= slack for name, angle in angles.items()], axis=0)


def elevation(flexion: Rows, abduction: Rows) -> Rows:
    """The angle between an upper arm and the trunk's long axis, 0 where it hangs, radians."""
    return np.arccos(np.clip(np.cos(flexion) * np.cos(abduction), -1, 1))


def girdle_rise(flexion: Rows, abduction: Rows) -> Rows:
    """How far the shoulder girdle rises with an arm that is raised so (scapulohumeral rhythm), radians."""
    rhythm = _table()["rhythm"]
    raised = elevation(flexion, abduction)
    return np.interp(raised, np.radians(rhythm["elevation"]), np.radians(rhythm["girdle"])).astype(np.float32)


def _bare(name: str) -> str:
    """A degree of freedom without its side."""
    return name[2:] if name.startswith(SIDES) else name


def _driver(angles: Mapping[str, Rows], side: str, by: str) -> Rows | None:
    """The angle that a coupling looks at; None where it is not among the angles."""
    if by != "elevation":
        return angles.get(side + by)
    flexion, abduction = (angles.get(f"{side}shoulder_{motion}") for motion in ("flexion", "abduction"))
    return None if flexion is None or abduction is None else elevation(flexion, abduction)


# --- the table ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Coupling:
    """A row of ``[[coupled]]``, in radians."""

    of: str
    is_high: bool
    by: str
    at: Float[np.ndarray, " points"]
    less: Float[np.ndarray, " points"]

    def end(self, limits: Limits, by: Rows) -> Rows:
        """Where the range ends with ``by`` where it is; never short of the anatomical position."""
        less = np.interp(by, self.at, self.less).astype(np.float32)
        if self.is_high:
            return np.maximum(limits.high[self.of] - less, 0)
        return np.minimum(limits.low[self.of] + less, 0)

    @property
    def farther(self) -> np.float32:
        """By how much it widens the range, at most."""
        return np.float32(max(0.0, -self.less.min()))


@lru_cache
def _couplings() -> tuple[_Coupling, ...]:
    return tuple(
        _Coupling(row["of"], row["end"] == "high", row["by"], np.radians(row["at"]), np.radians(row["less"]))
        for row in _table()["coupled"]
    )


def _limits(drawn: Callable[[End], Float[np.ndarray, " people"]]) -> Limits:
    """Limits from what to make of an end of the table, degrees."""
    low, high = {}, {}
    for dof, row in _table()["ranges"].items():
        least, most = (drawn(np.array(row[end], dtype=np.float64)) for end in ("low", "high"))
        low[dof] = np.radians(np.minimum(least, 0)).astype(np.float32)
        high[dof] = np.radians(np.maximum(most, 0)).astype(np.float32)
    return Limits(low, high)


@lru_cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))
