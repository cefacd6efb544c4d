"""Poses as bones: round trips, agreement with plain loops, and gradients where bones vanish."""

import numpy as np
import pytest
import torch
from hypothesis import given
from strategies import BUILTIN, bodies, light, random_poses, random_rotation_vectors
from torch.autograd import gradcheck

from poseaug_gen.bones import (
    bones_of,
    constant,
    directions_of,
    gram,
    lengths_of,
    pose_of,
    root_relative,
    with_lengths,
)
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton, load_skeleton


def one_collapsed_bone() -> torch.Tensor:
    """Two ordinary bones and, between them, one of length zero."""
    return torch.tensor([[[0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.1, -0.2, 0.2]]])


@light
@given(bodies())
def test_bones_run_from_parent_to_child(body):
    skeleton, pose = body
    bones = bones_of(pose, skeleton)
    for bone, parent in enumerate(skeleton.parents[1:]):
        torch.testing.assert_close(bones[:, bone], pose[:, bone + 1] - pose[:, parent], rtol=0, atol=0)


@light
@given(bodies())
def test_bones_are_the_bone_matrix_times_the_pose(body):
    skeleton, pose = body
    np.testing.assert_allclose(bones_of(pose, skeleton).numpy(), skeleton.bone_matrix @ pose.numpy(), atol=1e-14)


@light
@given(bodies())
def test_pose_to_bones_to_pose_is_the_identity_but_for_the_root(body):
    skeleton, pose = body
    torch.testing.assert_close(pose_of(bones_of(pose, skeleton), skeleton), root_relative(pose), rtol=0, atol=1e-12)


@light
@given(bodies())
def test_length_times_direction_is_the_bone(body):
    skeleton, pose = body
    bones = bones_of(pose, skeleton)
    torch.testing.assert_close(directions_of(bones) * lengths_of(bones)[..., None], bones)
    torch.testing.assert_close(lengths_of(bones), bones.norm(dim=-1))


@light
@given(bodies())
def test_with_lengths_changes_the_lengths_alone(body):
    skeleton, pose = body
    lengths = torch.linspace(0.1, 0.6, skeleton.num_bones, dtype=pose.dtype).expand(len(pose), -1)
    resized = with_lengths(pose, lengths, skeleton)
    torch.testing.assert_close(lengths_of(bones_of(resized, skeleton)), lengths)
    torch.testing.assert_close(directions_of(bones_of(resized, skeleton)), directions_of(bones_of(pose, skeleton)))
    torch.testing.assert_close(resized[:, 0], pose[:, 0])


@light
@given(bodies())
def test_a_poses_own_lengths_leave_it_as_it_is(body):
    skeleton, pose = body
    torch.testing.assert_close(with_lengths(pose, lengths_of(bones_of(pose, skeleton)), skeleton), pose)


@light
@given(bodies())
def test_the_gram_matrix_holds_all_inner_products_and_ignores_rotation(body):
    skeleton, pose = body
    bones = bones_of(pose, skeleton)
    products = gram(bones)
    np.testing.assert_allclose(products.numpy(), np.einsum("nac,nbc->nab", bones.numpy(), bones.numpy()), atol=1e-14)
    torch.testing.assert_close(products.diagonal(dim1=-2, dim2=-1), lengths_of(bones).square())
    turned = bones @ rotation_matrix(random_rotation_vectors(len(pose), 0)).transpose(-1, -2)
    torch.testing.assert_close(gram(turned), products, rtol=0, atol=1e-5)  # torchgeometry's matrices are good to 1e-6


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_any_number_of_leading_dimensions_will_do(leading):
    skeleton = load_skeleton()
    pose = random_poses(skeleton, 6, 0)[: int(np.prod(leading))].reshape(*leading, -1, 3)
    bones = bones_of(pose, skeleton)
    assert bones.shape == (*leading, skeleton.num_bones, 3)
    torch.testing.assert_close(pose_of(bones, skeleton), root_relative(pose))


def test_constants_are_made_once_for_each_type():
    skeleton = load_skeleton()
    chain = constant(skeleton, "chain_matrix", torch.device("cpu"), torch.float32)
    assert constant(skeleton, "chain_matrix", torch.device("cpu"), torch.float32) is chain
    assert constant(skeleton, "chain_matrix", torch.device("cpu"), torch.float64).dtype == torch.float64


# --- gradients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILTIN)
def test_gradients_are_the_finite_differences(name):
    skeleton = load_skeleton(name)
    pose = random_poses(skeleton, 2, 0)
    bones = bones_of(pose, skeleton).requires_grad_()
    assert gradcheck(lambda x: bones_of(x, skeleton), pose.clone().requires_grad_())
    assert gradcheck(lambda x: pose_of(x, skeleton), bones)
    assert gradcheck(lengths_of, bones)
    assert gradcheck(directions_of, bones)
    assert gradcheck(gram, bones)
    lengths = lengths_of(bones).detach().requires_grad_()
    assert gradcheck(lambda x, n: with_lengths(x, n, skeleton), (pose.clone().requires_grad_(), lengths))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [lengths_of, directions_of, gram])
def test_a_collapsed_bone_spoils_neither_value_nor_gradient(function, dtype):
    bones = one_collapsed_bone().to(dtype).requires_grad_()
    value = function(bones)
    value.sum().backward()
    assert value.isfinite().all()
    assert bones.grad.isfinite().all()


def test_a_collapsed_bone_has_no_direction_and_its_neighbours_keep_theirs():
    bones = one_collapsed_bone()
    directions = directions_of(bones)
    assert directions[0, 1].tolist() == [0, 0, 0]
    torch.testing.assert_close(directions[0, [0, 2]].norm(dim=-1), torch.ones(2))
    assert lengths_of(bones)[0, 1] < 1e-7


def test_constants_made_in_inference_mode_serve_training_afterwards():
    """An export and a training in one process share them; autograd refuses tensors made in inference mode."""
    skeleton = Skeleton.from_dict(
        {"joints": {"a": "", "l": "a", "r": "a", "tip": "l", "tap": "r"}, "pairs": [["l", "r"], ["tip", "tap"]]}
    )
    pose = torch.rand(2, 5, 3)
    with torch.inference_mode():
        pose_of(bones_of(pose, skeleton), skeleton)
    pose.requires_grad_()
    pose_of(bones_of(pose, skeleton), skeleton).sum().backward()
    assert pose.grad is not None
