"""Where a person stands, from their pose about the root and what a camera saw."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from poseaug_gen.camera import normalised_intrinsics
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources.placing import LARGEST_RESIDUAL, absolute, agreeing, places, residuals

FOCAL, CENTRE, SIZE = (1500.0, 1507.0), (1017.0, 1043.0), (2048, 2048)


@pytest.fixture
def people(make_poses, skeleton) -> np.ndarray:
    """People 3 to 9 m away, off the axis."""
    poses = make_poses(skeleton, 200).positions.astype(np.float64)
    rng = np.random.default_rng(1)
    return poses - poses[:, :1] + rng.uniform([-1.0, -0.5, 3.0], [1.0, 0.5, 9.0], (200, 3))[:, None]


@pytest.fixture
def intrinsics() -> np.ndarray:
    return np.tile(normalised_intrinsics(np.array(FOCAL), np.array(CENTRE), SIZE), (200, 1))


def seen_of(people: np.ndarray) -> np.ndarray:
    """The pinhole, written out."""
    pixels = people[..., :2] / people[..., 2:] * FOCAL + CENTRE
    return pixels / 1024 - 1


def test_the_place_is_found_on_exact_data(people, intrinsics):
    found = places(people - people[:, :1], seen_of(people), intrinsics)
    np.testing.assert_allclose(found, people[:, 0], atol=1e-4)  # a tenth of a millimetre


def test_the_place_is_found_in_single_precision(people, intrinsics):
    relative, seen = ((people - people[:, :1]).astype(np.float32), seen_of(people).astype(np.float32))
    np.testing.assert_allclose(absolute(relative, seen, intrinsics), people, atol=1e-3)


def test_any_origin_will_do(people, intrinsics):
    shift = np.array([0.3, -2.0, 1.0])
    relative = people - people[:, :1] - shift
    np.testing.assert_allclose(absolute(relative, seen_of(people), intrinsics), people, atol=1e-3)


def test_absolute_poses_stay_as_they_are(people, intrinsics):
    nowhere = np.full_like(people[..., :2], 7.0)  # the 2D is not even looked at
    np.testing.assert_array_equal(absolute(people, nowhere, intrinsics), people)


def test_noise_moves_a_person_little_more_than_the_best_fit(people, intrinsics):
    """Against the least squares of re-projection itself: nonlinear, by another's solver, 20 people."""
    noisy = seen_of(people) + np.random.default_rng(2).normal(0, 3 / 1024, (200, 16, 2))
    relative = people - people[:, :1]
    found = places(relative, noisy, intrinsics)
    best = np.stack(
        [least_squares(lambda t, i=i: (seen_of(relative[i] + t) - noisy[i]).ravel(), people[i, 0]).x for i in range(20)]
    )
    ours, theirs = (np.linalg.norm(place - people[:20, 0], axis=-1) for place in (found[:20], best))
    assert np.median(ours) < 0.06  # 3 px of noise at 6 m
    assert np.median(np.linalg.norm(found[:20] - best, axis=-1)) < 0.5 * np.median(theirs)


def test_residuals_are_medians_in_half_widths(people, intrinsics):
    seen = seen_of(people)
    seen[0] += [0.03, 0.04]  # every joint: 0.05
    seen[1, :5] += 0.5  # a few joints: not half of them
    residual = residuals(people, seen, intrinsics)
    assert residual[0] == pytest.approx(0.05, rel=1e-4)
    assert (residual[1:] < 1e-5).all()


def test_rows_that_are_nonsense_do_not_agree(people, intrinsics):
    seen = seen_of(people)
    seen[0, 3] = np.nan
    people[1, 2, 0] = np.inf
    people[2] = [0, 0, 5] - (people[2] - [0, 0, 5]) - [0, 0, 9.9]  # behind the camera
    seen[3] += 2 * LARGEST_RESIDUAL
    seen[4] = 0.25  # all joints at one point
    agree = agreeing(residuals(people, seen, intrinsics), "x")
    np.testing.assert_array_equal(np.flatnonzero(~agree), [0, 1, 2, 3, 4])


def test_a_file_of_other_cameras_is_refused():
    with pytest.raises(PoseAugError, match=r"x\.npz: 4 of its 10 poses project .* within 1 % of"):
        agreeing(np.where(np.arange(10) < 4, 0.0, 1.0), "x.npz")
    with pytest.raises(PoseAugError, match=r"x\.npz: holds no poses"):
        agreeing(np.zeros(0), "x.npz")
