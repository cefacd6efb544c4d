"""``export``, ``verify`` and ``info`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner, Result

from poseaug_gen import storage
from poseaug_gen.cli import main
from poseaug_gen.evaluation.realism import catalogue
from poseaug_gen.training.run_folder import RunFolder


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_export_verify_info(fake_run: RunFolder) -> None:
    Path("outputs").symlink_to(fake_run.path.parent)
    made = typed("export", "--n", "3_000", "--out", "aug.h5", "--shard-rows", "2000")
    assert made.exit_code == 0, made.output
    assert "aug.h5: 3,000 pairs in 2 shards" in made.stdout
    checked = typed("verify", "aug.h5")
    assert checked.exit_code == 0, checked.output
    assert "all 3,000 pairs in 2 file(s) are valid" in checked.stdout
    told = typed("info", "aug.h5")
    assert told.exit_code == 0
    assert "positions_3d" in told.stdout
    facts = json.loads(typed("info", "aug.h5", "--json").stdout)
    assert facts["rows"] == 3000
    assert facts["settings"]["shard_rows"] == 2000
    assert "frame" not in facts["settings"], "it was left to the run"
    assert facts["columns"]["positions_2d"]["shape"] == [3000, 16, 2]
    assert facts["redrawn"]["candidates"] == 3000 + sum(n for c, n in facts["redrawn"].items() if c != "candidates")
    assert 3 < facts["sample"]["root_depth_m"]["p50"] < 7
    assert json.loads(typed("info", "aug.shards", "--json").stdout)["redrawn"] == facts["redrawn"]


@pytest.fixture
def hashed(make_run) -> RunFolder:
    """A run under ``outputs`` that has recorded its poses' hash, as those do that were trained; and its ``aug.h5``."""
    run = make_run(seed=3)
    run.write_info(source_sha256=storage.sha256(run.path / "poses.h5"))
    Path("outputs").symlink_to(run.path.parent)
    assert typed("export", "--n", "500", "--out", "aug.h5").exit_code == 0
    return run


def test_info_tells_how_realistic_an_export_is_beside_its_source(hashed: RunFolder) -> None:
    figures = json.loads(typed("info", "aug.h5", "--json").stdout)["realism"]
    assert list(figures) == list(catalogue())
    for figure in figures.values():
        assert figure["value"] is not None
        assert figure["source_value"] is not None
        assert figure["definition"]
        assert figure["reference"]
    assert figures["precision"]["rows"] == hashed.info()["rows"]["training"] // 2, "the built-in poses are no source"
    told = typed("info", "aug.h5").stdout
    for said in ("realism and diversity", "Fréchet distance to the source", "docs/realism.md"):
        assert said in told
    assert "Not known" not in told
    named = typed("info", "aug.h5", "--outputs", "none", "--run", hashed.path, "--json").stdout
    assert json.loads(named)["realism"] == figures


def test_info_without_a_source_tells_what_it_can(hashed: RunFolder) -> None:
    words = ("info", "aug.h5", "--outputs", "none")
    figures = json.loads(typed(*words, "--json").stdout)["realism"]
    assert figures["precision"]["value"] is None
    assert "--run" in figures["precision"]["why"]
    assert figures["diversity"]["value"] > 0
    assert " ".join(typed(*words).stdout.split()).count("Not known: the source poses were not found") == 1
    assert "realism" not in json.loads(typed(*words, "--no-realism", "--json").stdout)


def test_info_refuses_a_run_that_is_not_the_export_s(hashed: RunFolder, fake_run: RunFolder) -> None:
    refused = typed("info", "aug.h5", "--run", fake_run.path)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "aug.h5: was not made of the poses of" in " ".join(refused.stderr.split())
    for path in (hashed.path, hashed.path / "poses.h5"):
        refused = typed("info", path, "--run", hashed.path)
        assert refused.exit_code == 2
        assert "is the run that an export was made of" in " ".join(refused.stderr.split())
    assert "realism" not in json.loads(typed("info", hashed.path, "--json").stdout)


def test_info_of_a_run_and_of_its_poses(fake_run: RunFolder) -> None:
    run = json.loads(typed("info", fake_run.path, "--json").stdout)
    assert (run["kind"], run["best_epoch"], run["snapshots"]) == ("run", 7, [7])
    poses = json.loads(typed("info", fake_run.path / "poses.h5", "--json").stdout)
    assert (poses["kind"], poses["rows"], set(poses["subjects"])) == ("poses", 300, {"S0", "S1", "S2"})
    assert typed("info", fake_run.path).exit_code == 0


def test_verify_exits_with_1_and_the_row(fake_run: RunFolder) -> None:
    typed("export", "--n", "100", "--run", fake_run.path)
    with h5py.File("aug.h5", "r+") as file:
        file["angle_change"][42] = 3
    result = typed("verify", "aug.h5")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: aug.h5: row 42: angle_change")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("export",), 1, "outputs: no finished run"),
        (("export", "--run", "nowhere"), 1, "nowhere: not a run folder"),
        (("export", "--n", "0"), 2, "export.n = 0 must be"),
        (("export", "--n", "many"), 2, "not a valid integer"),
        (("verify", "aug.h5"), 1, "aug.h5: missing"),
        (("info", "aug.h5"), 1, "aug.h5: there is no such file"),
        (("info", "."), 1, "neither a run folder"),
    ],
)
def test_mistakes_are_one_sentence(words: tuple[str, ...], code: int, says: str) -> None:
    result = typed(*words)
    assert result.exit_code == code
    assert says in result.stderr
    assert not any(Path().iterdir())


