"""Is an export what it says it is? Every row is read again and tested.

Bytes first: a shard is compared with its manifest before HDF5 sees it. Memory is that of one block of rows, and eight
bytes for each row of one file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.checks import Rules, first_flaw
from poseaug_gen.export.doubles import first_double, row_hashes
from poseaug_gen.export.intact import check_bytes, check_digests, check_place
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
from poseaug_gen.export.schema import columns_of
from poseaug_gen.export.shard import READ_ROWS, Advance


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
    poses: dict[str, Path] = {}  # whose 3D poses have a digest
    for part in found.parts:
        check_bytes(part, found, hashes=True)
        attributes, digests = _check_part(part, found, shared, advance)
        shared = shared or attributes
        redrawn.update(parsed(attributes, "redrawn", part.path))
        twin = poses.setdefault(digests["positions_3d"], part.path)
        if twin != part.path:
            raise PoseAugError(f"{part.path}: has the very rows of {twin.name}; {REMAKE}")
    if found.index and parsed(shared or {}, "redrawn", found.index) != dict(redrawn):
        raise PoseAugError(f"{found.index}: its counts of redrawn rows are not the sum of its shards'; {REMAKE}")
    return Report(found.path, found.rows, len(found.parts), dict(redrawn))


def _check_part(
    part: Part, found: Found, shared: Mapping[str, Any] | None, advance: Advance
) -> tuple[dict[str, str | int], dict[str, str]]:
    """One file with rows: is it the right one, of the right form, with valid rows, to the last bit?

    Its attributes, and the SHA-256 of each column.
    """
    with opened(part.path) as file:
        attributes = read_attributes(file, part.path)
        check_place(attributes, part, found, shared)
        skeleton = skeleton_of(attributes, part.path)
        check_form(file, part.path, skeleton, part.rows)
        _check_counts(attributes, part)
        config, source = (parsed(attributes, name, part.path) for name in ("config", "source"))
        try:
            rules = Rules.of(skeleton, config, source)
        except (KeyError, TypeError) as error:
            raise PoseAugError(f"{part.path}: its attributes 'config' and 'source' lack {error}; {REMAKE}") from error
        except PoseAugError as error:
            raise PoseAugError(f"{part.path}: its attribute 'config' is damaged ({error}); {REMAKE}") from error
        _check_columns(file, part.path, rules)
        digests = _check_rows(file, part, found, rules, advance)
    check_digests(digests, attributes, part)
    return attributes, digests


def _check_counts(attributes: Mapping[str, Any], part: Part) -> None:
    """Every candidate was kept, or redrawn for one of the causes that the file counts."""
    redrawn = parsed(attributes, "redrawn", part.path)
    causes = {cause: number for cause, number in redrawn.items() if cause != "candidates"}
    if redrawn.get("candidates") != part.rows + sum(causes.values()) or min(causes.values(), default=0) < 0:
        raise PoseAugError(f"{part.path}: its candidates are not its rows and those redrawn ({redrawn}); {REMAKE}")


def _check_columns(file: h5py.File, path: Path, rules: Rules) -> None:
    """The file has the columns that its settings ask for."""
    wanted = {column.name for column in columns_of(rules.skeleton, rules.settings)}
    for name in sorted(wanted ^ set(file)):
        wrong = "is missing, and its settings ask for it" if name in wanted else "is there, and no setting asks for it"
        raise PoseAugError(f"{path}: the dataset {name!r} {wrong}; {REMAKE}")


def _check_rows(file: h5py.File, part: Part, found: Found, rules: Rules, advance: Advance) -> dict[str, str]:
    """Test every row, block by block, and that none stands twice; returns the SHA-256 of each column's bytes."""
    digests = {name: hashlib.sha256() for name in file}
    hashes = np.empty(part.rows, np.uint64)
    for start in range(0, part.rows, READ_ROWS):
        stop = min(start + READ_ROWS, part.rows)
        rows = {name: np.ascontiguousarray(file[name][start:stop]) for name in file}
        flaw = first_flaw(rows, rules)
        if flaw is not None:
            raise _bad_row(start + flaw[0], flaw[1], part, found)
        hashes[start:stop] = row_hashes(rows["positions_3d"])
        for name, values in rows.items():
            digests[name].update(values.data)
        advance(stop - start)
    double = first_double(hashes, lambda row: file["positions_3d"][row].tobytes())
    if double is not None:
        raise _bad_row(double[1], f"has the very pose of row {part.first + double[0]}", part, found)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _bad_row(row: int, reason: str, part: Part, found: Found) -> PoseAugError:
    """The sentence for a row of a part: its number in the whole export first."""
    inside = f" (row {row} of {part.path.name})" if part.path != found.path else ""
    return PoseAugError(f"{found.path}: row {part.first + row}{inside}: {reason}; {REMAKE}")


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
