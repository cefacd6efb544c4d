"""The files of an export, open for reading in whichever process or thread asks.

An HDF5 handle must not cross a fork and cannot cross a spawn, so each process opens its own when it first reads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.reading import REMAKE, opened

MOST_OPEN = 256  # a process may commonly have 1,024 files open, and an export may have as many shards


class Files:
    """Files by number. Can be pickled, and used after a fork."""

    def __init__(self, paths: Sequence[Path]):
        self._paths = tuple(paths)
        self._begin()

    def dataset(self, number: int, name: str) -> h5py.Dataset:
        """A dataset of a file, which is opened if this process has it not open.

        Raises:
            PoseAugError: the file is missing, damaged or not HDF5, or has no such dataset.
        """
        if self._pid != os.getpid():  # a forked child: the parent's handles are not ours to use, nor its lock
            self._begin()
        try:
            with self._lock:
                if (number, name) not in self._datasets:
                    self._datasets[number, name] = self._file(number)[name]
                return self._datasets[number, name]
        except (OSError, RuntimeError, LookupError) as error:
            raise PoseAugError(f"{self._paths[number]}: damaged or not HDF5 ({error}); {REMAKE}") from error

    def close(self) -> None:
        """Close what this process opened; it is opened again when it is needed."""
        if self._pid == os.getpid():
            for file in self._open.values():
                file.close()
        self._begin()

    def __getstate__(self) -> dict[str, Any]:
        return {"_paths": self._paths}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._paths = state["_paths"]
        self._begin()

    def _begin(self) -> None:
        """Nothing is open, in this process."""
        self._open: dict[int, h5py.File] = {}
        self._datasets: dict[tuple[int, str], h5py.Dataset] = {}
        self._lock, self._pid = threading.Lock(), os.getpid()

    def _file(self, number: int) -> h5py.File:
        if number not in self._open:
            path = self._paths[number]
            if not self._open:  # the first: have HDF5 find the filters of this export, if it has any
                with opened(path):
                    pass
            # No cache of chunks: whole ones go straight to our memory; of others HDF5 reads what is asked for alone.
            self._open[number] = h5py.File(path, "r", rdcc_nbytes=0)
            if len(self._open) > MOST_OPEN:
                self._forget(next(iter(self._open)))
        return self._open[number]

    def _forget(self, number: int) -> None:
        """Let go of a file, which HDF5 closes when no thread reads it any more."""
        del self._open[number]
        for key in [key for key in self._datasets if key[0] == number]:
            del self._datasets[key]
