"""Several processes make the same bytes as one, and their errors are the parent's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from export_files import files_in, hashes

from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import dataset, workers
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.maker import Recipe
from poseaug_gen.export.workers import cores, threads_of
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]


def test_workers_make_the_same_bytes(make_export: MakeExport, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process of two threads, and two of one each."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    rows = {"n": 30_000, "shard_rows": 9000, "scores": True, "difficulty": True}
    one, told = make_export("one/aug.h5", **rows), []
    two = make_export("two/aug.h5", **rows, workers=2, advance=told.append)
    assert hashes(one.path.parent) == hashes(two.path.parent)
    assert sum(told) == 30_000, "the progress of all workers reaches one bar"
    assert len(told) > 6
    assert one.redrawn == two.redrawn


def test_an_error_in_a_worker_is_told_here(
    make_export: MakeExport, make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    run = make_run(bias=(50, 0, 1), learned=1.0)
    with pytest.raises(PoseAugError, match="hardly a candidate is a valid pair"):
        make_export(run=run, n=50_000, shard_rows=20_000, workers=2)
    assert files_in(tmp_path) == set()


def test_no_more_workers_than_shards(make_export: MakeExport, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(recipe: object, todo: object, workers: int, *rest: object) -> None:
        asked.append(workers)
        raise PoseAugError("that will do")

    monkeypatch.setattr(dataset, "make_in_processes", note)
    with pytest.raises(PoseAugError, match="that will do"):
        make_export(n=900, shard_rows=300, workers=100)
    assert asked == [3]
    assert make_export("plain.h5", n=100, workers=100).made == 1, "one file: in this process"


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(16), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_of(number) for number in (1, 2, 4, 5, 16, 40)] == [16, 8, 4, 3, 1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert (cores(), workers.threads_of(2)) == (4, 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # OpenMP's form for nested threads
    assert cores() == 16


def test_workers_do_not_decide_what_the_settings_leave_open(
    make_export: MakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded was decided here, and goes to every worker as decided: machines of a cluster may differ."""
    recipes = []

    def note(recipe: Recipe, *rest: object) -> None:
        recipes.append(recipe)
        raise PoseAugError("that will do")

    monkeypatch.setattr(dataset, "make_in_processes", note)
    with pytest.raises(PoseAugError, match="that will do"):
        make_export(n=900, shard_rows=300, workers=2)
    recorded = json.loads(recipes[0].attributes["config"])["export"]
    assert recipes[0].settings.precision == recorded["precision"] != "auto"
    assert recipes[0].settings.device == recorded["device"] != "auto"


def test_nothing_is_left_of_workers_when_the_parent_fails(make_export: MakeExport, tmp_path: Path) -> None:
    def fail(rows: int) -> None:
        raise RuntimeError("the bar broke")

    with pytest.raises(RuntimeError, match="the bar broke"):
        make_export(n=9000, shard_rows=3000, workers=2, advance=lambda rows: fail(rows) if rows else None)
    assert not [name for name in files_in(tmp_path) if ".tmp-" in name or name.endswith(".lock")]
    assert make_export(n=9000, shard_rows=3000).rows == 9000
