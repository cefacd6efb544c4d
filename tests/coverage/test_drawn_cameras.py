"""Drawn cameras stand where the settings say: the world is built up again from what they see, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from poseaug_gen.bones import root_relative
from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.cameras import STANDING, Lenses, Views, draw_views
from poseaug_gen.poses import PoseSet
from poseaug_gen.skeleton import load_skeleton

ROWS = 4000
PLAUSIBLE = 1e-3  # smallest p-value of a right distribution: one in a thousand seeds would fail, and the seed is fixed
# Cameras that are held level and people who stand on the floor, in the middle of the room.
PLAIN = replace(
    ViewSettings(),
    aim_spread=0.0,
    roll=0.0,
    own_lens=0.0,
    wander=0.0,
    sole=0.0,
    sole_spread=0.0,
    raised=0.0,
    lean=0.0,
)


@pytest.fixture(scope="module")
def level(make_poses: Callable[..., PoseSet]) -> torch.Tensor:
    """Standing people of several sizes, root-relative in a level frame (y down)."""
    return root_relative(torch.from_numpy(make_poses(load_skeleton(), rows=ROWS).positions))


@pytest.fixture(scope="module")
def lenses() -> Lenses:
    """Five of the source's cameras; each has an image size and a focal length of its own."""
    number = torch.arange(5)
    intrinsics = torch.full((5, 9), 0.01)
    intrinsics[:, 0] = intrinsics[:, 1] = 2 + 0.1 * number
    return Lenses(intrinsics, torch.stack([1000 + number, 500 + 100 * number], -1).to(torch.int16))


@dataclass
class World:
    """What the cameras see, in the world that they stand in: metres over the floor and along it."""

    height: np.ndarray  # (rows, joints) of each joint over the camera
    forward: np.ndarray  # (rows,) of the root along the floor, the way the camera looks
    sideways: np.ndarray  # (rows,) and to its right
    tilt: np.ndarray  # (rows,) of the camera, downwards, radians
    roll: np.ndarray  # (rows,) radians


def world_of(level: torch.Tensor, views: Views) -> World:
    """The world again, for bodies that do not lean: the camera's up is then where the bodies' up went."""
    rotation, translation = (value.double().numpy() for value in (views.rotation, views.translation))
    pose = np.einsum("rij,rkj->rki", rotation, level.double().numpy()) + translation[:, None]
    up = -rotation[:, :, 1]
    axis = np.array([0.0, 0.0, 1.0])  # of the camera
    forward = axis - up[:, 2:] * up
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, up)
    root = pose[:, 0]
    return World(
        height=np.einsum("rkj,rj->rk", pose, up),
        forward=(root * forward).sum(-1),
        sideways=(root * right).sum(-1),
        tilt=-np.arcsin(up[:, 2]),
        roll=np.arctan2(up[:, 0], -up[:, 1]),
    )


def drawn(level: torch.Tensor, lenses: Lenses, seed: int = 0, **settings: float) -> Views:
    return draw_views(level, lenses, replace(PLAIN, **settings), np.random.default_rng(seed))


def is_uniform(values: np.ndarray | torch.Tensor, low: float, high: float) -> bool:
    values = np.asarray(values, dtype=np.float64)
    slack = 1e-4 * (high - low)  # float32
    inside = values.min() >= low - slack and values.max() <= high + slack
    return bool(inside) and kstest(values, "uniform", (low, high - low)).pvalue > PLAUSIBLE


def is_normal(values: np.ndarray, spread: float) -> bool:
    return kstest(values, "norm", (0, spread)).pvalue > PLAUSIBLE


# --- where they stand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [0.3, 1.6, 3.5])
def test_feet_are_on_the_floor_at_the_cameras_height(level, lenses, height):
    world = world_of(level, drawn(level, lenses, lowest=height, highest=height, wander=1.2))
    np.testing.assert_allclose(world.height.min(1), -height, atol=1e-5)


def test_heights_are_anything_between_the_lowest_and_the_highest(level, lenses):
    world = world_of(level, drawn(level, lenses, lowest=0.5, highest=3.0, wander=1.2, aim_spread=0.1, roll=2.0))
    assert is_uniform(-world.height.min(1), 0.5, 3.0)


