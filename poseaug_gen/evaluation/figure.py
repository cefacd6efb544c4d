"""What an evaluation found, as a picture (matplotlib, the extra ``report``, imported only when something is drawn)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poseaug_gen import storage
from poseaug_gen.evaluation.scores import ELEVATION, JOINT, MPJPE, OVERALL, PA_MPJPE
from poseaug_gen.evaluation.table import TITLES, Summary, part, targets_of

# Okabe and Ito's palette, told apart by colour-blind readers; the source, which the others are held against, is grey.
COLOURS = ("#777777", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
MARKERS = "osD^vPX"
NO_MATPLOTLIB = "No figure was drawn: it needs matplotlib (pip install 'poseaug-gen[report]')."


def draw(path: Path, summary: Summary, whole: str, title: str) -> bool:
    """Write a PNG: bars an arm and target with their spread, and curves by joint and by camera elevation.

    Args:
        whole: the target, or the group of them, whose joints and elevations are drawn.

    Returns:
        False, and nothing was drawn, where matplotlib is missing.

    Raises:
        PoseAugError: the file cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    with rc_context({"text.parse_math": False}):  # a file's name is text, whatever dollar signs it has
        figure = Figure(figsize=(max(11, 1.5 + 1.6 * len(targets_of(summary))), 9.5), layout="constrained")
        FigureCanvasAgg(figure)
        _fill(figure, summary, whole, title)
        with storage.replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    return True


def _fill(figure: Any, summary: Summary, whole: str, title: str) -> None:
    """The bars of both errors one above the other, and under them the curves side by side."""
    figure.suptitle(title)
    places = figure.add_gridspec(3, 2, height_ratios=(1, 1, 1.15))
    for row, metric in enumerate((MPJPE, PA_MPJPE)):
        axes = figure.add_subplot(places[row, :])
        _bars(axes, summary, metric)
        if row == 0:
            axes.legend(ncols=len(summary), loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    for column, (group, label) in enumerate(((JOINT, "joint"), (ELEVATION, "camera elevation, degrees"))):
        _curves(figure.add_subplot(places[2, column]), summary, whole, group, label)


def _bars(axes: Any, summary: Summary, metric: str) -> None:
    """A group of bars a target, one bar an arm, its figure on top."""
    targets = targets_of(summary)
    width = 0.8 / len(summary)
    for number, (arm, scores) in enumerate(summary.items()):
        figures = [scores[target][OVERALL][metric] for target in targets]
        at = [group + (number - (len(summary) - 1) / 2) * width for group in range(len(targets))]
        means, spreads = [f["mean"] for f in figures], [f["spread"] or 0.0 for f in figures]
        colour = COLOURS[number % len(COLOURS)]
        bars = axes.bar(at, means, 0.92 * width, yerr=spreads, color=colour, ecolor="#222222", capsize=2, label=arm)
        axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=1)
    axes.set_xticks(range(len(targets)), targets)
    axes.set_ylabel(TITLES[metric])
    axes.margins(x=0.02, y=0.12)
    _plain(axes, "y")


def _curves(axes: Any, summary: Summary, whole: str, group: str, label: str) -> None:
    """A curve an arm over the joints or elevations; the band is the spread over the seeds."""
    names = list(part(next(iter(summary.values())), whole, group))
    for number, (arm, scores) in enumerate(summary.items()):
        figures = [part(scores, whole, group)[name][MPJPE] for name in names]
        means, spreads = [f["mean"] for f in figures], [f["spread"] or 0.0 for f in figures]
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.plot(means, color=colour, marker=marker, markersize=4, linewidth=1.5, label=arm)
        low, high = ([m + sign * s for m, s in zip(means, spreads, strict=True)] for sign in (-1, 1))
        axes.fill_between(range(len(names)), low, high, color=colour, alpha=0.2, linewidth=0)
    if group == ELEVATION:
        rows = [part(next(iter(summary.values())), whole, group)[name]["rows"] for name in names]
        names = [f"{name}\n{count:,} poses" for name, count in zip(names, rows, strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=60 if group == JOINT else 0, fontsize=8)
    axes.set(xlabel=label, ylabel=TITLES[MPJPE])
    axes.set_title(f"By {group}, {whole}", fontsize=10)
    axes.set_ylim(bottom=0)
    _plain(axes, "both")


def _plain(axes: Any, grid: str) -> None:
    """No frame but the axes, and a faint grid under what is drawn."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
