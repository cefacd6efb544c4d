"""Charts as SVG that stands in a page: matplotlib's, in the page's own colours and letters, with words beside it."""

from __future__ import annotations

import io
import re
from typing import Any

from markupsafe import Markup, escape

from poseaug_gen.report.palette import as_variables

POINTS = 72  # an inch


def new_figure(width: float, height: float) -> Any:
    """An empty figure of so many points; matplotlib is imported here and nowhere else."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)  # inches
    figure = Figure(figsize=(width / POINTS, height / POINTS), layout=layout)
    FigureCanvasSVG(figure)
    return figure


def inline(figure: Any, name: str, alternative: str) -> Markup:
    """A figure as an ``<svg>`` for a page.

    Args:
        name: sets its ids apart from those of other figures of the page; lower case letters, digits and hyphens.
        alternative: what it shows, for those who do not see it.
    """
    from matplotlib import rc_context

    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"{name!r} is no part of an id")  # ids are not escaped
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Markup(
        slim(buffer.getvalue(), name).replace("<svg ", f'<svg role="img" aria-label="{escape(alternative)}" ', 1)
    )


def slim(text: str, name: str) -> str:
    """matplotlib's SVG without what a page has no use for, or that would change the rest of the page.

    It loses the prologue, its style sheet (which would hold for the whole page), ids that nothing refers to, fonts and
    a fixed size; the other ids are set apart by ``name``, and coordinates keep a hundredth of a point.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<defs>\s*</defs>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text).replace("xlink:href", "href")
    text = re.sub(r' (?:width|height)="[\d.]+pt"| xmlns(?::xlink)?="[^"]*"| version="1.1"', "", text)
    text = re.sub(r"font: ([\d.]+px)[^;\"]*|(font-size: [\d.]+px); font-family: [^;\"]*", _size_alone, text)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)
    text = re.sub(r"(\.\d\d)\d+", r"\1", text)
    return as_variables(re.sub(r"\s*\n\s*", "\n", text).replace("\nL ", "L").strip())


def _size_alone(match: re.Match[str]) -> str:
    """Of a font, its size: the family is the page's."""
    return match[2] or f"font-size: {match[1]}"
