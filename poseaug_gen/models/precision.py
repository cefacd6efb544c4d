"""Networks whose matrix products are done in bfloat16, with weights, sums and everything else in single precision."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


def use_bfloat16(module: nn.Module) -> None:
    """Have the module's ``forward`` run under autocast and answer in single precision.

    For networks alone, not for geometry: bone vectors and projections need more than bfloat16's eight bits.
    """
    module.forward = MethodType(_in_bfloat16, module)  # a method, so that a copy's runs the copy's weights


def _in_bfloat16(module: nn.Module, *inputs: Any) -> Tensor:
    with torch.autocast(next(module.parameters()).device.type, torch.bfloat16):
        return type(module).forward(module, *inputs).float()
