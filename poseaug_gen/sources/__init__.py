"""Files of poses, in any format that is known, as one PoseSet.

A format is a module that recognises a file by its content and reads it; :data:`FORMATS` is the list of them, and
:func:`register` adds one of yours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.sources import (
    acclaim,
    bvh,
    c3d_file,
    canonical,
    mmpose,
    mpi_inf_3dhp,
    mpi_inf_3dhp_npz,
    npz,
    threedpw,
    videopose3d,
)
from poseaug_gen.sources.anatomy.source import NAME as BUILT_IN
from poseaug_gen.sources.anatomy.source import see_crowd
from poseaug_gen.sources.formats import Format, Request

# The first that recognises a file reads it, so a special format stands before a general one.
FORMATS: list[Format[PoseSet]] = [
    *videopose3d.FORMATS,
    *mmpose.FORMATS,
    *mpi_inf_3dhp.FORMATS,
    *mpi_inf_3dhp_npz.FORMATS,
    *threedpw.FORMATS,
    *bvh.FORMATS,
    *acclaim.FORMATS,
    *c3d_file.FORMATS,
    *npz.FORMATS,
    *canonical.FORMATS,
]
PICTURES = (".jpg", ".jpeg", ".png", ".avi", ".mp4")


def register(format: Format[PoseSet]) -> None:
    """Have files of another format read, wherever files of poses are (docs/extend/source.md has an example).

    It is asked before those that are known, the last one that was registered first.

    Raises:
        ValueError: there is a format of that name.
    """
    if any(format.name == known.name for known in FORMATS):
        raise ValueError(f"there is a format {format.name!r} already; give yours another name")
    FORMATS.insert(0, format)


def read_sources(paths: Sequence[str | Path], request: Request) -> PoseSet:
    """The poses of files and folders, as one set.

    Args:
        paths: files, folders of them (:func:`source_files`), and ``anatomy``, the built-in source.

    Raises:
        PoseAugError: a file is missing, of no known format, or does not hold what its format should.
    """
    if not paths:
        raise PoseAugError("no source of poses was given; name a file or a folder with --source")
    return concatenate([poses for path in paths for poses in _read(path, request)])


def _read(path: str | Path, request: Request) -> Iterator[PoseSet]:
    if path == BUILT_IN:
        yield see_crowd(request)
        return
    for file, format in source_files(Path(path)):
        yield format.read(file, request)


def source_files(path: Path) -> list[tuple[Path, Format[PoseSet]]]:
    """A file and its format; of a folder, every file in it or below that is of a known format, by name.

    README.md, pictures, videos, names that begin with a dot and what is below such are passed over, as is what no
    format recognises, and what another file's reader takes in.

    Raises:
        PoseAugError: there is no such file, no format recognises it, or the folder holds none.
    """
    if not path.exists():
        raise PoseAugError(f"{path}: there is no such file or folder; put poses there, or name yours with --source")
    try:
        if not path.is_dir():
            return [(path, _format_of(path))]
        found = [(p, format) for p in candidates(path) if (format := _recognised(p))]
        taken = {companion for p, format in found for companion in format.companions(p)}
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    if not found:
        raise PoseAugError(f"{path}: no file in this folder is of a known format; {_known_formats()}")
    return [(p, format) for p, format in found if p not in taken]


def candidates(folder: Path) -> list[Path]:
    """The files of a folder that may hold poses, by name: none where there is no such folder."""
    inside = (p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file())
    return [folder / p for p in inside if not _passed_over(p)]


def _passed_over(path: Path) -> bool:
    """Whether a file of a folder (its path from there) is looked into at all: a million pictures are not."""
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or path.name == "README.md" or path.suffix.lower() in PICTURES


def _format_of(path: Path) -> Format[PoseSet]:
    found = _recognised(path)
    if found is None:
        raise PoseAugError(f"{path}: not of a known format; {_known_formats()}")
    return found


def _recognised(path: Path) -> Format[PoseSet] | None:
    return next((format for format in FORMATS if format.recognises(path)), None)


def _known_formats() -> str:
    return f"known are {', '.join(format.name for format in FORMATS)}; poseaug-gen sources says what each holds"
