"""``poseaug-gen sources`` and ``sources convert``, as a user types them, and the page about sources."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from poseaug_gen.cli import main
from poseaug_gen.commands.source_options import request_from
from poseaug_gen.commands.sources import listed
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources import FORMATS, canonical, read_sources
from poseaug_gen.sources.canonical import read_poses, write_poses
from poseaug_gen.sources.extra_2d import FORMATS_2D

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(make_poses: Callable[..., PoseSet], skeleton) -> Path:
    """``poses/`` with 30 poses in camera frames, and 10 of a world frame that a rig of four cameras sees."""
    Path("poses").mkdir()
    poses = make_poses(skeleton, rows=30)
    write_poses(Path("poses/camera.h5"), poses)
    body = poses.positions[:10] - poses.positions[:10, :1]
    np.savez("poses/world.npz", positions=body[..., [0, 2, 1]] * [1, 1, -1] + [0, 0, 0.95])
    return Path("poses")


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_help_of_convert_needs_no_heavy_library():
    code = (
        "import sys; from poseaug_gen.cli import main\n"
        "try: main(['sources', 'convert', '--help'])\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "assert not {'torch', 'h5py', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--overwrite" in done.stdout


# --- the list -------------------------------------------------------------------------------------------------


def test_the_list_tells_all_of_every_format():
    told = typed("sources").stdout
    lists = json.loads(typed("sources", "--json").stdout)
    assert [entry["name"] for entry in lists["formats"]] == [format.name for format in FORMATS]
    for format, entry in zip(FORMATS, lists["formats"], strict=True):
        for key in ("name", "description", "needs", "owner", "licence", "citation"):
            assert getattr(format, key) in told
            assert entry.get(key, "") == getattr(format, key)


def test_the_list_names_the_built_in_source_the_rigs_and_the_2d_formats():
    lists = json.loads(typed("sources", "--json").stdout)
    assert [entry["name"] for entry in lists["built_in"]] == ["anatomy"]
    assert {entry["name"] for entry in lists["extra_2d"]} == {format.name for format in FORMATS_2D}
    for entry in lists["rigs"][:2]:
        assert request_from(rig=entry["name"]).rig is not None


def test_on_a_terminal_it_is_tables(monkeypatch):
    """A label in brackets is text, not rich's markup, and nothing said is lost in a column."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    told = re.sub(r"\x1b\[[0-9;]*m", "", typed("sources").stdout)
    assert "│" in told
    words = set(re.findall(r"\w+", told))
    for entries in listed().values():
        for entry in entries:
            assert all(set(re.findall(r"\w+", said)) <= words for said in entry.values()), entry["name"]


# --- convert --------------------------------------------------------------------------------------------------


def test_convert_writes_what_the_files_hold(folder: Path):
    made = typed("sources", "convert", folder, "--out", "out/all.h5")
    assert made.exit_code == 0, made.output
    written, read = read_poses(Path("out/all.h5")), read_sources([folder], request_from())
    assert len(written) == 30 + 4 * 10
    np.testing.assert_array_equal(written.positions, read.positions)
    assert written.camera.counts() == read.camera.counts()
    assert written.provenance == read.provenance
    megabytes = Path("out/all.h5").stat().st_size / 1e6
    assert made.stdout.startswith(
        f"out/all.h5: 70 poses of 4 subject(s) doing 3 thing(s), seen by {len(read.camera.counts())} camera(s), "
        f"{megabytes:,.1f} MB\n"
    )


def test_what_a_reader_warns_of_is_one_line(folder: Path, monkeypatch):
    def read(path, request):
        warnings.warn(f"{path}: two frames too few", stacklevel=1)
        return canonical.read_pose_set(path, request)

    [ours] = (format for format in FORMATS if format.read is canonical.read_pose_set)
    monkeypatch.setattr("poseaug_gen.sources.FORMATS", (replace(ours, read=read),))
    made = typed("sources", "convert", "poses/camera.h5")
    assert made.exit_code == 0
    assert made.stderr == "Warning: poses/camera.h5: two frames too few\n"


def test_the_same_conversion_writes_the_same_bytes_and_reads_itself(folder: Path):
    for name, sources in (("a.h5", folder), ("b.h5", folder), ("c.h5", "a.h5")):
        typed("sources", "convert", sources, "--out", name, "--views", "one", "--seed", "3")
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()
    assert Path("a.h5").read_bytes() == Path("c.h5").read_bytes()
    typed("sources", "convert", folder, "--out", "d.h5", "--views", "one", "--seed", "4")
    assert Path("a.h5").read_bytes() != Path("d.h5").read_bytes()


def test_an_existing_file_is_kept_unless_told(folder: Path):
    Path("poses.h5").write_text("my thesis")
    refused = typed("sources", "convert", folder)
    assert refused.exit_code == 1
    assert "poses.h5: is there already" in refused.stderr
    assert Path("poses.h5").read_text() == "my thesis"
    assert typed("sources", "convert", folder, "--overwrite").exit_code == 0
    assert len(read_poses(Path("poses.h5"))) == 70


def test_a_source_that_cannot_be_read_does_not_cost_the_old_file(folder: Path):
    Path("poses.h5").write_text("my thesis")
    assert typed("sources", "convert", "none.npz", "--overwrite").exit_code == 1
    assert Path("poses.h5").read_text() == "my thesis"


