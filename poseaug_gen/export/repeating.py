"""The commands that would make a run and an export again, from what a file says of them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from poseaug_gen.config import PRESETS, ExportSettings, parse_option, resolve

ALWAYS = ("n", "seed")  # said even where they are the defaults


def export_command(settings: ExportSettings, out: str) -> str:
    """``poseaug-gen export`` with these settings; the run is left to be named."""
    words = ["poseaug-gen", "export", "--run", "RUN"]
    for field in fields(settings):
        value = getattr(settings, field.name)
        implied = field.name == "difficulty" and settings.difficulty_range is not None
        if field.name in ALWAYS or (value != field.default and not implied):
            words += _option(field.name, value)
    return shlex.join([*words, "--out", out])


def _option(name: str, value: Any) -> list[str]:
    """A setting as it is typed."""
    option = f"--{name.replace('_', '-')}"
    if name == "difficulty_range":
        return ["--difficulty", _range(value)]
    if name == "mirror":
        return [option if value else "--no-mirror"]
    if name == "split":
        return [option, f"val={value!r}"]
    if isinstance(value, tuple):
        return [option, _range(value)]
    return [option] if value is True else [option, str(value)]


def _range(value: tuple[float, float]) -> str:
    return ":".join(map(repr, value))


def train_command(config: Mapping[str, Mapping[str, Any]]) -> str:
    """``poseaug-gen train`` with the settings of a run, by the preset that is nearest to them.

    Raises:
        BadConfigError: this version does not know all of them.
        KeyError: they lack the estimator's name.
    """
    estimator = {"estimator.name": config["estimator"]["name"]}
    differing: dict[str, dict[str, Any]] = {}
    for preset in PRESETS:
        base = resolve(preset, options=estimator).to_dict()
        differing[preset] = {
            f"{section}.{key}": value
            for section, values in config.items()
            for key, value in values.items()
            if base.get(section, {}).get(key) != value
        }
    nearest = min(differing, key=lambda preset: len(differing[preset]))
    resolve(nearest, options=differing[nearest])  # tells what is unknown
    words = ["poseaug-gen", "train", "--preset", nearest, "--estimator", estimator["estimator.name"]]
    for name, value in differing[nearest].items():
        if name == "source.paths":
            words += [word for path in value for word in ("--source", path)]
        else:
            words += ["--set", _assignment(name, value)]
    return shlex.join(words)


def _assignment(name: str, value: Any) -> str:
    """``name=value`` as :func:`poseaug_gen.config.parse_option` reads it: a string bare where that says the same."""
    bare = f"{name}={value}"
    if isinstance(value, str) and parse_option(bare) == (name, value):
        return bare
    return f"{name}={json.dumps(value, ensure_ascii=False)}"
