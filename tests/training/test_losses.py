"""Each formula of SPEC, "Losses", against numbers worked out by hand or an independent computation."""

import math

import pytest
import torch

from poseaug_gen.config import FeedbackSettings, LossSettings
from poseaug_gen.models.augmentor import Augmentor
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training import losses

SKELETONS = ("h36m16", "h36m17", "coco17")


def test_a_discriminator_that_is_right_has_no_loss_and_its_augmentor_the_most():
    real, fake = torch.ones(8, 5), torch.zeros(8, 5)
    assert losses.discriminator_loss(real, fake) == 0
    assert losses.adversarial_loss(real, fake) == 1
    assert losses.discriminator_loss(fake, real) == 1
    assert losses.adversarial_loss(fake, real) == 0


def test_the_real_half_of_the_adversarial_loss_gives_the_augmentor_no_gradient():
    real, fake = torch.rand(8, 5), torch.rand(8, 5, requires_grad=True)
    with_real = torch.autograd.grad(losses.adversarial_loss(real, fake), fake)[0]
    without = torch.autograd.grad(losses.adversarial_loss(torch.zeros(8, 5), fake), fake)[0]
    torch.testing.assert_close(with_real, without)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([0.205, 0.205], 0.0),
        ([0.0, 0.41 - 1e-6], 0.0),  # only the mean over the bones counts
        ([0.0, 0.0], 0.205**2),
        ([0.8, 0.6], (0.7 - 0.205) ** 2),
    ],
)
def test_angle_range_is_free_inside_its_band(changes, expected):
    loss = losses.angle_range_loss(torch.tensor([changes]), target=0.205, band=0.165)
    assert float(loss) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_length_range_counts_each_ratio_alone():
    ratio = torch.tensor([[0.05, -0.1, 0.2], [0.0, -0.15, 0.09]])
    expected = (0.2**2 + 0.15**2) / 6
    assert float(losses.length_range_loss(ratio, band=0.1)) == pytest.approx(expected)


def test_range_feedback_pulls_a_ratio_towards_its_band():
    ratio = torch.tensor([[0.5, 3.0, 9.0]], requires_grad=True)
    gradient = torch.autograd.grad(losses.range_feedback(ratio, target=3.0, band=2.0), ratio)[0]
    assert gradient[0, 0] < 0, "too easy: the ratio must grow"
    assert gradient[0, 1] == 0
    assert gradient[0, 2] > 0, "too hard: the ratio must fall"


def test_exponential_feedback_is_zero_where_the_pose_is_beta_times_as_hard_and_never_overflows():
    source = torch.tensor([0.1, 0.2])
    assert float(losses.exponential_feedback(1.5 * source, source, beta=1.5)) == pytest.approx(0, abs=1e-7)
    harder, easier = source * 2, source * 1.2
    expected = sum(abs(1 - math.exp(0.5 * s)) for s in source.tolist()) / 2
    assert float(losses.exponential_feedback(harder, source, beta=1.5)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.exponential_feedback(easier, source, beta=1.5)) > 0
    assert losses.exponential_feedback(torch.tensor([1e6]), source[:1], beta=1.5).isfinite()


def test_the_angle_target_runs_from_three_to_five():
    settings = FeedbackSettings()
    assert [losses.angle_target(settings, p) for p in (0.0, 0.5, 1.0)] == [3, 4, 5]


@pytest.mark.parametrize("name", SKELETONS)
def test_joint_group_errors_weigh_and_average_as_a_plain_loop_does(name):
    skeleton = load_skeleton(name)
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.rand(2, 7, skeleton.num_joints, 3, generator=generator)
    expected = torch.zeros(7, len(skeleton.feedback_groups))
    for row in range(7):
        for column, group in enumerate(skeleton.feedback_groups):
            errors = [
                float(skeleton.feedback_weights[joint]) * math.dist(predicted[row, joint], target[row, joint])
                for joint in group
            ]
            expected[row, column] = sum(errors) / len(errors)
    torch.testing.assert_close(losses.joint_group_errors(predicted, target, skeleton), expected)


@pytest.mark.parametrize("form", ["range", "exponential"])
def test_feedback_is_finite_where_the_estimator_is_perfect(form):
    """The ratio's denominator is zero there; the published code divides by it."""
    skeleton = load_skeleton()
    pose = torch.rand(4, 16, 3)
    moved = (pose + 0.1).requires_grad_()
    loss, ratios = losses.feedback_loss(
        (pose, pose), (moved, pose), (moved, pose), skeleton, FeedbackSettings(form=form), progress=0.5
    )
    gradient = torch.autograd.grad(loss, moved)[0]
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert all(ratio.isfinite() for ratio in ratios.values())


def test_the_augmentor_loss_is_the_weighted_sum_of_its_parts(make_poses):
    skeleton = load_skeleton()
    poses = make_poses(skeleton, rows=16)
    augmentor = Augmentor(skeleton)
    made = augmentor(torch.from_numpy(poses.positions), torch.from_numpy(poses.intrinsics), augmentor.draw_noise(16))
    scores_3d, scores_2d = (torch.rand(16, 5), torch.rand(16, 5)), (torch.rand(16, 1), torch.rand(16, 1))
    loss, parts = losses.augmentor_loss(made, scores_3d, scores_2d, LossSettings())
    expected = (
        1 * parts["adversarial_2d"] + 6 * parts["adversarial_3d"] + 3 * (parts["angle_range"] + parts["length_range"])
    )
    torch.testing.assert_close(loss.detach(), expected)
    assert float(parts["adversarial_3d"]) == pytest.approx(float(losses.adversarial_loss(*scores_3d)))
