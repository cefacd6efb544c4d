"""Passes over the epochs of an export that can be left anywhere and taken up there by another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from poseaug_gen.consumers.batches import Batches

T = TypeVar("T")


class Resuming:
    """What goes through the batches of one epoch after the other.

    A pass that comes to its end makes the next pass the next epoch's; one that is broken off is begun again.
    """

    def __init__(self, batches: Batches):
        self._batches = batches
        self._next = self._now = (0, 0)  # the epoch, and the batches of it that are past: of the next pass, of this one

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._batches)

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """Have the next pass be an epoch's, from the batch after so many on: without reading those.

        ``skip`` may be longer than an epoch: ``set_epoch(0, step)`` is where training was after ``step`` batches.

        Raises:
            BadConfigError: a number is no whole one or negative.
        """
        self._next = self._now = self._batches.order.place(epoch, skip)

    def state_dict(self) -> dict[str, Any]:
        """The place after the batch that was handed on last, for a JSON file or a checkpoint."""
        return self._batches.order.state(*self._now)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next pass go on from a place, with the batches that would have come.

        Raises:
            BadConfigError: it is none, or of batches in another order.
        """
        self._next = self._now = self._batches.order.place_in(state)

    def _pass(self, stream: Callable[[int, int], Iterator[T]]) -> Iterator[T]:
        """One pass over what comes from an epoch and a number of batches to skip."""
        epoch, skip = self._now = self._next
        for done, batch in enumerate(stream(epoch, skip), start=skip + 1):
            self._now = self._batches.order.place(epoch, done)
            if done == len(self):
                self._next = self._now
            yield batch
