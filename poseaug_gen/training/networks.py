"""All that a training run changes: four networks' weights, their optimisers, the history pools; saved and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
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
from poseaug_gen.models.precision import use_bfloat16
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.training.pairs import Extra2D, Pairs
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
        self._set_precision(self.augmentor.nets, self.d3d.critics, self.d2d, self.estimator)
        schedule = config.schedule
        self.optimisers: dict[str, Optimizer] = {
            "augmentor": _adam(self.augmentor, schedule.augmentor_learning_rate),
            "d3d": _adam(self.d3d, schedule.discriminator_learning_rate),
            "d2d": _adam(self.d2d, schedule.discriminator_learning_rate),
            "pretrain": _adam(self.estimator, estimator.pretrain_learning_rate),
            "estimator": _adam(self.estimator, estimator.learning_rate),
        }
        self.base_rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in self.optimisers.items()}
        self.rate_factors = dict.fromkeys(self.optimisers, 1.0)
        self.loss = config.loss
        self.pools = {"d3d": HistoryPool(config.loss.pool_size), "d2d": HistoryPool(config.loss.pool_size)}
        self.unseen_2d: Bool[torch.Tensor, " joints"] | None = None

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"augmentor": self.augmentor, "d3d": self.d3d, "d2d": self.d2d, "estimator": self.estimator}

    def shape_start(self, source: Pairs, extra: Extra2D | None) -> None:
        """Before training: have the augmentor begin as the settings say, and the 2D discriminator see what it can."""
        settings = self.config.augmentor
        self.augmentor.shape_start(
            settings.output_scale, source.pose[:, 0].mean(0) if settings.start_at_source else None
        )
        if extra is not None and extra.share == 1:
            self.blind_d2d(extra.never_known())

    def blind_d2d(self, joints: Bool[torch.Tensor, " joints"]) -> None:
        """Have the 2D discriminator disregard joints that none of its real poses will ever have.

        What is always zero moves no weight: those it began with would give whole poses scores that mean nothing.
        """
        self.unseen_2d = joints
        with torch.no_grad():
            self.d2d.into.weight[:, joints.repeat_interleave(2)] = 0  # its inputs are x and y of each joint in turn

    def scale_learning_rates(self, factor: float, *names: str) -> None:
        """Set the named optimisers to this share of the learning rate they began with (see :meth:`adapt`)."""
        for name in names:
            for group in self.optimisers[name].param_groups:
                group["lr"] = self.base_rates[name] * self.rate_factors[name] * factor

    def adapt(self, rates: Mapping[str, float], adversarial: float) -> None:
        """From now on, have learning rates (by optimiser) and adversarial weights be these shares of the settings'."""
        self.rate_factors = {name: rates.get(name, 1.0) for name in self.optimisers}
        self.loss = replace(
            self.config.loss,
            adversarial_2d=self.config.loss.adversarial_2d * adversarial,
            adversarial_3d=self.config.loss.adversarial_3d * adversarial,
        )

    def renew(self, name: str) -> None:
        """Have a discriminator ("d3d" or "d2d") begin anew: its weights, its optimiser and its history pool."""
        module = (Discriminator3D if name == "d3d" else Discriminator2D)(self.skeleton).to(self.device)
        setattr(self, name, module)
        self._set_precision(module.critics if isinstance(module, Discriminator3D) else module)
        self.optimisers[name] = _adam(module, self.base_rates[name])
        self.pools[name] = HistoryPool(self.config.loss.pool_size)
        if name == "d2d" and self.unseen_2d is not None:
            self.blind_d2d(self.unseen_2d)

    def _set_precision(self, *networks: nn.Module) -> None:
        if self.config.run.precision == "bf16":
            for network in networks:
                use_bfloat16(network)

    def steps(self, name: str) -> int:
        """How many steps an optimiser has made since its network began."""
        return max((int(state["step"]) for state in self.optimisers[name].state.values()), default=0)

    def not_finite(self) -> list[str]:
        """The networks that have weights or statistics that are not finite."""
        return [
            name
            for name, module in self._modules.items()
            if not all(bool(value.isfinite().all()) for value in module.state_dict().values())
        ]

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
