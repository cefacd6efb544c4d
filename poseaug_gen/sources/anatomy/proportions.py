"""Bodies as published surveys found them: statures, and the segments between joint centres for a stature.

The numbers and where they come from are data, :data:`proportions.toml <TABLE>`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

TABLE = "proportions.toml"

# From the floor up, the segments whose lengths make up stature when the body stands upright.
LEGS = ("ankle_height", "shank", "thigh")
TRUNK = ("lumbar", "thoracic", "neck")
HEAD = "skull"
FARTHEST = 2.5  # standard deviations from the mean; nobody is drawn beyond


@dataclass(frozen=True, eq=False)
class Bodies:
    """People of both sexes.

    Attributes:
        stature: metres, float32.
        female: which are women.
        lengths: metres, float32, by the names of ``proportions.toml``. :data:`LEGS`, :data:`TRUNK` and
            :data:`HEAD` sum to the stature. ``shoulder_drop`` is downwards from the thorax joint; ``nose_up``,
            ``eye_up`` and the like are from the skull joint, and the nose's is negative.
    """

    stature: Float[np.ndarray, " bodies"]
    female: Bool[np.ndarray, " bodies"]
    lengths: dict[str, Float[np.ndarray, " bodies"]]

    def __len__(self) -> int:
        return len(self.stature)


def draw_bodies(rng: np.random.Generator, count: int) -> Bodies:
    """People drawn from the table: a population, a sex and a stature for each, then what varies beside stature.

    Legs and head are drawn; the trunk takes what they leave of the stature, so long legs come with a short trunk.
    """
    table = _table()
    female = rng.random(count) < 0.5
    stature = _statures(rng, female)

    limbs = _normal(rng, count)
    correlation = table["limbs"]["correlation"]
    lengths = {}
    for name, row in table["lengths"].items():
        residual = _normal(rng, count)
        if row.get("limb", False):
            residual = np.sqrt(correlation) * limbs + np.sqrt(1 - correlation) * residual
        lengths[name] = stature * np.where(female, row["women"], row["men"]) * (1 + row["sd"] * residual)
    trunk = stature - sum(lengths[name] for name in (*LEGS, HEAD))
    fill = trunk / sum(lengths[name] for name in TRUNK)
    lengths |= {name: lengths[name] * fill for name in TRUNK}
    return Bodies(
        stature=stature.astype(np.float32),
        female=female,
        lengths={name: length.astype(np.float32) for name, length in lengths.items()},
    )


def _statures(rng: np.random.Generator, female: Bool[np.ndarray, " bodies"]) -> Float[np.ndarray, " bodies"]:
    """Statures of men and women of all populations alike, metres."""
    stature = _table()["stature"]
    of = rng.integers(len(stature["populations"]), size=len(female))
    women, men = (np.array([people[sex] for people in stature["populations"]])[of] for sex in ("women", "men"))
    sd = np.where(female, stature["sd"]["women"], stature["sd"]["men"])
    return np.where(female, women, men) + sd * _normal(rng, len(female))


def _normal(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Standard normal numbers, those beyond :data:`FARTHEST` brought to it."""
    return np.clip(rng.standard_normal(count), -FARTHEST, FARTHEST)


@lru_cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))
