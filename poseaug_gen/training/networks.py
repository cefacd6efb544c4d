"""All that a training run changes: five networks' weights, their optimisers, the history pools; saved and restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool
from torch import nn
from torch.optim import Adam, Optimizer

from poseaug_gen.config import Config
from poseaug_gen.errors import BadConfigError
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.pool import HistoryPool


class Networks:
    """Augmentor, both discriminators and the estimator on one device, each with its Adam."""

    def __init__(self, config: Config, skeleton: Skeleton, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.skeleton = skeleton
        self.augmentor = Augmentor(skeleton, config.augmentor.noise, config.augmentor.width).to(device)
        self.d3d = Discriminator3D(skeleton).to(device)
        self.d2d = Discriminator2D(skeleton).to(device)
        estimator = config.estimator
        self.estimator = build_estimator(estimator.name, skeleton, estimator.channels, estimator.dropout).to(device)
        schedule = config.schedule
        self.optimisers: dict[str, Optimizer] = {
            "augmentor": _adam(self.augmentor, schedule.augmentor_learning_rate),
            "d3d": _adam(self.d3d, schedule.discriminator_learning_rate),
            "d2d": _adam(self.d2d, schedule.discriminator_learning_rate),
            "pretrain": _adam(self.estimator, estimator.pretrain_learning_rate),
            "estimator": _adam(self.estimator, estimator.learning_rate),
        }
        self.base_rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in self.optimisers.items()}
        self.pools = {"d3d": HistoryPool(config.loss.pool_size), "d2d": HistoryPool(config.loss.pool_size)}

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"augmentor": self.augmentor, "d3d": self.d3d, "d2d": self.d2d, "estimator": self.estimator}

    def blind_d2d(self, joints: Bool[torch.Tensor, " joints"]) -> None:
        """Have the 2D discriminator disregard joints that none of its real poses will ever have.

        What is always zero moves no weight: those it began with would give whole poses scores that mean nothing.
        """
        with torch.no_grad():
            self.d2d.into.weight[:, joints.repeat_interleave(2)] = 0  # its inputs are x and y of each joint in turn

    def scale_learning_rates(self, factor: float, *names: str) -> None:
        """Set the named optimisers to this share of the learning rate they began with."""
        for name in names:
            for group in self.optimisers[name].param_groups:
                group["lr"] = self.base_rates[name] * factor

    def minimise(self, loss: torch.Tensor, name: str) -> None:
        """One step of the named optimiser down the gradient of ``loss``, its norm clipped."""
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = optimiser.param_groups[0]["params"]
        nn.utils.clip_grad_norm_(parameters, self.config.schedule.gradient_norm)
        optimiser.step()

    def state(self) -> dict[str, Any]:
        """Everything as tensors and plain containers, for ``state.pt``."""
        return {
            "modules": {name: module.state_dict() for name, module in self._modules.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "pools": {name: pool.stored for name, pool in self.pools.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        for name, module in self._modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        for name, pool in self.pools.items():
            stored = state["pools"][name]
            pool.stored = None if stored is None else stored.to(self.device)


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """No gradients for the weights of these modules: what flows through them costs only what it must."""
    for module in modules:
        module.requires_grad_(False)
    try:
        yield
    finally:
        for module in modules:
            module.requires_grad_(True)


def pick_device(name: str) -> torch.device:
    """The device that a setting names; ``auto`` takes CUDA, else Apple's MPS, else the processor.

    Raises:
        BadConfigError: torch does not see the device.
    """
    seen = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in seen.items() if there))
    if not seen[name]:
        raise BadConfigError(f"run.device = {name!r}: torch sees no such device here; use auto or cpu")
    return torch.device(name)


def _adam(module: nn.Module, learning_rate: float) -> Adam:
    return Adam(module.parameters(), lr=learning_rate, fused=next(module.parameters()).device.type != "mps")
