"""The diagrams of docs/method.md, what a training step and an export are made of: python scripts/draw_flow.py

They are SVG without a script or a font of their own, on a white card, so that they show in any theme.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import click

from poseaug_gen.config import PostureSettings
from poseaug_gen.models.augmentor import LENGTH_LIMIT

HEIGHT, LINE, SIZE = 48, 16, 13  # of a box of one line, between lines of text, of text
POSTURES = PostureSettings()
PLAIN, LEARNED, JUDGES, DATA = "#eef1f4", "#d9e8fb", "#fbe3d9", "#e4f2e0"
INK, FAINT = "#333333", "#777777"


@dataclass(frozen=True)
class Box:
    """Some lines of text in a box; ``x`` and ``y`` are its left upper corner."""

    x: int
    y: int
    width: int
    text: str
    fill: str = PLAIN

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @property
    def height(self) -> int:
        return HEIGHT + LINE * (len(self.lines) - 1)

    def side(self, name: str) -> tuple[float, float]:
        """The middle of a side: left, right, top or bottom."""
        x, y = self.x + self.width / 2, self.y + self.height / 2
        sides = {"left": (self.x, y), "right": (self.x + self.width, y), "top": (x, self.y)}
        return {**sides, "bottom": (x, self.y + self.height)}[name]

    def svg(self) -> str:
        first = self.y + (self.height - LINE * (len(self.lines) - 1)) / 2 + 4.5
        words = "".join(
            f'<text x="{self.x + self.width / 2:g}" y="{first + LINE * number:g}" text-anchor="middle" '
            f'fill="{FAINT if number else INK}">{escape(line)}</text>'
            for number, line in enumerate(self.lines)
        )
        return (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="6" fill="{self.fill}" '
            f'stroke="{FAINT}"/>{words}'
        )


def arrow(start: Box, leaves: str, end: Box, enters: str, dashed: bool = False, at: float = 0.5) -> str:
    """From a side of a box to one of another: straight, or with a bend ``at`` so much of the way."""
    (x, y), (u, v) = start.side(leaves), end.side(enters)
    if leaves in ("left", "right"):
        middle = x + (u - x) * at
        bends = f"H{middle:g}V{v:g}H{u:g}" if enters in ("left", "right") else f"H{u:g}V{v:g}"
    else:
        middle = y + (v - y) * at
        bends = f"V{middle:g}H{u:g}V{v:g}" if enters in ("top", "bottom") else f"V{v:g}H{u:g}"
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="M{x:g} {y:g}{bends}" fill="none" stroke="{INK}"{dashes} marker-end="url(#head)"/>'


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def note(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{FAINT}">{escape(text)}</text>'


def picture(width: int, height: int, title: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="{SIZE}" role="img">\n<title>{escape(title)}</title>\n'
        f'<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def training() -> str:
    source = Box(16, 96, 128, "source pose\non another's bones\nand its camera", DATA)
    angle = Box(184, 104, 122, "bone angle\nturns limbs", LEARNED)
    length = Box(336, 104, 122, f"bone length\nup to ± {percent(LENGTH_LIMIT)}", LEARNED)
    rigid = Box(488, 104, 122, "rigid transform\nturns, places", LEARNED)
    camera = Box(640, 104, 110, "projection\nby its camera")
    pair = Box(780, 104, 96, "2D–3D\npair", DATA)
    d3d = Box(175, 220, 140, "3D discriminator\nfive parts", JUDGES)
    d2d = Box(625, 220, 140, "2D discriminator\nposture, view, place", JUDGES)
    feedback = Box(420, 220, 150, "estimator\nhow hard is it?", JUDGES)
    loss = Box(400, 318, 190, "the augmentor's loss")
    kept = Box(780, 16, 96, "estimator\nlearns", LEARNED)
    steps = [arrow(a, "right", b, "left") for a, b in ((source, angle), (angle, length), (length, rigid))]
    steps += [arrow(rigid, "right", camera, "left"), arrow(camera, "right", pair, "left")]
    steps += [arrow(angle, "bottom", d3d, "top"), arrow(camera, "bottom", d2d, "top")]
    steps += [arrow(angle, "bottom", feedback, "top", at=0.35), arrow(camera, "bottom", feedback, "top", at=0.35)]
    steps += [
        arrow(box, "bottom", loss, side, True) for box, side in ((d3d, "left"), (feedback, "top"), (d2d, "right"))
    ]
    steps += [arrow(pair, "top", kept, "bottom")]
    boxes = [box.svg() for box in (source, angle, length, rigid, camera, pair, d3d, d2d, feedback, loss, kept)]
    notes = [
        note(184, 88, "the augmentor: four networks, each with noise of its own"),
        note(716, 92, "those in the frame"),
    ]
    return picture(892, 380, "A training step", [*steps, *boxes, *notes])


def exporting() -> str:
    pool = Box(16, 104, 150, "source and built-in\npostures, mirrored\nthe hard ones oftener", DATA)
    limbs = Box(200, 112, 140, "legs and arms\nof others", PLAIN)
    body = Box(372, 112, 120, "a body\nof the source's", PLAIN)
    frozen = Box(548, 40, 160, "frozen augmentor\nand the source's camera", LEARNED)
    drawn = Box(548, 182, 160, f"lengths ± {percent(POSTURES.length_spread)}, a camera\nas people set them up", PLAIN)
    test = Box(744, 112, 132, "could a camera\nhave taken it?", JUDGES)
    file = Box(744, 206, 132, "aug.h5", DATA)
    again = Box(744, 22, 132, "drawn again,\nand counted", PLAIN)
    judge = Box(16, 16, 150, "judge, a lifter\nat the end of a run", JUDGES)
    steps = [arrow(pool, "right", limbs, "left"), arrow(limbs, "right", body, "left")]
    steps += [arrow(body, "right", frozen, "left"), arrow(body, "right", drawn, "left")]
    steps += [arrow(frozen, "right", test, "left"), arrow(drawn, "right", test, "left")]
    steps += [
        arrow(test, "bottom", file, "top"),
        arrow(test, "top", again, "bottom"),
        arrow(judge, "bottom", pool, "top"),
    ]
    boxes = [box.svg() for box in (pool, limbs, body, frozen, drawn, test, file, again, judge)]
    notes = [note(818, 196, "yes"), note(818, 104, "no")]
    notes += [note(488, 92, percent(POSTURES.learned)), note(488, 206, percent(1 - POSTURES.learned))]
    return picture(892, 270, "How the pairs of an export are made", [*steps, *boxes, *notes])


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/pictures"), show_default=True)
def main(out: Path) -> None:
    """Draw both diagrams into a folder."""
    for name, drawing in (("flow-training.svg", training()), ("flow-export.svg", exporting())):
        (out / name).write_text(drawing, encoding="utf-8")
        click.echo(out / name)


if __name__ == "__main__":
    main()
