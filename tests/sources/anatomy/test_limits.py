"""Single and coupled ranges of joints, and people's own."""

import tomllib
from importlib import resources

import numpy as np
import pytest

from poseaug_gen.sources import anatomy
from poseaug_gen.sources.anatomy.limits import (
    TABLE,
    clamp,
    draw_limits,
    elevation,
    farthest_limits,
    girdle_rise,
    mean_limits,
    within,
)

MIDLINE = ("neck", "thorax", "lumbar")
ROWS = 3000


@pytest.fixture(scope="module")
def table() -> dict:
    return tomllib.loads(resources.files(anatomy).joinpath(TABLE).read_text(encoding="utf-8"))


@pytest.fixture
def names() -> list[str]:
    """All degrees of freedom, both sides."""
    dofs = mean_limits().low
    return [name for dof in dofs for name in ([dof] if dof.startswith(MIDLINE) else [f"l_{dof}", f"r_{dof}"])]


@pytest.fixture
def anyhow(names) -> dict:
    """Angles from anywhere."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(-4, 4, ROWS).astype(np.float32) for name in names}


@pytest.fixture
def people():
    """As many people's limits."""
    rng = np.random.default_rng(1)
    return draw_limits(rng, rng.random(ROWS) < 0.5)


def degrees(**angles: float) -> dict:
    """One row of angles."""
    return {name: np.radians([angle]).astype(np.float32) for name, angle in angles.items()}


def held(name: str, **angles: float) -> float:
    """What clamping leaves of an angle, degrees."""
    return float(np.degrees(clamp(degrees(**angles))[name][0]))


# --- all ranges -----------------------------------------------------------------------------------------------


def test_clamped_is_within_and_stays(anyhow, people):
    for limits in (None, people):
        once = clamp(anyhow, limits)
        assert within(once, limits, slack=0.0).all()
        assert not within(anyhow, limits).any()


def test_what_is_within_stays_to_the_bit(names, people):
    rng = np.random.default_rng(2)
    near = {name: rng.normal(0, 0.05, ROWS).astype(np.float32) for name in names}
    inside = within(near, people, slack=0.0)
    assert inside.mean() > 0.2
    for name, angle in clamp(near, people).items():
        np.testing.assert_array_equal(angle[inside], near[name][inside])
        assert angle.dtype == np.float32


def test_everybody_can_stand_in_the_anatomical_position(names, people):
    assert within({name: np.zeros(ROWS, np.float32) for name in names}, people, slack=0.0).all()


def test_a_name_without_a_range_is_free(anyhow):
    pelvis = np.full(ROWS, 9, dtype=np.float32)
    np.testing.assert_array_equal(clamp({**anyhow, "pelvis_tilt": pelvis})["pelvis_tilt"], pelvis)


def test_the_table_is_whole(table):
    dofs = table["ranges"]
    for name, row in dofs.items():
        assert set(row["source"].split(", ")) <= set(table["sources"]), name
        assert all(row["low"][sex] < 0 < row["high"][sex] for sex in (0, 1)), name
    for row in table["coupled"]:
        assert row["of"] in dofs
        assert row["by"] in {*dofs, "elevation"}
        assert row["source"] in table["sources"]
        assert len(row["at"]) == len(row["less"])
        assert row["at"] == sorted(row["at"])


# --- coupled ranges -------------------------------------------------------------------------------------------


def test_a_straight_leg_is_raised_less_than_a_bent_one():
    assert 70 < held("l_hip_flexion", l_hip_flexion=130, l_knee_flexion=0) < 85
    assert held("l_hip_flexion", l_hip_flexion=130, l_knee_flexion=100) == pytest.approx(130)


def test_behind_an_extended_hip_the_knee_bends_less():
    assert held("r_knee_flexion", r_knee_flexion=150, r_hip_flexion=100) == pytest.approx(150)
    assert held("r_knee_flexion", r_knee_flexion=150, r_hip_flexion=-15) < 120


def test_the_calf_holds_the_ankle_of_a_straight_knee():
    assert held("l_ankle_flexion", l_ankle_flexion=60, l_knee_flexion=0) == pytest.approx(25, abs=0.1)
    assert held("l_ankle_flexion", l_ankle_flexion=60, l_knee_flexion=75) == pytest.approx(39, abs=0.1)


