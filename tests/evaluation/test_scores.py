"""Scores against an independent computation in NumPy and scipy; elevation bins of a rig that is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from poseaug_gen.camera import Camera, look_at
from poseaug_gen.evaluation.scores import (
    ACTION,
    CAMERA,
    ELEVATION,
    ELEVATIONS,
    JOINT,
    METRICS,
    OVERALL,
    elevation_of,
    mean_scores,
    score,
)
from poseaug_gen.poses import Labels
from poseaug_gen.sources.rigs import FixedRig


def off_by(poses, size: float = 0.08, seed: int = 0) -> torch.Tensor:
    """Predictions with an error that grows along the list of joints, so that joints and metrics differ."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=poses.positions.shape) * np.linspace(0.2, 2, poses.positions.shape[1])[:, None]
    return torch.from_numpy((poses.positions + size * noise).astype(np.float32))


def by_numpy(predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Errors of each joint of each pose, as found and after the similarity that scipy finds; both root-relative."""
    predicted, true = predicted - predicted[:, :1], true - true[:, :1]
    aligned = []
    for p, t in zip(predicted, true, strict=True):
        p_centred, t_centred = p - p.mean(0), t - t.mean(0)
        p_centred = Rotation.align_vectors(t_centred, p_centred)[0].apply(p_centred)
        aligned.append(p_centred * (p_centred * t_centred).sum() / (p_centred**2).sum() + t.mean(0))
    return {
        "off": 1000 * np.linalg.norm(predicted - true, axis=-1),
        "aligned": 1000 * np.linalg.norm(np.array(aligned) - true, axis=-1),
    }


def expected_of(errors: dict[str, np.ndarray], rows=slice(None)) -> dict[str, float]:
    off = errors["off"][rows]
    return {
        "mpjpe_mm": off.mean(),
        "pa_mpjpe_mm": errors["aligned"][rows].mean(),
        "pck_150": 100 * (off <= 150).mean(),
        "auc": np.mean([100 * (off <= threshold).mean() for threshold in range(0, 151, 5)]),
    }


@pytest.mark.parametrize("tile", [16_384, 7])
def test_every_figure_is_what_numpy_says(make_poses, skeleton, monkeypatch, tile):
    monkeypatch.setattr("poseaug_gen.evaluation.scores.TILE_ROWS", tile)
    target = make_poses(skeleton, rows=50, actions=3, cameras=2)
    predicted = off_by(target)
    found = score(predicted, target)
    errors = by_numpy(predicted.double().numpy(), target.positions.astype(np.float64))
    assert found["rows"] == 50
    assert found[OVERALL] == pytest.approx(expected_of(errors), rel=1e-4)
    for group, labels in ((ACTION, target.action), (CAMERA, target.camera), (ELEVATION, elevation_of(target))):
        assert set(found[group]) == set(labels.counts())
        for name, figures in found[group].items():
            rows = labels.strings() == name
            assert figures["rows"] == rows.sum()
            assert figures == pytest.approx({"rows": rows.sum(), **expected_of(errors, rows)}, rel=1e-4), name
    assert list(found[JOINT]) == list(skeleton.joints)
    for joint, figures in enumerate(found[JOINT].values()):
        off, aligned = errors["off"][:, joint], errors["aligned"][:, joint]
        expected = {"mpjpe_mm": off.mean(), "pa_mpjpe_mm": aligned.mean(), "pck_150": 100 * (off <= 150).mean()}
        assert figures == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_a_perfect_prediction_scores_nought_and_a_hundred_wherever_its_root_is(source):
    for predicted in (source.positions, source.positions - source.positions[:, :1], source.positions + np.float32(1)):
        overall = score(torch.from_numpy(predicted), source)[OVERALL]
        assert [overall[metric] for metric in METRICS[:3]] == pytest.approx([0, 0, 100], abs=1e-2)
        assert overall["auc"] >= 100 * 30 / 31, "rounding may miss the threshold of 0 mm"


def test_scores_are_json(source):
    found = score(off_by(source), source)
    assert json.loads(json.dumps(found)) == found


# --- several targets --------------------------------------------------------------------------------------------


def test_targets_count_the_same_overall_and_poses_do_in_a_group(make_poses, skeleton):
    """Two targets that share an action: its pooled figures are those of all poses scored at once."""
    few, many = make_poses(skeleton, rows=10, seed=1, actions=1), make_poses(skeleton, rows=40, seed=2, actions=2)
    scores = [score(off_by(few, 0.02), few), score(off_by(many, 0.1), many)]
    mean = mean_scores(scores)
    assert mean["rows"] == 50
    for metric in METRICS:
        assert mean[OVERALL][metric] == pytest.approx((scores[0][OVERALL][metric] + scores[1][OVERALL][metric]) / 2)
    assert [(name, part["rows"]) for name, part in mean[ACTION].items()] == [("action0", 30), ("action1", 20)]
    shared = many.action.strings() == "action0"
    first = by_numpy(off_by(few, 0.02).numpy(), few.positions)["off"]
    second = by_numpy(off_by(many, 0.1).numpy()[shared], many.positions[shared])["off"]
    together = np.concatenate([first, second])
    assert mean[ACTION]["action0"]["mpjpe_mm"] == pytest.approx(together.mean(), rel=1e-4)
    joints = [part["mpjpe_mm"] for part in mean[JOINT].values()]
    assert np.mean(joints) == pytest.approx(mean[OVERALL]["mpjpe_mm"], rel=1e-5)


def test_elevations_of_several_targets_stay_in_rising_order(source):
    """One target of a low camera, one of a high one, given in the other order."""
    low, high = ({**score(off_by(source), source), ELEVATION: {name: {"rows": 5, **dict.fromkeys(METRICS, 1.0)}}}
                 for name in ("-15 to 0", "60 to 75"))  # fmt: skip
    assert list(mean_scores([high, low])[ELEVATION]) == ["-15 to 0", "60 to 75"]


# --- elevation ---------------------------------------------------------------------------------------------------


def camera(name: str, height: float, distance: float) -> Camera:
    """A camera that looks at the middle of a person at the origin, whose middle is at a height of one metre."""
    position = np.array([0.0, -distance, height])
    intrinsics = np.array([1.2, 1.2, 0, 0, 0, 0, 0, 0, 0], dtype=np.float32)
    return Camera(intrinsics, (1000, 1000), look_at(position, np.array([0.0, 0.0, 1.0])), position, name)


def test_each_camera_of_a_known_rig_is_in_its_bin(make_poses, skeleton):
    """From the floor, level, on a tripod, from a ceiling and nearly overhead: -10, 0+, 22, 50 and 80 degrees."""
    heights = {"floor": -10, "level": 4, "tripod": 22, "ceiling": 50, "overhead": 80}
    rig = FixedRig(
        tuple(camera(name, 1 + 4 * np.sin(np.radians(d)), 4 * np.cos(np.radians(d))) for name, d in heights.items())
    )
    standing = make_poses(skeleton, rows=300)
    world = (standing.positions - standing.positions.mean(1, keepdims=True))[..., [0, 2, 1]] * [1, 1, -1] + [0, 0, 1]
    views = rig.see(world)
    poses = replace(
        standing.take(views.pose),
        positions=views.positions,
        intrinsics=views.intrinsics,
        image_size=views.image_size,
        camera=views.camera,
    )
    elevation = elevation_of(poses).strings()
    bins = {
        "floor": "-15 to 0",
        "level": "0 to 15",
        "tripod": "15 to 30",
        "ceiling": "45 to 60",
        "overhead": "75 to 90",
    }
    for name, expected in bins.items():
        assert set(elevation[poses.camera.strings() == name]) == {expected}, name


def test_bins_reach_from_straight_below_to_straight_above(source):
    """A person over the camera, and one under it, by the up of a level camera."""
    assert ELEVATIONS[0] == "-90 to -75"
    assert ELEVATIONS[-1] == "75 to 90"
    # Head down as often as head up: no trunk tells, so that up is the camera's own.
    upright = (source.positions - source.positions.mean(1, keepdims=True)) * np.where(np.arange(100) % 2, 1, -1)[
        :, None, None
    ]
    side = np.where(np.arange(100) < 50, -1, 1)[:, None, None] * np.float32([0, 3, 0])
    poses = replace(source, positions=(upright + side).astype(np.float32), camera=Labels.constant("one", 100))
    assert list(elevation_of(poses).strings()) == ["-90 to -75"] * 50 + ["75 to 90"] * 50
