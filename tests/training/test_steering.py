"""Extra 2D poses in training: they steer, what is missing tells nothing, and a run keeps them."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_runs
import torch

from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.poses import PoseSet
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training.loop import train
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Extra2D, Pairs, Real
from poseaug_gen.training.passes import train_gan
from poseaug_gen.training.run_folder import RunFolder

CPU = torch.device("cpu")


def tiny(**options):
    return tiny_runs.tiny(**{"schedule__epochs": 2} | options)


@pytest.fixture(scope="module")
def poses(make_poses):
    return make_poses(load_skeleton(), rows=200)


@pytest.fixture(scope="module")
def partial(make_poses) -> Poses2D:
    """Other people, from whom joints are missing at random, all their left wrists among them."""
    seen = make_poses(load_skeleton(), rows=90, seed=7).project()
    visible = np.random.default_rng(0).random(seen.shape[:2]) < 0.8
    visible[:, load_skeleton().joints.index("l_wrist")] = False
    return Poses2D.of(load_skeleton(), seen, visible, {"name": "street", "licence": "CC0"})


def everywhere(poses: Poses2D) -> Poses2D:
    """The same places with every joint known."""
    return Poses2D.of(poses.skeleton, poses.positions, np.ones_like(poses.visible), *poses.provenance)


def weights_hash(run: RunFolder) -> dict[str, str]:
    return tiny_runs.weights_hash(run.path)


# --- batches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.25, 10), (0.5, 20), (1.0, 40)])
def test_a_batch_has_its_share_of_extra_poses(partial, share, count):
    extra = Extra2D.of(partial, share, CPU)
    source = torch.full((40, 16, 2), 9.0)
    real = extra.mixed_with(source)
    from_source = (real.pose == 9).flatten(1).all(1)
    assert (~from_source).sum() == count
    assert (real.known[from_source] == 1).all()
    assert (real.pose * (1 - real.known) == 0).all(), "what is missing is zero"
    known = {tuple(row) for row in partial.positions.reshape(len(partial), -1).tolist()}
    assert {tuple(row) for row in real.pose[~from_source].flatten(1).tolist()} <= known


def test_the_rows_differ_from_batch_to_batch_and_come_from_all_over_the_set(partial):
    extra = Extra2D.of(partial, 1.0, CPU)
    batches = [extra.mixed_with(torch.zeros(40, 16, 2)).pose for _ in range(20)]
    assert not torch.equal(batches[0], batches[1])
    assert len(torch.cat(batches).flatten(1).unique(dim=0)) > 85


def test_fakes_lose_what_the_real_poses_lack_row_by_row(partial):
    real = Extra2D.of(partial, 0.5, CPU).mixed_with(torch.rand(40, 16, 2))
    fakes = torch.rand(40, 16, 2) + 1
    hidden = real.hide(fakes)
    assert torch.equal(hidden == 0, (real.known == 0).expand(-1, -1, 2))
    assert torch.equal(hidden[hidden != 0], fakes[hidden != 0])
    assert Real(real.pose).hide(fakes) is fakes


# --- steps ------------------------------------------------------------------------------------------------


def gan_pass(poses, extra: Extra2D | None, **options) -> tuple[Networks, dict[str, float]]:
    """Networks after one pass, and what it logged."""
    torch.manual_seed(0)
    networks = Networks(tiny(**options), poses.skeleton, CPU)
    torch.manual_seed(1)
    _, row = train_gan(networks, Pairs.of(poses, CPU), epoch=2, extra=extra)
    return networks, row


def state(networks: Networks) -> list[torch.Tensor]:
    return [value for module in networks._modules.values() for value in module.state_dict().values()]


def test_a_share_of_nothing_is_as_no_set_to_the_last_bit(poses, partial):
    without, with_none = gan_pass(poses, None), gan_pass(poses, Extra2D.of(partial, 0.0, CPU))
    assert without[1] == with_none[1]
    assert all(torch.equal(a, b) for a, b in zip(state(without[0]), state(with_none[0]), strict=True))


def test_masks_of_whole_poses_change_no_bit(poses, partial, monkeypatch):
    whole = Extra2D.of(everywhere(partial), 0.5, CPU)
    masked = gan_pass(poses, whole)
    monkeypatch.setattr(Real, "hide", lambda self, fakes: fakes)
    unmasked = gan_pass(poses, whole)
    assert masked[1] == unmasked[1]
    assert all(torch.equal(a, b) for a, b in zip(state(masked[0]), state(unmasked[0]), strict=True))


def test_what_no_pose_has_never_reaches_the_2d_discriminator(poses, partial, monkeypatch):
    """All extra poses lack the left wrist; alone, they leave its inputs zero in every step of both networks."""
    seen: list[torch.Tensor] = []

    def spy(module, inputs):
        seen.append(inputs[0].detach().clone())

    wrist = poses.skeleton.joints.index("l_wrist")
    networks = Networks(tiny(), poses.skeleton, CPU)
    before = networks.d2d.into.weight.detach().clone().reshape(-1, 16, 2)
    networks.d2d.register_forward_pre_hook(spy)
    train_gan(networks, Pairs.of(poses, CPU), epoch=2, extra=Extra2D.of(partial, 1.0, CPU))
    assert len(seen) > 12
    assert all((batch[:, wrist] == 0).all() for batch in seen)
    after = networks.d2d.into.weight.reshape(-1, 16, 2)
    moved = (after != before).flatten(2).any(2).any(0)
    assert moved.tolist() == [joint != wrist for joint in range(16)]


def test_real_and_fake_poses_lack_the_same_joints_in_each_step(poses, partial):
    """So that a discriminator cannot tell them by their zeros: joint by joint, as often in the one as in the other."""
    batches: list[torch.Tensor] = []
    networks = Networks(tiny(), poses.skeleton, CPU)
    networks.d2d.register_forward_pre_hook(lambda module, inputs: batches.append(inputs[0].detach().clone()))
    train_gan(networks, Pairs.of(poses, CPU), epoch=1, extra=Extra2D.of(partial, 0.5, CPU))
    for real, fake in zip(batches[::2], batches[1::2], strict=True):
        assert torch.equal((real == 0).all(-1), (fake == 0).all(-1))
        assert (real == 0).any()


def test_a_missing_joint_passes_no_gradient_to_the_augmentor(poses, partial):
    torch.manual_seed(0)
    networks = Networks(tiny(), poses.skeleton, CPU)
    real = Extra2D.of(partial, 0.5, CPU).mixed_with(Pairs.of(poses, CPU).pose_2d[:40])
    fakes = torch.rand(40, 16, 2, requires_grad=True)
    networks.d2d(real.hide(fakes)).sum().backward()
    assert torch.equal(fakes.grad == 0, (real.known == 0).expand(-1, -1, 2))


def test_the_scores_of_whole_poses_disregard_joints_that_were_never_seen(poses, partial, tmp_path):
    """An export scores whole poses; a weight that nothing trained must have no say in it."""
    run = train(tiny(source__extra_2d_share=1.0), poses, RunFolder(tmp_path / "run"), extra_2d=partial)
    _, d2d = run.discriminators()
    whole = torch.rand(8, 16, 2)
    turned = whole.clone()
    turned[:, poses.skeleton.joints.index("l_wrist")] = 5
    assert torch.equal(d2d(whole), d2d(turned))
    turned[:, poses.skeleton.joints.index("r_wrist")] = 5
    assert not torch.equal(d2d(whole), d2d(turned))


# --- runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory, poses, partial) -> RunFolder:
    return train(tiny(), poses, RunFolder(tmp_path_factory.mktemp("runs") / "whole"), extra_2d=partial)


def test_a_run_keeps_its_extra_poses_and_says_whose_they_are(finished, poses, partial):
    kept = finished.extra_2d
    np.testing.assert_array_equal(kept.positions, partial.positions)
    np.testing.assert_array_equal(kept.visible, partial.visible)
    info = finished.info()
    assert info["rows"]["extra_2d"] == 90
    assert info["source"]["extra_2d"] == [{"name": "street", "licence": "CC0"}]
    assert info["source"]["name"] == poses.provenance["name"]


def test_the_same_seed_gives_the_same_weights_and_another_share_others(finished, poses, partial, tmp_path):
    again = train(tiny(), poses, RunFolder(tmp_path / "again"), extra_2d=partial)
    assert weights_hash(again) == weights_hash(finished)
    assert (again.path / "extra_2d.h5").read_bytes() == (finished.path / "extra_2d.h5").read_bytes()
    more = train(tiny(source__extra_2d_share=0.9), poses, RunFolder(tmp_path / "more"), extra_2d=partial)
    assert weights_hash(more) != weights_hash(finished)


def test_an_interrupted_run_goes_on_with_them_to_the_same_weights(finished, poses, partial, tmp_path):
    folder = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), poses, folder, tiny_runs.StopAfter(8), partial)
    train(tiny(), None, RunFolder(folder.path))
    assert weights_hash(folder) == weights_hash(finished)


def test_a_set_that_an_unborn_run_left_behind_is_not_taken_up(poses, partial, tmp_path):
    """A run that was killed before its run.json is none; its files must not steer the next."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "extra_2d.h5").write_bytes(b"half a file")
    run = train(tiny(), poses, RunFolder(tmp_path / "run"))
    assert run.extra_2d is None
    assert weights_hash(run) == weights_hash(train(tiny(), poses, RunFolder(tmp_path / "clean")))


