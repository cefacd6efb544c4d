"""The schedule: what trains when, what is saved, and that a killed run ends as an undisturbed one does."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import TINY, StopAfter, tiny, weights_hash

from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training.begin import check_same_settings
from poseaug_gen.training.loop import train
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.passes import train_gan
from poseaug_gen.training.run_folder import RunFolder, newest_finished


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_poses):
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "whole")
    return train(tiny(), make_poses(load_skeleton(), rows=200), folder)


def test_a_finished_run_holds_all_that_an_export_needs(finished):
    names = {str(p.relative_to(finished.path)) for p in finished.path.rglob("*") if p.is_file()}
    assert names == {
        "config.toml", "run.json", "metrics.jsonl", "augmentor.safetensors", "discriminators.safetensors",
        "estimator.safetensors", "state.pt", "poses.h5", "validation.h5",
        *(f"snapshots/epoch-{epoch:04d}.safetensors" for epoch in range(1, 5)),
    }  # fmt: skip
    assert finished.finished
    assert newest_finished(finished.path.parent) == finished
    assert finished.config == tiny()
    assert finished.snapshots() == [1, 2, 3, 4]
    best = finished.info()["best_epoch"]
    for mine, snapshot in zip(finished.augmentor().parameters(), finished.augmentor(best).parameters(), strict=True):
        assert torch.equal(mine, snapshot)


def test_metrics_have_a_line_an_epoch_and_the_best_is_chosen_on_held_out_subjects(finished):
    rows = finished.metrics()
    assert [(row["phase"], row["epoch"]) for row in rows] == [("pretrain", 1), *(("joint", e) for e in range(1, 5))]
    joint = {row["epoch"]: row["validation_mpjpe_mm"] for row in rows if row["phase"] == "joint" and row["epoch"] > 1}
    info = finished.info()
    assert info["best_epoch"] == min(joint, key=joint.get)
    assert set(finished.poses.subject.counts()).isdisjoint(info["validation_subjects"])
    assert info["rows"]["training"] + info["rows"]["validation"] == 200


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(finished, make_poses, tmp_path):
    again = train(tiny(), make_poses(load_skeleton(), rows=200), RunFolder(tmp_path / "again"))
    assert weights_hash(again.path) == weights_hash(finished.path)
    other = train(tiny(run__seed=1), make_poses(load_skeleton(), rows=200), RunFolder(tmp_path / "other"))
    assert weights_hash(other.path) != weights_hash(finished.path)


@pytest.mark.parametrize("steps", [0, 3, 9, 20, 33])
def test_an_interrupted_run_goes_on_to_the_same_weights(finished, make_poses, tmp_path, steps):
    folder = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), make_poses(load_skeleton(), rows=200), folder, StopAfter(steps))
    assert not folder.finished
    train(tiny(), None, folder)
    assert weights_hash(folder.path) == weights_hash(finished.path)
    assert [row["epoch"] for row in folder.metrics()] == [row["epoch"] for row in finished.metrics()]


def command_line(source: str, name: str) -> list[str]:
    """The tiny run through the command line, in a process of its own."""
    options = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    words = ["train", "--source", source, "--name", name, "--preset", "quick", *options]
    return [sys.executable, "-m", "poseaug_gen.cli", *words]


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_goes_on_to_the_same_weights(finished, make_poses, tmp_path, kills):
    """A real SIGKILL at whatever moment it falls on, through the command line."""
    write_poses(tmp_path / "poses.h5", make_poses(load_skeleton(), rows=200))
    moments = np.random.default_rng(kills).uniform(0, 0.25, kills)
    hit = 0
    for moment in moments:
        process = subprocess.Popen(
            command_line("poses.h5", "cut"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if _wait_for(lambda: (tmp_path / "outputs/cut/run.json").exists(), process):
            # A process that resumes has to import torch first: wait for its lock, then let it work a moment.
            _wait_for(lambda: (tmp_path / "outputs/cut/run.lock").exists(), process)
            time.sleep(moment)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            hit += 1
        process.communicate()
        (tmp_path / "outputs/cut/run.lock").unlink(missing_ok=True)
    assert hit, "the run must have been killed at least once"
    done = subprocess.run(command_line("poses.h5", "cut"), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "outputs/cut"
    assert not list(folder.rglob("*.tmp-*")), "what a killed process left is cleared away"
    # Another process may hold its arrays at other addresses; the weights must still be the same bits.
    assert weights_hash(folder) == weights_hash(finished.path)


def _wait_for(condition, process, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_other_settings_are_refused_with_the_difference_shown(finished):
    with pytest.raises(BadConfigError, match=r"schedule.epochs: 4 -> 5.*--overwrite"):
        check_same_settings(finished, tiny(schedule__epochs=5))
    check_same_settings(finished, tiny())


def test_two_processes_cannot_train_one_run(finished):
    from poseaug_gen import storage

    with storage.locked(finished.path / "run", busy=""), pytest.raises(PoseAugError, match="another process"):
        train(tiny(), None, finished)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(make_poses, tmp_path):
    with pytest.raises(BadConfigError, match=r"run\.device = .cuda."):
        train(tiny(run__device="cuda"), make_poses(load_skeleton(), rows=50), RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_too_few_poses_are_refused(make_poses, tmp_path):
    with pytest.raises(PoseAugError, match="at least 2"):
        train(tiny(), make_poses(load_skeleton(), rows=1), RunFolder(tmp_path / "few"))


@pytest.mark.parametrize("form", ["range", "exponential"])
def test_both_forms_of_feedback_train(make_poses, tmp_path, form):
    folder = train(tiny(feedback__form=form), make_poses(load_skeleton(), rows=200), RunFolder(tmp_path / form))
    rows = [row for row in folder.metrics() if row["phase"] == "joint"]
    assert "feedback" not in rows[0], "the warm-up has none"
    assert all(np.isfinite(row["feedback"]) and row["feedback"] > 0 for row in rows[1:])


@pytest.mark.parametrize("name", ["h36m17", "coco17"])
def test_another_skeleton_goes_through_the_whole_schedule(make_poses, tmp_path, name):
    skeleton = load_skeleton(name)
    folder = train(tiny(schedule__epochs=2), make_poses(skeleton, rows=100), RunFolder(tmp_path / name))
    assert folder.finished
    assert folder.skeleton == skeleton


def test_the_gan_pass_leaves_the_estimator_as_it_was_and_keeps_only_valid_pairs(make_poses):
    """In training mode the fakes would enter its batch norm statistics, as they do in the published code."""
    poses = make_poses(load_skeleton(), rows=200)
    networks = Networks(tiny(), poses.skeleton, torch.device("cpu"))
    source = Pairs.of(poses, torch.device("cpu"))
    before = {name: value.clone() for name, value in networks.estimator.state_dict().items()}
    augmented, row = train_gan(networks, source, epoch=2)
    for name, value in networks.estimator.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert "feedback" in row
    rejected = sum(row[name] for name in row if name.startswith("rejected_"))
    assert len(augmented) == pytest.approx(192 * (1 - rejected))
    assert (augmented.pose_2d.abs() <= 1).all()
    assert (augmented.pose[..., 2] > 0).all()


def test_learning_rates_fall_as_the_schedule_says(make_poses, tmp_path, monkeypatch):
    seen = []
    real = Networks.scale_learning_rates

    def spy(self, factor, *names):
        real(self, factor, *names)
        seen.append((names, [self.optimisers[name].param_groups[0]["lr"] for name in names]))

    monkeypatch.setattr(Networks, "scale_learning_rates", spy)
    train(tiny(), make_poses(load_skeleton(), rows=100), RunFolder(tmp_path / "rates"))
    joint = [rates[0] for names, rates in seen if "augmentor" in names]
    np.testing.assert_allclose(joint, [1e-4 * (1 - e / 5) for e in range(4)])
    assert [rates for names, rates in seen if names == ("pretrain",)] == [[1e-3]]


def test_a_metrics_line_cut_short_by_a_kill_is_passed_over(tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"epoch": 1}) + '\n{"epo')
    assert folder.metrics() == [{"epoch": 1}]


def test_a_damaged_state_is_one_sentence_and_runs_no_code(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    for data in (b"not a checkpoint", pickle.dumps(Evil())):
        (tmp_path / "state.pt").write_bytes(data)
        with pytest.raises(PoseAugError, match="--overwrite"):
            RunFolder(tmp_path).read_state()
    assert not (tmp_path / "ran").exists()


def test_a_state_of_another_version_is_one_sentence(tmp_path):
    RunFolder(tmp_path).write_state({"networks": {}, "phase": "joint", "epoch": 3})
    with pytest.raises(PoseAugError, match=r"state\.pt: another version's.*--overwrite"):
        RunFolder(tmp_path).read_state()


@pytest.mark.parametrize("room", [4_000, 60_000, 150_000])
def test_a_full_disk_is_one_sentence_and_the_same_command_finishes_when_there_is_room(
    finished, make_poses, tmp_path, room
):
    """For real: the system refuses to let a file grow over ``room`` bytes; poses.h5, then the state, hit it."""
    write_poses(tmp_path / "poses.h5", make_poses(load_skeleton(), rows=200))
    words = command_line("poses.h5", "full")[3:]
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
    run = "import sys; from poseaug_gen.cli import main; main(sys.argv[1:])"
    full = subprocess.run([sys.executable, "-c", limit + run, *words], cwd=tmp_path, capture_output=True, text=True)
    assert full.returncode == 1, full.stderr
    assert full.stderr.startswith("Error: outputs/full/")
    assert len(full.stderr.splitlines()) == 1
    assert "no room left" in full.stderr
    assert not list(tmp_path.rglob("*.tmp-*"))
    again = subprocess.run([sys.executable, "-c", run, *words], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert weights_hash(tmp_path / "outputs/full") == weights_hash(finished.path)
