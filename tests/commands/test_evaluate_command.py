"""``poseaug-gen evaluate`` as a user types it: table, JSON, figure, and one sentence for each mistake."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_runs import tiny

from poseaug_gen.cli import main
from poseaug_gen.commands import evaluate
from poseaug_gen.evaluation import arms, online
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training.loop import train
from poseaug_gen.training.run_folder import RunFolder

QUICK = ["--steps", "2", "--channels", "16", "--n", "300", "--device", "cpu"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory, make_poses) -> Path:
    """A folder with a finished run of the default skeleton."""
    outputs = tmp_path_factory.mktemp("outputs")
    train(tiny(schedule__epochs=2), make_poses(load_skeleton(), rows=150), RunFolder(outputs / "small"))
    return outputs


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, finished, make_poses, skeleton) -> Path:
    """Where a user stands: ``outputs/small``, targets ``near.h5`` and ``world.npz``, ``coco.h5`` of another body."""
    monkeypatch.chdir(tmp_path)
    Path("outputs").symlink_to(finished)
    near = make_poses(skeleton, rows=40, seed=2)
    write_poses(Path("near.h5"), near)
    standing = (near.positions - near.positions[:, :1])[..., [0, 2, 1]] * [1, 1, -1] + [0, 0, 0.95]
    np.savez("world.npz", positions=standing.astype(np.float32))
    write_poses(Path("coco.h5"), make_poses(load_skeleton("coco17"), rows=40))
    return tmp_path


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, ["evaluate", *[str(word) for word in words]])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_whole_of_it(monkeypatch):
    pytest.importorskip("matplotlib")
    words = ["--target", "near.h5", "--target", "world.npz@ring:cameras=2", "--seeds", "2", *QUICK]
    first = typed(*words)
    assert first.exit_code == 0, first.output
    lines = first.stdout.splitlines()
    header = "| target | training data | MPJPE, mm | PA-MPJPE, mm | PCK@150, % | AUC, % | MPJPE against source |"
    assert header in lines
    rows = [line.split(" | ") for line in lines[lines.index(header) + 2 :][:9]]
    assert [row[0].strip("| ") for row in rows] == ["near", "", "", "world@ring", "", "", "mean of targets", "", ""]
    assert [row[1] for row in rows] == 3 * ["source", "export", "plain"]
    assert all("±" in row[2] for row in rows)
    for group in ("camera elevation, degrees", "joint", "action"):
        assert any(line.startswith(f"| {group} | source | export | plain |") for line in lines), group
    evaluation = json.loads(Path("evaluation/evaluation.json").read_text())
    assert set(evaluation["summary"]) == {"source", "export", "plain"}
    assert evaluation["targets"]["world@ring"]["rows"] == 80
    assert len(evaluation["outcomes"]) == 6
    assert Path("evaluation/evaluation.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(Path("evaluation/arms").iterdir())) == 6
    assert first.stderr.count("trained and tested in") == 6

    monkeypatch.setattr("poseaug_gen.evaluation.arms.train_lifter", None)  # nothing is trained again
    again = typed(*words)
    assert again.stdout == first.stdout
    assert not list(Path("evaluation").glob("*.lock"))


def test_an_export_a_source_of_ones_own_and_online(make_poses, skeleton):
    assert CliRunner().invoke(main, ["export", "--n", "500", "--out", "aug.h5"]).exit_code == 0
    write_poses(Path("mine.h5"), make_poses(skeleton, rows=60, seed=4))
    words = ["--target", "near.h5", "--export", "aug.h5", "--seeds", "1", "--seed", "5", *QUICK]
    assert typed(*words, "--arms", "source,export,online").exit_code == 0
    outcomes = json.loads(Path("evaluation/evaluation.json").read_text())["outcomes"]
    assert [(outcome["arm"], outcome["seed"]) for outcome in outcomes] == [("source", 5), ("export", 5), ("online", 5)]
    assert {outcome["key"]["budget"]["steps"] for outcome in outcomes} == {2}
    # With source and export both named, no run is needed at all.
    Path("outputs").unlink()
    other = typed(*words, "--arms", "source,export", "--source", "mine.h5")
    assert other.exit_code == 0, other.output
    keys = [outcome["key"] for outcome in json.loads(Path("evaluation/evaluation.json").read_text())["outcomes"]]
    assert keys[0]["source"] == keys[1]["source"] != outcomes[0]["key"]["source"]
    assert keys[1]["export"] == outcomes[1]["key"]["export"]


def test_predictions_alone_need_no_run_and_train_nothing(make_poses, skeleton, monkeypatch):
    Path("outputs").unlink()
    monkeypatch.setattr("poseaug_gen.evaluation.arms.train_lifter", None)
    near = make_poses(skeleton, rows=40, seed=2)
    np.savez("mine.npz", positions_3d=near.positions - near.positions[:, :1])
    result = typed("--target", "near.h5", "--predictions", "mine.npz")
    assert result.exit_code == 0, result.output
    assert "| near | predictions | 0.0 | 0.0 | 100.0 |" in result.stdout


def test_targets_of_one_name_are_told_apart_and_any_file_name_can_be_drawn(make_poses, skeleton):
    """Names that numbering, the mean over the targets and matplotlib's formulas have a use for."""
    names = ["near", "a/w (2)", "b/w (2)", "a/w", "b/w", "mean of targets", "$\\frac$"]
    poses = make_poses(skeleton, rows=4)
    for name in names:
        Path(f"{name}.h5").parent.mkdir(exist_ok=True)
        write_poses(Path(f"{name}.h5"), poses)
    words = [word for name in names for word in ("--target", f"{name}.h5")]
    result = typed(*words, "--arms", "source", "--seeds", "1", *QUICK)
    assert result.exit_code == 0, result.output
    targets = ["near", "w (2)", "w (2) (2)", "w", "w (3)", "mean of targets (2)", "$\\frac$"]
    evaluation = json.loads(Path("evaluation/evaluation.json").read_text())
    assert list(evaluation["targets"]) == targets
    assert list(evaluation["summary"]["source"]) == [*targets, "mean of targets"]


