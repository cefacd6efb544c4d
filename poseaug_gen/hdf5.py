"""Writing HDF5 so that a full disk is an error and no crash."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py


class Writer:
    """A new HDF5 file, and what went wrong on the disk beneath it.

    HDF5 cannot let go of a file that it failed to write: it tries again when the process ends, and crashes it. So
    it never learns of a full disk: the file under it remembers the error and takes the rest as if it were written.
    """

    def __init__(self, path: Path) -> None:
        self._disk = _Disk(path, "w+")
        self.file = h5py.File(self._disk, "w")  # never libver="latest": HDF5 1.14 readers refuse what 2.0 then writes

    def check(self) -> None:
        """Raise the OSError of the first write that failed; to be called now and then, lest work be in vain."""
        if self._disk.error is not None:
            raise self._disk.error

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._disk:
            self.file.close()
        if kind is None or issubclass(kind, OSError):
            self.check()


class _Disk(io.FileIO):
    """A file whose first failure to write is kept in ``error`` and not raised; later writes are dropped."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data)
        size = left.nbytes
        try:
            while left.nbytes and self.error is None:  # the system may write a part and say how much
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size) if self.error is None else size or 0
        except OSError as error:
            self.error = error
            return size or 0
