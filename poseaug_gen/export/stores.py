"""Where an export lies: a folder of this machine, or any place that fsspec reaches (``s3://bucket/x/aug.h5``).

A store knows files by their names below the folder that the export is put in (``aug.h5``, ``aug.shards/…``). What it
shows under a name is whole: a file is written as a draft on a local disk and published when it is closed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import opened, readable

# Where a file that is being uploaded is seen by nobody before it is whole; elsewhere it is renamed when it is.
_ATOMIC = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"}
_BLOCK = 1 << 22  # bytes read at once where a file is hashed through the network
_TEMPORARY = re.compile(r"\.tmp-\d+$")


class Store(ABC):
    """The files of one folder by their names. Methods raise :class:`PoseAugError` where the place does not let them."""

    @abstractmethod
    def show(self, name: str | Path) -> str:
        """A file's name as the user would type it."""

    @abstractmethod
    def size(self, name: str | Path) -> int | None:
        """Bytes of a file; None: there is none."""

    @abstractmethod
    def is_folder(self, name: str | Path) -> bool: ...

    @abstractmethod
    def names(self, folder: str | Path) -> list[str]:
        """The files right in a folder, without its name, sorted; none where there is no such folder."""

    @abstractmethod
    def read_text(self, name: str | Path) -> str | None:
        """A file's contents; None: there is none."""

    @abstractmethod
    def write_text(self, name: str | Path, text: str) -> None:
        """Replace a file, whole or not at all."""

    @abstractmethod
    def sha256(self, name: str | Path) -> str:
        """The SHA-256 of a file, in hexadecimal."""

    @abstractmethod
    def opened(self, name: str | Path) -> AbstractContextManager[h5py.File]:
        """An HDF5 file, open for reading."""

    @abstractmethod
    def remove(self, name: str | Path) -> None:
        """Remove a file if it is there."""

    @abstractmethod
    def draft(self, name: str | Path) -> Path:
        """Where this process may write what will be published under a name."""

    @abstractmethod
    def publish(self, draft: Path, name: str | Path) -> tuple[int, str]:
        """Give a closed draft its name; returns its bytes and SHA-256."""

    @abstractmethod
    def locked(self, name: str | Path, busy: str) -> AbstractContextManager[None]:
        """Hold a name alone. Raises a PoseAugError, ``busy``, where another process does."""

    @abstractmethod
    def is_locked(self, name: str | Path) -> bool:
        """Whether another process holds a name."""

    @abstractmethod
    def locks(self, folder: str | Path) -> list[str]:
        """The lock files of the names in a folder, held or left by a killed process."""

    @abstractmethod
    def discard_lock(self, name: str | Path) -> None:
        """Remove what a killed holder of a name left; nobody may hold it."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Room that is left; None: there is no telling."""

    @abstractmethod
    def drafts(self, folder: str | Path) -> list[str]:
        """The names in a folder of which a process has left, or is writing, a draft; one name may be there twice."""

    @abstractmethod
    def discard_drafts(self, name: str | Path) -> None:
        """Remove all drafts of a name; hold its lock when you call this."""

    def discard_folder(self, name: str | Path) -> None:  # noqa: B027 - most places have no empty folders
        """Remove a folder if it is empty."""

    def release(self) -> None:  # noqa: B027 - most places need nothing
        """Remove what this machine needed to reach the place, unless somebody still does."""

    def exists(self, name: str | Path) -> bool:
        return self.size(name) is not None


