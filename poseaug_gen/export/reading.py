"""An export as it is found on the disk: its files, their attributes, and whether their form is schema 1's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.export.heaps import check_heaps
from poseaug_gen.export.layout import FOLDER, MANIFEST
from poseaug_gen.export.schema import SCHEMA_VERSION, all_columns
from poseaug_gen.skeleton import Skeleton, skeleton_from_json

ATTRIBUTES: dict[str, type] = {
    "schema_version": int,
    "tool_version": str,
    "units": str,
    "frame": str,
    "skeleton": str,
    "config": str,
    "run": str,
    "seed": int,
    "source": str,
    "created_from": str,
    "row_count": int,
    "redrawn": str,
}
OWN_ATTRIBUTES = ("row_count", "redrawn", "shard", "digests")  # in which the files of one export differ
REMAKE = "run the same export command to make it again"
BEGIN_AGAIN = "make the export again with --overwrite"  # where nothing tells what is whole


@dataclass(frozen=True)
class Part:
    """One file that holds rows, and what the manifest says of it (nothing, where it is the whole export)."""

    path: Path
    first: int  # number of its first row in the export
    rows: int
    sha256: str | None = None
    bytes: int | None = None
    number: int | None = None  # which shard it is


@dataclass(frozen=True)
class Found:
    """An export: the files with its rows, and the virtual dataset over them where there is one."""

    path: Path
    parts: tuple[Part, ...]
    index: Path | None = None
    config_sha256: str | None = None  # of the settings that all shards share, where there is a manifest

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def find(path: Path) -> Found:
    """The export at ``path``: a plain file, a virtual dataset (``aug.h5``) or a folder of shards.

    Raises:
        PoseAugError: there is none, it is not finished, or its manifest is missing or damaged.
    """
    if path.is_dir():
        parts, config = _read_manifest(path)
        return Found(path, parts, config_sha256=config)
    if not path.exists():
        _say_how_far(path)
    with opened(path) as file:
        virtual = [item for item in file.values() if isinstance(item, h5py.Dataset) and item.is_virtual]
        if not virtual:
            return Found(path, (Part(path, 0, int(read_attributes(file, path)["row_count"])),))
        shards = path.parent / Path(virtual[0].virtual_sources()[0].file_name).parent
    parts, config = _read_manifest(shards)
    return Found(path, parts, index=path, config_sha256=config)


@contextmanager
def opened(path: Path, heaps: bool = True) -> Iterator[h5py.File]:
    """A file, open for reading; whatever HDF5 stumbles over within the block becomes one sentence.

    Args:
        heaps: look first for metadata over which HDF5 would hang; False: :func:`.intact.intact` has just done so.

    Raises:
        PoseAugError: there is no such file, or it is damaged or not HDF5.
    """
    if not path.is_file():
        raise PoseAugError(f"{path}: missing; put it back, or {REMAKE}")
    with readable(path, str(path), heaps) as file:
        yield file


@contextmanager
def readable(source: Any, shown: str, heaps: bool = True) -> Iterator[h5py.File]:
    """The same of a path, or of an object that reads bytes from elsewhere; ``shown`` is its name."""
    try:
        if heaps and isinstance(source, Path):
            check_heaps(source, REMAKE)
        with h5py.File(source, "r") as file:
            _have_filters(file, shown)
            yield file
    except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise PoseAugError(f"{shown}: truncated, damaged or not HDF5 ({first}); {REMAKE}") from error


def _have_filters(file: h5py.File, shown: str) -> None:
    """Have HDF5 find what reads a compressed file; raises a PoseAugError where that is not installed."""
    if all(
        h5py.h5z.filter_avail(filter_[0])
        for dataset in file.values()
        if isinstance(dataset, h5py.Dataset) and not dataset.is_virtual
        for plist in [dataset.id.get_create_plist()]
        for filter_ in (plist.get_filter(number) for number in range(plist.get_nfilters()))
    ):
        return
    try:
        import hdf5plugin  # noqa: F401 - to import it is to register its filters
    except ImportError as error:
        raise PoseAugError(
            f"{shown}: is compressed with Blosc; read it with the package hdf5plugin: pip install "
            f"'poseaug-gen[compression]'"
        ) from error


def read_attributes(file: h5py.File, path: Path) -> dict[str, str | int]:
    """A file's attributes, each of its type.

    Raises:
        PoseAugError: it is no export, is of a later schema, or an attribute is missing or wrong.
    """
    if "schema_version" not in file.attrs:
        raise PoseAugError(f"{path}: not an export of poseaug-gen (it has no 'schema_version')")
    if file.attrs["schema_version"] != SCHEMA_VERSION:
        raise PoseAugError(
            f"{path}: is of schema {file.attrs['schema_version']} and this version reads schema {SCHEMA_VERSION}; "
            f"update poseaug-gen"
        )
    found: dict[str, str | int] = {}
    for name in file.attrs:
        value = file.attrs[name]
        if isinstance(value, bytes):  # our files of poses have some; an export has strings and numbers
            raise PoseAugError(f"{path}: not an export of poseaug-gen (its {name!r} is {value[:80]!r})")
        found[name] = value if isinstance(value, str) else int(value)
    for name, kind in ATTRIBUTES.items():
        if not isinstance(found.get(name), kind):
            raise PoseAugError(f"{path}: its attribute {name!r} is missing or damaged; {REMAKE}")
    return found


def parsed(attributes: Mapping[str, Any], name: str, path: Path) -> Any:
    """What is in an attribute that holds JSON.

    Raises:
        PoseAugError: it does not.
    """
    try:
        return json.loads(attributes[name])
    except ValueError as error:
        raise PoseAugError(f"{path}: its attribute {name!r} is not JSON ({error}); {REMAKE}") from error


def skeleton_of(attributes: Mapping[str, Any], path: Path) -> Skeleton:
    """The skeleton of a file's poses."""
    return skeleton_from_json(attributes["skeleton"], str(path))


