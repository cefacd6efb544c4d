"""``poseaug-gen info`` of files of poses and folders of them, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from poseaug_gen.cli import main
from poseaug_gen.export.info import BUILT_IN_ROWS
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import write_poses


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def camera_file(make_poses: Callable[..., PoseSet], skeleton) -> PoseSet:
    """``camera.npz`` with 30 poses of three people, seen by two cameras; and the poses."""
    poses = make_poses(skeleton, rows=30)
    np.savez(
        "camera.npz",
        positions_3d=poses.positions,
        intrinsics=poses.intrinsics,
        image_size=poses.image_size,
        subject=poses.subject.strings(),
        camera=poses.camera.strings(),
        licence="CC-BY [a]",
    )
    return poses


@pytest.fixture
def world_file(make_poses: Callable[..., PoseSet], skeleton) -> None:
    """``world.npz`` with 10 upright poses of a world frame."""
    poses = make_poses(skeleton, rows=10)
    body = poses.positions - poses.positions[:, :1]
    np.savez("world.npz", positions=body[..., [0, 2, 1]] * [1, 1, -1] + [0, 0, 0.95])


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def facts_of(*words: str | Path) -> dict:
    result = typed("info", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_facts_of_a_file_are_those_of_its_poses(camera_file: PoseSet) -> None:
    facts = facts_of("camera.npz")
    assert (facts["kind"], facts["format"], facts["rows"]) == ("poses", "npz, camera-frame poses", 30)
    assert facts["subjects"] == {"S0": 10, "S1": 10, "S2": 10}
    assert facts["cameras"] == {"camera0": 15, "camera1": 15}
    assert facts["source"]["licence"] == "CC-BY [a]"
    assert facts["sample"]["root_depth_m"]["p50"] == pytest.approx(np.median(camera_file.positions[:, 0, 2]), rel=1e-6)


def test_what_is_printed_has_the_facts_a_table_of_bones_and_a_drawing(camera_file: PoseSet) -> None:
    told = typed("info", "camera.npz").stdout
    for said in ("npz, camera-frame poses", "rows: 30", "S2: 10", "CC-BY [a]", "l_wrist", "wholly_in_frame"):
        assert said in told
    assert sum(0x2800 < ord(character) < 0x2900 for character in told) > 40, "poses in Braille"


def test_many_people_are_counted_not_listed(make_poses: Callable[..., PoseSet], skeleton) -> None:
    write_poses(Path("poses.h5"), make_poses(skeleton, rows=100, subjects=50))
    told = typed("info", "poses.h5").stdout
    assert "and 38 more: 76" in told
    assert len(facts_of("poses.h5")["subjects"]) == 50


def test_a_file_of_ours_is_shown_with_its_own_skeleton(make_poses: Callable[..., PoseSet]) -> None:
    write_poses(Path("poses.h5"), make_poses(load_skeleton("h36m17"), rows=9))
    assert facts_of("poses.h5")["skeleton"]["name"] == "h36m17"
    assert facts_of("poses.h5", "--skeleton", "h36m16")["skeleton"]["name"] == "h36m16"


@pytest.mark.usefixtures("world_file")
def test_world_poses_are_seen_by_the_studio_unless_another_rig_is_named() -> None:
    facts = facts_of("world.npz")
    assert (facts["rows"], facts["source"]["rows"], len(facts["cameras"])) == (40, 10, 4)
    assert facts["sample"]["wholly_in_frame"] == 1
    assert facts_of("world.npz", "--views", "one")["rows"] == 10
    assert list(facts_of("world.npz", "--rig", "ring")["cameras"]) == ["ring"]


def test_2d_poses_alone_are_told_and_drawn(make_poses: Callable[..., PoseSet], skeleton) -> None:
    pytest.importorskip("matplotlib")
    poses = make_poses(skeleton, rows=20)
    confidence = np.ones((20, 16))
    confidence[:5, skeleton.joints.index("l_wrist")] = 0
    np.savez("seen.npz", positions_2d=poses.project(), confidence=confidence, licence="mine")
    facts = facts_of("seen.npz")
    assert (facts["kind"], facts["format"], facts["rows"]) == ("2D poses", "npz, 2D poses", 20)
    assert facts["joints_known"] == {joint: 0.75 if joint == "l_wrist" else 1 for joint in skeleton.joints}
    assert facts["frame_reach"]["p99"] == pytest.approx(
        np.percentile(np.abs(poses.project()).max((1, 2)), 99), rel=0.05
    )
    assert facts["source"][0]["licence"] == "mine"
    told = typed("info", "seen.npz", "--draw", "a.png")
    assert "15 of 16 joints" in told.stdout
    assert Path("a.png").exists()


def test_a_file_whose_3d_cannot_be_read_is_told_as_2d_and_why(make_poses: Callable[..., PoseSet], skeleton) -> None:
    poses = make_poses(skeleton, rows=20)
    np.savez("both.npz", positions_2d=poses.project(), positions_3d=poses.positions)
    facts = facts_of("both.npz")
    assert facts["kind"] == "2D poses"
    assert "lacks 'intrinsics'" in facts["why_not_3d"]


def test_a_folder_is_a_list_of_its_files(camera_file: PoseSet, make_poses: Callable[..., PoseSet], skeleton) -> None:
    Path("poses/below").mkdir(parents=True)
    Path("camera.npz").rename("poses/below/b.npz")
    write_poses(Path("poses/a.h5"), make_poses(skeleton, rows=9))
    Path("poses/notes.txt").write_text("nothing")
    facts = facts_of("poses")
    assert facts["kind"] == "folder"
    listed = [(file["file"], file["format"]) for file in facts["pose_files"]]
    assert listed == [("a.h5", "poseaug-gen poses"), ("below/b.npz", "npz, camera-frame poses")]
    assert "below/b.npz" in typed("info", "poses").stdout


def test_the_built_in_source_is_told_unless_a_file_has_its_name(camera_file: PoseSet) -> None:
    facts = facts_of("anatomy")
    assert (facts["kind"], facts["rows"]) == ("built-in source", BUILT_IN_ROWS)
    assert facts["sample"]["wholly_in_frame"] > 0.9
    Path("camera.npz").rename("anatomy")
    assert facts_of("anatomy")["rows"] == 30


def test_a_picture_is_written_and_the_facts_stay_alone_on_stdout(camera_file: PoseSet) -> None:
    pytest.importorskip("matplotlib")
    result = typed("info", "camera.npz", "--json", "--draw", "pictures/a.png")
    assert json.loads(result.stdout)["rows"] == 30
    assert Path("pictures/a.png").read_bytes().startswith(b"\x89PNG")
    assert "pictures/a.png: 8 poses drawn" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none.npz"], 1, "none.npz: there is no such file"),
        (["notes.txt"], 1, "notes.txt: not of a known format"),
        (["half.npz"], 1, "half.npz: not a whole"),
        (["empty"], 1, "neither a run folder"),
        (["camera.npz", "--skeleton", "coco17"], 1, "16 joints"),
        (["camera.npz", "--rig", "nowhere.json:a"], 1, "nowhere.json"),
        (["camera.npz", "--joints", "nowhere.toml"], 1, "nowhere.toml"),
        (["camera.npz", "--unit", "furlong"], 2, "--unit furlong"),
        (["camera.npz", "--up", "sideways"], 2, "sideways"),
        (["camera.npz", "--draw", "camera.npz"], 2, "a picture is a PNG"),
        (["folder", "--draw", "a.png"], 1, "folder: is a folder"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    camera_file: PoseSet, words: list[str], code: int, says: str
) -> None:
    Path("notes.txt").write_text("nothing")
    Path("half.npz").write_bytes(Path("camera.npz").read_bytes()[:2000])
    Path("empty").mkdir()
    Path("folder").mkdir()
    Path("folder/camera.npz").write_bytes(Path("camera.npz").read_bytes())
    before = sorted(Path().rglob("*"))
    result = typed("info", *words)
    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert result.stdout == ""
    assert sorted(Path().rglob("*")) == before
