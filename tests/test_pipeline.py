"""Poses in, verified pairs out, through the command line: built-in skeletons, one of the user's own, real motion."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from poseaug_gen.cli import main
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import write_poses

SMALL = [
    "--preset", "quick", "--device", "cpu", "--set", "estimator.channels=32", "--set", "augmentor.width=32",
    "--set", "schedule.batch_size=64", "--set", "schedule.pretrain_epochs=1", "--set", "schedule.epochs=3",
    "--set", "schedule.warmup_epochs=1", "--set", "postures.built_in_rows=300", "--set", "postures.judge_steps=5",
]  # fmt: skip

# A body of seven joints, as few as somebody might track.
OWN_SKELETON = """
name = "seven"
[joints]
hip = ""
thorax = "hip"
head = "thorax"
l_wrist = "thorax"
r_wrist = "thorax"
l_ankle = "hip"
r_ankle = "hip"
"""


def typed(*words: str | Path) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_train_without_a_source_reads_data_and_says_so(tmp_path, monkeypatch, make_poses):
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "data" / "mine.h5", make_poses(load_skeleton(), rows=150))
    assert "from data" in typed("train", "--set", "run.preview_every=0", *SMALL)


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17", "own.toml"])
def test_any_skeleton_goes_from_poses_to_verified_pairs(tmp_path, monkeypatch, make_poses, name):
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(OWN_SKELETON)
    skeleton = load_skeleton(name if name != "own.toml" else str(tmp_path / "own.toml"))
    write_poses(tmp_path / "poses.h5", make_poses(skeleton, rows=150))
    typed("train", "--source", "poses.h5", "--skeleton", name, "--set", "run.preview_every=0", *SMALL)
    typed("export", "--n", "9000", "--out", "aug.h5", "--shard-rows", "5000", "--scores", "--difficulty")
    assert "all 9,000 pairs in 2 file(s) are valid" in typed("verify", "aug.h5")
    facts = json.loads(typed("info", "aug.h5", "--json"))
    assert facts["columns"]["positions_3d"]["shape"] == [9000, skeleton.num_joints, 3]
    assert facts["skeleton"]["joints"] == list(skeleton.joints)


def test_real_motion_goes_through_and_opens_with_h5py_alone(tmp_path, monkeypatch, shared_data):
    monkeypatch.chdir(tmp_path)
    typed("train", "--source", shared_data / "far_climb.npz", "--rig", f"{shared_data / 'rigs.json'}:studio", *SMALL)
    typed("export", "--n", "5000", "--out", "aug.h5")
    typed("verify", "aug.h5")
    code = "import h5py; f = h5py.File('aug.h5'); print(f['positions_3d'].shape)"
    alone = subprocess.run([sys.executable, "-S", "-c", _without_us(code)], capture_output=True, text=True)
    assert alone.stdout.strip() == "(5000, 16, 3)", alone.stderr
    previews = list(tmp_path.glob("outputs/*/previews/*.png"))
    assert len(previews) == 1, "the last epoch's"
    assert previews[0].read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_quick_preset_learns_on_real_motion(tmp_path, monkeypatch, shared_data):
    """As the README's first example: the estimator learns, the bodies stay in frame and upright."""
    monkeypatch.chdir(tmp_path)
    rig = f"{shared_data / 'rigs.json'}:studio"
    typed("train", "--source", shared_data / "cmu_everyday.npz", "--rig", rig, "--preset", "quick", "--name", "quick")
    typed("export", "--n", "200000", "--out", "aug.h5")
    typed("verify", "aug.h5")
    rows = [json.loads(line) for line in Path("outputs/quick/metrics.jsonl").read_text().splitlines()]
    assert min(row["validation_mpjpe_mm"] for row in rows) < 75
    redrawn = json.loads(typed("info", "aug.h5", "--json"))["redrawn"]
    assert redrawn["candidates"] < 1.05 * 200_000
    with h5py.File("aug.h5") as file:
        pose = file["positions_3d"][:]
    head, ankle = (load_skeleton().joints.index(name) for name in ("head", "l_ankle"))
    upright = pose[:, head, 1] < pose[:, ankle, 1]  # y runs down
    assert upright.mean() > 0.95


def _without_us(code: str) -> str:
    """The code in an interpreter that finds h5py and NumPy, and fails should it import anything of ours."""
    site = Path(h5py.__file__).parents[1]
    return (
        f"import sys; sys.path.append({str(site)!r}); sys.modules['poseaug_gen'] = None; sys.modules['torch'] = None\n"
        f"{code}"
    )
