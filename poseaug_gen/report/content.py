"""All that a report says, before it is a page: measured once, drawn once, and as JSON for those who compute on."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from poseaug_gen import __version__
from poseaug_gen.evaluation.realism import Figure, realism
from poseaug_gen.report import maps
from poseaug_gen.report.browser import browsed
from poseaug_gen.report.charts import histogram
from poseaug_gen.report.gallery import Gallery, galleries
from poseaug_gen.report.material import Material
from poseaug_gen.report.measures import (
    ACROSS,
    AZIMUTH,
    DOWN,
    DRAWN,
    ELEVATION,
    EXPORT,
    OF_COLUMNS,
    PERCENTILES,
    SOURCE,
    Measure,
    Spread,
    Values,
    measured,
    spread_of,
)
from poseaug_gen.report.tables import health_of, records_of, settings_of
from poseaug_gen.report.training import Curve, curves_of

PREVIEW_BYTES = 2_000_000  # of the run's newest preview; a larger picture stays out of the page
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Map:
    """One map of a pair: of what series, how much of it is reached (0 to 1), and the SVG."""

    series: str
    reached: float
    svg: Markup


class Content:
    """A report's contents; each is made when it is first asked for."""

    def __init__(self, material: Material) -> None:
        self.material = material

    # --- measured -----------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> dict[str, tuple[Measure, dict[str, Values]]]:
        """Every measure by name, and its values in each series; the source's first."""
        found: dict[str, tuple[Measure, dict[str, Values]]] = {}
        source, pairs = self.material.source, self.material.pairs
        if source is not None:
            for measure, values in measured(source, self.material.source_up):
                found[measure.name] = measure, {SOURCE: values}
        told = [column for column in OF_COLUMNS if self.material.tells(column.name)]
        of_columns = [(column, self.material.rows[column.name][:, None].astype(float)) for column in told]
        for measure, values in [*measured(pairs, self.material.up), *of_columns]:
            _, series = found.setdefault(measure.name, (measure, {}))
            series.update({name: values[rows] for name, rows in self.material.series.items()})
        if "angle_change" in found:  # drawn rows have none
            found["angle_change"][1].pop(DRAWN, None)
        return found

    @cached_property
    def realism(self) -> tuple[Figure, ...]:
        """How plausible and how diverse an export's pairs are, beside the source; nothing of a run."""
        material = self.material
        return realism(material.pairs, material.source) if material.is_export else ()

    @cached_property
    def spreads(self) -> list[Spread]:
        """Every measure's spread."""
        found = [
            (m, series) for m, series in self.values.values() if any(np.isfinite(v).any() for v in series.values())
        ]
        return [spread_of(measure, series) for measure, series in found]

    def series_of(self, measure: Measure) -> dict[str, Values]:
        """A measure's values in the source and in all pairs; empty where it was not measured."""
        if measure.name not in self.values:
            return {}
        series = dict(self.values[measure.name][1])
        told = {SOURCE: series.pop(SOURCE)} if SOURCE in series else {}
        return {**told, **({EXPORT: np.concatenate(list(series.values()))} if series else {})}

    # --- drawn --------------------------------------------------------------------------------------------

    @cached_property
    def galleries(self) -> list[Gallery]:
        return list(galleries(self.material))

    @cached_property
    def browser(self) -> dict[str, Any]:
        """The rows that the page's script shows."""
        return browsed(self.material)

    @cached_property
    def distributions(self) -> dict[str, list[tuple[Spread, Markup]]]:
        """Histograms by their headings."""
        groups: dict[str, list[tuple[Spread, Markup]]] = {}
        for place, spread in enumerate(self.spreads):
            groups.setdefault(spread.measure.group, []).append((spread, histogram(f"spread-{place}", spread)))
        return groups

    @cached_property
    def spheres(self) -> list[Map]:
        """Where cameras stand, the source's and the pairs'; none where nothing tells how bodies face."""
        return list(self._maps(ELEVATION, AZIMUTH, maps.sphere_density, maps.sphere, "of the directions round a body"))

    @cached_property
    def frames(self) -> list[Map]:
        """Where in the frame bodies are."""
        return list(self._maps(ACROSS, DOWN, maps.frame_density, maps.frame, "of the frame"))

    def _maps(self, first: Measure, second: Measure, density_of: Any, draw: Any, whole: str) -> Iterator[Map]:
        firsts, seconds = self.series_of(first), self.series_of(second)
        for name in firsts if seconds else ():
            density = density_of(firsts[name].ravel(), seconds[name].ravel())
            share = maps.reached(density)
            yield Map(name, share, draw(density, f"Map of the {name}: {share:.0%} {whole} reached"))

    @cached_property
    def curves(self) -> list[Curve]:
        """The training's; none where the run is not at hand."""
        return [] if self.material.run is None else list(curves_of(self.material.run))

    @cached_property
    def preview(self) -> tuple[str, str] | None:
        """Name and data URL of the run's newest preview; None: there is none, or it is no picture, or a large one."""
        previews = [] if self.material.run is None else sorted((self.material.run.path / "previews").glob("*.png"))
        if not previews or previews[-1].stat().st_size > PREVIEW_BYTES:
            return None
        picture = previews[-1].read_bytes()
        return (previews[-1].stem, _data_url(picture)) if picture.startswith(PNG) else None

    # --- told ---------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON holds them."""
        material = self.material
        return {
            "tool_version": __version__,
            "name": material.name,
            "kind": "export" if material.is_export else "run",
            "rows": material.total,
            "rows_sampled": len(material.pairs),
            "figures": {figure.name: asdict(figure) for figure in self.realism},
            "distributions": {spread.measure.name: _plain(spread) for spread in self.spreads},
            "viewpoints_reached": {found.series: found.reached for found in self.spheres},
            "frame_reached": {found.series: found.reached for found in self.frames},
            "redrawn": dict(material.redrawn),
            "health": asdict(health_of(material)),
            "settings": settings_of(material),
            "source": [asdict(record) for record in records_of(material.source_record)],
        }


def _plain(spread: Spread) -> dict[str, Any]:
    return {
        "label": spread.measure.label,
        "unit": spread.measure.unit,
        "definition": spread.measure.definition,
        "edges": spread.edges.tolist(),
        "per_cent": {name: shares.tolist() for name, shares in spread.shares.items()},
        "percentiles": {
            name: dict(zip((f"p{share}" for share in PERCENTILES), figures.tolist(), strict=True))
            for name, figures in spread.percentiles.items()
        },
    }


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