def check_form(file: h5py.File, path: Path, skeleton: Skeleton, rows: int) -> None:
    """Every dataset of the schema is there, with its shape and type, and no other is.

    Raises:
        PoseAugError: the first that is not so.
    """
    known = {column.name: column for column in all_columns(skeleton)}
    for name in file:
        if name not in known:
            raise PoseAugError(f"{path}: unknown dataset {name!r}; {nearest(name, known)}")
    for name, column in known.items():
        if name not in file:
            if column.optional:
                continue
            raise PoseAugError(f"{path}: the dataset {name!r} is missing; {REMAKE}")
        dataset, shape = file[name], (rows, *column.shape)
        if not isinstance(dataset, h5py.Dataset) or dataset.shape != shape or dataset.dtype != column.dtype:
            found = f"{dataset.dtype}{dataset.shape}" if isinstance(dataset, h5py.Dataset) else "a group"
            raise PoseAugError(f"{path}: {name!r} is {found} and must be {column.dtype[1:]}{shape}; {REMAKE}")


def _say_how_far(path: Path) -> None:
    """Of an export whose shards are there but not the file over them, say what is left to be done."""
    folder = path.with_name(f"{path.stem}{FOLDER}")
    if (folder / MANIFEST).is_file():
        parts, _ = _read_manifest(folder)
        raise PoseAugError(f"{path}: missing, and its {len(parts)} shards are there; run the same export command")
    entries = len(list(folder.glob(f"{path.stem}-*-of-*.json")))
    if entries:
        raise PoseAugError(f"{path}: not merged yet ({entries} shards are made); run poseaug-gen merge {path}")


def _read_manifest(folder: Path) -> tuple[tuple[Part, ...], str]:
    path = folder / MANIFEST
    if not path.is_file():
        raise PoseAugError(f"{path}: missing, so the shards cannot be told whole from broken; {BEGIN_AGAIN}")
    manifest = storage.read_json(path)
    try:
        parts, first = [], 0
        for number, entry in enumerate(manifest["shards"]):
            sha256, size = str(entry["sha256"]), int(entry["bytes"])
            parts.append(Part(folder / entry["file"], first, int(entry["rows"]), sha256, size, number))
            first += int(entry["rows"])
        made, of = len(parts), int(manifest.get("shard_count", len(parts)))
        if made < of:
            raise PoseAugError(f"{folder}: {made} of {of} shards are made; run the same export command to finish")
        if manifest["schema_version"] != SCHEMA_VERSION or manifest["rows"] != first or not parts:
            raise ValueError("its numbers do not add up")
        return tuple(parts), str(manifest["config_sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise PoseAugError(f"{path}: damaged ({error}); {BEGIN_AGAIN}") from error
