"""The page's colours, each in the light and in the dark: as CSS variables, and as matplotlib is to draw them.

Charts are drawn once, with the light colours; :mod:`.svg` then puts the variable in place of each, so that light, dark
and print are a matter of CSS. So no two names may have the same light colour.
"""

from __future__ import annotations

from poseaug_gen.drawing import LEFT, MIDDLE, RIGHT

# Text on paper or panel keeps a contrast of 4.5 and more (WCAG 2.2, 1.4.3), lines of charts 3 (1.4.11).
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#12161a"),
    "panel": ("#f4f6f8", "#1b2127"),
    "ink": ("#1a1f24", "#e8ebee"),
    "muted": ("#56616c", "#a3aeb9"),
    "rule": ("#d3d9df", "#36404a"),
    "link": ("#0b5cad", "#82bdfa"),
    "good": ("#1b7a3d", "#6fcf8e"),
    "bad": ("#b3261e", "#ff8f85"),
    "left": (LEFT, "#6fb0f5"),
    "right": (RIGHT, "#f58a72"),
    "middle": (MIDDLE, "#b9c2cb"),
    "source": ("#b4bcc5", "#59646f"),
    "drawn": ("#00806a", "#3ecfae"),
    "learned": ("#a8338f", "#ef86d8"),
    "third": ("#a96800", "#f0b64f"),
    "fourth": ("#4a5f94", "#9fb6ee"),
    "heat-0": ("#eef1f4", "#1e252c"),
    "heat-1": ("#d9e8e4", "#1f3b39"),
    "heat-2": ("#b2d8cd", "#20544f"),
    "heat-3": ("#7fc3b2", "#227267"),
    "heat-4": ("#45a892", "#2b9482"),
    "heat-5": ("#17836f", "#52b99f"),
    "heat-6": ("#0b5f54", "#93d9c3"),
    "heat-7": ("#083d3b", "#dcf7ec"),
}
HEATS = 8  # of them are steps of a map, from nothing to most


def light(name: str) -> str:
    """What matplotlib draws with."""
    return COLOURS[name][0]


def variables(dark: bool = False) -> str:
    """Every colour as a CSS declaration."""
    return "".join(f"--{name}:{pair[dark]};" for name, pair in COLOURS.items())


def as_variables(text: str) -> str:
    """The text with ``var(--name)`` for every light colour in it."""
    for name, (colour, _) in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text
