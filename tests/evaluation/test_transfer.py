"""Plans: what is kept is not run again, an interruption costs one lifter, and figures over seeds are what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from poseaug_gen.errors import PoseAugError
from poseaug_gen.evaluation.arms import PoolArm, source_arm
from poseaug_gen.evaluation.report import MEAN, Report
from poseaug_gen.evaluation.scores import METRICS, MPJPE, OVERALL
from poseaug_gen.evaluation.table import TITLES, against
from poseaug_gen.evaluation.transfer import Outcome, Plan, Target, over_seeds, summarise
from poseaug_gen.poses import PoseSet
from poseaug_gen.training.batches import Pool

CPU = torch.device("cpu")


def mixed_arm(source: PoseSet, rows: int) -> PoolArm:
    """An arm as ``plain`` is one, of pairs that cost nothing to make."""
    return PoolArm("plain", source, CPU, lambda: Pool.of(source.mirrored(), CPU), {"rows": rows})


@pytest.fixture
def plan(source, target, budget, tmp_path) -> Plan:
    return Plan([source_arm(source, CPU), mixed_arm(source, 500)], [0, 1], [target], budget, tmp_path / "arms")


@pytest.fixture
def trained(monkeypatch) -> list[tuple[str, int]]:
    """The lifters that were trained, as (arm, seed)."""
    seen = []
    real = Plan._train

    def spy(self, arm, seed, advance):
        outcome = real(self, arm, seed, advance)
        seen.append((arm.name, seed))
        return outcome

    monkeypatch.setattr(Plan, "_train", spy)
    return seen


ALL = [("source", 0), ("source", 1), ("plain", 0), ("plain", 1)]


def test_what_is_kept_is_not_run_again(plan, trained):
    assert plan.missing() == 4 * plan.budget.steps
    told, steps = [], []
    first = plan.run(steps.append, told.append)
    assert trained == ALL
    assert sum(steps) == 4 * plan.budget.steps
    assert told == first
    assert plan.missing() == 0
    assert plan.run() == first
    assert trained == ALL
    assert [(outcome.arm, outcome.seed) for outcome in first] == ALL


def test_more_seeds_arms_or_steps_train_only_what_is_new(plan, trained, source):
    plan.run()
    replace(plan, seeds=[0, 1, 2]).run()
    assert trained == [*ALL, ("source", 2), ("plain", 2)]
    replace(plan, arms=[plan.arms[0], mixed_arm(source, 400)]).run()
    assert trained[6:] == [("plain", 0), ("plain", 1)]
    del trained[:]
    replace(plan, budget=replace(plan.budget, steps=7)).run()
    assert trained == ALL


def test_other_target_poses_are_another_result(plan, trained, target):
    plan.run()
    moved = replace(target.poses, positions=target.poses.positions + np.float32(0.001))
    replace(plan, targets=[Target(target.name, moved)]).run()
    assert trained == 2 * ALL


def test_an_interruption_costs_the_lifter_that_was_in_training(plan, trained):
    left = 15  # steps: two lifters have six each

    def stop(steps):
        nonlocal left
        left -= steps
        if left < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan.run(stop)
    assert trained == ALL[:2]
    assert len(plan.run()) == 4
    assert trained == ALL


def test_a_damaged_result_is_one_sentence(plan):
    plan.run()
    path = next(plan.folder.glob("plain-seed1-*.json"))
    kept, another = json.loads(path.read_text()), next(plan.folder.glob("plain-seed0-*.json")).read_text()
    without_scores = json.dumps({name: value for name, value in kept.items() if name != "targets"})
    not_its = "not the result that was kept under this name"
    for text, says in (
        ("{", "not valid JSON"),
        ('{"arm": "plain"}', not_its),
        ("[]", not_its),
        (another, not_its),
        (without_scores, "not a kept result"),
    ):
        path.write_text(text)
        with pytest.raises(PoseAugError, match=says) as caught:
            plan.run()
        assert str(caught.value).startswith(str(path))


def test_a_lifter_that_went_astray_is_named_and_not_kept(plan, monkeypatch):
    class Astray(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(float("nan")))

        def forward(self, pose_2d):
            return self.weight * torch.ones(*pose_2d.shape[:2], 3)

    monkeypatch.setattr(type(plan.arms[0]), "train", lambda *arguments: Astray())
    with pytest.raises(PoseAugError, match=r"source, seed 0: .* others are not finite"):
        plan.run()
    assert not list(plan.folder.glob("*.json"))


# --- over seeds and targets --------------------------------------------------------------------------------------


def outcome(arm: str, seed: int, **mpjpe: float) -> Outcome:
    """Made up: each target's MPJPE as said, every other figure nine tenths of it."""

    def scores(error: float) -> dict:
        figures = {metric: error if metric == MPJPE else 0.9 * error for metric in METRICS}
        part = {"rows": 10, **figures}
        groups = {"action": {"run": part, "sit": part}, "camera": {"one": part}}
        return {
            "rows": 10, OVERALL: figures, **groups, "elevation": {"0 to 15": part, "15 to 30": part},
            "joint": {"hip": dict.fromkeys(figures, 0.0), "head": figures, "wrist": figures},
        }  # fmt: skip

    return Outcome(arm, seed, 1.0, {}, {name: scores(error) for name, error in mpjpe.items()})


