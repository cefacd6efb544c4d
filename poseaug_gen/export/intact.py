"""Are an export's files the ones that were written, each in its place? Asked before a row of them is used.

A virtual dataset reads NaN where a shard is missing, and HDF5 reads a damaged row like any other: whoever trains on an
export asks here first. Where there is a manifest, a file's bytes are compared with it before HDF5 sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import (
    OWN_ATTRIBUTES,
    REMAKE,
    Found,
    Part,
    check_form,
    opened,
    parsed,
    read_attributes,
    skeleton_of,
)
from poseaug_gen.export.schema import settings_hash
from poseaug_gen.export.shard import attributes_digest, column_digests


def intact(found: Found, hashes: bool = False) -> None:
    """Refuse an export of which a file is missing, truncated, in another's place or another export's.

    Args:
        hashes: read the files whole and compare their hashes too, so that not a bit of any was changed since.

    Raises:
        PoseAugError: names the first file that is not as it was written.
    """
    shared = None
    if found.index is not None:
        with opened(found.index) as file:
            shared = read_attributes(file, found.index)
    for part in found.parts:
        check_bytes(part, found, hashes)
        with opened(part.path) as file:
            attributes = read_attributes(file, part.path)
            check_place(attributes, part, found, shared)
            if hashes and part.sha256 is None:
                check_form(file, part.path, skeleton_of(attributes, part.path), part.rows)
                check_digests(column_digests(file), attributes, part)
        shared = shared or attributes


def check_bytes(part: Part, found: Found, hashes: bool) -> None:
    """The file is there, as long as the manifest says and, with ``hashes``, the same to the last bit.

    Raises:
        PoseAugError: it is not, or is another shard.
    """
    if not part.path.is_file():
        raise PoseAugError(f"{part.path}: missing; put it back, or {REMAKE}")
    size = part.path.stat().st_size
    wrong_size = part.bytes is not None and size != part.bytes
    if part.sha256 is None or not (hashes or wrong_size):
        return
    digest = storage.sha256(part.path)
    if digest == part.sha256:
        return
    other = next((other.number for other in found.parts if other.sha256 == digest), None)
    if other is not None:
        raise PoseAugError(f"{part.path}: is shard {other}, not {part.number}; put the right one back")
    if wrong_size:
        how = f"{size:,} bytes, and its manifest says {part.bytes:,}"
    else:
        how = "its SHA-256 is not the one in its manifest"
    raise PoseAugError(
        f"{part.path}: truncated, damaged or of another export ({how}); put the right one back, or {REMAKE}"
    )


def check_place(attributes: Mapping[str, Any], part: Part, found: Found, shared: Mapping[str, Any] | None) -> None:
    """The file is the one that it is said to be, of the export that it is said to be of.

    Args:
        shared: attributes of the virtual dataset or of another part of the export.

    Raises:
        PoseAugError: it is not.
    """
    if attributes["row_count"] != part.rows:
        raise PoseAugError(f"{part.path}: has {attributes['row_count']} rows and should have {part.rows}; {REMAKE}")
    if part.number is not None and attributes.get("shard") != part.number:
        raise PoseAugError(
            f"{part.path}: is shard {attributes.get('shard')}, not {part.number}; put the right one back"
        )
    if found.config_sha256 not in (None, settings_hash(attributes)):
        raise PoseAugError(f"{part.path}: is of another export than its manifest says; put the right one back")
    shared = shared or attributes
    for name in {**attributes, **shared}:
        if name not in OWN_ATTRIBUTES and attributes.get(name) != shared.get(name):
            raise PoseAugError(
                f"{part.path}: its attribute {name!r} is not that of {found.path}; put the right one back"
            )


def check_digests(columns: Mapping[str, str], attributes: Mapping[str, Any], part: Part) -> None:
    """What was read is what was written, by the file's own attribute ``digests``.

    Raises:
        PoseAugError: it is not, or the attribute is missing.
    """
    if "digests" not in attributes:
        raise PoseAugError(f"{part.path}: its attribute 'digests' is missing; {REMAKE}")
    written = parsed(attributes, "digests", part.path)
    for name, digest in columns.items():
        if written.get("columns", {}).get(name) != digest:
            raise PoseAugError(f"{part.path}: the bytes of {name!r} are not those that were written; {REMAKE}")
    if set(written["columns"]) != set(columns):
        raise PoseAugError(f"{part.path}: a dataset was removed ({set(written['columns']) - set(columns)}); {REMAKE}")
    if written.get("attributes") != attributes_digest(attributes):
        raise PoseAugError(f"{part.path}: an attribute is not the one that was written; {REMAKE}")
