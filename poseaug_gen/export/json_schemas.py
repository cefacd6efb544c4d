"""The JSON Schemas (draft 2020-12) of an export's attributes and of its manifest, as docs/format.md describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

SCHEMAS = ("attributes", "manifest")
HOLD_JSON = ("skeleton", "config", "run", "source", "redrawn", "digests")  # attributes whose strings are JSON


def json_schema(name: str) -> str:
    """The text of one of :data:`SCHEMAS`."""
    return (resources.files("poseaug_gen") / "export" / f"{name}.schema.json").read_text(encoding="utf-8")


def as_object(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A file's attributes as the schema describes them: numbers as Python's, JSON as what it holds.

    Raises:
        ValueError: an attribute that should hold JSON does not.
    """
    return {
        name: json.loads(value) if name in HOLD_JSON else value if isinstance(value, str) else int(value)
        for name, value in attributes.items()
    }
