"""The page: one HTML file that holds all it needs, asks the network for nothing, and trusts no word of the files.

jinja2 escapes every text; the rows that the script reads are JSON in a block that no browser runs, with ``<``, ``>``
and ``&`` written as ``\\u003c`` and so on; and a Content-Security-Policy lets only our own script run, by its hash, and
nothing be fetched. So a licence that holds markup is shown, not obeyed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from poseaug_gen import __version__, storage
from poseaug_gen.export.schema import to_json
from poseaug_gen.report import maps, words
from poseaug_gen.report.content import Content
from poseaug_gen.report.measures import DRAWN, EXPORT, LEARNED, SOURCE
from poseaug_gen.report.palette import HEATS, variables
from poseaug_gen.report.tables import (
    columns_of,
    health_of,
    identity_of,
    joints_of,
    number,
    records_of,
    redrawn_of,
    settings_of,
)

SERIES = {
    SOURCE: "the source’s poses",
    EXPORT: "the export’s pairs",
    DRAWN: "drawn pairs",
    LEARNED: "learned pairs: the augmentor’s",
}


def write_page(path: Path, content: Content) -> None:
    """Write the page, whole or not at all; equal contents make equal bytes. Raises a PoseAugError where it cannot."""
    text = render(content)
    storage.write_text(path, text.encode("utf-8", "replace").decode("utf-8"))  # a file's text may hold half a character


def write_figures(path: Path, content: Content) -> None:
    """Write the figures as JSON, likewise."""
    storage.write_text(path, json.dumps(json.loads(to_json(content.to_dict())), indent=1) + "\n")


def render(content: Content) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("poseaug_gen.report", package_path="."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, material = _file("page.js"), content.material
    return environment.get_template("page.html.j2").render(
        content=content,
        material=material,
        version=__version__,
        policy=_policy(script),
        style=Markup(_file("page.css")),
        light=Markup(variables()),
        dark=Markup(variables(dark=True)),
        script=Markup(script),
        data=embedded(to_json(content.browser)),
        series=SERIES,
        shown={name for spread in content.spreads for name in spread.shares},
        steps=maps.STEPS,
        heats=range(HEATS),
        number=number,
        key_facts=words.key_facts(material),
        missing=words.missing(material),
        mend=words.mend(material),
        vertical=words.vertical(material),
        columns=columns_of(material),
        joints=joints_of(material),
        identity=identity_of(material),
        redrawn=redrawn_of(material),
        health=health_of(material),
        settings=settings_of(material),
        records=list(records_of(material.source_record)),
    )


def embedded(text: str) -> Markup:
    """JSON that may stand in a ``<script>`` block: nothing in it can end the block or begin a comment."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _policy(script: str) -> str:
    """Nothing is fetched, and no script runs but ours."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"base-uri 'none'; form-action 'none'"
    )


def _file(name: str) -> str:
    """A file of this package."""
    return (resources.files("poseaug_gen.report") / name).read_text(encoding="utf-8")
