"""The judge: what is rare and unlike the rest is hard, what it cannot see is as the mean, a kill changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import tiny, weights_hash

from poseaug_gen.config import Config
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet, concatenate
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training import judge
from poseaug_gen.training.batches import Pool
from poseaug_gen.training.judge import judge_postures
from poseaug_gen.training.loop import train
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.run_folder import DIFFICULTY, RunFolder

CPU = torch.device("cpu")
OWN_LIMBS = {"postures__exchange_legs": 0.0, "postures__exchange_arms": 0.0, "postures__length_spread": 0.0}
# A level camera near the floor, in whose frames those who sit have room and those who stand have none.
LOW = {"views__lowest": 0.35, "views__highest": 0.35, "views__aim": 0.35, "views__aim_spread": 0.0, "views__roll": 0.0}
LOW |= {"views__fills_least": 0.9, "views__fills_most": 0.9, "views__wander": 0.0, "views__own_lens": 0.0}
LOW |= {"views__raised": 0.0, "views__lean": 0.0, "views__sole_spread": 0.0}


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch):
    """The judge learns from thousands of drawn pairs, not from a quarter of a million."""
    monkeypatch.setattr(judge, "TRAINING_PAIRS", 5000)


@pytest.fixture(scope="module")
def poses(make_poses) -> PoseSet:
    """Standing people."""
    return make_poses(load_skeleton(), rows=400)


def with_bones_turned(poses: PoseSet, towards: dict[str, tuple[float, float, float]]) -> PoseSet:
    """The same people, whose bones to these joints point somewhere else (y down, z away from the camera)."""
    skeleton, positions = poses.skeleton, poses.positions.copy()
    for joint in range(1, skeleton.num_joints):
        parent = skeleton.parents[joint]
        bone = poses.positions[:, joint] - poses.positions[:, parent]
        name = skeleton.joints[joint].removeprefix("l_").removeprefix("r_")
        if name in towards:
            bone = np.linalg.norm(bone, axis=-1, keepdims=True) * np.array(towards[name], dtype=np.float32)
        positions[:, joint] = positions[:, parent] + bone
    return replace(poses, positions=positions)


def judged(poses: PoseSet, config: Config, monitor: Monitor | None = None) -> np.ndarray:
    """The difficulty of each pose, without those of the mirror images."""
    pool = PosturePool(poses, 0, config.postures)
    difficulty = judge_postures(pool, Pool.of(poses, CPU), config, CPU, monitor or Monitor())
    assert difficulty.shape == (2 * len(poses),)
    assert np.isfinite(difficulty).all()
    return difficulty[: len(poses)]


class Steps(Monitor):
    """Counts the steps of each phase; interrupts after some of the judge's, if told to."""

    def __init__(self, judge_steps: int = 10**6) -> None:
        self.phase, self.done, self.left = "", {}, judge_steps

    def begin_epoch(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        self.phase = phase

    def step(self) -> None:
        self.done[self.phase] = self.done.get(self.phase, 0) + 1
        if self.phase == "judge" and self.done["judge"] > self.left:
            raise KeyboardInterrupt


# --- the judgement --------------------------------------------------------------------------------------------------


def test_rare_postures_far_from_the_rest_are_harder_than_frequent_ones(poses):
    """Eight of four hundred have their arms up and their shins folded back; most stand with their arms down."""
    odd = with_bones_turned(poses, {"elbow": (0, -1, 0), "wrist": (0, -1, 0), "ankle": (0, -0.7, 0.7)})
    rare = np.arange(400) % 50 == 0
    mixed = replace(poses, positions=np.where(rare[:, None, None], odd.positions, poses.positions))
    difficulty = judged(mixed, tiny(postures__judge_steps=60, **OWN_LIMBS))
    assert difficulty[rare].min() > 1.3 * np.median(difficulty[~rare])
    assert 10 < np.median(difficulty) < 300, "millimetres"


def test_what_is_frequent_is_not_hard_for_what_it_is(poses):
    """The same odd postures, were they the most: then those who stand are the harder ones."""
    odd = with_bones_turned(poses, {"elbow": (0, -1, 0), "wrist": (0, -1, 0), "ankle": (0, -0.7, 0.7)})
    rare = np.arange(400) % 50 == 0
    mixed = replace(poses, positions=np.where(rare[:, None, None], poses.positions, odd.positions))
    difficulty = judged(mixed, tiny(postures__judge_steps=60, **OWN_LIMBS))
    assert difficulty[rare].min() > np.median(difficulty[~rare])


def test_a_posture_that_no_drawn_camera_has_in_its_frame_has_the_mean_of_the_others(poses):
    sitting = with_bones_turned(poses.take(np.arange(60)), {"knee": (0, 0, 1), "ankle": (0, 0, -1)})
    standing = poses.take(np.arange(60, 90))
    both = concatenate([sitting, standing])
    difficulty = judged(both, tiny(postures__judge_steps=2, **OWN_LIMBS, **LOW))
    seen, unseen = difficulty[:60], difficulty[60:]
    assert len(np.unique(seen)) > 50
    assert len(np.unique(unseen)) == 1
    assert seen.min() < unseen[0] < seen.max()


def test_the_same_seed_judges_alike_to_the_last_bit_and_another_seed_otherwise(poses):
    few = poses.take(np.arange(50))
    one, two, other = (judged(few, tiny(postures__judge_steps=2, run__seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).all()


def test_the_judge_says_how_many_steps_it_takes(poses):
    steps = Steps()
    judged(poses.take(np.arange(20)), tiny(postures__judge_steps=3), steps)
    assert steps.done == {"judge": 3}


def test_views_that_hardly_have_a_body_in_their_frame_are_told(poses):
    config = tiny(postures__judge_steps=2, **LOW, **OWN_LIMBS)
    with pytest.raises(PoseAugError, match=r"hardly a drawn camera sees a whole body .*postures\.learned=1"):
        judged(poses.take(np.arange(30)), config)


def test_a_run_whose_drawn_cameras_see_nobody_does_not_begin(poses, tmp_path):
    """Told when it begins, not after hours; with the augmentor alone it does not matter."""
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(PoseAugError, match=r"hardly a drawn camera sees a whole body .*postures\.learned=1"):
        train(tiny(**LOW), poses.take(np.arange(30)), folder)
    assert not folder.exists
    assert train(tiny(schedule__epochs=1, postures__learned=1.0, **LOW), poses.take(np.arange(30)), folder).finished


# --- in a run -------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged_run(poses, tmp_path) -> RunFolder:
    return train(tiny(schedule__epochs=2, postures__judge_steps=3), poses, RunFolder(tmp_path / "whole"))


def test_a_run_keeps_the_difficulty_of_each_training_pose_and_its_mirror_image(judged_run):
    difficulty = judged_run.difficulty()
    assert difficulty.shape == (2 * len(judged_run.poses),)
    assert (difficulty > 0).all()


def test_built_in_postures_are_judged_but_are_no_source_to_learn_from(poses, make_poses, tmp_path, monkeypatch):
    learned_from = []

    def judge_nothing(pool: PosturePool, source: Pool, *_: object) -> np.ndarray:
        learned_from.append(source)
        return np.ones(pool.places, dtype=np.float32)

    monkeypatch.setattr("poseaug_gen.training.state.judge_postures", judge_nothing)
    config, built_in = tiny(schedule__epochs=2, postures__judge_steps=3), make_poses(load_skeleton(), rows=40, seed=8)
    run = train(config, poses, RunFolder(tmp_path / "run"), built_in=built_in)
    (source,) = learned_from
    own = run.source_poses.positions
    np.testing.assert_array_equal(source.pose, own - own[:, :1])
    assert len(run.difficulty()) == 2 * (len(own) + 40)


@pytest.mark.parametrize(
    "option", [{"postures__learned": 1.0}, {"postures__difficulty": 0.0}, {"postures__judge_steps": 0}]
)
def test_nobody_judges_where_nothing_comes_of_it(poses, tmp_path, option):
    steps = Steps()
    config = tiny(**{"schedule__epochs": 2, "postures__judge_steps": 3} | option)
    run = train(config, poses, RunFolder(tmp_path / "run"), steps)
    assert run.finished
    assert "judge" not in steps.done
    assert not (run.path / DIFFICULTY).exists()
    assert run.difficulty() is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, -1.0])
def test_a_difficulty_that_is_no_length_is_one_sentence(judged_run, wrong):
    difficulty = torch.from_numpy(judged_run.difficulty().copy())
    difficulty[3] = wrong
    judged_run.write_tensors(DIFFICULTY, {"difficulty": difficulty})
    with pytest.raises(PoseAugError, match=rf"{DIFFICULTY}: holds errors that are no lengths; train the run again"):
        judged_run.difficulty()


@pytest.mark.parametrize("after", [0, 2])
def test_a_run_that_is_killed_while_it_judges_ends_with_the_same_bytes(poses, tmp_path, judged_run, after):
    cut = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train(judged_run.config, poses, cut, Steps(after))
    assert not cut.finished
    assert not (cut.path / DIFFICULTY).exists()
    steps = Steps()
    train(judged_run.config, None, cut, steps)
    assert set(steps.done) == {"judge"}, "no epoch is trained again"
    assert cut.finished
    assert weights_hash(cut.path) == weights_hash(judged_run.path)
    assert DIFFICULTY in weights_hash(cut.path)
