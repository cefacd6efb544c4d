"""Bodies against the table they are drawn from, and against recorded ones."""

import tomllib
from importlib import resources

import numpy as np
import pytest

from poseaug_gen.sources import anatomy
from poseaug_gen.sources.anatomy.proportions import HEAD, LEGS, TABLE, TRUNK, draw_bodies


@pytest.fixture(scope="module")
def table() -> dict:
    return tomllib.loads(resources.files(anatomy).joinpath(TABLE).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bodies():
    return draw_bodies(np.random.default_rng(0), 20_000)


def test_upright_the_segments_make_up_the_stature(bodies):
    height = sum(bodies.lengths[name].astype(np.float64) for name in (*LEGS, *TRUNK, HEAD))
    np.testing.assert_allclose(height, bodies.stature, atol=1e-6)


def test_the_tables_shares_make_up_the_stature(table):
    for sex in ("men", "women"):
        assert sum(table["lengths"][name][sex] for name in (*LEGS, *TRUNK, HEAD)) == pytest.approx(1, abs=5e-4)


def test_every_number_names_a_source_that_is_listed(table):
    for name, row in table["lengths"].items():
        assert set(row["source"].split(", ")) <= set(table["sources"]), name


def test_statures_are_those_of_the_peoples(table, bodies):
    for sex, of in (("men", ~bodies.female), ("women", bodies.female)):
        means = [people[sex] for people in table["stature"]["populations"]]
        spread = np.hypot(np.std(means), table["stature"]["sd"][sex])
        drawn = bodies.stature[of]
        assert drawn.mean() == pytest.approx(np.mean(means), abs=4 * spread / np.sqrt(of.sum()))
        assert drawn.std() == pytest.approx(spread, rel=0.05)
    assert 0.48 < bodies.female.mean() < 0.52


def test_shares_have_the_tables_means_and_spreads(table, bodies):
    for name, row in table["lengths"].items():
        for sex, of in (("men", ~bodies.female), ("women", bodies.female)):
            share = (bodies.lengths[name] / bodies.stature)[of]
            assert share.mean() == pytest.approx(row[sex], rel=0.01), name
            if name not in TRUNK:  # its spread is that of what legs and head leave
                assert share.std() == pytest.approx(abs(row["sd"] * row[sex]), rel=0.05), name


def test_long_legs_come_with_a_short_trunk_and_long_arms(bodies):
    share = {name: length / bodies.stature for name, length in bodies.lengths.items()}
    men = ~bodies.female
    legs, trunk = (sum(share[name] for name in names)[men] for names in (LEGS, TRUNK))
    assert np.corrcoef(legs, trunk)[0, 1] < -0.8
    assert np.corrcoef(share["thigh"][men], share["upper_arm"][men])[0, 1] == pytest.approx(0.4, abs=0.05)
    assert np.corrcoef(share["thigh"][men], share["hip_half_width"][men])[0, 1] == pytest.approx(0, abs=0.05)


def test_nobody_is_impossible(bodies):
    assert 1.3 < bodies.stature.min() < bodies.stature.max() < 2.05
    for name, length in bodies.lengths.items():
        assert length.dtype == np.float32
        assert (length * (-1 if name == "nose_up" else 1)).min() > 0, name


def test_equal_seeds_draw_equal_people():
    first, second = (draw_bodies(np.random.default_rng(5), 7) for _ in range(2))
    assert len(first) == 7
    for name, length in first.lengths.items():
        np.testing.assert_array_equal(length, second.lengths[name])


def test_limbs_are_as_long_as_recorded_ones(bodies, shared_data):
    """Means over people, within 6 %: other people, another lab, and its own idea of where a joint's centre is."""
    with np.load(shared_data / "cmu_everyday.npz") as file:
        places = dict(zip(file["joints"], np.moveaxis(file["positions"], 1, 0), strict=True))
    for start, end, name in (
        ("rhip", "rknee", "thigh"),
        ("rknee", "rankle", "shank"),
        ("rshoulder", "relbow", "upper_arm"),
        ("relbow", "rwrist", "forearm"),
    ):
        recorded = np.linalg.norm(places[start] - places[end], axis=-1).mean()
        assert bodies.lengths[name].mean() == pytest.approx(recorded, rel=0.06), name
    recorded = sum(
        np.linalg.norm(places[a] - places[b], axis=-1).mean() for a, b in (("hip", "spine"), ("spine", "neck"))
    )
    assert (bodies.lengths["lumbar"] + bodies.lengths["thoracic"]).mean() == pytest.approx(recorded, rel=0.06)
