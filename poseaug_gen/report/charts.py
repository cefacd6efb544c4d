"""Histograms and curves, drawn by matplotlib, one small chart each, so that they stack on a phone and stay legible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from poseaug_gen.report.measures import AZIMUTH, DRAWN, EXPORT, LEARNED, PERCENTILES, SOURCE, Spread
from poseaug_gen.report.palette import light
from poseaug_gen.report.svg import inline, new_figure

WIDE, HIGH = 240.0, 118.0  # points
# A source of few people and cameras is spikes, beside which the export would be a flat line: what is more than so many
# times as high as the lowest series' top is cut off.
CUT = 3
# The source is an area, the others are lines that a reader without colours can tell apart.
LINES: dict[str, dict[str, Any]] = {
    EXPORT: {"color": light("drawn"), "linewidth": 1.6},
    DRAWN: {"color": light("drawn"), "linewidth": 1.6},
    LEARNED: {"color": light("learned"), "linewidth": 1.6, "linestyle": (0, (3.2, 1.4))},
}
CURVES: tuple[dict[str, Any], ...] = (
    {"color": light("drawn")},
    {"color": light("learned"), "linestyle": (0, (3.2, 1.4))},
    {"color": light("third"), "linestyle": (0, (1, 1.2))},
    {"color": light("fourth"), "linestyle": (0, (5, 1.4, 1, 1.4))},
)


def histogram(name: str, spread: Spread) -> Markup:
    """How a measure is spread: the source as an area, the others as lines, each of the same area.

    Args:
        name: of the chart, as :func:`.svg.inline` wants it; a measure's own may have a joint's in it.
    """
    figure = new_figure(WIDE, HIGH)
    axes = _axes(figure)
    for series, shares in spread.shares.items():
        outline = np.repeat(spread.edges, 2)[1:-1], np.repeat(shares, 2)
        if series == SOURCE:
            axes.fill_between(*outline, color=light("source"), linewidth=0)
        else:
            axes.plot(*outline, solid_joinstyle="miter", **LINES[series])
    axes.set_xlim(spread.edges[0], spread.edges[-1])
    tops = [float(shares.max()) for shares in spread.shares.values()]
    axes.set_ylim(0, 1.04 * max(min(max(tops), CUT * min(tops)), 1e-9))
    axes.set_yticks([])
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.spines["left"].set_visible(False)
    if spread.measure is AZIMUTH:
        axes.set_xticks([-180, -90, 0, 90, 180])
    return inline(figure, name, in_words(spread))


def in_words(spread: Spread) -> str:
    """What a histogram shows, for those who do not see it."""
    low, middle, high = (f"{share}th percentile" if share != 50 else "median" for share in PERCENTILES)
    series = [
        f"{name}: {low} {figures[0]:.3g}, {middle} {figures[1]:.3g}, {high} {figures[2]:.3g}{spread.measure.unit}"
        for name, figures in spread.percentiles.items()
    ]
    return f"Histogram of {spread.measure.label}. {'; '.join(series)}."


def curves(
    name: str,
    title: str,
    lines: Mapping[str, Sequence[float | None]],
    pretrained: int,
    best: int | None = None,
    logarithmic: bool = False,
) -> Markup:
    """Curves over the epochs of joint training, from 1, and of the pre-training before them, up to 0.

    Args:
        lines: a figure of each epoch, None where it has none, by label; at least one is a number.
        pretrained: how many epochs the pre-training has.
        best: the epoch of joint training to mark.
    """
    figure = new_figure(WIDE, HIGH)
    axes = _axes(figure)
    epochs = np.arange(len(next(iter(lines.values())))) + 1 - pretrained
    for (label, values), style in zip(lines.items(), CURVES, strict=False):
        figures = np.array([np.nan if value is None else value for value in values], dtype=float)
        axes.plot(epochs, figures, linewidth=1.6, marker="o", markersize=2.6, label=label, **style)
    first = next(
        at for at, figures in enumerate(zip(*lines.values(), strict=True)) if any(f is not None for f in figures)
    )
    if epochs[first] < 1 <= epochs[-1]:
        axes.axvline(0.5, color=light("muted"), linewidth=0.7, linestyle=(0, (1, 2)))
    if best is not None:
        axes.axvline(best, color=light("muted"), linewidth=0.7)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # as text: 10^-2 would be matplotlib's own markup
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlim(epochs[first] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=8)
    axes.grid(axis="y", color=light("rule"), linewidth=0.5)
    told = [f"{label} from {_end(values)} to {_end(values[::-1])}" for label, values in lines.items()]
    return inline(figure, name, f"{title} over {len(epochs) - first} epochs: {'; '.join(told)}.")


def _end(values: Sequence[float | None]) -> str:
    """The first figure that there is."""
    return next((f"{value:.3g}" for value in values if value is not None), "nothing")


def _axes(figure: Any) -> Any:
    """Axes with small figures and thin lines in the page's colours."""
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set(color=light("muted"), linewidth=0.7)
    axes.tick_params(
        which="both", labelsize=8, labelcolor=light("muted"), color=light("muted"), width=0.7, length=2.5, pad=2
    )
    axes.set_axisbelow(True)
    return axes
