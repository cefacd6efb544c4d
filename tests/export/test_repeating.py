"""The commands on a card make what the file says: they are typed here, and the settings compared."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from poseaug_gen.cli import main
from poseaug_gen.commands import train
from poseaug_gen.commands.export import command as export_as_typed
from poseaug_gen.commands.export_options import settings_from
from poseaug_gen.config import PRESETS, BadConfigError, Config, ExportSettings, export_from_dict, resolve
from poseaug_gen.export.repeating import export_command, train_command
from poseaug_gen.training.run_folder import RunFolder


def typed_export(command: str) -> ExportSettings:
    """The settings that a command line asks for."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("poseaug-gen", "export")
    return settings_from(export_as_typed.make_context(name, words).params)


def ranges(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    ends = st.floats(low, high, allow_nan=False)
    return st.tuples(ends, ends).map(sorted).filter(lambda ends: ends[0] < ends[1]).map(tuple)


chosen = st.fixed_dictionaries(
    {"n": st.integers(1, 10**12), "seed": st.integers(0, 2**63 - 1), "difficulty_range": ranges(0, 1e6)},
    optional={
        "shard_rows": st.integers(1, 10**9),
        "precision": st.sampled_from(["fp32", "bf16"]),
        "device": st.sampled_from(["cpu", "cuda"]),
        "compression": st.sampled_from(["none", "gzip", "blosc"]),
        "snapshots": st.sampled_from(["auto", "last", "all", "3", "3:5"]),
        "cameras": st.sampled_from(
            ["source", "fov:40:75", "rig:ring", "rig:my rigs.json:street 'a'", "rig:ring:fov=40-80"]
        ),
        "frame": ranges(-1, 1),
        "depth": ranges(1e-3, 1e6),
        "within_limits": st.booleans(),
        "mirror": st.booleans() | st.none(),
        "balance": st.sampled_from(["none", "view"]),
        "scores": st.booleans(),
        "min_score": st.floats(-1e6, 1e6),
        "candidates": st.integers(1, 1024),
        "noise": st.sampled_from(["none", "gaussian", "mixture"]),
        "noise_scale": st.floats(0, 100),
        "split": st.floats(0, 0.9),
    },
)


@given(values=chosen, with_range=st.booleans(), column=st.booleans())
def test_an_export_s_command_asks_for_its_settings(values: dict[str, Any], with_range: bool, column: bool) -> None:
    if not with_range:
        del values["difficulty_range"]
        values.pop("candidates", None)
    wanted = export_from_dict({**values, "difficulty": column or with_range})
    assert typed_export(export_command(wanted, "my file.h5")) == wanted


def test_the_command_says_what_is_not_usual_and_no_more() -> None:
    assert export_command(ExportSettings(n=5), "a.h5") == "poseaug-gen export --run RUN --n 5 --seed 0 --out a.h5"
    assert export_command(ExportSettings(n=5, seed=2, mirror=False), "it's.h5").endswith(
        "--n 5 --seed 2 --no-mirror --out 'it'\"'\"'s.h5'"
    )


@pytest.fixture
def typed_train(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``typed_train(command)``: the configuration that a run would have."""
    configs: list[Config] = []
    monkeypatch.setattr(train, "_train", lambda config, *rest: configs.append(config))

    def typed(command: str) -> Config:
        program, *words = shlex.split(command)
        assert program == "poseaug-gen"
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return configs[-1]

    return typed


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        *((preset, {}) for preset in PRESETS),
        ("quick", {"estimator.name": "semgcn", "run.seed": 5}),
        ("paper", {"estimator.name": "semgcn"}),
        ("paper", {"estimator.name": "stgcn", "loss.range": 2.5, "augmentor.start_at_source": True}),
        ("standard", {"source.rig": "my rigs.json:street", "source.unit": "1", "source.joints": "true"}),
        ("standard", {"source.extra_2d": ["é.json", "b's.json"], "source.up": "y"}),
    ],
)
def test_a_run_s_command_asks_for_its_settings(typed_train, preset: str, options: dict[str, Any]) -> None:
    config = resolve(preset, options={"source.paths": ["a.npz", "two words.bvh"], **options})
    command = train_command(config.to_dict())
    assert typed_train(command) == config
    assert command.startswith(f"poseaug-gen train --preset {preset} ")
    assert command.count("--set") <= len(options) + 1, "the preset says the rest"


def test_the_run_of_the_fixtures_too(typed_train, fake_run: RunFolder) -> None:
    assert typed_train(train_command(fake_run.config.to_dict())) == fake_run.config


@settings(max_examples=20)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_any_text_is_typed_as_a_setting(text: str) -> None:
    config = resolve(options={"source.joints": text, "source.paths": ["a"]})
    words = shlex.split(train_command(config.to_dict()))
    given = dict(train.parse_option(words[i + 1]) for i, word in enumerate(words) if word == "--set")
    assert given == {"source.joints": text}


def test_what_this_version_does_not_know_is_told() -> None:
    config = resolve().to_dict()
    config["schedule"]["of_the_future"] = 1
    with pytest.raises(BadConfigError, match="of_the_future"):
        train_command(config)
    with pytest.raises(KeyError):
        train_command({"schedule": {}})
