"""Even views: where the camera is, seen from the body, computed anew with SciPy's rotations and NumPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from poseaug_gen.config import ViewSettings
from poseaug_gen.coverage.balance import elevations, even_views

ROWS = 5000


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation (radians) of the camera from bodies all over the frame."""
    random = np.random.default_rng(0)
    root = torch.from_numpy(random.uniform([-2, -1.5, 2], [2, 1.5, 9], (ROWS, 3))).float()
    rotation = even_views(root, ViewSettings(), random).double().numpy()
    camera = Rotation.from_matrix(rotation).inv().apply(-root.double().numpy())  # in the body's level frame, y down
    return np.arctan2(camera[:, 0], camera[:, 2]), np.arcsin(-camera[:, 1] / np.linalg.norm(camera, axis=-1))


def test_azimuths_come_evenly_from_all_round(seen):
    assert kstest(seen[0], "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3


def test_elevations_come_evenly_from_low_to_high_wherever_the_body_is(seen):
    low, high = elevations(ViewSettings())
    assert np.degrees([low, high]) == pytest.approx([-13.07, 42.32], abs=0.01)
    assert kstest(seen[1], "uniform", (low, high - low)).pvalue > 1e-3


def test_who_stands_in_the_middle_is_upright_before_a_level_camera():
    """No roll: the body's vertical stays in the plane of the camera's y and z axes."""
    root = torch.tensor([[0.0, 0.0, 5.0]]).expand(200, 3)
    rotation = even_views(root, ViewSettings(), np.random.default_rng(1))
    assert rotation[:, 0, 1].abs().max() < 1e-6
    assert (rotation[:, 1, 1] > 0.7).all(), "and nobody stands on the head"
