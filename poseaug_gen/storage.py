"""Files that are whole or not there: written under a temporary name, fsynced, renamed; hashed; locked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from poseaug_gen.errors import PoseAugError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; what is written there takes ``path``'s place when the block ends well.

    Raises:
        PoseAugError: the disk is full, or the folder cannot be written.
    """
    temporary = temporary_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise write_failure(path, error) from error
    finally:
        with suppress(OSError):  # where not even the folder could be made, the sentence above says enough
            temporary.unlink(missing_ok=True)


def temporary_of(path: Path) -> Path:
    """Where this process writes what will take ``path``'s place: beside it, so that the rename is atomic."""
    return path.with_name(f"{path.name}.tmp-{os.getpid()}")


def write_failure(path: Path, error: OSError) -> PoseAugError:
    """The sentence for a write that the system refused."""
    text = str(error)
    # HDF5 reports the system's error number in its message alone.
    if error.errno in NO_ROOM or any(f"errno = {number}," in text for number in NO_ROOM):
        return PoseAugError(f"{path}: no room left to write it; free some disk space and run the same command")
    return PoseAugError(f"{path}: cannot be written: {error.strerror or text}; choose a place that can")


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_text(path: Path, text: str) -> None:
    """Add to the end of ``path``, which a kill may cut short."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise write_failure(path, error) from error


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace ``path`` by ``data``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as readable JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in a file.

    Raises:
        PoseAugError: there is no such file, or it holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PoseAugError(f"{path}: not valid JSON ({error}); it was damaged or is another program's") from error


def sync(path: Path) -> None:
    """Have the system put a file or folder on the disk before anything later is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold an exclusive lock named by ``path`` (with ``.lock`` added); the system frees it if we are killed.

    Raises:
        PoseAugError: another process holds it; ``busy`` is the sentence.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = _lock_file(lock)
    except BlockingIOError as error:
        raise PoseAugError(busy) from error
    except OSError as error:
        raise write_failure(lock, error) from error
    with file:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock named by ``path``."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others who only ask are not in our way
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise write_failure(lock, error) from error
    return False


def _lock_file(lock: Path) -> IO[str]:
    """The file, open and locked by us alone. Raises BlockingIOError where another process has the lock."""
    while True:
        file = lock.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed the file between our two calls: then our lock is on nothing.
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def clear_temporaries(folder: Path) -> None:
    """Remove what killed processes left half-written below ``folder``; hold its lock when you call this."""
    for path in folder.rglob("*.tmp-*"):
        path.unlink(missing_ok=True)
