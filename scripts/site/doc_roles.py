"""Our docstrings as the API's pages want them: Sphinx's roles become links, comments beside attributes their text."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import Any

from griffe import AliasResolutionError, Attribute, Docstring, Extension, NameResolutionError, Object

_ROLE = re.compile(r":(?:func|class|meth|attr|data|mod|obj):`(?P<name>[^`]+)`")
# Several names that are said one thing of, in a section of a docstring, and what is said of them.
_NAMES = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<said>.*(?:\n(?P=indent) +\S.*)*)", re.MULTILINE)


class Roles(Extension):
    """``:func:`project` `` links to the page of what it names, wherever that has one; else it is code."""

    def on_attribute(self, *, attr: Attribute, **_: Any) -> None:
        """An attribute without a docstring has the comment beside it."""
        if attr.docstring is None and attr.endlineno and isinstance(attr.filepath, Path):
            said = _comments(attr.filepath).get(attr.endlineno, "")
            if said and not said.startswith(("noqa", "type:")):
                attr.docstring = Docstring(said, lineno=attr.endlineno, parent=attr)

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """The roles of a docstring."""
        if obj.docstring is not None:
            text = _ROLE.sub(lambda role: _link(obj, role["name"]), obj.docstring.value)
            obj.docstring.value = _NAMES.sub(_one_by_one, text)


def _one_by_one(entry: re.Match[str]) -> str:
    """``x, y: metres`` as an entry of x and one of y: no parser of docstrings knows the short form."""
    return "\n".join(f"{entry['indent']}{name}: {entry['said']}" for name in entry["names"].split(", "))


def _link(obj: Object, role: str) -> str:
    """What stands in a role, ``name`` or ``title <name>``, as a link that may lead nowhere."""
    title, _, name = role.removesuffix(">").rpartition(" <")
    shown = title or name.lstrip(".~").removeprefix("poseaug_gen.")
    return f'<autoref identifier="{_path(obj, name)}" optional><code>{shown}</code></autoref>'


def _path(obj: Object, name: str) -> str:
    """The full name of what a role in an object's docstring names."""
    if name.startswith("."):
        package = obj.module if obj.module.is_package else obj.module.parent
        return f"{package.path if package else ''}{name}"
    first, _, rest = name.partition(".")
    try:
        return ".".join(filter(None, [obj.resolve(first), rest]))
    except (NameResolutionError, AliasResolutionError):
        return name


@cache
def _comments(path: Path) -> dict[int, str]:
    """The comments of a file by line."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {
        token.start[0]: token.string.removeprefix("#").strip() for token in tokens if token.type == tokenize.COMMENT
    }
