"""What stands in the page as tables and lists: settings, what was redrawn, where the source comes from, health.

Whatever a file says is text here, of whatever kind it may be; the template escapes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from poseaug_gen.config import config_from_dict
from poseaug_gen.errors import PoseAugError
from poseaug_gen.report.material import Material
from poseaug_gen.report.training import Judged, judged

CAUSES = {
    "not_finite": "A coordinate is not finite.",
    "depth": "A joint is nearer or farther than was asked (visibility.nearest and visibility.farthest, or --depth).",
    "out_of_frame": "A joint is outside the frame, or the part of it that was asked for (--frame).",
    "joint_limits": "A hip, knee, shoulder or elbow is bent as no joint allows (--within-limits).",
    "score": "The 3D score is under --min-score.",
    "difficulty": "The difficulty is outside --difficulty.",
    "not_chosen": "Of the candidates for one posture another came nearer the wished difficulty (--candidates).",
}

LEAST = 0.001  # of a figure that is shown as such


@dataclass(frozen=True)
class Redrawn:
    """How many candidates were drawn again for one cause."""

    cause: str
    meaning: str
    count: int
    share: float  # of all candidates


def redrawn_of(material: Material) -> list[Redrawn]:
    """Each cause for which a candidate was redrawn, the commonest first."""
    candidates = max(1, material.candidates)
    counts = [(count, cause) for cause, count in material.redrawn.items() if count and cause != "candidates"]
    causes = sorted(counts, reverse=True)
    return [Redrawn(cause, CAUSES.get(cause, ""), count, count / candidates) for count, cause in causes]


@dataclass(frozen=True)
class Record:
    """Where some poses come from."""

    role: str
    name: str
    licence: str
    citation: str
    others: dict[str, str]


def records_of(source: Mapping[str, Any]) -> Iterator[Record]:
    """The source, the parts that it was joined from, the built-in poses added to it, and the 2D poses that steered."""
    yield _record("Source", source)
    for number, part in enumerate(_mappings(source.get("parts")), start=1):
        yield _record(f"Part {number} of the source", part)
    for part in _mappings([source.get("built_in")]):
        yield _record("Built-in poses added to it", part)
    for part in _mappings(source.get("extra_2d")):
        yield _record("2D poses that steered the augmentor", part)


def _record(role: str, facts: Mapping[str, Any]) -> Record:
    told = {name: text(facts.get(name, "")).strip() for name in ("name", "licence", "citation")}
    apart = (*told, "parts", "built_in", "extra_2d", "bone_length_m")
    others = {str(key): text(value) for key, value in facts.items() if key not in apart}
    return Record(role, told["name"] or "no name", told["licence"], told["citation"], others)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def settings_of(material: Material) -> dict[str, dict[str, str]]:
    """Every setting that is recorded, by section, the export's first."""
    config = material.config
    train = config.get("train")
    sections = {"export": config.get("export"), **(train if isinstance(train, Mapping) else {})}
    return {
        str(section): {str(key): text(value) for key, value in values.items()}
        for section, values in sections.items()
        if isinstance(values, Mapping)
    }


def columns_of(material: Material) -> list[tuple[str, ...]]:
    """The datasets of an export."""
    return [
        (column.name, " × ".join(map(str, column.shape)) or "1", column.dtype[1:], column.unit, column.meaning)
        for column in material.columns
    ]


def joints_of(material: Material) -> list[tuple[str, str, str]]:
    """Each joint with its parent and its twin."""
    skeleton = material.pairs.skeleton
    parents = ["none: the root", *(skeleton.joints[parent] for parent in skeleton.bone_parents)]
    twins = [skeleton.joints[twin] for twin in skeleton.mirror_joints]
    return list(zip(skeleton.joints, parents, twins, strict=True))


def identity_of(material: Material) -> list[tuple[str, str]]:
    """Attributes that tell an export from others."""
    told = ("schema_version", "tool_version", "seed", "created_from", "units", "frame")
    own = [(name, text(material.attributes[name])) for name in told if name in material.attributes]
    return [*own, ("versions", text(material.run_record.get("versions")))]


@dataclass(frozen=True)
class Health:
    """How a run went.

    Attributes:
        state: ``healthy`` or ``ill``; empty: not recorded.
        events: what it recovered from, a sentence each.
        judged: what the epoch that was recorded last was judged by.
    """

    state: str
    events: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)


def health_of(material: Material) -> Health:
    """The health that the run, or the export of it, has recorded."""
    recorded = material.run_record.get("health")
    facts = recorded if isinstance(recorded, Mapping) else {}
    events = [_event(event) for event in _mappings(facts.get("events"))]
    measured, train = facts.get("measured"), material.config.get("train")
    found: list[Judged] = []
    if isinstance(measured, Mapping) and isinstance(train, Mapping):
        with suppress(PoseAugError):  # another version's settings: what it was judged by is then not known here
            found = list(judged(measured, config_from_dict(train).health))
    return Health(text(facts.get("state", "")), events, found)


def _event(event: Mapping[str, Any]) -> str:
    """What went wrong, when, and what was done."""
    told = {name: text(event.get(name, "")) for name in ("phase", "epoch", "illness", "sentence", "remedy")}
    return f"{told['phase']} epoch {told['epoch']}, {told['illness']}: {told['sentence']}. Remedy: {told['remedy']}."


def text(value: Any) -> str:
    """A recorded value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value)) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {text(item)}" for key, item in value.items())
    return "not set" if value is None else str(value)


def number(value: float | None, unit: str = "") -> str:
    """A figure with its unit, in three digits or as a whole number; one that is hardly anything is said to be so."""
    if value is None:
        return "–"
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if 0 < abs(value) < LEAST:
        digits = f"under {LEAST:g}"
    return digits.replace("-", "−") + (unit and f"\u00a0{unit}")
