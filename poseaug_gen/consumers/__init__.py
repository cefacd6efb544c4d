"""What reads an export: loaders for training frameworks, converters into other tools' files.

Each loader is imported when it is first asked for, and with it its framework:
``from poseaug_gen.consumers import tf_dataset`` does not import PyTorch's ``DataLoader`` or JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poseaug_gen.consumers.for_grain import grain_source
    from poseaug_gen.consumers.for_jax import jax_batches
    from poseaug_gen.consumers.for_keras import keras_dataset
    from poseaug_gen.consumers.for_numpy import numpy_batches
    from poseaug_gen.consumers.for_tensorflow import tf_dataset
    from poseaug_gen.consumers.for_torch import torch_dataset

__all__ = ["grain_source", "jax_batches", "keras_dataset", "numpy_batches", "tf_dataset", "torch_dataset"]

_HOME = {
    "grain_source": "for_grain",
    "jax_batches": "for_jax",
    "keras_dataset": "for_keras",
    "numpy_batches": "for_numpy",
    "tf_dataset": "for_tensorflow",
    "torch_dataset": "for_torch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
