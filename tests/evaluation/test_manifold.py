"""Distances between samples: against other people's algorithms, and where the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from strategies import light, random_poses, seeds

from poseaug_gen.evaluation import manifold
from poseaug_gen.evaluation.manifold import (
    agreement,
    average_pairwise_distance_mm,
    distinct,
    frechet_distance,
    nearest_mm,
)
from poseaug_gen.skeleton import load_skeleton


def gaussian(rows: int, axes: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(rows, axes)) @ rng.normal(size=(axes, axes)) + shift)


def bodies(rows: int, seed: int) -> torch.Tensor:
    pose = random_poses(load_skeleton(), rows, seed)
    return pose - pose[:, :1]


# --- Fréchet distance ---------------------------------------------------------------------------------------------


@light
@given(seeds, st.integers(2, 20))
def test_frechet_distance_is_that_of_scipy_s_root(seed, axes):
    a, b = gaussian(200, axes, seed), gaussian(150, axes, seed + 1, shift=0.5)
    cov_a, cov_b = (np.cov(points.numpy(), rowvar=False) for points in (a, b))
    root = np.real(sqrtm(cov_a @ cov_b))
    expected = np.square((a.mean(0) - b.mean(0)).numpy()).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)
    turn = torch.from_numpy(ortho_group.rvs(axes, random_state=seed % 2**31))
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_sets_that_differ_in_place_or_size_alone():
    a = gaussian(500, 6, 0)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + torch.arange(6.0)) == pytest.approx(55)
    assert frechet_distance(a, 3 * a - 2 * a.mean(0)) == pytest.approx(4 * a.var(0).sum().item())


def test_frechet_distance_where_axes_do_not_vary():
    """Hip bones point the same way in every pose of a frame: no covariance has full rank."""
    flat = gaussian(500, 6, 0) * torch.tensor([1, 1, 1, 0, 0, 0])
    other = gaussian(500, 6, 1) * torch.tensor([1, 1, 1, 0, 0, 0])
    assert frechet_distance(flat, other) == pytest.approx(frechet_distance(flat[:, :3], other[:, :3]))


# --- precision and recall, density and coverage -------------------------------------------------------------------


def by_definition(sample: np.ndarray, reference: np.ndarray) -> tuple[float, float, float, float]:
    """Kynkäänniemi et al. 2019 and Naeem et al. 2020, word by word."""

    def radius(points, k):
        return np.sort(cdist(points, points), 1)[:, k]

    between = cdist(sample, reference)
    precision = np.mean([(row <= radius(reference, 3)).any() for row in between])
    recall = np.mean([(column <= radius(sample, 3)).any() for column in between.T])
    density = (between <= radius(reference, 5)).sum() / (5 * len(sample))
    coverage = np.mean(between.min(0) <= radius(reference, 5))
    return precision, recall, density, coverage


@light
@given(seeds, st.integers(1, 10))
def test_agreement_is_as_its_authors_define_it(seed, axes):
    sample, reference = gaussian(70, axes + 1, seed), gaussian(90, axes + 1, seed + 1)
    found = agreement(sample, reference)
    expected = by_definition(sample.float().numpy(), reference.float().numpy())
    # float32 may take a neighbour for one that is as far.
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected, abs=0.02)


def test_blocks_make_no_difference(monkeypatch):
    sample, reference = gaussian(70, 5, 0), gaussian(90, 5, 1)
    pose_a, pose_b = bodies(31, 0), bodies(45, 1)
    whole = agreement(sample, reference), nearest_mm(pose_a, pose_b)
    monkeypatch.setattr(manifold, "BLOCK_ROWS", 7)
    assert agreement(sample, reference) == whole[0]
    for part, all_at_once in zip(nearest_mm(pose_a, pose_b), whole[1], strict=True):
        assert torch.equal(part, all_at_once)


def test_two_halves_of_a_sample_agree_and_what_is_far_apart_does_not():
    points = gaussian(4000, 6, 0)
    alike = agreement(points[:2000], points[2000:])
    assert min(alike.precision, alike.recall, alike.coverage) > 0.9
    assert alike.density == pytest.approx(1, abs=0.05)
    apart = agreement(points[:2000] + 1000, points[2000:])
    assert (apart.precision, apart.recall, apart.density, apart.coverage) == (0, 0, 0, 0)


def test_a_narrow_sample_is_precise_and_recalls_little():
    points = gaussian(2000, 4, 0)
    narrow = agreement(points[:1000] * 0.1, points[1000:])
    assert narrow.precision > 0.95
    assert narrow.recall < 0.3
    wide = agreement(points[:1000] * 10, points[1000:])
    assert wide.precision < 0.1
    assert wide.recall > narrow.recall


# --- distances of poses -------------------------------------------------------------------------------------------


@light
@given(seeds)
def test_nearest_poses_are_those_of_a_search_tree_and_of_all_pairs(seed):
    a, b = bodies(40, seed), bodies(60, seed + 1)
    there, back = nearest_mm(a, b)
    between = 1000 * (a[:, None] - b).norm(dim=-1).mean(-1)
    torch.testing.assert_close(there, between.amin(1))
    torch.testing.assert_close(back, between.amin(0))
    wrists = [pose[:, 12:13] for pose in (a, b)]  # of one joint, the mean distance is the Euclidean
    tree = 1000 * cKDTree(wrists[1][:, 0].numpy()).query(wrists[0][:, 0].numpy())[0]
    np.testing.assert_allclose(nearest_mm(*wrists)[0], tree, rtol=1e-9, atol=1e-4)


def test_what_is_in_both_samples_is_at_no_distance():
    a, b = bodies(50, 0), bodies(50, 1)
    there, back = nearest_mm(torch.cat([a, b[:10]]), b)
    assert (there[50:] == 0).all()
    assert (back[:10] == 0).all()
    assert min(there[:50].min(), back[10:].min()) > 10


def test_average_pairwise_distance():
    poses = bodies(manifold.PARTNERS + 1, 0)  # few enough that every two are compared
    distance = 1000 * (poses[:, None] - poses).norm(dim=-1).mean(-1)
    expected = distance.sum() / (len(poses) * (len(poses) - 1))
    assert average_pairwise_distance_mm(poses, np.random.default_rng(0)) == pytest.approx(expected.item())
    two = torch.zeros(1000, 4, 3, dtype=torch.float64)
    two[500:, :, 2] = 0.1  # one of two poses, 100 mm apart: half of all pairs are
    assert average_pairwise_distance_mm(two, np.random.default_rng(0)) == pytest.approx(50, abs=2)


# --- poses that differ --------------------------------------------------------------------------------------------


@light
@given(seeds, st.integers(1, 5))
def test_a_pose_that_several_cameras_saw_is_one(seed, cameras):
    rng = np.random.default_rng(seed)
    poses = bodies(30, seed)
    seen = torch.cat([poses + 1e-6 * torch.from_numpy(rng.normal(size=poses.shape)) for _ in range(cameras)])
    order = rng.permutation(len(seen))
    kept = order[distinct(seen[torch.from_numpy(order)], 1e-4, rng)]
    assert sorted(kept % 30) == list(range(30))


@light
@given(seeds, st.floats(0.01, 0.5))
def test_no_two_that_are_left_are_one_and_none_is_lost_that_is_near_to_nobody(seed, closest):
    rng = np.random.default_rng(seed)
    poses = torch.from_numpy(rng.uniform(0, 1, (60, 1, 3)))
    kept = distinct(poses, closest, rng)
    apart = np.abs(poses.numpy()[:, None] - poses.numpy()).max((2, 3)) + 10 * np.eye(60)
    assert apart[np.ix_(kept, kept)].min() > closest or len(kept) == 1
    gone = np.setdiff1d(np.arange(60), kept)
    assert (apart[gone].min(1) <= closest).all()


def test_one_pose_over_and_over_is_one():
    assert len(distinct(bodies(1, 0).expand(5000, -1, -1), 1e-4, np.random.default_rng(0))) == 1
    assert len(distinct(bodies(0, 0), 1e-4, np.random.default_rng(0))) == 0
