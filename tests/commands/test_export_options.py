"""The options of ``export``: what a user may type, and which settings they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from poseaug_gen.cli import main
from poseaug_gen.config import ExportSettings
from poseaug_gen.export import dataset
from poseaug_gen.export.dataset import Summary


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """``asked("--n", "5")``: what an export would be called with."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"state": "finished"}')
    calls: list[dict[str, Any]] = []

    def note(run: Any, settings: ExportSettings, out: str, *rest: Any) -> Summary:
        names = ("overwrite", "advance", "workers", "engine", "say")
        calls.append({"settings": settings, "out": out, **dict(zip(names, rest, strict=False))})
        return Summary(out, settings.n, 1, 1, {}, 1)

    def note_shard(run: Any, settings: ExportSettings, out: str, shard: int, *rest: Any) -> Summary:
        calls.append({"settings": settings, "out": out, "shard": shard})
        return Summary(out, settings.n, 1, 1, {}, 1)

    monkeypatch.setattr(dataset, "export", note)
    monkeypatch.setattr(dataset, "export_shard", note_shard)

    def ask(*words: str) -> dict[str, Any]:
        result = typed("export", "--run", "run", *words)
        assert result.exit_code == 0, result.output
        return calls[-1]

    return ask


def typed(*words: str) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("", {}),
        ("--n 5_000 --seed 3 --shard-rows 100", {"n": 5000, "seed": 3, "shard_rows": 100}),
        (
            "--precision bf16 --device cuda --compression gzip",
            {"precision": "bf16", "device": "cuda", "compression": "gzip"},
        ),
        ("--snapshots all", {"snapshots": "all"}),
        ("--snapshots 3:9", {"snapshots": "3:9"}),
        ("--cameras source", {"cameras": "source"}),
        ("--cameras rig studio --n 7", {"cameras": "rig:studio", "n": 7}),
        ("--cameras rig rigs.json:hall", {"cameras": "rig:rigs.json:hall"}),
        ("--cameras rig:rigs.json", {"cameras": "rig:rigs.json"}),
        ("--cameras fov 40:90", {"cameras": "fov:40:90"}),
        ("--cameras=fov 40:90", {"cameras": "fov:40:90"}),
        ("--cameras fov:40:90", {"cameras": "fov:40:90"}),
        ("--frame -0.5:0.5", {"frame": (-0.5, 0.5)}),
        ("--depth 2:6.5", {"depth": (2.0, 6.5)}),
        ("--within-limits", {"within_limits": True}),
        ("--min-score 0.4 --scores", {"min_score": 0.4, "scores": True}),
        ("--difficulty", {"difficulty": True}),
        ("--difficulty --scores", {"difficulty": True, "scores": True}),
        ("--difficulty 1:4", {"difficulty": True, "difficulty_range": (1.0, 4.0)}),
        ("--difficulty=1:4 --candidates 8", {"difficulty": True, "difficulty_range": (1.0, 4.0), "candidates": 8}),
        ("--mirror", {"mirror": True}),
        ("--no-mirror", {"mirror": False}),
        ("--balance view", {"balance": "view"}),
        ("--noise mixture --noise-scale 2", {"noise": "mixture", "noise_scale": 2.0}),
        ("--split val=0.02", {"split": 0.02}),
    ],
)
def test_options_are_settings(words: str, settings: dict[str, Any], asked: Callable[..., dict[str, Any]]) -> None:
    assert asked(*words.split())["settings"] == ExportSettings(**settings)


def test_how_the_work_is_done(asked: Callable[..., dict[str, Any]]) -> None:
    call = asked("--workers", "3", "--engine", "ray", "--overwrite", "--out", "s3://bucket/x/aug.h5")
    assert (call["workers"], call["engine"], call["overwrite"], call["out"]) == (3, "ray", True, "s3://bucket/x/aug.h5")
    call = asked("--shard", "3/10", "--n", "1001")
    assert (call["shard"], call["settings"].shard_rows) == (3, 101)
    call = asked("--shard", "1/4", "--n", "1000", "--shard-rows", "300")
    assert (call["shard"], call["settings"].shard_rows) == (1, 300)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--depth 2", 2, "'2' must be two numbers, lowest and highest, such as 0.5:2"),
        ("--depth 2:many", 2, "'2:many' must be two numbers"),
        ("--depth 6:2", 2, "its lowest, 6, must be under its highest, 2"),
        ("--frame -2:1", 2, "export.frame = -2.0 must be between -1.0 and 1.0"),
        ("--difficulty hard", 2, "'hard' must be two numbers"),
        ("--noise gaussien", 2, "did you mean 'gaussian'"),
        ("--compression zip", 2, "did you mean 'gzip'"),
        ("--balance views", 2, "did you mean 'view'"),
        ("--precision half", 2, "export.precision = 'half' is unknown"),
        ("--split 0.02", 2, "'0.02' must be val=SHARE, such as val=0.02"),
        ("--split val=much", 2, "must be val=SHARE"),
        ("--split val=0.95", 2, "export.split"),
        ("--candidates 0", 2, "export.candidates"),
        ("--workers 0", 2, "--workers"),
        ("--shard 10/10", 2, "shards are counted from 0, so the last of 10 is 9"),
        ("--shard 3", 2, "'3' must be i/n"),
        ("--shard 0/7 --n 10", 1, "are 5 shards; ask for --shard i/5"),
        ("--shard 0/3 --n 1000 --shard-rows 100", 1, "are 10 shards; ask for --shard i/10, or leave --shard-rows out"),
        ("--shard 0/2 --workers 2", 2, "leave out --workers and --engine"),
        ("--engine spark", 2, "'local', 'ray'"),
    ],
)
def test_mistakes_are_told(words: str, code: int, said: str, asked: Callable[..., dict[str, Any]]) -> None:
    result = typed("export", "--run", "run", *words.split())
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_help_is_in_groups_and_names_every_setting() -> None:
    told = typed("export", "--help").stdout
    for heading in ("How many, and from what:", "Which pairs:", "Further columns:", "Files:", "How the work is done:"):
        assert heading in told
    for field in ExportSettings.__dataclass_fields__:
        if field != "difficulty_range":
            assert f"--{field.replace('_', '-')}" in told
    assert "--cameras source|rig FILE[:NAME]|fov LO:HI" in told


def test_a_summary_in_json_is_one_object(asked: Callable[..., dict[str, Any]]) -> None:
    asked("--n", "5")
    lines = typed("export", "--run", "run", "--n", "5", "--log-json").stdout.splitlines()
    assert json.loads(lines[-1])["event"] == "done"
