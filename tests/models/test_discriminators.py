"""The discriminators: equal to the published form with its zeros, and blind to what they should not judge by."""

import pytest
import torch
from strategies import random_cameras, random_poses, random_rotation_vectors
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from poseaug_gen.bones import bones_of
from poseaug_gen.camera import project
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton, load_skeleton

ROWS = 16


@pytest.fixture
def pose(skeleton) -> Tensor:
    return random_poses(skeleton, ROWS, seed=0).float()


@pytest.fixture
def critic_3d(skeleton) -> Discriminator3D:
    torch.manual_seed(0)
    return Discriminator3D(skeleton)


@pytest.fixture
def critic_2d(skeleton) -> Discriminator2D:
    torch.manual_seed(0)
    return Discriminator2D(skeleton)


def published_weight(weight: Tensor, inside: tuple[int, ...], bones: int) -> Tensor:
    """The layer that reads the whole matrix; what it has outside the part, it only ever multiplies by zero."""
    whole = torch.randn(len(weight), bones, bones)
    compact = weight.reshape(len(weight), len(inside), len(inside))
    for i, row in enumerate(inside):
        for j, column in enumerate(inside):
            whole[:, row, column] = compact[:, i, j]
    return whole.flatten(1)


def published_scores(critic: Discriminator3D, pose: Tensor) -> Tensor:
    """SPEC, "3D, part-aware KCS", word by word: re-chain unit bones, zero the others, 225 inputs, all layers."""
    skeleton = critic.skeleton
    bones = bones_of(pose, skeleton)
    unit = bones / bones.norm(dim=-1, keepdim=True)
    rechained = torch.zeros_like(pose)
    for bone, parent in enumerate(skeleton.parents[1:]):
        rechained[:, bone + 1] = rechained[:, parent] + unit[:, bone]
    scores = []
    for ours, (_, inside) in zip(critic.critics, skeleton.parts, strict=True):
        of_part = bones_of(rechained, skeleton)
        of_part[:, [bone for bone in range(skeleton.num_bones) if bone not in inside]] = 0
        matrix = torch.einsum("nac,nbc->nab", of_part, of_part)
        x = linear(matrix.flatten(1), published_weight(ours.into.weight, inside, skeleton.num_bones), ours.into.bias)
        x = leaky_relu(x)
        x = x + ours.res1(leaky_relu(ours.res0(x)))
        scores.append(ours.pred(leaky_relu(ours.last(x))))
    return torch.cat(scores, -1)


# --- 3D -------------------------------------------------------------------------------------------------------


def test_one_score_for_each_part(skeleton, critic_3d, pose):
    assert critic_3d(pose).shape == (ROWS, len(skeleton.parts))


@torch.no_grad()
def test_the_compact_input_scores_as_the_published_one_with_its_zeros(critic_3d, pose):
    torch.testing.assert_close(critic_3d(pose), published_scores(critic_3d, pose), rtol=1e-4, atol=1e-5)


def test_the_compact_input_has_the_published_gradient_to_the_pose(critic_3d, pose):
    ours, theirs = pose.clone().requires_grad_(), pose.clone().requires_grad_()
    critic_3d(ours).sum().backward()
    published_scores(critic_3d, theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4)


def test_h36m16_reads_225_numbers_of_which_each_part_keeps_its_own_squares():
    skeleton = load_skeleton("h36m16")
    assert skeleton.num_bones**2 == 225
    critics = Discriminator3D(skeleton).critics
    inputs = {part: critic.into.in_features for critic, (part, _) in zip(critics, skeleton.parts, strict=True)}
    assert inputs == {"left_arm": 16, "right_arm": 16, "right_leg": 25, "left_leg": 25, "torso": 49}


def test_the_first_layer_starts_as_kaiming_normal_over_the_full_matrix(skeleton, critic_3d):
    expected = (2 / skeleton.num_bones**2) ** 0.5
    for critic in critic_3d.critics:
        assert critic.into.weight.std().item() == pytest.approx(expected, rel=0.1)


