"""Links that are right on GitHub, made right on the site too.

A page under ``docs/`` may link to any file of the repository, as GitHub shows it. The site has a page for each file
that is linked to: CONTRIBUTING.md and CHANGELOG.md are pages like the others, of other files the text is shown.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = "docs"
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}  # file: its page
SOURCE = "source"  # the site's folder of files that are shown as they are
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "bash", ".json": "json", ".yml": "yaml"}

_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
_ANY_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#]*)#?(?P<anchor>[^)\s]*)(?=\))")  # within its own page too
_CODE = re.compile(r"(`+)(?:(?!`).|(?<!`)`(?!`))*?\1", re.DOTALL)


def page_of(path: str) -> str:
    """Where on the site a file of the repository is; both paths as they are written in links, without ``./``."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return ROOT_PAGES.get(path, f"{SOURCE}/{path}.md")


def file_of(page: str) -> str:
    """The file of the repository that a page of the site was made of."""
    by_page = {its: file for file, its in ROOT_PAGES.items()}
    return by_page.get(page, f"{DOCS}/{page}")


def relinked(markdown: str, page: str) -> str:
    """A page's text with the links that leave ``docs/`` turned to the site's pages of those files."""
    here = file_of(page)

    def turned(match: re.Match[str]) -> str:
        target = _target(match["path"], here)
        if target is None:
            return match[0]
        return posixpath.relpath(page_of(target), posixpath.dirname(page) or ".") + (match["anchor"] or "")

    return "".join(text if code else _LINK.sub(turned, text) for text, code in _pieces(markdown))


def linked_files(markdown: str, page: str) -> set[str]:
    """The files outside ``docs/`` that a page links to, as paths from the repository's root."""
    here = file_of(page)
    found = (_target(m["path"], here) for text, code in _pieces(markdown) if not code for m in _LINK.finditer(text))
    return {target for target in found if target and not target.startswith(f"{DOCS}/")}


def links_of(markdown: str) -> list[tuple[str, str]]:
    """Path and anchor of every link within the repository, as they are written."""
    found = [match for text, code in _pieces(markdown) if not code for match in _ANY_LINK.finditer(text)]
    return [(match["path"], match["anchor"]) for match in found if not re.match(r"[a-z]+:", match["path"])]


def source_page(path: str) -> str:
    """The page that shows a file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    fence = "`" * (2 + max((len(run) for run in re.findall(r"`+", text)), default=1))
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"---\nsearch: {{ exclude: true }}\n---\n\n# `{path}`\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _target(link: str, here: str) -> str | None:
    """The file of the repository that a link in the file ``here`` is to; None where it leaves the repository."""
    if re.match(r"[a-z]+:", link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), link))


def _pieces(markdown: str) -> Iterator[tuple[str, bool]]:
    """The text piece by piece, each with whether it is code, in which nothing is a link."""
    last = 0
    for start, end in _code(markdown):
        yield markdown[last:start], False
        yield markdown[start:end], True
        last = end
    yield markdown[last:], False


def _code(markdown: str) -> Iterator[tuple[int, int]]:
    """Where fenced blocks and code within lines begin and end."""
    for part in re.finditer(r"^(?P<fence>```+)[^\n]*\n.*?^(?P=fence)`*[ ]*$|(?:(?!^```).)+", markdown, re.M | re.S):
        if part["fence"]:
            yield part.span()
        else:
            yield from ((part.start() + m.start(), part.start() + m.end()) for m in _CODE.finditer(part[0]))