def test_a_set_of_another_skeleton_is_refused(poses, tmp_path):
    other = load_skeleton("coco17")
    wrong = Poses2D.of(other, np.zeros((3, 17, 2)), np.ones((3, 17), dtype=bool))
    with pytest.raises(ValueError, match="skeletons differ: coco17, h36m16"):
        train(tiny(), poses, RunFolder(tmp_path / "run"), extra_2d=wrong)


def test_the_estimator_learns_from_detected_2d_where_there_is_some(poses):
    """And the GAN from projections, as its bodies are other people's."""
    noisy = poses.project() + np.float32(0.01)
    pairs = Pairs.of(replace(poses, detected_2d=noisy), CPU)
    np.testing.assert_array_equal(pairs.pose_2d.numpy(), noisy)
    bodies = torch.from_numpy(poses.subject_bone_lengths())
    swapped = pairs.with_random_lengths(bodies, poses.skeleton)
    assert (swapped.pose_2d - pairs.pose_2d).abs().mean() > 0.009


# --- steering ---------------------------------------------------------------------------------------------


def places(augmentor: Augmentor, poses: PoseSet) -> np.ndarray:
    """Where in the image the augmentor puts each body's root."""
    pairs = Pairs.of(poses, CPU)
    with torch.no_grad():
        return augmentor(pairs.pose, pairs.intrinsics, augmentor.draw_noise(len(pairs))).pose_2d[:, 0].numpy()


