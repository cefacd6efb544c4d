"""Stick figures, maps and charts: who is drawn where, that equal areas are equal, that charts leave a page alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.gravity import LEVEL_UP
from poseaug_gen.poses import PoseSet
from poseaug_gen.report import maps
from poseaug_gen.report.charts import curves, histogram
from poseaug_gen.report.measures import Measure, spread_of
from poseaug_gen.report.palette import COLOURS, as_variables, variables
from poseaug_gen.report.stick import in_3d, in_frame, levelled, turned


def numbers(path: str) -> np.ndarray:
    """The points of an SVG path of straight lines."""
    return np.array([float(number) for number in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def bones_drawn(svg: str) -> list[tuple[str, np.ndarray]]:
    return [(side, numbers(path)) for side, path in re.findall(r'<path class="(left|right|middle)" d="([^"]*)"', svg)]


# --- stick figures ----------------------------------------------------------------------------------------------


@given(yaw=st.floats(-7, 7), pitch=st.floats(-1.5, 1.5))
def test_turning_keeps_distances_and_hands(yaw: float, pitch: float) -> None:
    seen = turned(np.eye(3), yaw, pitch)
    assert seen @ seen.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(seen) == pytest.approx(1)


def test_a_positive_yaw_turns_the_near_side_right_and_a_pitch_looks_down() -> None:
    near = np.array([[0.0, 0.0, -1.0]])
    assert turned(near, 0.3, 0.0)[0, 0] > 0
    assert turned(near, 0.0, 0.3)[0, 1] > 0, "from above, what is near is lower in the picture"


def test_people_are_drawn_upright_their_left_on_the_onlookers_right(
    make_poses: Callable[..., PoseSet], skeleton
) -> None:
    poses = make_poses(skeleton, rows=30)
    facing = poses.positions[:, 4, 0] - poses.positions[:, 1, 0] > 0.2  # left hip right of the right one, in the image
    assert facing.sum() > 3
    level, camera = levelled(poses.positions, np.tile(LEVEL_UP, (30, 1)))
    assert np.abs(camera + poses.positions[:, 0]).max() < 1e-9
    aspect = 1.0
    for row in np.flatnonzero(facing):
        for svg in (
            in_3d(level[row], skeleton, "x"),
            in_frame(poses.project()[row], aspect, skeleton, "x"),
        ):
            drawn = bones_drawn(svg)
            assert len(drawn) == skeleton.num_bones
            across = {
                side: np.mean([path[:, 0].mean() for s, path in drawn if s == side]) for side in ("left", "right")
            }
            assert across["left"] > across["right"]
            assert svg.count('class="floor"') + svg.count('class="frame"') == 1
        places = turned(level[row])
        assert places[skeleton.joints.index("head"), 1] < places[skeleton.joints.index("l_ankle"), 1], "y runs down"


def test_near_bones_are_drawn_over_far_ones(make_poses: Callable[..., PoseSet], skeleton) -> None:
    level, _ = levelled(make_poses(skeleton, rows=1).positions, LEVEL_UP[None])
    places = turned(level[0] - (level[0].min(0) + level[0].max(0)) / 2)
    away = (places[skeleton.bone_parents, 2] + places[1:, 2]) / 2
    ends = 100 * places[:, :2]
    order = [
        int(
            np.argmin([np.abs(path - ends[[skeleton.bone_parents[b], b + 1]]).max() for b in range(skeleton.num_bones)])
        )
        for _, path in bones_drawn(in_3d(level[0], skeleton, "x"))
    ]
    assert (np.diff(away[order]) <= 1e-9).all()


# --- maps -------------------------------------------------------------------------------------------------------


def test_all_cells_of_the_sphere_have_one_area_on_the_map() -> None:
    svg = maps.sphere(np.ones((maps.UPWARDS, maps.AROUND)), "x")
    cells = [numbers(path) for path in re.findall(r'class="h4" d="M([^"]*)z"', svg)]
    assert len(cells) == maps.UPWARDS * maps.AROUND
    areas = [abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2 for x, y in (cell.T for cell in cells)]
    assert np.sum(areas) == pytest.approx(np.pi * 200 * 100, rel=0.02)
    assert areas == pytest.approx(np.full(len(areas), np.mean(areas)), rel=0.04), "but for sides drawn as chords"


def test_even_views_have_a_density_of_one_and_each_view_is_in_its_cell() -> None:
    rng = np.random.default_rng(0)
    elevation, azimuth = np.degrees(np.arcsin(rng.uniform(-1, 1, 400_000))), rng.uniform(-180, 180, 400_000)
    density = maps.sphere_density(elevation, azimuth)
    assert density == pytest.approx(np.ones_like(density), abs=0.15)
    assert maps.reached(density) == 1
    alone = maps.sphere_density(np.array([80.0]), np.array([91.0]))  # from nearly overhead, at the left
    assert np.argwhere(alone).tolist() == [[maps.UPWARDS - 1, 18]]
    assert alone.sum() == maps.UPWARDS * maps.AROUND


def test_the_map_has_front_in_the_middle_the_left_at_the_right_and_overhead_above() -> None:
    def place(elevation: float, azimuth: float) -> np.ndarray:
        svg = maps.sphere(maps.sphere_density(np.array([float(elevation)]), np.array([float(azimuth)])), "x")
        return numbers(re.findall(r'class="h7" d="M([^"]*)z"', svg)[0]).mean(0)

    assert np.abs(place(1, 1)).max() < 20
    assert place(1, 91)[0] > 80
    assert place(1, -91)[0] < -80
    assert place(75, 1)[1] < -70


def test_places_in_the_frame_are_counted_from_its_upper_left_corner() -> None:
    density = maps.frame_density(np.array([-0.99, 0.99]), np.array([-0.99, -0.99]))
    assert np.argwhere(density).tolist() == [[0, 0], [0, maps.PLACES - 1]]
    assert 'd="M-100 -100h10v10h-10z"' in maps.frame(density, "x")
    assert 'd="M90 -100h10v10h-10z"' in maps.frame(density, "x")


@pytest.mark.parametrize(
    ("density", "step"), [(0, 0), (0.1, 1), (0.25, 2), (0.99, 3), (1, 4), (7.9, 6), (8, 7), (500, 7)]
)
def test_steps_of_a_map(density: float, step: int) -> None:
    assert maps.step_of(float(density)) == step


# --- charts -----------------------------------------------------------------------------------------------------


def a_spread(label: str = "knee"):
    rng = np.random.default_rng(0)
    series = {name: rng.normal(mean, 1.0, (500, 2)) for mean, name in enumerate(("source", "drawn", "learned"))}
    return spread_of(Measure("knee", "Angles", label, "°", "…"), series)


def test_a_chart_is_in_the_pages_colours_and_changes_nothing_else_of_it() -> None:
    for svg in (
        histogram("h", a_spread()),
        curves("c", "C", {"one": [None, 2.0, 0.02], "two": [None, None, 1.0]}, 1, 2, True),
    ):
        assert not re.findall(r"#[0-9a-f]{6}", svg), "a colour that dark would not reach"
        assert "var(--drawn)" in svg
        assert "<style" not in svg
        assert "mathdefault" not in svg
        assert "font-family" not in svg
        identities = re.findall(r' id="([^"]*)"', svg)
        assert len(identities) == len(set(identities))
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg)) == set(identities)


def test_two_charts_of_a_page_share_no_id() -> None:
    first, second = (
        set(re.findall(r' id="([^"]*)"', curves(name, "C", {"one": [1.0, 2.0]}, 0))) for name in ("a", "b")
    )
    assert first
    assert not first & second


def test_a_label_is_text_in_a_chart() -> None:
    svg = histogram("h", a_spread('"><script>alert(1)</script>'))
    assert "<script" not in svg
    assert "&lt;script&gt;alert(1)" in svg


@pytest.mark.parametrize("name", ['"', "a b", "", "\\1", "bone_x"])
def test_a_name_that_is_no_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no part of an id"):
        histogram(name, a_spread())


def test_a_histogram_is_told_in_words() -> None:
    assert "drawn: 5th percentile -0.7" in histogram("h", a_spread())


def test_dark_and_light_name_the_same_colours_and_no_light_one_twice() -> None:
    lights = [pair[0] for pair in COLOURS.values()]
    assert len(set(lights)) == len(lights)
    assert re.findall(r"--([\w-]+):", variables()) == re.findall(r"--([\w-]+):", variables(dark=True)) == list(COLOURS)
    assert as_variables(f"fill: {COLOURS['drawn'][0]}") == "fill: var(--drawn)"


def luminance(colour: str) -> float:
    """Of ``#rrggbb``, as WCAG 2.2 defines it."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_lines_stand_out_from_what_they_are_on(dark: bool) -> None:
    shown = {name: luminance(pair[dark]) for name, pair in COLOURS.items()}
    for names, least in (
        (("ink", "muted", "link", "good", "bad", "learned", "drawn"), 4.5),
        (("left", "right", "middle", "third", "fourth"), 3),
    ):
        for name in names:
            for ground in ("paper", "panel"):
                high, low = sorted((shown[name], shown[ground]), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= least, (name, ground)
