"""Poses in Braille: dots where bones are, in the colour of their side."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.poses import Labels
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.terminal_drawing import BLANK, COLUMNS, DOT_BITS, GAP, LINES, MOST, STYLE, side_by_side, sketches

# An upright stick with an arm to each side; the person faces us, so their left is on the right of the picture.
CROSS = Skeleton.from_dict({"name": "cross", "joints": {"hip": "", "head": "hip", "l_hand": "hip", "r_hand": "hip"}})


def dots(lines) -> dict[tuple[int, int], str]:
    """(x, y) of each dot of a sketch -> the style of its character."""
    found = {}
    for row, line in enumerate(lines):
        styles = {i: str(span.style) for span in line.spans for i in range(span.start, span.end)}
        for column, character in enumerate(line.plain):
            bits = ord(character) - BLANK if character != " " else 0
            found |= {
                (2 * column + x, 4 * row + y): styles.get(column, "")
                for y in range(4)
                for x in range(2)
                if bits & DOT_BITS[y][x]
            }
    return found


def test_each_dot_has_a_bit_of_its_own():
    assert sorted(bit for row in DOT_BITS for bit in row) == [2**i for i in range(8)]
    # U+2801 is "braille pattern dots-1", the upper left one, and U+2880 dots-8, the lower right one.
    assert (DOT_BITS[0][0], DOT_BITS[3][1]) == (0x01, 0x80)


def test_bones_are_lines_of_dots_in_the_colour_of_their_side():
    pose = np.array([[0, 0], [0, -1], [1, 0], [-1, 0]], dtype=np.float32)
    [lines] = sketches(pose[None], CROSS, columns=9, lines=3)
    found = dots(lines)
    xs, ys = {x for x, _ in found}, {y for _, y in found}
    assert xs == set(range(18)), "arms as wide as the sketch"
    assert max(ys) - min(ys) == pytest.approx(17 / 2, abs=1), "half as high as wide: one scale both ways"
    floor = max(ys)
    assert all(found[x, floor] == STYLE["left"] for x in range(10, 18)), "their left is on our right"
    assert all(found[x, floor] == STYLE["right"] for x in range(8))
    assert len([y for x, y in found if x in (8, 9)]) >= max(ys) - min(ys) + 1


def test_all_poses_have_one_scale():
    pose = np.array([[0, 0], [0, -1], [1, 0], [-1, 0]], dtype=np.float32)
    large, small = sketches(np.stack([pose, pose / 2 + 7]), CROSS, columns=12, lines=6)
    width = [max(x for x, _ in dots(lines)) - min(x for x, _ in dots(lines)) for lines in (large, small)]
    assert width[1] == pytest.approx(width[0] / 2, abs=1)


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2 * 17 * 2, max_size=2 * 17 * 2),
    st.integers(1, 30),
    st.integers(1, 15),
)
def test_any_finite_pose_fits_its_space(numbers, columns, lines):
    poses = np.array(numbers, dtype=np.float32).reshape(2, 17, 2)
    for sketch in sketches(poses, load_skeleton("h36m17"), columns, lines):
        assert [len(line.plain) for line in sketch] == [columns] * lines
        assert dots(sketch)


def test_a_bone_with_a_missing_end_is_not_drawn():
    pose = np.array([[[0, 0], [0, -1], [1, 0], [-1, 0]]] * 2, dtype=np.float32)
    pose[1, 2] = np.nan
    whole, part = (set(dots(lines).values()) for lines in sketches(pose, CROSS, columns=9, lines=4))
    assert (whole - part, part) == ({STYLE["left"]}, {STYLE["right"], STYLE["middle"]})
    [nothing] = sketches(np.full((1, 4, 2), np.nan, dtype=np.float32), CROSS, columns=3, lines=2)
    assert [line.plain for line in nothing] == ["   "] * 2


@pytest.mark.parametrize("place", [0, 1e-3, 1e6])
def test_a_pose_in_one_point_is_one_dot(place):
    [lines] = sketches(np.full((1, 4, 2), place, dtype=np.float32), CROSS, columns=4, lines=2)
    assert len(dots(lines)) == 1


@pytest.mark.parametrize(("width", "shown"), [(10, 1), (80, 4), (400, MOST)])
def test_as_many_poses_as_fit_stand_over_their_captions(make_poses, skeleton, width, shown):
    poses = make_poses(skeleton, rows=50)
    lines = side_by_side(poses, width).plain.split("\n")
    assert {len(line) for line in lines} == {shown * COLUMNS + (shown - 1) * GAP}
    assert len(lines) > LINES
    assert sum(line.count("action") for line in lines[LINES:]) == shown


def test_a_label_is_not_markup(make_poses, skeleton):
    poses = replace(make_poses(skeleton, rows=1), subject=Labels.constant("[bold]me[/]", 1))
    assert "[bold]me[/]" in side_by_side(poses, 80).plain
