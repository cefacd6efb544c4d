"""The unit and the vertical axis of motion capture, told from the body."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mocap_files import BODY, moving, placed

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.joints import joint_names
from poseaug_gen.sources.units import (
    AXES,
    FURTHEST,
    SHIN,
    UNITS,
    body_of,
    metres,
    recognised_unit,
    recognised_up,
    to_z_up,
)

STANDING = np.stack(list(placed(*moving(8)).values()), 1)  # y is up


def body(positions=STANDING, up: str = "y"):
    """The tests' body, its own axis y turned to another."""
    turned = positions @ to_z_up("y").T @ to_z_up(up)
    return body_of(turned, list(BODY), joint_names(), "clip.bvh")


def lying(positions=STANDING):
    """On the back, the head at x > 0; y is up still."""
    return positions @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]).T


@given(unit=st.sampled_from(sorted(UNITS)), stature=st.floats(1.25, 2.3))
def test_an_adults_shin_tells_its_unit(unit, stature):
    assert recognised_unit(0.246 * stature / UNITS[unit], "x") == unit


@given(shin=st.floats(0, 1e7))
def test_no_shin_is_taken_for_two_units_or_for_a_giants(shin):
    fits = [unit for unit, size in UNITS.items() if SHIN / FURTHEST <= shin * size <= SHIN * FURTHEST]
    assert len(fits) <= 1
    if fits:
        assert recognised_unit(shin, "x") == fits[0]
    else:
        with pytest.raises(PoseAugError, match=r"its unit cannot be told, .* give it with --unit"):
            recognised_unit(shin, "x")


def test_units_are_metres():
    assert metres("cmu", "x") == pytest.approx(0.0564444, abs=1e-7)
    assert metres("ft", "x") == pytest.approx(12 * metres("in", "x"))
    with pytest.raises(PoseAugError, match="--unit inch is no unit; did you mean 'in'"):
        metres("inch", "x")


@pytest.mark.parametrize("up", AXES)
def test_up_becomes_z_by_a_rotation(up):
    matrix = to_z_up(up)
    axis = np.eye(3)["xyz".index(up[-1])] * (-1 if up[0] == "-" else 1)
    np.testing.assert_array_equal(matrix @ axis, [0, 0, 1])
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == 1  # a mirror image would have -1


@pytest.mark.parametrize("up", AXES)
def test_a_standing_body_tells_up_with_or_without_a_rest_pose(up):
    assert recognised_up(body(up=up), None, None, "x") == up
    assert recognised_up(body(up=up), body(STANDING[:1], up), None, "x") == up
    assert recognised_up(body(up=up), None, up, "x") == up


@settings(max_examples=30)
@given(turn=st.floats(0, 6.3), lean=st.floats(0, 0.5))
def test_a_leaning_body_tells_up_as_well(turn, lean):
    forwards = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    about = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    assert recognised_up(body(STANDING @ forwards.T @ about.T), None, None, "x") == "y"


def test_nothing_is_guessed_of_somebody_who_lies():
    """The rest pose says y, the body x: lying throughout, or a skeleton of other axes than the motion's."""
    with pytest.raises(PoseAugError, match=r"the rest pose says y; the body in its frames says x\); give it with --up"):
        recognised_up(body(lying()), body(STANDING[:1]), None, "clip.bvh")
    with pytest.raises(PoseAugError, match="the body in its frames says x; the file says y"):
        recognised_up(body(lying()), None, "y", "clip.c3d")


def test_a_body_that_tells_nothing_leaves_it_to_the_rest_pose():
    """Somebody who lies down and gets up: no axis is theirs most of the time."""
    rolling = np.concatenate([STANDING, lying()])
    assert recognised_up(body(rolling), body(STANDING[:1]), None, "x") == "y"
    with pytest.raises(PoseAugError, match=r"clip\.bvh: its vertical axis cannot be told \(nobody stands in it\)"):
        recognised_up(body(rolling), None, None, "clip.bvh")


def test_a_rest_pose_that_stands_in_no_way_tells_nothing():
    """Some rigs have every bone along one axis at rest."""
    along_x = np.zeros((1, len(BODY), 3))
    for number, (parent, offset) in enumerate(BODY.values()):
        if parent:
            along_x[0, number] = along_x[0, list(BODY).index(parent)] + [np.linalg.norm(offset), 0, 0]
    assert recognised_up(body(), body_of(along_x, list(BODY), joint_names(), "x"), None, "x") == "y"


def test_frames_without_the_joints_do_not_count():
    gaps = STANDING.copy()
    gaps[::2, list(BODY).index("LeftKnee")] = np.nan
    assert recognised_unit(body(gaps).shin, "x") == recognised_unit(body().shin, "x")
    with pytest.raises(PoseAugError, match="no frame has hips, knees"):
        body(gaps[::2])
    legs = [name if "Shoulder" not in name and name != "Neck" else "" for name in BODY]
    with pytest.raises(PoseAugError, match=r"clip\.bvh: its unit and vertical axis cannot be told without thorax"):
        body_of(STANDING, legs, joint_names(), "clip.bvh")
