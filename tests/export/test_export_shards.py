"""Shards that jobs make, each by itself, and one export of them all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from export_files import files_in, hashes, stopping_after

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary, export, export_shard
from poseaug_gen.export.layout import shard_layout
from poseaug_gen.export.merge import merge, output_of
from poseaug_gen.export.verify import verify
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]
SETTINGS = ExportSettings(n=1000, shard_rows=300)


@pytest.fixture
def make_shard(tmp_path: Path, fake_run: RunFolder) -> Callable[..., Summary]:
    """``make_shard(shard, settings=SETTINGS, overwrite=False)``, at ``jobs/aug.h5``."""

    def make(shard: int, settings: ExportSettings = SETTINGS, overwrite: bool = False) -> Summary:
        return export_shard(fake_run, settings, tmp_path / "jobs" / "aug.h5", shard, overwrite)

    return make


@pytest.fixture
def jobs(make_shard: Callable[..., Summary], tmp_path: Path) -> Path:
    """All four shards, made in some order; the output they were given."""
    for shard in (2, 0, 3, 1):
        make_shard(shard)
    return tmp_path / "jobs" / "aug.h5"


@pytest.fixture
def ordinary(make_export: MakeExport) -> dict[str, str]:
    """Names and hashes of an ordinary export's files."""
    return hashes(make_export("ordinary/aug.h5", n=1000, shard_rows=300).path.parent)


def shard(jobs: Path, number: int) -> Path:
    return jobs.parent / "aug.shards" / f"aug-{number:05d}-of-00004.h5"


def test_merged_shards_are_an_ordinary_export(jobs: Path, ordinary: dict[str, str]) -> None:
    assert not jobs.exists()
    assert len(files_in(jobs.parent)) == 8, "a shard and its entry each, no lock, no temporary"
    summary = merge(jobs)
    assert (summary.rows, summary.shards) == (1000, 4)
    assert hashes(jobs.parent) == ordinary
    assert verify(jobs).rows == 1000
    assert merge(jobs.parent / "aug.shards").made == 0, "merging again: nothing to do"
    assert hashes(jobs.parent) == ordinary


def test_a_shard_that_is_there_is_not_made_again(jobs: Path, make_shard: Callable[..., Summary]) -> None:
    before = shard(jobs, 2).stat().st_mtime_ns
    assert make_shard(2).made == 0
    assert shard(jobs, 2).stat().st_mtime_ns == before
    shard(jobs, 2).write_bytes(b"damaged")
    assert make_shard(2).made == 1
    merge(jobs)
    assert make_shard(2).made == 0, "the manifest knows it"
    assert make_shard(2, overwrite=True).made == 1


def test_an_ordinary_export_takes_over_what_jobs_made(
    fake_run: RunFolder, make_shard: Callable[..., Summary], tmp_path: Path, ordinary: dict[str, str]
) -> None:
    make_shard(1)
    make_shard(3)
    assert export(fake_run, SETTINGS, tmp_path / "jobs" / "aug.h5").made == 2
    assert hashes(tmp_path / "jobs") == ordinary


def test_jobs_take_over_what_an_ordinary_export_made(
    fake_run: RunFolder, make_shard: Callable[..., Summary], tmp_path: Path, ordinary: dict[str, str]
) -> None:
    out = tmp_path / "jobs" / "aug.h5"
    with pytest.raises(KeyboardInterrupt):
        export(fake_run, SETTINGS, out, advance=stopping_after(700))
    assert [make_shard(number).made for number in range(4)] == [0, 0, 1, 1]
    merge(out)
    assert hashes(tmp_path / "jobs") == ordinary


def test_a_merge_that_was_killed_is_merged_again(jobs: Path, ordinary: dict[str, str]) -> None:
    entries = {name: (jobs.parent / name).read_bytes() for name in files_in(jobs.parent) if name.endswith(".json")}
    merge(jobs)
    jobs.unlink()
    for name, data in list(entries.items())[:2]:
        (jobs.parent / name).write_bytes(data)
    merge(jobs)
    assert hashes(jobs.parent) == ordinary


# --- refusals ---------------------------------------------------------------------------------------------


def test_missing_shards_are_listed(make_shard: Callable[..., Summary], tmp_path: Path) -> None:
    for number in (1, 5):
        make_shard(number, ExportSettings(n=1000, shard_rows=100))
    with pytest.raises(
        PoseAugError, match=r"aug\.shards: 8 of 10 shards are missing \(0, 2-4, 6-9\); .* --shard 0/10$"
    ):
        merge(tmp_path / "jobs" / "aug.h5")
    with pytest.raises(PoseAugError, match=r"aug\.h5: not merged yet \(2 shards are made\); run poseaug-gen merge"):
        verify(tmp_path / "jobs" / "aug.h5")


