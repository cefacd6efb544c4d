"""``<!-- settings: schedule -->`` in a page becomes the table of that section's settings, from poseaug_gen/config.py.

Names, defaults, presets and bounds are the code's; what a setting means is the comment beside it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from doc_options import escaped

from poseaug_gen import config

_PLACE = re.compile(r"^<!-- settings: (?P<section>[a-z]+) -->$", re.MULTILINE)
KINDS = {**get_type_hints(config.Config), "export": config.ExportSettings}  # the settings class of each section


def with_settings(markdown: str) -> str:
    """The text with each place for a table filled."""
    return _PLACE.sub(lambda place: "\n".join(table(place["section"])), markdown)


def table(section: str) -> Iterator[str]:
    """The settings of a section as lines of Markdown."""
    kind = KINDS[section]
    said = comments(kind.__name__)
    presets = [] if section == "export" else list(config.PRESETS)
    yield f"{kind.__doc__}\n"
    yield " | ".join(["| setting", "default", *(f"`{name}`" for name in presets), "meaning |"])
    yield "|---" * (3 + len(presets)) + "|"
    for field in fields(kind):
        name = f"{section}.{field.name}"
        default = field.default if field.default is not MISSING else field.default_factory()  # type: ignore[misc]
        values = [config.PRESETS[preset].get(section, {}).get(field.name) for preset in presets]
        cells = [f"`{name}`", shown(default), *("" if value is None else shown(value) for value in values)]
        yield f"| {' | '.join(cells)} | {meaning(name, said[field.name])} |"
    yield ""


def meaning(name: str, comment: str) -> str:
    """What the comment says, and which values are allowed."""
    if name in config.CHOICES:
        choices = ", ".join(f"`{choice}`" for choice in config.CHOICES[name])
        allowed = [f"One of {choices}."]
    elif name in config.BOUNDS:
        allowed = [f"{low:g} to {high:g}." for low, high in [config.BOUNDS[name]]]
    else:
        allowed = []
    return "<br>".join([escaped(comment), *allowed])


def shown(value: Any) -> str:
    """A value as a TOML file has it."""
    if value is None or value == ():
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value:_}`" if value >= 10_000 else f"`{value}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def comments(class_name: str) -> dict[str, str]:
    """Of each field of a settings class, the comment that stands before it and that beside it, as one text."""
    source = open(config.__file__, encoding="utf-8").read()
    by_line = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    node = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == class_name)
    found, last = {}, node.lineno
    for line in (statement for statement in node.body if isinstance(statement, ast.AnnAssign)):
        before = [by_line[number] for number in range(last + 1, line.lineno) if number in by_line]
        beside = by_line.get(line.end_lineno or line.lineno, "")
        assert isinstance(line.target, ast.Name)
        found[line.target.id] = " ".join(filter(None, [beside, *before]))
        last = line.end_lineno or line.lineno
    return found