def test_the_share_of_raised_people_stand_on_something_up_to_so_high(level, lenses):
    world = world_of(level, drawn(level, lenses, lowest=1.6, highest=1.6, raised=0.3, raised_height=0.8))
    over_the_floor = world.height.min(1) + 1.6
    raised = over_the_floor > 1e-5
    assert abs(raised.mean() - 0.3) < 4 * (0.3 * 0.7 / ROWS) ** 0.5
    assert is_uniform(over_the_floor[raised], 0.0, 0.8)


def test_the_lowest_joint_of_who_stands_is_as_high_as_an_ankle_and_no_two_alike(level, lenses):
    """Were it always at one height, a lifter could read the depth from where it is in the frame."""
    views = drawn(level, lenses, lowest=1.6, highest=1.6, sole=0.05, sole_spread=0.03)
    assert is_normal(world_of(level, views).height.min(1) + 1.6 - 0.05, 0.03)


def test_distances_along_the_floor_are_even_in_their_logarithm(level, lenses):
    world = world_of(level, drawn(level, lenses, nearest=2.0, farthest=8.0))
    assert is_uniform(np.log(world.forward), np.log(2.0), np.log(8.0))
    np.testing.assert_allclose(world.sideways, 0, atol=1e-5)


def test_people_are_anywhere_within_a_disc_about_the_middle(level, lenses):
    world = world_of(level, drawn(level, lenses, nearest=4.0, farthest=4.0, wander=1.5))
    x, y = world.sideways, world.forward - 4.0
    assert is_uniform((x**2 + y**2) / 1.5**2, 0, 1), "even over the area, not over the radius"
    assert is_uniform(np.arctan2(y, x), -np.pi, np.pi)


# --- where they look ------------------------------------------------------------------------------------------------


def test_the_camera_looks_at_the_height_it_aims_at(level, lenses):
    """Over the middle, at the aim's height: the elevation follows from the camera's height and distance."""
    world = world_of(level, drawn(level, lenses, lowest=0.3, highest=3.5, aim=1.2, roll=2.0))
    camera = -world.height.min(1)
    np.testing.assert_allclose(np.tan(world.tilt), (camera - 1.2) / world.forward, atol=1e-4)


def test_elevations_reach_as_far_as_heights_and_distances_let_them_and_no_farther(level, lenses):
    settings = {"lowest": 0.2, "highest": 3.0, "aim": 1.0, "nearest": 2.0, "farthest": 5.0}
    world = world_of(level, drawn(level, lenses, **settings))
    steepest, lowest = np.degrees(np.arctan2([3.0 - 1.0, 0.2 - 1.0], 2.0))
    tilt = np.degrees(world.tilt)
    assert lowest - 0.01 < tilt.min() < lowest + 2
    assert steepest - 2 < tilt.max() < steepest + 0.01
    assert np.histogram(tilt, 8, (lowest, steepest))[0].min() > 0.01 * ROWS


def test_the_aim_varies_by_its_spread(level, lenses):
    world = world_of(level, drawn(level, lenses, lowest=1.0, highest=1.0, aim=1.0, aim_spread=0.2))
    assert is_normal(np.tan(world.tilt) * world.forward, 0.2)


def test_the_roll_varies_by_its_spread(level, lenses):
    world = world_of(level, drawn(level, lenses, roll=5.0))
    assert is_normal(np.degrees(world.roll), 5.0)
    assert np.abs(world_of(level, drawn(level, lenses)).roll).max() < 1e-5


def test_people_face_anywhere_and_stand_upright(level, lenses):
    """Through a level camera, the rotation is a turn about the vertical."""
    rotation = drawn(level, lenses, lowest=1.0, highest=1.0, aim=1.0).rotation
    np.testing.assert_allclose(rotation[:, 1], np.tile([0, 1, 0], (ROWS, 1)), atol=1e-5)
    assert is_uniform(torch.atan2(rotation[:, 0, 2], rotation[:, 0, 0]), -np.pi, np.pi)


def test_bodies_lean_over_by_the_spread_any_way(level, lenses):
    views = drawn(level, lenses, lowest=1.0, highest=1.0, aim=1.0, lean=15.0)
    head = -views.rotation[:, :, 1].numpy()  # where what was up in the body points to
    assert kstest(np.degrees(np.arccos(-head[:, 1])), "halfnorm", (0, 15.0)).pvalue > PLAUSIBLE
    assert is_uniform(np.arctan2(head[:, 0], head[:, 2]), -np.pi, np.pi)


