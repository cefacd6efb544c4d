"""Rows: drawn by (seed, shard, block) alone, some by the augmentor, only valid ones kept, the others counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tomli_w
import torch

from poseaug_gen.bones import bones_of, directions_of, root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import ExportSettings
from poseaug_gen.coverage.chance import normals, uniforms
from poseaug_gen.coverage.postures import PosturePool
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.rows import BLOCK_ROWS, Rows, Sampler, Tally, generator_of
from poseaug_gen.metrics import mpjpe_mm
from poseaug_gen.models.augmentor import NETWORKS
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.storage import write_text
from poseaug_gen.training.run_folder import DIFFICULTY, RunFolder
from poseaug_gen.validity import Limits, faults


def gathered(sampler: Sampler, shard: int, rows: int) -> tuple[Rows, Tally]:
    """All rows of a shard at once."""
    blocks, total = [], Tally()
    for block, tally in sampler.blocks(shard, rows):
        blocks.append(block)
        total += tally
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}, total


def pool_of(run: RunFolder) -> PosturePool:
    return PosturePool(run.poses, run.built_in_rows, run.config.postures, run.difficulty())


def is_near(share: np.ndarray, expected: float) -> bool:
    """Within four standard errors."""
    return bool(abs(share.mean() - expected) <= 4 * (expected * (1 - expected) / len(share)) ** 0.5)


# --- chance ---------------------------------------------------------------------------------------------------------


def test_chance_depends_on_seed_shard_and_block_alone() -> None:
    place = (3, 1, 2)
    noise = generator_of(*place).standard_normal(10_000)
    np.testing.assert_array_equal(noise, generator_of(*place).standard_normal(10_000))
    for other in ((4, 1, 2), (3, 2, 2), (3, 1, 3), (1, 3, 2), (3, 2, 1)):
        assert abs(np.corrcoef(noise, generator_of(*other).standard_normal(10_000))[0, 1]) < 0.05


def test_the_largest_seed_and_a_late_block_have_numbers_as_the_first() -> None:
    noise = generator_of(2**63 - 1, 10**6, 10**9).standard_normal(100_000)
    assert abs(noise.mean()) < 0.015
    assert abs(noise.std() - 1) < 0.01


def test_a_block_draws_within_its_own_part_of_the_stream(fake_run: RunFolder) -> None:
    """The counter's last word is the block; all that a block draws leaves it as it was."""
    random = generator_of(0, 0, 7)
    sampler = Sampler(fake_run, ExportSettings())
    sampler.maker.make(sampler.postures.draw(BLOCK_ROWS, random), random)
    counter = random.bit_generator.state["state"]["counter"]
    assert counter[3] == 7
    assert 0 < counter[0] < 2**32
    assert counter[1] == counter[2] == 0


def test_a_shorter_shard_is_the_beginning_of_a_longer_one(fake_run: RunFolder) -> None:
    sampler = Sampler(fake_run, ExportSettings())
    long, _ = gathered(sampler, 2, BLOCK_ROWS + 3000)
    short, _ = gathered(sampler, 2, 100)
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:100])


def test_another_sampler_of_the_run_makes_the_same_rows_and_another_seed_others(fake_run: RunFolder) -> None:
    rows, again, other = (gathered(Sampler(fake_run, ExportSettings(seed=seed)), 0, 300)[0] for seed in (0, 0, 1))
    assert all((values == again[name]).all() for name, values in rows.items())
    assert not (rows["positions_3d"] == other["positions_3d"]).all(axis=(1, 2)).any()


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_counts_add_up(fake_run: RunFolder) -> None:
    rows, tally = gathered(Sampler(fake_run, ExportSettings()), 0, 20_000)
    assert all(len(values) == 20_000 for values in rows.values())
    assert tally.candidates == 20_000 + sum(tally.redrawn.values())
    assert sum(tally.redrawn.values()) > 0, "the fake run should throw some people out of the frame"


