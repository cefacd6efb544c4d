"""How plausible and how diverse the poses of an export are, beside those of the source that it was made of.

What each figure is, where it comes from and which way is better is data, :data:`realism.toml <TABLE>`. By itself a
figure says little: each is told beside the source's own (:class:`Figure`). ``docs/realism.md`` says how to read them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import torch

from poseaug_gen.evaluation.manifold import DENSITY_NEIGHBOURS, PARTNERS, PRECISION_NEIGHBOURS
from poseaug_gen.evaluation.measured import UNEQUAL, Drawn, Told, of_one, of_two
from poseaug_gen.evaluation.viewpoint import BANDS, MOST_BITS, SECTORS
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.anatomy.joint_limits import BENT
from poseaug_gen.sources.anatomy.limits import FARTHEST
from poseaug_gen.sources.anatomy.posture import SLACK

TABLE = "realism.toml"
SAMPLE = 5_000  # of each side, where all are held against all: a share is known to 0.7 %, in two seconds


@dataclass(frozen=True)
class Figure:
    """One figure of an export.

    Attributes:
        name: snake_case key.
        label: a few words for a table.
        value: None where it could not be told; ``why`` says why.
        source_value: the source's own, to read ``value`` by: of a figure of one set, the same figure of the source; of
            one that compares the export with source poses, that of as many other source poses in the export's place.
        unit: of both values; empty for a pure number.
        better: ``lower``, ``higher``, or neither: empty.
        definition, reference: what is measured, exactly, and who published it so.
        rows: of how many poses it is told.
        details: degree of freedom -> ``value`` and ``source_value``, where the figure has such.
    """

    name: str
    label: str
    value: float | None
    source_value: float | None
    unit: str
    better: str
    definition: str
    reference: str
    why: str = ""
    rows: int = 0
    details: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def realism(pairs: PoseSet, source: PoseSet | None, seed: int = 0, sample: int = SAMPLE) -> tuple[Figure, ...]:
    """Every figure, in the table's order; the same for the same poses, seed and sample.

    Args:
        pairs: an export's poses, or any others that are to be held against the source's.
        source: the poses that the export was made of; None: not to be had, and what needs them is not told.
        seed: of what is drawn at random: at most 65,536 rows of each set.
        sample: the most poses of each set that are held against all of another.

    Raises:
        ValueError: the joints of the two are not the same.
    """
    if source is not None and source.skeleton.joints != pairs.skeleton.joints:
        raise ValueError(f"skeletons differ: {pairs.skeleton.name}, {source.skeleton.name}")
    with _one_thread():
        mine, theirs = Drawn.of(pairs, seed), None if source is None else Drawn.of(source, seed)
        against, of_others = of_two(mine, theirs, sample)
        found = of_one(mine, sample, seed) | against
        own = {} if theirs is None else of_one(theirs, sample, seed) | of_others
    return tuple(_figure(name, told, found[name], own.get(name, Told())) for name, told in catalogue(sample).items())


@contextmanager
def _one_thread() -> Iterator[None]:
    """The same figures on any number of cores; and beside a training run, threads would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache
def catalogue(sample: int = SAMPLE) -> dict[str, dict[str, str]]:
    """Name -> label, unit, better, definition and reference of each figure, in their order."""
    table = tomllib.loads(resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))
    measured = {
        "deviations": FARTHEST,
        "slack": math.degrees(SLACK),
        "bent": math.degrees(BENT),
        "unequal": 100 * UNEQUAL,
        "sample": sample,
        "partners": PARTNERS,
        "precision_k": PRECISION_NEIGHBOURS,
        "density_k": DENSITY_NEIGHBOURS,
        "bands": BANDS,
        "sectors": SECTORS,
        "bins": BANDS * SECTORS,
        "most_bits": MOST_BITS,
    }
    return {name: told | {"definition": told["definition"].format(**measured)} for name, told in table.items()}


def _figure(name: str, told: Mapping[str, str], mine: Told, theirs: Told) -> Figure:
    details = {key: {"value": value, "source_value": theirs.details.get(key)} for key, value in mine.details.items()}
    return Figure(
        name=name, value=mine.value, source_value=theirs.value, why=mine.why, rows=mine.rows, details=details, **told
    )
