"""``<!-- settings: schedule -->`` in a page becomes the table of that section's settings, from poseaug_gen/config.py.

Names, defaults, presets and bounds are the code's; what a setting means is the comment beside it.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
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
    yield from (f"{linked(inspect.getdoc(kind) or '')}\n", "| setting | value | meaning |", "|---|---|---|")
    for field in fields(kind):
        name = f"{section}.{field.name}"
        yield f"| `{name}` | {values(section, field)} | {meaning(name, said[field.name])} |"
    yield ""


def values(section: str, field: Field) -> str:
    """What a setting is by default, and which presets or estimators have it otherwise."""
    default = field.default if field.default is not MISSING else field.default_factory()  # type: ignore[misc]
    names: dict[str, list[str]] = {shown(default): []}
    if section != "export":
        for layers in (config.PRESETS, config.ESTIMATOR_LAYERS):
            for layer, sections in layers.items():
                other = sections.get(section, {}).get(field.name)
                if other is not None:
                    names.setdefault(shown(other), []).append(layer)
    return "<br>".join(f"{value} ({', '.join(layers)})" if layers else value for value, layers in names.items())


def meaning(name: str, comments: list[str]) -> str:
    """What the comments say, and which values are allowed."""
    allowed = []
    if name in config.CHOICES and not all(choice in " ".join(comments) for choice in config.CHOICES[name]):
        allowed = [f"One of {', '.join(config.CHOICES[name])}."]
    elif name in config.BOUNDS:
        allowed = [f"{low:,} to {high:,}." for low, high in [config.BOUNDS[name]]]
    return "<br>".join([*(linked(escaped(comment)) for comment in comments), *allowed])


def linked(text: str) -> str:
    """Text of a docstring or a comment, with links to the pages that it names."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def shown(value: Any) -> str:
    """A value as a TOML file has it."""
    if value is None or value == ():
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value:_}`" if value >= 10_000 else f"`{value}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def comments(class_name: str) -> dict[str, list[str]]:
    """Of each field of a settings class, the comment beside it and the one that stands before it."""
    source = Path(config.__file__).read_text(encoding="utf-8")
    by_line = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    node = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == class_name)
    found, last = {}, node.lineno
    for line in (statement for statement in node.body if isinstance(statement, ast.AnnAssign)):
        end = line.end_lineno or line.lineno
        before = " ".join(by_line[number] for number in range(last + 1, line.lineno) if number in by_line)
        assert isinstance(line.target, ast.Name)
        found[line.target.id] = [text for text in (by_line.get(end, ""), before) if text]
        last = end
    return found