def test_shards_merge_and_going_on(fake_run: RunFolder) -> None:
    words = ("--n", "3000", "--run", fake_run.path)
    for shard in ("1/3", "0/3"):
        made = typed("export", *words, "--shard", shard)
        assert made.exit_code == 0, made.output
        assert "Next, when all 3 shards are made: poseaug-gen merge aug.h5" in made.stdout
    assert "1,000 pairs in one file" in made.stdout
    early = typed("merge", "aug.h5")
    assert early.exit_code == 1
    assert early.stderr.startswith("Error: aug.shards: 1 of 3 shards are missing (2)")
    assert typed("export", *words, "--shard", "2/3").exit_code == 0
    assert "nothing to do" in typed("export", *words, "--shard", "2/3").stdout
    assert "aug.h5: 3,000 pairs in 3 shards" in typed("merge", "aug.shards").stdout
    assert json.loads(typed("merge", "aug.h5", "--log-json").stdout)["made"] == 0
    assert "nothing to do" in typed("merge", "aug.h5").stdout
    again = typed("export", *words, "--shard-rows", "1000", "--workers", "2")
    assert again.exit_code == 0
    assert "aug.h5: all 3,000 pairs are there and as they were written: nothing to do" in again.stdout
    assert typed("verify", "aug.h5").exit_code == 0
    other = typed("export", *words, "--shard-rows", "1000", "--seed", "1")
    assert other.exit_code == 1
    assert "was begun with other settings (export.seed: 0 -> 1)" in other.stderr
    Path("aug.shards/aug-00001-of-00003.h5").unlink()
    assert "(2 of them were there already)" in typed("export", *words, "--shard-rows", "1000").stdout


def test_a_dry_run_tells_everything_and_writes_nothing(fake_run: RunFolder) -> None:
    words = ("export", "--n", "50_000", "--run", fake_run.path, "--shard-rows", "20000", "--scores")
    told = typed(*words, "--dry-run")
    assert told.exit_code == 0, told.output
    assert not any(Path().iterdir())
    for said in (
        "in 3 file(s)",
        "to make: 50,000 pairs",
        " free",
        "pairs a second, measured on",
        "nothing was written",
    ):
        assert said in told.stdout
    assert "  scores = true" in told.stdout
    plan = json.loads(typed(*words, "--dry-run", "--log-json").stdout)
    assert (plan["shards"], plan["to_make"], plan["rows"], plan["settings"]["seed"]) == (3, 3, 50_000, 0)
    assert plan["seconds"] > 0
    assert plan["measured_rows"] > 0
    assert not any(Path().iterdir())
    made = json.loads(typed(*words, "--log-json").stdout.splitlines()[-1])
    assert made["bytes"] <= plan["bytes"] < 1.2 * made["bytes"] + 3 * 256 * 1024
    before = sorted(Path().rglob("*"))
    assert json.loads(typed(*words, "--dry-run", "--log-json").stdout)["to_make"] == 0
    refused = typed(*words, "--dry-run", "--seed", "9")
    assert refused.exit_code == 1
    assert "export.seed: 0 -> 9" in refused.stderr
    assert sorted(Path().rglob("*")) == before


def test_an_unfinished_run_is_not_exported(make_run) -> None:
    run = make_run()
    run.write_info(state="running")
    result = typed("export", "--run", run.path)
    assert result.exit_code == 1
    assert "the run is not finished" in result.stderr


def test_json_lines(fake_run: RunFolder) -> None:
    lines = typed("export", "--n", "100", "--run", fake_run.path, "--log-json").stdout.splitlines()
    assert json.loads(lines[-1])["rows"] == 100
    lines = typed("verify", "aug.h5", "--log-json").stdout.splitlines()
    assert json.loads(lines[-1])["event"] == "done"


def test_a_dry_run_of_one_shard_and_one_that_begins_again(fake_run: RunFolder) -> None:
    words = ("export", "--n", "8000", "--run", fake_run.path, "--dry-run")
    one = typed(*words, "--shard", "1/4").stdout
    assert "shard 1 of 4 in 1 file(s) with pairs\n" in one
    assert "to make: 2,000 pairs in 1 file(s)" in one
    typed("export", "--n", "100", "--run", fake_run.path)
    refused = typed(*words)
    assert refused.exit_code == 1
    assert "export.n: 100 -> 8000" in refused.stderr
    again = typed(*words, "--overwrite")
    assert again.exit_code == 0, again.output
    assert "to make: 8,000 pairs in 1 file(s)" in again.stdout


def test_a_range_that_nobody_fits_in_is_told_by_its_option(fake_run: RunFolder) -> None:
    for option, value in (("--depth", "20:22"), ("--frame", "-0.05:0.05")):
        result = typed("export", "--n", "100", "--run", fake_run.path, option, value)
        assert result.exit_code == 1
        assert f"ask for a wider {option}" in result.stderr


def test_verify_of_a_url_is_one_sentence() -> None:
    result = typed("verify", "file:///tmp/aug.h5")
    assert result.exit_code == 1
    assert "is a URL, and verify reads files of this machine" in result.stderr
