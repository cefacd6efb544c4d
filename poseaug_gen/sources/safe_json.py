"""Reads JSON files that strangers made, one list entry at a time: none is ever in memory as a whole tree of objects.

Python's objects take up to thirty times the room of their text (``[],[],[],…``), and its parser recurses. So a file is
cut into the entries of its lists by its brackets alone, and each entry, of bounded size and depth, is parsed by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from poseaug_gen.errors import PoseAugError

LARGEST_FILE = 4 * 2**30  # bytes; COCO's 2017 training annotations have 240 million
LONGEST_ENTRY = 2**20  # bytes: an annotation whose outline has 50,000 corners
DEEPEST = 64  # brackets in brackets; COCO has five
_MARK = b"\xef\xbb\xbf"  # what some editors put before UTF-8
# A string; a flat list, which holds no entries of its own; a bracket or comma. The quantifiers never give back what
# they took (++, *+), so that no text makes the search slow. A quote alone is one that never closes.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|\[[^\[\]{}"]*+\]|["\[\]{},]', re.DOTALL)


def looks_like_json(path: Path) -> bool:
    """Whether a file begins as a JSON object or list does, be it whole or not."""
    with path.open("rb") as file:
        return file.read(64).removeprefix(_MARK).lstrip()[:1] in (b"{", b"[")


def list_entries(path: Path, wanted: Container[str]) -> Iterator[tuple[str, Any]]:
    """The entries of the wanted lists of a JSON object, each after its list's name; of a bare list, after ``""``.

    Raises:
        PoseAugError: the file cannot be read, is not whole, or has an entry that is larger or deeper than data is.
    """
    data = _content(path)
    depth, level = 0, 2  # the brackets that are open, and those about an entry: {"name": [entry, …]}
    name, inside, start = "", False, 0
    for token in _TOKEN.finditer(data):
        mark = token[0]
        if mark == b'"':
            raise _broken(path, "a string that does not end")
        if mark[:1] == b'"':
            if depth == 1 and level == 2:
                name = _parsed(mark, path)
        elif len(mark) > 1:  # a flat list: the whole of a wanted one, or a part of an entry
            if depth == level - 1 and name in wanted:
                yield from ((name, entry) for entry in _parsed(mark, path))
        elif mark in b"[{":
            if depth == 0:
                level = 1 if mark == b"[" else 2
                if data[: token.start()].strip():
                    raise _broken(path, "more than one value")
            depth += 1
            if depth > DEEPEST:
                raise _broken(path, f"brackets over {DEEPEST} deep")
            if depth == level:
                inside, start = mark == b"[" and name in wanted, token.end()
        else:
            if depth == level and inside:
                if data[start : token.start()].strip() or mark == b",":
                    yield name, _parsed(data[start : token.start()], path)
                start = token.end()
            depth -= mark != b","
            if depth < 0:
                raise _broken(path, "a bracket that was never opened")
            inside = inside and depth >= level
    if depth:
        raise _broken(path, f"{depth} bracket(s) that do not close")


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise PoseAugError(f"{path}: has {size:,} bytes, over the {LARGEST_FILE:,} that are read; split the file")
        return path.read_bytes().removeprefix(_MARK)
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _parsed(text: bytes, path: Path) -> Any:
    if len(text) > LONGEST_ENTRY:
        raise PoseAugError(
            f"{path}: an entry has {len(text):,} characters, over the {LONGEST_ENTRY:,} that one may have; leave it out"
        )
    try:
        return json.loads(text.decode("utf-8"))
    except ValueError as error:  # also what is not UTF-8, and numbers of thousands of digits
        raise _broken(path, str(error)) from error


def _broken(path: Path, what: str) -> PoseAugError:
    return PoseAugError(f"{path}: not valid JSON ({what}); it was cut short or damaged, write it again")
