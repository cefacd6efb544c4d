"""Walking and running: the published curves come back, periodic, smooth and in opposition."""

import tomllib
from importlib import resources

import numpy as np
import pytest

from poseaug_gen.sources import anatomy
from poseaug_gen.sources.anatomy.gait import TABLE, gait_angles
from poseaug_gen.sources.anatomy.limits import mean_limits, within

PHASE = np.arange(0, 1, 0.005, dtype=np.float32)
FREE = 1.28


@pytest.fixture(scope="module")
def table() -> dict:
    return tomllib.loads(resources.files(anatomy).joinpath(TABLE).read_text(encoding="utf-8"))


def gait(kind: str, speed: float, phase: np.ndarray = PHASE) -> dict:
    """Angles in degrees."""
    angles = gait_angles(kind, phase, np.full(len(phase), speed, dtype=np.float32))
    return {name: np.degrees(angle) for name, angle in angles.items()}


def when(curve: np.ndarray, start: float = 0, end: float = 1) -> float:
    """The phase of a curve's highest point between two phases."""
    inside = (start <= PHASE) & (end >= PHASE)
    return float(PHASE[inside][curve[inside].argmax()])


@pytest.mark.parametrize("kind", ["walk", "run"])
def test_published_curves_come_back(kind, table):
    for i, speed in enumerate(table[kind]["speeds"]):
        angles = gait(kind, speed, np.arange(25, dtype=np.float32) / 25)
        for name, row in table[kind]["curves"].items():
            published = np.array(row["degrees"][min(i, len(row["degrees"]) - 1)])
            if "scale" in row:
                published = published.mean() + row["scale"][i] * (published - published.mean())
            got = angles[name if name.startswith("pelvis") else f"l_{name}"]
            np.testing.assert_allclose(got, published, atol=0.5, err_msg=name)


def test_every_curve_names_a_source_that_is_listed(table):
    for kind in ("walk", "run"):
        for name, row in {**table[kind]["curves"], **table[kind]["waves"]}.items():
            assert set(row["source"].split(", ")) <= set(table["sources"]), name


@pytest.mark.parametrize(("kind", "speed"), [("walk", 0.9), ("walk", 2.0), ("run", 3.7)])
def test_a_cycle_ends_where_it_began_and_the_right_follows_by_a_half(kind, speed):
    now, later, half = (gait(kind, speed, PHASE + shift) for shift in np.float32([0, 3, 0.5]))
    for name, angle in now.items():
        np.testing.assert_allclose(later[name], angle, atol=0.01)
        assert angle.dtype == np.float32
        if name.startswith("l_"):
            np.testing.assert_allclose(half["r_" + name[2:]], angle, atol=0.01)
    np.testing.assert_allclose(half["pelvis_tilt"], now["pelvis_tilt"], atol=0.01)
    for name in ("pelvis_list", "pelvis_rotation", "thorax_twist", "lumbar_bend"):
        np.testing.assert_allclose(half[name], -now[name], atol=0.2, err_msg=name)


def test_nothing_jumps():
    """Fast joints turn by some 700 degrees a second in running: 0.7 s a cycle, 2.5 degrees in half a percent of it."""
    for kind, speed in (("walk", FREE), ("run", 3.0), ("run", 5.0)):
        for name, angle in gait(kind, speed).items():
            assert np.abs(np.diff(np.append(angle, angle[0]))).max() < 4, (kind, name)


def test_walking_has_the_events_of_the_gait_cycle():
    angles = gait("walk", FREE)
    hip, knee, ankle = (angles[f"l_{joint}_flexion"] for joint in ("hip", "knee", "ankle"))
    assert 15 < knee[PHASE < 0.3].max() < 22  # gives under the load
    assert 0.1 < when(knee, 0, 0.3) < 0.18
    assert 55 < knee.max() < 65  # swings
    assert 0.69 < when(knee) < 0.76
    assert 0.48 < when(-hip) < 0.58  # behind, as the other foot takes over
    assert 0.82 < when(hip, 0.5) < 0.98
    assert 0.6 < when(-ankle) < 0.68  # pushes off
    assert 0.4 < when(ankle) < 0.5
    assert 0.1 < when(angles["pelvis_list"]) < 0.2  # the free side drops


def test_running_has_its_events():
    angles = gait("run", 3.0)
    hip, knee, ankle = (angles[f"l_{joint}_flexion"] for joint in ("hip", "knee", "ankle"))
    assert 35 < knee[PHASE < 0.3].max() < 45
    assert 0.12 < when(knee, 0, 0.3) < 0.2
    assert 80 < knee.max() < 95
    assert 0.62 < when(knee) < 0.75
    assert 0.35 < when(-hip) < 0.48
    assert 0.4 < when(-ankle) < 0.55


def test_knees_hardly_ever_bend_back():
    for kind, speeds in (("walk", np.linspace(0.3, 2.3, 9)), ("run", np.linspace(1.5, 6, 9))):
        for speed in speeds:
            assert gait(kind, speed)["l_knee_flexion"].min() > -3


def test_arms_swing_against_the_leg_of_their_side_and_the_trunk_against_the_pelvis():
    for kind, speed in (("walk", FREE), ("run", 3.0)):
        angles = gait(kind, speed)
        assert np.corrcoef(angles["l_shoulder_flexion"], angles["l_hip_flexion"])[0, 1] < -0.6
        assert np.corrcoef(angles["l_shoulder_flexion"], angles["r_hip_flexion"])[0, 1] > 0.6
        assert np.corrcoef(angles["pelvis_list"], angles["lumbar_bend"])[0, 1] < -0.6
    walking = gait("walk", FREE)
    assert np.corrcoef(walking["pelvis_rotation"], walking["thorax_twist"])[0, 1] < -0.8
    assert walking["pelvis_rotation"][0] < 0  # the left side is in front with the left foot


def test_who_is_faster_swings_farther():
    def swing(kind: str, speed: float, name: str) -> float:
        return float(np.ptp(gait(kind, speed)[name]))

    for name in ("l_hip_flexion", "l_shoulder_flexion", "pelvis_rotation", "thorax_twist"):
        assert swing("walk", 0.55, name) < swing("walk", FREE, name) < swing("walk", 2.05, name)
        assert swing("run", 2.0, name) < swing("run", 3.0, name) < swing("run", 5.0, name)


def test_between_speeds_lie_their_means_and_beyond_nothing_grows():
    slow, middle, fast, faster = (gait("walk", speed) for speed in (FREE, (FREE + 2.05) / 2, 2.05, 4.0))
    for name, angle in middle.items():
        np.testing.assert_allclose(angle, (slow[name] + fast[name]) / 2, atol=1e-3)
        np.testing.assert_allclose(faster[name], fast[name], atol=1e-3)


def test_gait_is_within_the_limits_of_joints():
    """Give or take 4 degrees: a hip in motion goes behind by what a hand presses it to, and a little more."""
    for kind, speed in (("walk", 0.55), ("walk", FREE), ("walk", 2.05), ("run", 2.0), ("run", 3.0), ("run", 5.0)):
        angles = {name: np.radians(angle) for name, angle in gait(kind, speed).items()}
        assert within(angles, mean_limits(), slack=float(np.radians(4))).all(), (kind, speed)