def test_the_augmentor_puts_bodies_where_the_extra_poses_are(make_poses, tmp_path):
    """The source stands in the middle of the image; the extra poses are farther, up and to the left."""
    poses, others = (make_poses(load_skeleton(), rows=600, seed=seed) for seed in (0, 5))
    seen = replace(others, positions=others.positions + np.float32([-1.5, -0.6, 3.0])).project()
    extra = Poses2D.of(others.skeleton, seen, np.ones(seen.shape[:2], dtype=bool))
    # The GAN alone, and fast: some seventy steps must do what a run does in tens of thousands.
    gan = {"schedule__pretrain_epochs": 0, "schedule__epochs": 12, "schedule__warmup_epochs": 12}
    gan |= {"schedule__batch_size": 64, "schedule__augmentor_learning_rate": 2e-3, "augmentor__width": 32}
    gan |= {"schedule__discriminator_learning_rate": 2e-3, "loss__pool_size": 512, "source__extra_2d_share": 1.0}
    apart = {}
    for name, chosen in (("with", extra), ("without", None)):
        run = train(tiny(**gan), poses, RunFolder(tmp_path / name), extra_2d=chosen)
        made = places(run.augmentor(epoch=12), run.poses)
        apart[name] = np.linalg.norm(made - seen[:, 0].mean(0), axis=-1).mean()
    assert np.linalg.norm(poses.project()[:, 0].mean(0) - seen[:, 0].mean(0)) > 0.4
    assert apart["with"] < 0.65 * apart["without"]
    assert apart["with"] < 0.3
