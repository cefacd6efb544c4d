"""The errors a user can mend, told apart from faults of the tool itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PoseAugError(Exception):
    """Something the user can mend: its text is one sentence that names the file, the value and the mend."""


class BadConfigError(PoseAugError):
    """A setting that does not exist or does not fit; the command line exits with 2 (wrong usage)."""


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean ...`` for the known word nearest to ``word``, or the list of them where none is near."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