@torch.no_grad()
def test_it_is_blind_to_size_place_and_view(critic_3d, pose):
    scores = critic_3d(pose)
    turn = rotation_matrix(random_rotation_vectors(ROWS, 1).float())
    for changed in (pose * 1.7, pose + torch.tensor([3.0, -2.0, 9.0]), pose @ turn.mT):
        torch.testing.assert_close(critic_3d(changed), scores, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_it_is_blind_to_the_length_of_each_bone(skeleton, critic_3d, pose):
    bones = bones_of(pose, skeleton) * torch.linspace(0.5, 2, skeleton.num_bones)[:, None]
    stretched = torch.zeros_like(pose)
    for bone, parent in enumerate(skeleton.parents[1:]):
        stretched[:, bone + 1] = stretched[:, parent] + bones[:, bone]
    torch.testing.assert_close(critic_3d(stretched), critic_3d(pose), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_turning_one_bone_moves_the_scores_of_the_parts_that_see_it_and_no_other(skeleton, critic_3d, pose):
    scores = critic_3d(pose)
    for bone in range(skeleton.num_bones):
        turned = pose.clone()
        below = skeleton.chain_matrix[:, bone].nonzero()[0].tolist()  # everything that hangs from the bone moves along
        turned[:, below] += torch.tensor([0.3, -0.2, 0.4])
        moved = ((critic_3d(turned) - scores).abs() > 1e-3).any(0)
        assert moved.tolist() == [bone in bones for _, bones in skeleton.parts]


def test_parts_may_be_named_after_joints_with_a_dot():
    """Blender's names, which the skeleton reads as a pair; the parts that are derived are named after them."""
    joints = {"root": "", "head": "root", "arm.L": "root", "arm.R": "root"}
    skeleton = Skeleton.from_dict({"joints": joints})
    assert Discriminator3D(skeleton)(random_poses(skeleton, 2, 0).float()).shape == (2, 3)


# --- 2D -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_the_2d_critic_has_specs_layers(skeleton, critic_2d):
    """``2 joints -> 100 L -> 100 L -> (100 + skip to the first) L -> 100 -> 100 L -> 1``."""
    seen = torch.randn(ROWS, skeleton.num_joints, 2, generator=torch.Generator().manual_seed(0))
    weights = dict(critic_2d.named_parameters())
    sizes = [tuple(weights[f"{layer}.weight"].shape) for layer in ("into", "res0", "res1", "mid", "last", "pred")]
    assert sizes == [(100, 2 * skeleton.num_joints), (100, 100), (100, 100), (100, 100), (100, 100), (1, 100)]

    def apply(layer: str, x: Tensor) -> Tensor:
        return x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]

    def leak(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.01 * x)

    first = leak(apply("into", seen.reshape(ROWS, -1)))
    second = leak(apply("res0", first))
    third = leak(apply("res1", second) + first)
    expected = apply("pred", leak(apply("last", apply("mid", third))))
    torch.testing.assert_close(critic_2d(seen), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_2d_critic_sees_place_and_size(skeleton, critic_2d, pose):
    """Unlike the 3D one: views and positions are what it judges."""
    seen = project(pose, random_cameras(ROWS, 0).float())
    for changed in (seen + 0.2, seen * 1.3):
        assert ((critic_2d(changed) - critic_2d(seen)).abs() > 1e-3).all()


# --- gradients ------------------------------------------------------------------------------------------------


def assert_finite_gradients(network: nn.Module, pose: Tensor) -> None:
    pose = pose.clone().requires_grad_()
    (network(pose) - 1).square().mean().backward()
    assert pose.grad.isfinite().all()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_gradients_are_finite_for_ordinary_poses(critic_3d, critic_2d, pose):
    assert_finite_gradients(critic_3d, pose)
    assert_finite_gradients(critic_2d, pose[..., :2])


def test_gradients_are_finite_where_bones_have_no_length(skeleton, critic_3d, critic_2d, pose):
    collapsed = pose.clone()
    collapsed[:, 2] = collapsed[:, skeleton.parents[2]]
    assert_finite_gradients(critic_3d, collapsed)
    assert_finite_gradients(critic_3d, torch.zeros_like(pose))
    assert_finite_gradients(critic_2d, torch.zeros_like(pose[..., :2]))
