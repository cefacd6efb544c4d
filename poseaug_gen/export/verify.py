"""Is an export what it says it is? Every row is read again and tested; memory does not grow with the rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.checks import Rules, first_flaw
from poseaug_gen.export.reading import (
    REMAKE,
    Found,
    Part,
    check_form,
    find,
    opened,
    parsed,
    read_attributes,
    skeleton_of,
)
from poseaug_gen.export.schema import CHUNK_ROWS, settings_hash
from poseaug_gen.export.shard import Advance, attributes_digest
from poseaug_gen.validity import CAUSES

BLOCK_ROWS = 8 * CHUNK_ROWS  # 14 MB of h36m16
OWN_ATTRIBUTES = ("row_count", "redrawn", "shard", "digests")  # in which the files of one export differ


@dataclass(frozen=True)
class Report:
    """What was verified."""

    path: Path
    rows: int
    files: int
    redrawn: dict[str, int]


def verify(found: Found | Path, advance: Advance = lambda rows: None) -> Report:
    """Check every row, hash and attribute of an export: a plain file, a virtual dataset or a folder of shards.

    Args:
        advance: told how many rows were checked since it was last called.

    Raises:
        PoseAugError: the first thing that is wrong; of a row, with its number (from 0, in the whole export).
    """
    found = find(found) if isinstance(found, Path) else found
    shared = _check_index(found) if found.index else None
    redrawn: Counter[str] = Counter()
    for part in found.parts:
        attributes = _check_part(part, found, shared, advance)
        shared = shared or attributes
        redrawn.update(parsed(attributes, "redrawn", part.path))
    if found.index and parsed(shared or {}, "redrawn", found.index) != dict(redrawn):
        raise PoseAugError(f"{found.index}: its counts of redrawn rows are not the sum of its shards'; {REMAKE}")
    return Report(found.path, found.rows, len(found.parts), dict(redrawn))


def _check_part(part: Part, found: Found, shared: Mapping[str, Any] | None, advance: Advance) -> dict[str, str | int]:
    """One file with rows: is it the right one, of the right form, with valid rows, to the last bit? Its attributes."""
    with opened(part.path) as file:
        attributes = read_attributes(file, part.path)
        _check_attributes(attributes, part, found, shared)
        skeleton = skeleton_of(attributes, part.path)
        check_form(file, part.path, skeleton, part.rows)
        _check_counts(attributes, part)
        try:
            config, source = (parsed(attributes, name, part.path) for name in ("config", "source"))
            rules = Rules.of(skeleton, config, source)
        except (KeyError, TypeError) as error:
            raise PoseAugError(f"{part.path}: its attributes 'config' and 'source' lack {error}; {REMAKE}") from error
        digests = _check_rows(file, part, found, rules, advance)
    _check_digests(digests, attributes, part)
    if part.sha256 is not None and storage.sha256(part.path) != part.sha256:
        raise PoseAugError(f"{part.path}: its SHA-256 is not the one in the manifest: it was changed; {REMAKE}")
    return attributes


def _check_attributes(
    attributes: Mapping[str, Any], part: Part, found: Found, shared: Mapping[str, Any] | None
) -> None:
    """The file is the one that it is said to be, of the export that it is said to be of."""
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


def _check_counts(attributes: Mapping[str, Any], part: Part) -> None:
    """Every candidate was kept or redrawn."""
    redrawn = parsed(attributes, "redrawn", part.path)
    if redrawn.get("candidates") != part.rows + sum(redrawn.get(cause, 0) for cause in CAUSES):
        raise PoseAugError(f"{part.path}: its candidates are not its rows and those redrawn ({redrawn}); {REMAKE}")


def _check_rows(file: h5py.File, part: Part, found: Found, rules: Rules, advance: Advance) -> dict[str, str]:
    """Test every row, block by block; returns the SHA-256 of each column's bytes."""
    hashes = {name: hashlib.sha256() for name in file}
    for start in range(0, part.rows, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, part.rows)
        rows = {name: np.ascontiguousarray(file[name][start:stop]) for name in file}
        flaw = first_flaw(rows, rules)
        if flaw is not None:
            local, reason = start + flaw[0], flaw[1]
            inside = f" (row {local} of {part.path.name})" if part.path != found.path else ""
            raise PoseAugError(f"{found.path}: row {part.first + local}{inside}: {reason}; {REMAKE}")
        for name, values in rows.items():
            hashes[name].update(values.data)
        advance(stop - start)
    return {name: hash_.hexdigest() for name, hash_ in hashes.items()}


def _check_digests(columns: Mapping[str, str], attributes: Mapping[str, Any], part: Part) -> None:
    """What was read is what was written."""
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


def _check_index(found: Found) -> dict[str, str | int]:
    """The virtual dataset has every row of every shard at its place. Its attributes."""
    index = found.index
    assert index is not None
    with opened(index) as file:
        attributes = read_attributes(file, index)
        if attributes["row_count"] != found.rows:
            raise PoseAugError(f"{index}: has {attributes['row_count']} rows, its shards {found.rows}; {REMAKE}")
        check_form(file, index, skeleton_of(attributes, index), found.rows)
        for name, dataset in file.items():
            mapped = [
                (index.parent / source.file_name, source.dset_name, source.vspace.get_select_bounds()[0][0])
                for source in (dataset.virtual_sources() if dataset.is_virtual else ())
            ]
            if mapped != [(part.path, name, part.first) for part in found.parts]:
                raise PoseAugError(f"{index}: {name!r} does not map the shards of its manifest in order; {REMAKE}")
    return attributes