def test_means_and_spreads_over_seeds_and_targets():
    outcomes = [outcome("source", seed, near=100.0 + seed, far=200.0 + 3 * seed) for seed in (0, 1, 2)]
    summary = summarise([*outcomes, outcome("plain", 0, near=80.0, far=140.0)], {"both": ["near", "far"]})
    assert list(summary) == ["source", "plain"]
    assert list(summary["source"]) == ["near", "far", "both"]
    assert summary["source"]["near"][OVERALL][MPJPE] == pytest.approx({"mean": 101, "spread": 1})
    assert summary["source"]["both"][OVERALL][MPJPE] == pytest.approx({"mean": 152, "spread": 2})
    assert summary["plain"]["both"][OVERALL][MPJPE] == {"mean": 110, "spread": None}
    assert summary["source"]["both"]["action"]["run"]["rows"] == 20
    assert against(summary, "plain", "source", "near", MPJPE) == pytest.approx(100 * (80 / 101 - 1))


def test_figures_over_seeds_keep_their_places():
    assert over_seeds([{"a": {"b": 1.0}, "rows": 3}, {"a": {"b": 3.0}, "rows": 3}]) == {
        "a": {"b": {"mean": 2.0, "spread": pytest.approx(np.sqrt(2))}}, "rows": 3,
    }  # fmt: skip


# --- the report --------------------------------------------------------------------------------------------------


@pytest.fixture
def report(target, budget) -> Report:
    outcomes = [
        outcome(arm, seed, near=error + seed, far=2 * error)
        for arm, error in (("source", 100.0), ("export", 75.0), ("plain", 90.0))
        for seed in (0, 1)
    ]
    return Report([Target("near", target.poses), Target("far", target.poses)], outcomes, budget)


def test_the_tables_say_every_figure(report):
    overview, *others = report.tables()
    assert overview.header == ("target", "training data", *TITLES.values(), "MPJPE against source")
    assert len(overview.rows) == 9
    assert overview.rows[0] == ("near", "source", "100.5 ± 0.7", "90.5 ± 0.6", "90.5 ± 0.6", "90.5 ± 0.6", "")
    assert overview.rows[4][:3] == ("", "export", "150.0 ± 0.0")
    assert overview.rows[7][-1] == "-25.0 %"
    assert [table.header[0] for table in others] == ["camera elevation, degrees", "joint", "action"]
    assert [row[0] for row in others[1].rows] == ["head", "wrist"], "all is measured from the hip"
    for table in report.tables():
        lines = table.markdown().splitlines()
        assert len(lines) == 2 + len(table.rows)
        assert len({line.count("|") for line in lines}) == 1


def test_a_name_is_text_and_never_markup(report):
    from rich.console import Console

    table = next(iter(report.tables()))
    named = replace(table, rows=(("[red]a|b[/]", *table.rows[0][1:]), *table.rows[1:]))
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(named.rich())
    assert "[red]a|b[/]" in console.export_text()
    assert "[red]a\\|b[/]" in named.markdown()


def test_json_holds_everything_and_comes_back(report, tmp_path):
    report.write_json(tmp_path / "evaluation.json")
    read = json.loads((tmp_path / "evaluation.json").read_text())
    assert read["summary"] == report.summary
    assert len(read["outcomes"]) == 6
    assert read["budget"]["steps"] == report.budget.steps
    assert read["targets"]["near"]["rows"] == 60
    assert report.whole == MEAN


def test_the_figure_is_a_png_or_nothing_without_matplotlib(report, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    assert report.draw(tmp_path / "evaluation.png")
    assert (tmp_path / "evaluation.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert not report.draw(tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()


def test_predictions_are_drawn_and_tabled_beside_nobody(report, tmp_path):
    pytest.importorskip("matplotlib")
    scored = replace(outcome("predictions", 0, near=0.0), key={"files": ["mine.npz"]})
    alone = replace(report, targets=report.targets[:1], outcomes=[scored])
    assert alone.title == "mine.npz"
    overview, *_ = alone.tables()
    assert overview.rows == (("near", "predictions", "0.0", "0.0", "0.0", "0.0"),)
    assert alone.draw(tmp_path / "evaluation.png")