def test_an_arm_goes_back_and_across_as_its_place_allows():
    assert -65 < held("l_shoulder_flexion", l_shoulder_flexion=-90, l_shoulder_abduction=0) < -55
    assert held("l_shoulder_flexion", l_shoulder_flexion=-90, l_shoulder_abduction=50) == pytest.approx(-90)
    assert held("l_shoulder_flexion", l_shoulder_flexion=90, l_shoulder_abduction=150) < 20
    assert held("l_shoulder_abduction", l_shoulder_flexion=90, l_shoulder_abduction=-90) < -45
    assert held("l_shoulder_abduction", l_shoulder_flexion=-10, l_shoulder_abduction=-90) > -10


def test_a_raised_arm_turns_out():
    inwards = [
        held("r_shoulder_rotation", r_shoulder_rotation=60, r_shoulder_flexion=flexion, r_shoulder_abduction=0)
        for flexion in (80, 120, 165)
    ]
    assert inwards[0] == pytest.approx(60)
    assert inwards[0] > inwards[1] > inwards[2]
    assert inwards[2] < 20


def test_sides_do_not_hold_one_another():
    alone = held("l_hip_flexion", l_hip_flexion=130, l_knee_flexion=100)
    assert held("l_hip_flexion", l_hip_flexion=130, l_knee_flexion=100, r_knee_flexion=0) == alone
    assert held("l_hip_flexion", l_hip_flexion=130) == pytest.approx(130)  # a knee that is not given holds nothing


def test_elevation_is_the_angle_from_hanging():
    rng = np.random.default_rng(3)
    flexion, abduction = rng.uniform(-3, 3, (2, 50)).astype(np.float32)
    direction = np.stack([np.cos(abduction) * np.sin(flexion), np.sin(abduction), -np.cos(abduction) * np.cos(flexion)])
    np.testing.assert_allclose(np.cos(elevation(flexion, abduction)), -direction[2], atol=1e-5)


def test_the_girdle_rises_with_the_arm():
    flexion = np.radians(np.arange(0, 171, 10)).astype(np.float32)
    rise = np.degrees(girdle_rise(flexion, np.zeros_like(flexion)))
    assert rise[0] == 0
    assert (np.diff(rise) >= 0).all()
    assert 10 < rise[-1] < 20


# --- people ---------------------------------------------------------------------------------------------------


def test_people_have_the_tables_means_and_spreads(table):
    female = np.arange(40_000) % 2 == 0
    limits = draw_limits(np.random.default_rng(4), female)
    for dof, row in table["ranges"].items():
        for ends, (men, women, sd) in ((limits.low, row["low"]), (limits.high, row["high"])):
            for mean, of in ((men, ~female), (women, female)):
                if abs(mean) > 2.6 * sd:  # else some would not reach zero, and are brought to it
                    drawn = np.degrees(ends[dof][of])
                    assert drawn.mean() == pytest.approx(mean, abs=0.05 * sd), dof
                    assert drawn.std() == pytest.approx(sd, rel=0.05), dof


def test_nobody_is_drawn_beyond_the_farthest(people, table):
    farthest = farthest_limits()
    for dof, row in table["ranges"].items():
        men, women, sd = row["high"]
        assert np.degrees(farthest.high[dof]) == pytest.approx([max(men, women) + 2.5 * sd], abs=1e-4)
        men, women, sd = row["low"]
        assert np.degrees(farthest.low[dof]) == pytest.approx([min(men, women) - 2.5 * sd], abs=1e-4)
        assert (people.high[dof] <= farthest.high[dof] + 1e-6).all()
        assert (people.low[dof] >= farthest.low[dof] - 1e-6).all()


def test_who_is_supple_is_so_in_every_joint_and_direction():
    limits = draw_limits(np.random.default_rng(5), np.zeros(20_000, dtype=bool))
    pairs = (
        (limits.high["hip_flexion"], limits.high["shoulder_flexion"]),
        (limits.high["neck_twist"], -limits.low["neck_twist"]),
    )
    for one, other in pairs:
        assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.3, abs=0.03)


def test_taken_people_are_those_asked_for(people):
    rows = np.array([5, 0, 5])
    taken = people.take(rows)
    for ends, all_ends in ((taken.low, people.low), (taken.high, people.high)):
        for dof, end in ends.items():
            np.testing.assert_array_equal(end, all_ends[dof][rows])
