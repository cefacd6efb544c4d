"""Whose poses an export stands on, under which licences, and what Hugging Face calls these.

All of it is in the file's attribute ``source``, which says what the files of poses said: text that nobody vouches for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poseaug_gen.sources.anatomy.source import LICENCE as BUILT_IN_LICENCE
from poseaug_gen.sources.assemble import NOT_STATED

# Those that data are published under, of the Hub's list (huggingface/hub-docs, docs/hub/repositories-licenses.md).
_CC = ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
_CC_VERSIONS = {
    "2.0": ("by", "by-nc", "by-nc-sa"),
    "2.5": ("by",),
    "3.0": ("by", "by-sa", "by-nc", "by-nc-sa", "by-nc-nd"),
    "4.0": _CC,
}
HUB_LICENCES = frozenset(
    {f"cc-{kind}-{version}" for version, kinds in _CC_VERSIONS.items() for kind in kinds}
    | {"cc0-1.0", "pddl", "odc-by", "odbl", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0"}
    | {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "gpl-3.0"}
)
UNKNOWN, OTHER = "unknown", "other"  # the Hub's words too
_NAME_LENGTH = 80  # characters of a licence's name on the Hub

# How else the words in a licence's name are written; "" where they say nothing.
_WORDS = {
    "attribution": "by",
    "noncommercial": "nc",
    "sharealike": "sa",
    "noderivatives": "nd",
    "noderivs": "nd",
    "zero": "cc0",
    **dict.fromkeys(("cc", "creative", "commons", "international", "unported", "license", "licence", "the"), ""),
    **dict.fromkeys(
        ("https", "http", "creativecommons.org", "www.creativecommons.org", "licenses", "publicdomain"), ""
    ),
}


@dataclass(frozen=True)
class Origin:
    """Poses that went into an export.

    Attributes:
        role: what they were for.
        names: of the files or data sets; several where the rest is the same.
    """

    role: str
    names: tuple[str, ...]
    licence: str
    citation: str


def origins(source: Mapping[str, Any]) -> list[Origin]:
    """Whose poses went in, by the attribute ``source``: each licence and citation once for each role."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for role, record in _records(source):
        name, licence, citation = (str(record.get(key) or "") for key in ("name", "licence", "citation"))
        found.setdefault((role, licence or NOT_STATED, citation), {})[name or "no name"] = None
    return [Origin(role, tuple(names), licence, citation) for (role, licence, citation), names in found.items()]


def _records(source: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every record that is of one file or data set, and what its poses were for."""
    left = [("source", source)]
    while left:
        role, record = left.pop(0)
        parts = _mappings(record.get("parts"))
        left += [(role, part) for part in parts]
        if not parts:
            yield role, record
        # A source that was itself an export has a source of its own.
        left += [(role, own) for own in _mappings([record.get("source")])]
        left += [("built-in postures", own) for own in _mappings([record.get("built_in")])]
        left += [("2D poses that steered the augmentor", own) for own in _mappings(record.get("extra_2d"))]


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    """Those in a list that are records."""
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def hub_licence(found: Sequence[Origin]) -> dict[str, str]:
    """The fields ``license``, and where the Hub has no word for it ``license_name`` and ``license_link``, of a card.

    A word of the Hub's where all poses are under the one licence that it means; ``unknown`` where none is known.
    """
    texts = list(dict.fromkeys(origin.licence for origin in found if origin.licence != BUILT_IN_LICENCE))
    texts = texts or [BUILT_IN_LICENCE]
    words = {hub_word(text) for text in texts}
    if len(words) == 1 and words != {OTHER}:
        return {"license": words.pop()}
    text = "; ".join(texts)
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower())
    if len(name) > _NAME_LENGTH:
        name = name[:_NAME_LENGTH].rpartition("-")[0] or name[:_NAME_LENGTH]
    link = re.search(r"https?://[^\s,;()<>\"']+", text)
    fields = {"license": OTHER, "license_name": name.strip("-.") or OTHER}
    return {**fields, "license_link": link[0].rstrip(".")} if link else fields


def hub_word(licence: str) -> str:
    """What the Hub calls a licence, ``other`` where it has no word for it.

    The whole text must be the licence's name or address: "CC BY 4.0, but not for trade" is another.
    """
    if licence in ("", NOT_STATED):
        return UNKNOWN
    tokens = [token.strip("().,;") for token in re.findall(r"[^\s/:_-]+", licence.lower())]
    name = "-".join(filter(None, (_WORDS.get(token, token) for token in tokens)))
    if name == "cc0":  # there is one version of it
        name = "cc0-1.0"
    return next((word for word in (name, f"cc-{name}") if word in HUB_LICENCES), OTHER)