def test_a_shard_of_other_settings_is_refused_with_the_difference(
    jobs: Path, fake_run: RunFolder, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "aug.h5"
    export_shard(fake_run, ExportSettings(n=1000, shard_rows=300, seed=9), other, 1)
    for path in (shard(other, 1), shard(other, 1).with_suffix(".json")):
        shutil.copy(path, shard(jobs, 1).with_suffix(path.suffix))
    with pytest.raises(
        PoseAugError, match=r"aug-00001-of-00004\.json: is of other settings .*\(export\.seed: 0 -> 9\)"
    ):
        merge(jobs)
    assert not jobs.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), r"00002-of-00004\.h5: missing, though there is an entry"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), r"00002-of-00004\.h5: its SHA-256"),
        (lambda path: shutil.copy(path.with_name("aug-00001-of-00004.h5"), path), r"00002-of-00004\.h5: its SHA-256"),
        (lambda path: path.with_suffix(".json").write_text("{"), r"00002-of-00004\.json: damaged"),
        (lambda path: path.with_suffix(".json").unlink(), r"1 of 4 shards are missing \(2\)"),
    ],
)
def test_damaged_shards_are_named(damage: Callable, said: str, jobs: Path) -> None:
    damage(shard(jobs, 2))
    with pytest.raises(PoseAugError, match=said):
        merge(jobs)
    assert not jobs.exists()


def test_an_entry_of_other_rows_is_refused(jobs: Path) -> None:
    path = shard(jobs, 3).with_suffix(".json")
    path.write_text(
        json.dumps({**(known := json.loads(path.read_text())), "shards": [{**known["shards"][0], "rows": 9}]})
    )
    with pytest.raises(PoseAugError, match=r"00003-of-00004\.h5: its entry is of 9 rows"):
        merge(jobs)


def test_nothing_to_merge(tmp_path: Path, make_export: MakeExport) -> None:
    with pytest.raises(PoseAugError, match=r"aug\.shards: no shards to merge"):
        merge(tmp_path / "aug.h5")
    path = make_export(n=100).path
    with pytest.raises(PoseAugError, match=r"aug\.h5: is one file and has no shards"):
        merge(path)


def test_other_settings_are_refused_by_a_job(jobs: Path, make_shard: Callable[..., Summary]) -> None:
    with pytest.raises(PoseAugError, match=r"00001-of-00004\.json: was begun .*seed: 0 -> 1\).* or remove it first"):
        make_shard(1, ExportSettings(n=1000, shard_rows=300, seed=1))


def test_two_jobs_of_one_shard_and_an_export_beside_a_job(
    fake_run: RunFolder, make_shard: Callable[..., Summary], tmp_path: Path
) -> None:
    out = tmp_path / "jobs" / "aug.h5"
    with storage.locked(shard(out, 2), "busy"):
        with pytest.raises(PoseAugError, match=r"00002-of-00004\.h5: another job is making it"):
            make_shard(2)
        with pytest.raises(PoseAugError, match=r"00002-of-00004\.h5: another job is making it"):
            export(fake_run, SETTINGS, out)
        with pytest.raises(PoseAugError, match=r"00002-of-00004\.h5: another job is making it"):
            merge(out)
        make_shard(1)
    with storage.locked(out, "busy"), pytest.raises(PoseAugError, match=r"aug\.h5: another export is writing it"):
        make_shard(2)
    assert make_shard(2).made == 1


def test_a_job_clears_its_own_temporaries_alone(make_shard: Callable[..., Summary], tmp_path: Path) -> None:
    out = tmp_path / "jobs" / "aug.h5"
    shard(out, 0).parent.mkdir(parents=True)
    for number in (0, 1):
        shard(out, number).with_name(shard(out, number).name + ".tmp-5").write_text("left")
    make_shard(1)
    assert [name for name in files_in(out.parent) if ".tmp" in name] == ["aug.shards/aug-00000-of-00004.h5.tmp-5"]


# --- how many shards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "shards"), [(1000, 4), (10, 10), (7, 3), (10**9, 1000), (1, 1)])
def test_rows_are_spread_over_the_shards(rows: int, shards: int) -> None:
    layout = shard_layout(Path("aug.h5"), rows, 123, shards, given=False)
    assert layout.shards == shards
    assert sum(layout.rows_of(shard) for shard in range(shards)) == rows


def test_rows_that_are_not_so_many_shards() -> None:
    with pytest.raises(PoseAugError, match=r"--shard i/7: 10 pairs, 2 a shard, are 5 shards; ask for --shard i/5$"):
        shard_layout(Path("aug.h5"), 10, 0, 7, given=False)
    with pytest.raises(PoseAugError, match=r"1,000 pairs, 300 a shard, are 4 shards; .*or leave --shard-rows out"):
        shard_layout(Path("aug.h5"), 1000, 300, 5, given=True)
    assert shard_layout(Path("aug.h5"), 1000, 300, 4, given=True).shards == 4


def test_one_shard_of_one_is_a_plain_file(fake_run: RunFolder, tmp_path: Path, make_export: MakeExport) -> None:
    export_shard(fake_run, ExportSettings(n=300, shard_rows=300), tmp_path / "one.h5", 0)
    assert storage.sha256(tmp_path / "one.h5") == storage.sha256(make_export(n=300, shard_rows=300).path)


def test_an_output_is_named_by_its_folder_too() -> None:
    assert output_of("x/aug.shards/") == output_of("x/aug.shards") == output_of("x/aug.h5") == "x/aug.h5"
    assert output_of("s3://bucket/aug.shards") == "s3://bucket/aug.h5"