def test_nothing_is_redrawn_twice_or_lost(fake_run: RunFolder) -> None:
    """The kept rows are the valid candidates, in their order."""
    rows, tally = gathered(Sampler(fake_run, ExportSettings()), 0, 15_000)
    pool, blocks = pool_of(fake_run), range(-(-tally.candidates // BLOCK_ROWS))
    place = torch.cat([pool.draw(BLOCK_ROWS, generator_of(0, 0, block)).place for block in blocks])[: tally.candidates]
    kept = rows["source_index"] + len(fake_run.poses) * rows["mirrored"].astype(np.int64)
    candidates = iter(place.tolist())
    assert all(any(here == candidate for candidate in candidates) for here in kept.tolist())
    assert place[-1] == kept[-1]


# --- what they are --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_the_share_of_rows_that_the_augmentor_makes(make_run: Callable[..., RunFolder], share: float) -> None:
    """In an export with hardly an invalid row; the candidates' share is the settings'."""
    sampler, random = Sampler(make_run(learned=share), ExportSettings()), generator_of(0, 0, 0)
    made = sampler.maker.make(sampler.postures.draw(BLOCK_ROWS, random), random).take(torch.arange(BLOCK_ROWS))
    assert len(made.pose) == BLOCK_ROWS
    assert set(made.snapshot.tolist()) <= {0, 7}
    assert is_near((made.snapshot == 7).numpy(), share)
    assert (made.angle_change[made.snapshot == 0] == 0).all()
    assert (made.angle_change[made.snapshot == 7] > 0).all()


def test_a_learned_row_is_what_the_augmentor_makes_of_its_posture(fake_run: RunFolder) -> None:
    """The trained module, not the folded one, from the same noise; what is valid of it is in the export, in order."""
    rows, _ = gathered(Sampler(fake_run, ExportSettings(precision="fp32")), 0, 5000)
    learned = rows["snapshot"] == 7
    random = generator_of(0, 0, 0)
    posture = pool_of(fake_run).draw(BLOCK_ROWS, random)
    by = uniforms(random, 2, BLOCK_ROWS)[0] < fake_run.config.postures.learned
    augmentor = fake_run.augmentor()
    assert by.sum() < 2048, "one tile of the networks: all noise in one draw"
    noise = normals(random, len(NETWORKS), int(by.sum()), augmentor.noise)
    with torch.no_grad():
        expected = augmentor(posture.pose[by], posture.intrinsics[by], noise)
    limits = Limits.of(fake_run.config.visibility)
    valid = ~faults(expected.pose_rt, expected.pose_2d, posture.image_size[by], limits).any(-1)
    count = int(learned.sum())
    assert 0 < count < len(rows["snapshot"])
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(rows["positions_3d"][learned], expected.pose_rt[valid][:count], **close)
    np.testing.assert_allclose(rows["rotation"][learned], expected.rotation[valid][:count], **close)
    np.testing.assert_allclose(rows["length_ratio"][learned], expected.length_ratio[valid][:count], **close)
    change = expected.angle_change.mean(-1)[valid][:count]
    np.testing.assert_allclose(rows["angle_change"][learned], change, **close)
    np.testing.assert_array_equal(rows["source_index"][learned], posture.index[by][valid][:count])
    np.testing.assert_array_equal(rows["intrinsics"][learned], posture.intrinsics[by][valid][:count])


def test_the_rotation_of_a_drawn_row_maps_the_sources_posture_onto_its_own(drawn_run: RunFolder) -> None:
    """Without exchanged limbs every bone points where the source's does, mirrored where it says so, and turned."""
    rows, _ = gathered(Sampler(drawn_run, ExportSettings()), 0, 3000)
    poses, skeleton = drawn_run.poses, drawn_run.skeleton
    both = np.stack([poses.positions, poses.mirrored().positions])
    source = torch.from_numpy(both[rows["mirrored"].astype(int), rows["source_index"]])
    turn = rotation_matrix(torch.from_numpy(rows["rotation"]))
    expected = directions_of(bones_of(source, skeleton)) @ turn.mT
    made = directions_of(bones_of(torch.from_numpy(rows["positions_3d"]), skeleton))
    torch.testing.assert_close(made, expected, rtol=0, atol=2e-4)  # float32 some metres away
    assert is_near(rows["mirrored"], 0.5)
    assert (rows["snapshot"] == 0).all()
    assert (np.linalg.norm(rows["rotation"], axis=-1) <= np.pi + 1e-5).all()


def test_of_a_drawn_row_with_the_limbs_of_others_the_trunk_is_the_sources(fake_run: RunFolder) -> None:
    rows, _ = gathered(Sampler(fake_run, ExportSettings()), 0, 3000)
    rows = {name: values[rows["snapshot"] == 0] for name, values in rows.items()}
    poses, skeleton = fake_run.poses, fake_run.skeleton
    both = np.stack([poses.positions, poses.mirrored().positions])
    source = torch.from_numpy(both[rows["mirrored"].astype(int), rows["source_index"]])
    expected = directions_of(bones_of(source, skeleton)) @ rotation_matrix(torch.from_numpy(rows["rotation"])).mT
    made = directions_of(bones_of(torch.from_numpy(rows["positions_3d"]), skeleton))
    same = ((made - expected).norm(dim=-1) < 1e-3).double().mean(0)
    limb = torch.from_numpy(skeleton.limb_depth[1:] > 1)
    assert (same[~limb] == 1).all()
    assert ((same[limb] > 0.2) & (same[limb] < 0.8)).all(), "legs stay on 30 % and an arm on 70 %"


def test_harder_postures_are_drawn_more_often(make_run: Callable[..., RunFolder], drawn_run: RunFolder) -> None:
    """The first half of the source's postures four times as hard: at a power of one, they come four times as often."""
    places = 2 * len(drawn_run.poses)
    harder = np.where(np.arange(places) % len(drawn_run.poses) < 100, 80.0, 20.0).astype(np.float32)
    own_limbs = {"learned": 0.0, "exchange_legs": 0.0, "exchange_arms": 0.0, "built_in": 0.0, "difficulty": 1.0}
    judged = make_run(judged=harder, **own_limbs)
    index = gathered(Sampler(judged, ExportSettings()), 0, 8000)[0]["source_index"]
    alike = gathered(Sampler(make_run(**own_limbs), ExportSettings()), 0, 8000)[0]["source_index"]
    assert (index < 200).all(), "none of the built-in ones was asked for"
    assert abs((index < 100).mean() - 0.8) < 0.03
    assert abs((alike < 100).mean() - 0.5) < 0.03


@pytest.mark.parametrize("tensors", [{"difficulty": torch.ones(7)}, {"hardness": torch.ones(600)}])
def test_a_difficulty_of_other_postures_is_one_sentence(make_run: Callable[..., RunFolder], tensors: dict) -> None:
    run = make_run()
    run.write_tensors(DIFFICULTY, tensors)
    with pytest.raises(PoseAugError, match=r"difficulty\.safetensors: not of this run's 300 poses .*train"):
        Sampler(run, ExportSettings())


def test_a_run_of_before_there_were_drawn_rows_is_exported_as_it_was_trained(
    make_run: Callable[..., RunFolder],
) -> None:
    """Its configuration says nothing of postures and views: then the augmentor makes every row, as in SPEC."""
    run = make_run()
    sections = {name: values for name, values in run.config.to_dict().items() if name not in ("postures", "views")}
    write_text(run.path / "config.toml", tomli_w.dumps(sections))
    run.write_info(rows={"training": 300, "validation": 0})
    rows, _ = gathered(Sampler(RunFolder(run.path), ExportSettings()), 0, 500)
    assert (rows["snapshot"] == 7).all()
    assert (rows["mirrored"] == 0).all()
    assert rows["source_index"].max() >= 200, "and every pose is the source's"


def test_scores_and_difficulty_are_what_they_say(fake_run: RunFolder) -> None:
    rows, _ = gathered(Sampler(fake_run, ExportSettings(scores=True, difficulty=True, precision="fp32")), 0, 500)
    assert 0 < (rows["snapshot"] == 7).sum() < 500, "learned and drawn rows"
    pose, pose_2d = torch.from_numpy(rows["positions_3d"]), torch.from_numpy(rows["positions_2d"])
    estimator, halves = fake_run.estimator(), (fake_run.poses, fake_run.poses.mirrored())
    places = rows["mirrored"].astype(int), rows["source_index"]
    source = torch.from_numpy(np.stack([half.positions for half in halves])[places])
    lens = torch.from_numpy(np.stack([half.intrinsics for half in halves])[places])
    with torch.no_grad():
        easy = mpjpe_mm(estimator(project(source, lens)), root_relative(source)) / 1000
        hard = mpjpe_mm(estimator(pose_2d), root_relative(pose)) / 1000
        score_2d = fake_run.discriminators()[1](pose_2d)[:, 0]
        # The 3D discriminator is blind to the rigid transform and, but for rounding, to bone lengths.
        score_3d = fake_run.discriminators()[0](pose).mean(-1)
    np.testing.assert_allclose(rows["difficulty"], hard / (easy + 1e-4), rtol=1e-4)
    np.testing.assert_allclose(rows["score_2d"], score_2d, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rows["score_3d"], score_3d, rtol=1e-3, atol=1e-3)


# --- hardly a valid one ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bias", "cause"), [((0.0, 0.0, 10.0), "depth"), ((4.0, 0.0, 2.2), "out_of_frame"), ((0, 0, np.nan), "not_finite")]
)
def test_an_augmentor_that_hardly_makes_a_valid_pair_is_told(bias: tuple, cause: str, make_run: Callable) -> None:
    sampler = Sampler(make_run(bias=bias, learned=1.0), ExportSettings())
    with pytest.raises(PoseAugError, match=rf"hardly a .* valid pair .*{cause}\): .*train"):
        gathered(sampler, 0, 10_000)


def test_an_augmentor_that_makes_no_valid_pair_leaves_the_drawn_ones(make_run: Callable[..., RunFolder]) -> None:
    rows, tally = gathered(Sampler(make_run(bias=(0.0, 0.0, 10.0)), ExportSettings()), 0, 5000)
    assert (rows["snapshot"] == 0).all()
    assert 0.05 < tally.redrawn["depth"] / tally.candidates < 0.15


def test_views_that_hardly_have_a_body_in_their_frame_are_told(make_run: Callable[..., RunFolder]) -> None:
    run = make_run(learned=0.0, views={"fills_least": 5.0, "fills_most": 6.0, "own_lens": 0.0})
    with pytest.raises(PoseAugError, match=r"hardly a .* valid pair .*out_of_frame\): .*views\.fills_most"):
        gathered(Sampler(run, ExportSettings()), 0, 10_000)