def test_who_leans_still_has_a_foot_on_the_floor(level, lenses):
    """A level camera at one height: its y axis is the world's down, whichever way the body leans."""
    views = drawn(level, lenses, lowest=1.0, highest=1.0, aim=1.0, lean=40.0, wander=1.0)
    pose = level @ views.rotation.mT + views.translation[:, None]
    np.testing.assert_allclose(pose[..., 1].amax(1), 1.0, atol=1e-5)


def test_the_rotation_is_one(level, lenses):
    rotation = draw_views(level, lenses, ViewSettings(), np.random.default_rng(0)).rotation.double()
    np.testing.assert_allclose(rotation @ rotation.mT, np.tile(np.eye(3), (ROWS, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(torch.det(rotation), 1, atol=1e-5)


# --- what they see --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distances", [(2.0, 2.0), (3.0, 8.0)])
def test_a_standing_person_fills_the_share_of_the_frame_that_was_asked_for(lenses, distances):
    """Seen from the front at the height of their middle, by a pinhole."""
    bar = torch.tensor([[0.0, 0, 0], [0, -STANDING / 2, 0], [0, STANDING / 2, 0]]).expand(ROWS, 3, 3)
    middle, (nearest, farthest) = STANDING / 2, distances
    settings = {"lowest": middle, "highest": middle, "aim": middle, "nearest": nearest, "farthest": farthest}
    views = drawn(bar, lenses, fills_least=0.25, fills_most=0.5, **settings)
    pose = (bar @ views.rotation.mT + views.translation[:, None]).double().numpy()
    seen = views.intrinsics[:, 1, None].double().numpy() * pose[..., 1] / pose[..., 2]
    assert is_uniform((seen[:, 2] - seen[:, 1]) / 2, 0.25, 0.5), "of its width: from -1 to 1"
    assert np.abs(pose[:, 0] / pose[:, 0, 2:] - [0, 0, 1]).max() < 1e-5, "whose middle the camera looks at"


def test_from_above_the_lens_is_chosen_for_the_way_to_the_person(level, lenses):
    """A camera under the ceiling is farther away than the floor between them is long."""
    views = drawn(level, lenses, lowest=3.0, highest=3.0, aim=1.0, nearest=2.0, farthest=2.0, fills_least=0.4)
    sight = np.hypot(2.0, 2.0)
    share = views.intrinsics[:, 0].numpy() * STANDING / sight / 2
    assert is_uniform(share, 0.4, PLAIN.fills_most)


def test_a_drawn_lens_has_square_pixels_no_distortion_and_a_middle_near_the_frames(level, lenses):
    intrinsics = drawn(level, lenses).intrinsics
    assert torch.equal(intrinsics[:, 0], intrinsics[:, 1])
    assert (intrinsics[:, 4:] == 0).all()
    assert is_normal(intrinsics[:, 2], 0.02)
    assert is_normal(intrinsics[:, 3], 0.02)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_the_sources_own_lenses_each_with_its_own_image_size(level, lenses, share):
    views = drawn(level, lenses, own_lens=share)
    number = views.image_size[:, 0].long() - 1000
    assert torch.equal(views.image_size, lenses.image_size[number]), "a frame of the source, whole"
    assert chisquare(torch.bincount(number, minlength=5)).pvalue > PLAUSIBLE
    own = (views.intrinsics == lenses.intrinsics[number]).all(-1)
    assert abs(own.double().mean() - share) <= 4 * (share * (1 - share) / ROWS) ** 0.5
    assert (views.intrinsics[~own, 4:] == 0).all()


def test_the_same_seed_draws_the_same_and_another_seed_others(level, lenses):
    one, two, other = (
        draw_views(level[:50], lenses, ViewSettings(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(value, getattr(two, name)) for name, value in vars(one).items())
    assert not torch.equal(one.rotation, other.rotation)


def test_no_rows(level, lenses):
    views = draw_views(level[:0], lenses, ViewSettings(), np.random.default_rng(0))
    assert [tuple(value.shape) for value in vars(views).values()] == [(0, 3, 3), (0, 3), (0, 9), (0, 2)]