def test_the_arms_that_can_be_named_are_those_that_there_are():
    """The command names them without importing torch."""
    assert evaluate.ARMS == (arms.SOURCE, arms.EXPORT, arms.PLAIN, online.ONLINE, online.PUBLISHED)
    assert set(evaluate.DEFAULT_ARMS.split(",")) <= set(evaluate.ARMS)


def test_predictions_beside_lifters():
    np.savez("mine.npz", positions_3d=np.random.default_rng(0).normal(size=(40, 16, 3)) * 0.3)
    words = ["--target", "near.h5", "--predictions", "mine.npz", "--arms", "source", "--seeds", "1", *QUICK]
    result = typed(*words)
    assert result.exit_code == 0, result.output
    assert [line.split(" | ")[1] for line in result.stdout.splitlines()[4:6]] == ["source", "predictions"]


def test_json_lines():
    words = ["--target", "near.h5", "--arms", "source", "--seeds", "1", "--log-json", *QUICK]
    lines = [json.loads(line) for line in typed(*words).stdout.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "progress"] == ["lifter", "done"]
    lifter = next(line for line in lines if line["event"] == "lifter")
    assert lifter["arm"] == "source"
    assert lifter["mpjpe_mm"] > 0
    assert lines[-1]["files"][0] == "evaluation/evaluation.json"


