"""Pairs as pictures: the source beside what it became, in 3D and in the camera's frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from poseaug_gen.report.chosen import even_rows, most
from poseaug_gen.report.material import Material
from poseaug_gen.report.stick import in_3d, in_frame, levelled
from poseaug_gen.report.viewpoints import viewpoints

# Of each column that is worth a second look: a heading, how its rows are chosen, and whether they have the least.
ENDS = (
    ("difficulty", "Hardest", "The highest difficulties of the sample.", False),
    ("score_3d", "Least plausible", "The lowest 3D scores of the sample.", True),
    ("angle_change", "Most bent", "The largest changes of bone angles; learned rows alone have one.", False),
)


@dataclass(frozen=True)
class Card:
    """One pair.

    Attributes:
        pictures: what each shows, and its SVG.
        facts: what is said of it, in order.
    """

    number: int
    kind: str
    pictures: dict[str, Markup]
    facts: list[str]


@dataclass(frozen=True)
class Gallery:
    """Some pairs, and how they were chosen."""

    title: str
    chosen: str
    cards: list[Card]


def galleries(material: Material) -> Iterator[Gallery]:
    """Pairs evenly chosen, and those at the ends of what was measured."""
    chosen = "Spread evenly over the rows" + (", as many learned as drawn." if len(material.series) > 1 else ".")
    yield _gallery(material, "Evenly chosen", chosen, even_rows(material))
    for column, title, chosen, least in ENDS:
        if material.tells(column):
            yield _gallery(material, title, chosen, most(material, column, least=least))


def _gallery(material: Material, title: str, chosen: str, index: np.ndarray) -> Gallery:
    pairs, up = material.pairs.take(index), material.up[index]
    level, _ = levelled(pairs.positions, up)
    before = material.unaugmented(index)
    source = None if before is None else levelled(before.posture, up)[0]
    seen, elevation = pairs.project(), viewpoints(pairs.positions, up, pairs.skeleton).elevation
    cards = []
    for place, at in enumerate(index.tolist()):
        number = int(material.rows["row"][at])
        aspect = float(pairs.image_size[place, 1] / pairs.image_size[place, 0])
        pictures = {}
        if source is not None:
            pictures["source"] = in_3d(source[place], pairs.skeleton, f"Source posture of row {number}")
        what = "augmented" if material.is_export else "in 3D"
        pictures[what] = in_3d(level[place], pairs.skeleton, f"Row {number} in 3D")
        faint = None if before is None else before.seen[place]
        pictures["2D"] = in_frame(seen[place], aspect, pairs.skeleton, f"Row {number} in its camera’s frame", faint)
        kind = ("learned" if material.learned[at] else "drawn") if material.is_export else ""
        facts = [
            *_whose(material, at),
            f"camera {elevation[place]:+.0f}°".replace("-", "−"),
            f"{pairs.positions[place, 0, 2]:.1f} m",
        ]
        for column, label in (("score_3d", "3D score"), ("difficulty", "difficulty")):
            if column in material.rows:
                facts.append(f"{label} {material.rows[column][at]:.2f}".replace("-", "−"))
        cards.append(Card(number, kind, pictures, facts))
    return Gallery(title, chosen, cards)


def _whose(material: Material, at: int) -> list[str]:
    """Subject and action of a row's pose, as far as anybody knows."""
    if not material.is_export:
        poses, row = material.pairs, at
    elif material.run_poses is not None:
        poses, row = material.run_poses, int(material.rows["source_index"][at])
    else:
        return [f"source pose {int(material.rows['source_index'][at]):,}"]
    names = (labels.names[labels.codes[row]] for labels in (poses.subject, poses.action))
    return [name for name in names if name != "unknown"]
