"""What this machine has: the precision and the device that an export takes where the settings leave the choice."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import BadConfigError

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # what Linux calls it on x86 and on Arm


def resolved(settings: ExportSettings) -> ExportSettings:
    """The settings with every ``auto`` decided, as files record them: machines that decide otherwise make other rows.

    Raises:
        BadConfigError: CUDA was asked for and there is none.
    """
    device, precision = settings.device, settings.precision
    if device == "cuda" and not torch.cuda.is_available():
        raise BadConfigError("--device cuda: this machine has no CUDA device that PyTorch can use; give --device cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    return replace(settings, device=device, precision=precision)


def has_bf16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 itself; without, PyTorch emulates it, slower than float32."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)  # Ampere was the first
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").lower().splitlines()
    except OSError:  # no Linux
        return False
    flags = next((line for line in lines if line.startswith(("flags", "features"))), "")
    return bool(_BF16_FLAGS & set(flags.split()))


def cores() -> int:
    """How many this process may use: those it is allowed, and no more than OpenMP is told to take."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(asked)) if asked.isdigit() and int(asked) > 0 else allowed