def test_without_matplotlib_there_is_a_sentence_and_everything_else(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = typed("--target", "near.h5", "--arms", "source", "--seeds", "1", *QUICK)
    assert result.exit_code == 0
    assert "No figure was drawn" in result.stderr
    assert Path("evaluation/evaluation.json").exists()
    assert not Path("evaluation/evaluation.png").exists()


def write_bad_files() -> None:
    np.savez("few.npz", positions_3d=np.zeros((3, 16, 3)))
    np.savez("far.npz", positions_3d=1000 * np.random.default_rng(0).normal(size=(40, 16, 3)))
    np.savez("world_without_arms.npz", positions=np.ones((5, 2, 3)), joints=np.array(["hip", "head"]))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--target", "no.h5"], 1, "no.h5: there is no such file"),
        (["--target", "near.h5", "--target", "world.npz@strete"], 1, "--rig strete: neither studio nor ring"),
        (["--target", "world_without_arms.npz"], 1, "world_without_arms.npz"),
        (["--target", "near.h5", "--skeleton", "coco17"], 1, "small has the skeleton h36m16 and --skeleton coco17"),
        (["--target", "near.h5", "--arms", "sourc"], 2, "no arm 'sourc'; did you mean 'source'?"),
        (["--target", "near.h5", "--arms", "plain,plain"], 2, "'plain' is named twice"),
        (["--target", "near.h5", "--estimator", "videopos"], 2, "did you mean 'videopose'"),
        (["--target", "near.h5", "--run", "nowhere"], 1, "nowhere: not a run folder"),
        (["--target", "near.h5", "--outputs", "empty"], 1, "poseaug-gen train"),
        (["--target", "near.h5", "--export", "no.h5"], 1, "no.h5: missing"),
        (["--target", "near.h5", "--export", "near.h5"], 1, "near.h5: not an export of poseaug-gen"),
        (["--target", "near.h5", "--predictions", "no.npz"], 1, "no.npz: there is no such file"),
        (["--target", "near.h5", "--predictions", "few.npz"], 1, "few.npz: holds 3 poses and its target 40"),
        (["--target", "near.h5", "--predictions", "far.npz"], 1, "far.npz: the torso is"),
        (["--target", "near.h5", "--target", "near.h5", "--predictions", "few.npz"], 2, "one file a target"),
        (["--target", "near.h5", "--steps", "0"], 2, "steps"),
        (["--target", "near.h5", "--seed", str(2**63)], 2, "'--seed': 9223372036854775808 is not in the range"),
        ([], 2, "--target"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_trained(words, code, says, monkeypatch):
    write_bad_files()
    monkeypatch.setattr("poseaug_gen.evaluation.arms.train_lifter", None)
    result = typed(*words)
    assert result.exit_code == code, result.output
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not Path("evaluation").exists()


def test_an_export_of_another_run_or_body_is_refused(make_poses):
    assert CliRunner().invoke(main, ["export", "--n", "50", "--out", "aug.h5"]).exit_code == 0
    train(tiny(schedule__epochs=2, run__seed=1), make_poses(load_skeleton(), rows=60, seed=8), RunFolder(Path("other")))
    result = typed("--target", "near.h5", "--export", "aug.h5", "--run", "other", *QUICK)
    assert result.exit_code == 1
    assert "aug.h5: was not made of the poses of other" in result.stderr


def test_an_interrupted_evaluation_exits_with_130_and_goes_on(monkeypatch):
    from poseaug_gen.training.lifter import Apprentice

    real, steps = Apprentice.step, []

    def stop_at_the_third(self, batch):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        real(self, batch)

    words = ["--target", "near.h5", "--arms", "source", "--seeds", "2", *QUICK]
    monkeypatch.setattr(Apprentice, "step", stop_at_the_third)
    cut = typed(*words)
    assert cut.exit_code == 130
    assert "run the same command again" in cut.stderr
    assert len(list(Path("evaluation/arms").iterdir())) == 1
    assert not Path("evaluation/evaluation.json").exists()
    assert typed(*words).exit_code == 0
    assert len(steps) == 5, "two of the first, one and then two of the second"


def test_the_source_is_the_runs_own_without_the_built_in_poses_that_were_added(finished):
    from poseaug_gen.commands.evaluate_material import find_material

    shutil.copytree(finished / "small", "extended")
    run = RunFolder(Path("extended"))
    run.write_info(rows={**run.info()["rows"], "built_in": 30})
    nothing = {"skeleton": None}
    material = find_material(["source"], [], Path("extended"), Path("outputs"), None, ["near.h5"], nothing)
    np.testing.assert_array_equal(material.source.positions, run.poses.positions[:-30])
