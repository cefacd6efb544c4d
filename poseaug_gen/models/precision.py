"""Networks whose matrix products are done in bfloat16, with weights, sums and everything else in single precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def use_bfloat16(module: nn.Module) -> None:
    """Have the module's ``forward`` run under autocast and answer in single precision.

    For networks alone, not for geometry: bone vectors and projections need more than bfloat16's eight bits.
    """
    forward = module.forward

    def cast(*inputs: Any) -> Tensor:
        with torch.autocast(next(module.parameters()).device.type, torch.bfloat16):
            return forward(*inputs).float()

    module.forward = cast