def test_a_sample_is_drawn_without_replacement(folder: Path):
    typed("sources", "convert", "poses/camera.h5", "--sample", "12", "--out", "some.h5")
    some, all_of_them = read_poses(Path("some.h5")), read_poses(Path("poses/camera.h5"))
    rows = [int(np.flatnonzero((all_of_them.positions == pose).all((1, 2)))[0]) for pose in some.positions]
    assert len(set(rows)) == 12
    assert rows == sorted(rows)
    typed("sources", "convert", "poses/camera.h5", "--sample", "1000", "--out", "all.h5")
    assert len(read_poses(Path("all.h5"))) == 30


def test_the_built_in_source_makes_as_many_as_asked():
    made = typed("sources", "convert", "anatomy", "--rows", "500", "--out", "anatomy.h5")
    assert made.exit_code == 0, made.output
    poses = read_poses(Path("anatomy.h5"))
    assert len(poses) == 500
    assert len(poses.camera.counts()) == 4
    assert poses.provenance["licence"].startswith("none")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "IN..."),
        (["none.npz"], 1, "none.npz"),
        (["poses/notes.txt"], 1, "notes.txt: not of a known format"),
        (["poses", "--rig", "poses/none.json:a"], 1, "none.json"),
        (["poses", "--skeleton", "h36m61"], 1, "h36m17"),
        (["poses", "--skeleton", "coco17"], 1, "l_eye"),
        (["poses", "--joints", "none.toml"], 1, "none.toml"),
        (["poses", "--unit", "furlong"], 2, "--unit furlong"),
        (["poses", "--up", "w"], 2, "--up"),
        (["poses", "--views", "two"], 2, "--views"),
        (["poses", "--rows", "0"], 2, "--rows"),
        (["poses", "--sample", "0"], 2, "--sample"),
        (["poses", "--seed", "-1"], 2, "--seed"),
        (["poses", "--out", "poses/notes.txt/out.h5"], 1, "cannot be written"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(folder: Path, words: list[str], code: int, says: str):
    (folder / "notes.txt").write_text("nothing")
    before = sorted(Path().rglob("*"))
    result = typed("sources", "convert", *words)
    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert sorted(Path().rglob("*")) == before


# --- the page -------------------------------------------------------------------------------------------------


def row_of(format) -> str:
    """A format's row in one of the page's tables."""
    told = [getattr(format, key) or "–" for key in ("name", "description", "needs", "owner") if hasattr(format, key)]
    return f"| {' | '.join(told)} |"


def test_the_page_has_a_row_for_every_format_and_its_licence_and_citation():
    page = PAGE.read_text(encoding="utf-8")
    missing = [row for row in map(row_of, (*FORMATS, *FORMATS_2D)) if row not in page.splitlines()]
    said = {text for format in (*FORMATS, *FORMATS_2D) for text in (format.licence, format.citation)}
    missing += sorted(text for text in said if text not in page)
    assert not missing, "\n".join(["docs/sources.md lacks:", *missing])


def test_the_page_s_rigs_can_be_used():
    page = PAGE.read_text(encoding="utf-8")
    [example] = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    Path("rigs.json").write_text(example)
    named = re.findall(r"^\| `((?:studio|ring)[^`]*)`", page, flags=re.MULTILINE)
    assert len(named) == 3
    for rig in ("rigs.json:street", "rigs.json:room", *named):
        assert request_from(rig=rig).rig is not None


def test_the_page_s_table_of_joints_reads_the_file_it_is_for(make_poses: Callable[..., PoseSet], skeleton):
    [example] = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    Path("bones.toml").write_text(example)
    theirs = {"hip": "Sacrum", "thorax": "C7", "forehead": "Glabella"}
    for side, word in (("l_", "Left"), ("r_", "Right")):
        bones = ("hip", "Femur"), ("knee", "Tibia"), ("ankle", "Talus")
        arm = ("shoulder", "Humerus"), ("elbow", "Ulna"), ("wrist", "Carpus")
        theirs |= {side + joint: word + bone for joint, bone in bones + arm}
    poses = make_poses(skeleton, rows=5)
    place = dict(zip(skeleton.joints, poses.positions.swapaxes(0, 1), strict=True))
    place["forehead"] = (place["head"] + place["thorax"] / 2) / 1.5  # what the rule derives the head from
    np.savez(
        "bones.npz",
        positions_3d=np.stack([place[joint] for joint in theirs], 1),
        joints=list(theirs.values()),
        intrinsics=poses.intrinsics,
        image_size=poses.image_size,
    )
    assert "cannot be derived" in typed("sources", "convert", "bones.npz").stderr
    made = typed("sources", "convert", "bones.npz", "--joints", "bones.toml")
    assert made.exit_code == 0, made.output
    read = read_poses(Path("poses.h5")).positions
    derived = skeleton.joints.index("spine")
    same = np.arange(skeleton.num_joints) != derived
    np.testing.assert_allclose(read[:, same], poses.positions[:, same], atol=1e-5)
    np.testing.assert_allclose(read[:, derived], (place["hip"] + place["thorax"]) / 2, atol=1e-5)