class LocalStore(Store):
    """A folder of this machine, or one that it shares."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def show(self, name: str | Path) -> str:
        return str(self.root / name)

    def size(self, name: str | Path) -> int | None:
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def is_folder(self, name: str | Path) -> bool:
        return (self.root / name).is_dir()

    def names(self, folder: str | Path) -> list[str]:
        path = self.root / folder
        return sorted(p.name for p in path.iterdir() if p.is_file()) if path.is_dir() else []

    def read_text(self, name: str | Path) -> str | None:
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise PoseAugError(f"{self.show(name)}: cannot be read ({error}); remove it or mend it") from error

    def write_text(self, name: str | Path, text: str) -> None:
        storage.write_text(self.root / name, text)

    def sha256(self, name: str | Path) -> str:
        return storage.sha256(self.root / name)

    def opened(self, name: str | Path) -> AbstractContextManager[h5py.File]:
        return opened(self.root / name)

    def remove(self, name: str | Path) -> None:
        (self.root / name).unlink(missing_ok=True)

    def draft(self, name: str | Path) -> Path:
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage.write_failure(path, error) from error
        return storage.temporary_of(path)

    def publish(self, draft: Path, name: str | Path) -> tuple[int, str]:
        path = self.root / name
        try:
            storage.sync(draft)
            facts = draft.stat().st_size, storage.sha256(draft)
            os.replace(draft, path)
            storage.sync(path.parent)
        except OSError as error:
            raise storage.write_failure(path, error) from error
        return facts

    def locked(self, name: str | Path, busy: str) -> AbstractContextManager[None]:
        return storage.locked(self.root / name, busy)

    def is_locked(self, name: str | Path) -> bool:
        return storage.is_locked(self.root / name)

    def locks(self, folder: str | Path) -> list[str]:
        return [name for name in self.names(folder) if name.endswith(".lock")]

    def discard_lock(self, name: str | Path) -> None:
        path = self.root / name
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)

    def free_bytes(self) -> int | None:
        existing = next(path for path in (self.root.absolute(), *self.root.absolute().parents) if path.exists())
        return shutil.disk_usage(existing).free

    def drafts(self, folder: str | Path) -> list[str]:
        return [_TEMPORARY.sub("", name) for name in self.names(folder) if _TEMPORARY.search(name)]

    def discard_drafts(self, name: str | Path) -> None:
        path = self.root / name
        for other in self.names(path.parent.relative_to(self.root)):
            if _TEMPORARY.search(other) and _TEMPORARY.sub("", other) == path.name:
                (path.parent / other).unlink(missing_ok=True)

    def discard_folder(self, name: str | Path) -> None:
        path = self.root / name
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


class RemoteStore(Store):
    """A folder that fsspec reaches. Drafts and locks lie in a folder of this machine that is named for the place.

    There is no lock that two machines would see: two of them must not make the same shard. They would write the same
    bytes, and only what is whole has a name.
    """

    def __init__(self, root: str) -> None:
        self.root = root  # with its protocol, without a slash at the end
        name = hashlib.sha256(root.encode()).hexdigest()[:16]
        self.local = LocalStore(Path(tempfile.gettempdir()) / f"poseaug-gen-{os.getuid()}-{name}")

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which connects for itself."""
        return {name: value for name, value in vars(self).items() if name != "_system"}

    @cached_property
    def _system(self) -> Any:
        import fsspec

        try:
            return fsspec.core.url_to_fs(self.root)[0]
        except (ImportError, ValueError) as error:
            raise PoseAugError(f"{self.root}: cannot be reached ({_line(error)}); install what it needs") from error

    def _path(self, name: str | Path) -> str:
        return str(self._system._strip_protocol(self.show(name)))

    @contextmanager
    def _reached(self, name: str | Path) -> Iterator[str]:
        """A file's path for the file system, whose errors become one sentence."""
        try:
            yield self._path(name)
        except PoseAugError:
            raise
        except FileNotFoundError as error:
            raise PoseAugError(f"{self.show(name)}: missing") from error
        except Exception as error:  # each file system has errors of its own
            raise PoseAugError(f"{self.show(name)}: cannot be reached ({_line(error)})") from error

    def show(self, name: str | Path) -> str:
        return f"{self.root}/{PurePosixPath(name)}"

    def size(self, name: str | Path) -> int | None:
        with self._reached(name) as path:
            self._system.invalidate_cache()
            try:
                found = self._system.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return int(found["size"]) if found["type"] == "file" else None

    def is_folder(self, name: str | Path) -> bool:
        with self._reached(name) as path:
            self._system.invalidate_cache()
            return bool(self._system.isdir(path))

    def names(self, folder: str | Path) -> list[str]:
        return sorted(name for name in self._files(folder) if not _TEMPORARY.search(name))

    def _files(self, folder: str | Path) -> list[str]:
        with self._reached(folder) as path:
            self._system.invalidate_cache()
            try:
                found = self._system.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
            return [PurePosixPath(item["name"]).name for item in found if item["type"] == "file"]

    def read_text(self, name: str | Path) -> str | None:
        if self.size(name) is None:
            return None
        with self._reached(name) as path:
            return self._system.cat_file(path).decode("utf-8")

    def write_text(self, name: str | Path, text: str) -> None:
        draft = self.draft(name)
        try:
            draft.write_text(text, encoding="utf-8")
            self.publish(draft, name)
        except OSError as error:
            raise storage.write_failure(draft, error) from error
        finally:
            draft.unlink(missing_ok=True)

    def sha256(self, name: str | Path) -> str:
        found = hashlib.sha256()
        with self._reached(name) as path, self._system.open(path, "rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
        return found.hexdigest()

    @contextmanager
    def opened(self, name: str | Path) -> Iterator[h5py.File]:
        with (
            self._reached(name) as path,
            self._system.open(path, "rb") as source,
            readable(source, self.show(name)) as file,
        ):
            yield file

    def remove(self, name: str | Path) -> None:
        if self.exists(name):
            with self._reached(name) as path:
                self._system.rm_file(path)

    def draft(self, name: str | Path) -> Path:
        return self.local.draft(name)

    def publish(self, draft: Path, name: str | Path) -> tuple[int, str]:
        size, digest = draft.stat().st_size, storage.sha256(draft)
        with self._reached(name) as path:
            self._system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            whole_at_once = PurePosixPath(self.root.partition("://")[0]).name in _ATOMIC
            upload = path if whole_at_once else f"{path}.tmp-{os.getpid()}"
            self._system.put_file(str(draft), upload)
            if upload != path:
                self._system.mv(upload, path)
        if self.size(name) != size:
            raise PoseAugError(f"{self.show(name)}: {size:,} bytes were sent, others arrived; run the same command")
        draft.unlink()
        return size, digest

    def locked(self, name: str | Path, busy: str) -> AbstractContextManager[None]:
        return self.local.locked(name, busy)

    def is_locked(self, name: str | Path) -> bool:
        return self.local.is_locked(name)

    def locks(self, folder: str | Path) -> list[str]:
        return self.local.locks(folder)

    def discard_lock(self, name: str | Path) -> None:
        self.local.discard_lock(name)

    def free_bytes(self) -> int | None:
        return None

    def drafts(self, folder: str | Path) -> list[str]:
        uploads = [_TEMPORARY.sub("", name) for name in self._files(folder) if _TEMPORARY.search(name)]
        return uploads + self.local.drafts(folder)

    def discard_drafts(self, name: str | Path) -> None:
        self.local.discard_drafts(name)
        folder = Path(name).parent
        for other in self._files(folder):
            if _TEMPORARY.search(other) and _TEMPORARY.sub("", other) == Path(name).name:
                with self._reached(folder / other) as path, suppress(FileNotFoundError):
                    self._system.rm_file(path)

    def release(self) -> None:
        for folder in (*(path.name for path in self.local.root.glob("*.shards")), ""):
            self.local.discard_folder(folder)


def store_of(out: str | Path) -> tuple[Store, Path]:
    """The place that an output names, a path or a URL, and the name of the file in it."""
    text = str(out)
    if "://" not in text:
        return LocalStore(Path(text).parent), Path(Path(text).name)
    root, _, name = text.rpartition("/")
    if not name or root.endswith((":", "/")):
        raise PoseAugError(f"{text}: names no file in a bucket or folder; write it as s3://bucket/folder/aug.h5")
    return RemoteStore(root), Path(name)


def _line(error: Exception) -> str:
    """Another library's message in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__
