"""The frameworks that batches are made for: none is imported before it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from poseaug_gen.errors import PoseAugError


def framework(module: str, name: str, extra: str) -> Any:
    """A framework's module.

    Args:
        extra: of our package, which installs it.

    Raises:
        PoseAugError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise PoseAugError(f"{name} cannot be imported ({error}); pip install 'poseaug-gen[{extra}]'") from error
