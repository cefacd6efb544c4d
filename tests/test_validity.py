"""Which pairs a camera could have taken: every cause alone, both sides of each bound, and the count of causes."""

import math

import pytest
import torch
from hypothesis import given
from strategies import light, seeds

from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings, VisibilitySettings
from poseaug_gen.validity import CAUSES, Limits, faults, first_cause

LIMITS = Limits(nearest=0.5, farthest=20.0)
WIDE, SQUARE = (1000, 500), (1000, 1000)


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A valid pair of three joints in a wide frame; the tests spoil one number of it."""
    pose_3d = torch.tensor([[[0.0, 0.0, 5.0], [1.0, 1.0, 5.0], [-1.0, -1.0, 5.0]]])
    return pose_3d, pose_3d[..., :2] / pose_3d[..., 2:]


def causes_of(
    pose_3d: torch.Tensor, pose_2d: torch.Tensor, size: tuple[int, int] = WIDE, limits: Limits = LIMITS
) -> set[str]:
    (row,) = faults(pose_3d, pose_2d, torch.tensor([size]), limits).tolist()
    return {cause for cause, failed in zip(CAUSES, row, strict=True) if failed}


def test_a_person_in_the_middle_of_the_picture_is_valid():
    assert causes_of(*pair()) == set()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_3d_coordinate_that_is_no_number_is_not_finite(axis, value):
    pose_3d, pose_2d = pair()
    pose_3d[0, 1, axis] = value
    assert "not_finite" in causes_of(pose_3d, pose_2d)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_2d_coordinate_that_is_no_number_is_not_finite(axis, value):
    pose_3d, pose_2d = pair()
    pose_2d[0, 1, axis] = value
    assert "not_finite" in causes_of(pose_3d, pose_2d)


@pytest.mark.parametrize(
    ("depth", "valid"),
    [(0.5, True), (0.499, False), (20.0, True), (20.001, False), (0.0, False), (-5.0, False)],
)
def test_depth_is_bounded_on_both_sides_so_nothing_behind_the_camera_passes(depth, valid):
    pose_3d, pose_2d = pair()
    pose_3d[0, 0, 2] = depth  # the joint on the axis: its 2D is (0, 0) at any depth
    assert causes_of(pose_3d, pose_2d) == (set() if valid else {"depth"})


def test_a_joint_behind_the_camera_whose_picture_lies_in_the_frame_is_refused():
    pose_3d, _ = pair()
    pose_3d = -pose_3d
    camera = torch.tensor([[1.0, 1, 0, 0, 0, 0, 0, 0, 0]])
    pose_2d = project(pose_3d, camera)
    torch.testing.assert_close(pose_2d, pair()[1])  # the same picture as that of the pose in front
    assert causes_of(pose_3d, pose_2d) == {"depth"}


@pytest.mark.parametrize(
    ("x", "y", "size", "valid"),
    [
        (1.0, 0.0, WIDE, True),
        (1.001, 0.0, WIDE, False),
        (-1.0, 0.0, WIDE, True),
        (-1.001, 0.0, WIDE, False),  # the published code lets everything below -1 through
        (0.0, 0.5, WIDE, True),
        (0.0, 0.501, WIDE, False),  # a frame half as high as wide ends at y = 0.5
        (0.0, -0.501, WIDE, False),
        (0.0, 0.501, SQUARE, True),
        (0.0, -1.001, SQUARE, False),
        (0.0, 1.5, (500, 1000), True),  # and an upright one at y = 2
    ],
)
def test_the_frame_ends_at_all_four_sides_at_its_own_aspect(x, y, size, valid):
    pose_3d, pose_2d = pair()
    pose_2d[0, 1] = torch.tensor([x, y])
    assert causes_of(pose_3d, pose_2d, size) == (set() if valid else {"out_of_frame"})


def test_a_margin_can_be_kept_to_the_frame():
    pose_3d, pose_2d = pair()
    pose_2d[0, 1] = torch.tensor([0.9, 0.0])
    assert causes_of(pose_3d, pose_2d, limits=Limits(0.5, 20.0, frame=0.95)) == set()
    assert causes_of(pose_3d, pose_2d, limits=Limits(0.5, 20.0, frame=0.85)) == {"out_of_frame"}


@pytest.mark.parametrize(
    ("x", "y", "valid"),
    [
        (0.5, 0.0, True),
        (0.501, 0.0, False),
        (-0.25, 0.0, True),
        (-0.251, 0.0, False),
        (0.0, 0.25, True),  # half of the way to the lower edge of a frame half as high as wide
        (0.0, 0.251, False),
        (0.0, -0.125, True),
        (0.0, -0.126, False),
    ],
)
def test_a_part_of_the_frame_ends_at_its_own_four_sides(x, y, valid):
    pose_3d, pose_2d = pair()
    pose_2d = torch.zeros_like(pose_2d)
    pose_2d[0, 1] = torch.tensor([x, y])
    limits = Limits(0.5, 20.0, frame=(-0.25, 0.5))
    assert causes_of(pose_3d, pose_2d, limits=limits) == (set() if valid else {"out_of_frame"})


def test_a_part_of_the_frame_need_not_hold_its_middle():
    pose_3d, pose_2d = pair()
    limits = Limits(0.5, 20.0, frame=(0.2, 0.8))
    assert causes_of(pose_3d, torch.full_like(pose_2d, 0.3), limits=limits) == set()
    assert causes_of(pose_3d, torch.zeros_like(pose_2d), limits=limits) == {"out_of_frame"}


def test_an_export_has_its_own_limits_or_those_of_its_run():
    run = VisibilitySettings(nearest=0.4, farthest=25.0, frame=0.9)
    assert Limits.of(run) == Limits(0.4, 25.0, 0.9)
    assert Limits.of_export(run, ExportSettings()) == Limits.of(run)
    assert Limits.of_export(run, ExportSettings(depth=(2.0, 8.0))) == Limits(2.0, 8.0, 0.9)
    assert Limits.of_export(run, ExportSettings(frame=(-0.5, 1.0))) == Limits(0.4, 25.0, (-0.5, 1.0))
    assert Limits.of(run).frame_range == (-0.9, 0.9)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_joint_that_only_the_clamp_brought_into_the_frame_is_out_of_it(axis, side):
    pose_3d, _ = pair()
    pose_3d[0, 1, axis] = side * 5.1  # 45.6 degrees off the axis
    wide_lens = torch.tensor([[0.4, 0.4, 0, 0, 0, 0, 0, 0, 0]])
    pose_2d = project(pose_3d, wide_lens)
    assert pose_2d.abs().max() <= 0.4 + 1e-6  # the clamp put it there
    assert causes_of(pose_3d, pose_2d) == {"out_of_frame"}


def test_each_row_is_judged_alone():
    good, bad = pair(), pair()
    bad[0][0, 0, 2] = 100
    rows = [torch.cat(pair) for pair in zip(good, bad, good, strict=True)]
    fault = faults(*rows, torch.tensor([WIDE] * 3), LIMITS)
    assert fault.any(1).tolist() == [False, True, False]


@light
@given(seeds)
def test_first_causes_add_up_to_the_refused_rows(seed):
    fault = torch.rand(50, len(CAUSES), generator=torch.Generator().manual_seed(seed)) < 0.3
    counts = first_cause(fault)
    assert list(counts) == list(CAUSES)
    firsts = [row.index(True) for row in fault.tolist() if any(row)]
    assert list(counts.values()) == [firsts.count(k) for k in range(len(CAUSES))]
    assert sum(counts.values()) == int(fault.any(1).sum())


def test_a_pose_full_of_nan_is_counted_as_not_finite():
    pose_3d, pose_2d = pair()
    fault = faults(pose_3d * math.nan, pose_2d * math.nan, torch.tensor([WIDE]), LIMITS)
    assert first_cause(fault) == {"not_finite": 1, "depth": 0, "out_of_frame": 0}
