"""What comes out is what was asked for: frame, depth, lenses, views, mirror, noise, split; whatever makes the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings, ViewSettings
from poseaug_gen.coverage.balance import elevations
from poseaug_gen.export.machine import has_bf16, resolved
from poseaug_gen.export.rows import Sampler
from poseaug_gen.export.verify import verify
from poseaug_gen.training.run_folder import RunFolder

FP32 = ExportSettings(precision="fp32")


def block(run: RunFolder, **settings: object) -> dict[str, np.ndarray]:
    """The rows of a first block."""
    return Sampler(run, replace(FP32, **settings)).block(0, 0).rows


def test_threads_change_nothing_but_the_time(fake_run: RunFolder) -> None:
    made = [
        [rows for rows, _ in Sampler(fake_run, ExportSettings(), threads=threads).blocks(3, 70_000)]
        for threads in (1, 3)
    ]
    for one, other in zip(*made, strict=True):
        assert all((values == other[name]).all() for name, values in one.items())


def test_joints_are_within_the_frame_and_depth_that_were_asked_for(fake_run: RunFolder) -> None:
    rows = block(fake_run, frame=(-0.9, 0.5), depth=(4.0, 6.0))
    assert rows["positions_2d"].min() >= -0.9
    assert rows["positions_2d"].max() <= 0.5
    assert rows["positions_3d"][..., 2].min() >= 4
    assert rows["positions_3d"][..., 2].max() <= 6
    assert len(rows["snapshot"]) > 1000


def test_a_range_of_views_is_seen_through_in_place_of_the_sources_lenses(fake_run: RunFolder) -> None:
    rows = block(fake_run, cameras="fov:50:80")
    across = 2 * np.degrees(np.arctan(1 / rows["intrinsics"][:, 0]))
    assert across.min() >= 50 - 1e-3
    assert across.max() <= 80 + 1e-3
    assert across.std() > 5
    assert (rows["intrinsics"][:, 2:] == 0).all()
    seen = project(torch.from_numpy(rows["positions_3d"]), torch.from_numpy(rows["intrinsics"]))
    np.testing.assert_allclose(rows["positions_2d"], seen, atol=1e-6)


def test_the_lenses_of_a_rig_are_seen_through(fake_run: RunFolder) -> None:
    rows = block(fake_run, cameras="rig:studio")
    assert len(np.unique(rows["intrinsics"], axis=0)) == 4
    assert set(map(tuple, rows["image_size"].tolist())) == {(1000, 1000), (1000, 1002)}


@pytest.mark.parametrize("learned", [0.0, 1.0])
def test_balanced_views_come_evenly_from_all_round(make_run: Callable[..., RunFolder], learned: float) -> None:
    """Through a rig whose frame hardly drops anyone. Elevations over the level frame of who was seen."""
    run = make_run(learned=learned, mirrored=0.0, exchange_legs=0.0, exchange_arms=0.0)
    sampler = Sampler(run, replace(FP32, balance="view", cameras="fov:80:90"))
    rows = sampler.block(0, 0).rows
    level = sampler.postures.level.double().numpy()[rows["source_index"]]
    turn = Rotation.from_rotvec(rows["rotation"]).as_matrix() @ level.transpose(0, 2, 1)  # level frame to camera
    camera = np.einsum("rji,rj->ri", turn, -rows["translation"].astype(np.float64))
    elevation = np.arcsin(-camera[:, 1] / np.linalg.norm(camera, axis=-1))
    low, high = elevations(ViewSettings())
    counts = np.histogram(elevation, 6, (low - 1e-4, high + 1e-4))[0]
    assert counts.sum() == len(elevation), "none is higher or lower"
    assert counts.min() > 0.8 * counts.max()
    azimuth = np.arctan2(camera[:, 0], camera[:, 2])
    assert kstest(azimuth, "uniform", (-np.pi, 2 * np.pi)).statistic < 0.03
    own = Sampler(run, replace(FP32, cameras="fov:80:90")).block(0, 0).rows
    assert not np.allclose(own["rotation"][:100], rows["rotation"][:100])


@pytest.mark.parametrize(("mirror", "share"), [(True, 0.5), (False, 0.0), (None, 0.5)])
def test_half_of_the_rows_are_mirrored_or_none(fake_run: RunFolder, mirror: bool | None, share: float) -> None:
    assert abs(block(fake_run, mirror=mirror)["mirrored"].mean() - share) < 0.02


def test_noise_is_beside_the_exact_projection(fake_run: RunFolder) -> None:
    plain, noisy = block(fake_run), block(fake_run, noise="mixture")
    assert all((values == noisy[name]).all() for name, values in plain.items()), "nothing else changes"
    assert set(noisy) - set(plain) == {"detected_2d", "confidence"}
    off = np.linalg.norm(noisy["detected_2d"] - noisy["positions_2d"], axis=-1)
    assert 0 < np.median(off) < 0.05
    assert ((noisy["confidence"] >= 0) & (noisy["confidence"] <= 1)).all()


def test_rows_for_validation_stand_on_people_of_their_own(make_run: Callable[..., RunFolder]) -> None:
    """No posture, limb or body of a subject is on both sides; the shares are those of the settings."""
    run = make_run(learned=0.5)
    sampler = Sampler(run, replace(FP32, split=0.3))
    rows = sampler.block(0, 0).rows
    assert abs((rows["split"] == 1).mean() - 0.3) < 0.03
    subjects = run.poses.subject.strings()[rows["source_index"]]
    source = rows["source_index"] < len(run.poses) - run.built_in_rows
    for part in (source, ~source):
        sides = [set(subjects[part & (rows["split"] == side)]) for side in (0, 1)]
        assert all(sides)
        assert not sides[0] & sides[1]
    assert set(rows["snapshot"]) == {0, 7}, "learned and drawn rows alike"
    bodies = [set(pool._drawn_bodies.tolist()) for pool in sampler.sides]
    assert all(bodies)
    assert not bodies[0] & bodies[1]


def test_an_export_with_everything_asked_for_is_verified(make_export: Callable, make_run: Callable) -> None:
    asked = {
        "n": 3000,
        "snapshots": "all",
        "cameras": "fov:40:75",
        "frame": (-0.95, 0.95),
        "depth": (2.0, 9.0),
        "mirror": True,
        "balance": "view",
        "scores": True,
        "min_score": -100.0,
        "difficulty_range": (0.0, 1e4),
        "candidates": 2,
        "noise": "gaussian",
        "split": 0.1,
    }
    path = make_export(run=make_run(learned=0.5), **asked).path
    assert verify(path).rows == 3000


# --- the machine ------------------------------------------------------------------------------------------------------


def test_auto_is_decided_before_anything_is_recorded() -> None:
    settings = resolved(ExportSettings())
    assert settings.device in ("cpu", "cuda")
    assert settings.precision == ("bf16" if has_bf16(settings.device) else "fp32")
    assert resolved(settings) == settings
    assert resolved(replace(settings, precision="fp32", device="cpu")).precision == "fp32"
