"""What the augmentor may and may not change of a pose (SPEC, "Augmentor"), on three skeletons."""

import math
from dataclasses import fields

import pytest
import torch
from strategies import random_cameras, random_poses
from torch import Tensor, nn
from torch.autograd import gradcheck

from poseaug_gen.bones import bones_of, directions_of, lengths_of, root_relative
from poseaug_gen.camera import project
from poseaug_gen.models.augmentor import HALF_TURN, LENGTH_LIMIT, NETWORKS, Augmented, Augmentor, compose
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import Skeleton, load_skeleton

ROWS = 32


@pytest.fixture
def pose(skeleton) -> Tensor:
    return random_poses(skeleton, ROWS, seed=0).float()


@pytest.fixture
def camera() -> Tensor:
    return random_cameras(ROWS, seed=0).float()


@pytest.fixture
def augmentor(skeleton) -> Augmentor:
    torch.manual_seed(0)
    return Augmentor(skeleton).eval()


@pytest.fixture
def noise(augmentor) -> Tensor:
    return augmentor.draw_noise(ROWS, torch.Generator().manual_seed(0))


@pytest.fixture
def augmented(augmentor, pose, camera, noise) -> Augmented:
    with torch.no_grad():
        return augmentor(pose, camera, noise)


def outputs(
    skeleton: Skeleton, rows: int, fill: float | None = None, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """What the four networks could say: random, or one number everywhere."""
    sizes = (3 * skeleton.num_bones, skeleton.num_groups, 3, 3)
    if fill is not None:
        return [torch.full((rows, size), fill, dtype=dtype) for size in sizes]
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(rows, size, generator=generator, dtype=dtype) for size in sizes]


def close(ours: Tensor, truth: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, truth.expand_as(ours), rtol=0, atol=tolerance)


def distances(pose: Tensor) -> Tensor:
    """Between every two joints, metres."""
    return (pose[:, :, None] - pose[:, None]).norm(dim=-1)


def handedness(pose: Tensor) -> Tensor:
    """Signed volumes that the bones of three joints span with the first: they turn over in a mirror."""
    relative = root_relative(pose)
    return torch.linalg.det(torch.stack([relative[:, 1:-2], relative[:, 2:-1], relative[:, 3:]], -1))


# --- bone angle -----------------------------------------------------------------------------------------------


def test_the_test_poses_are_changed_at_all(pose, augmented):
    """Else the laws below would hold for an augmentor that does nothing."""
    assert augmented.angle_change.max() > 0.1
    assert augmented.length_ratio.abs().max() > 0.05
    assert augmented.rotation.norm(dim=-1).max() > 0.5
    assert (augmented.pose_rt - pose).abs().mean() > 0.1


def test_bone_angle_keeps_every_bones_length_and_the_root(skeleton, pose, augmented):
    close(lengths_of(bones_of(augmented.pose_ba, skeleton)), lengths_of(bones_of(pose, skeleton)))
    close(augmented.pose_ba[:, 0], pose[:, 0])


def test_bone_angle_keeps_the_trunks_directions(skeleton, pose, augmented):
    trunk = [joint - 1 for joint in skeleton.trunk]
    assert trunk
    before = directions_of(bones_of(pose, skeleton))
    after = directions_of(bones_of(augmented.pose_ba, skeleton))
    close(after[:, trunk], before[:, trunk])
    close(augmented.angle_change[:, trunk], torch.zeros(()))


def test_the_angle_change_is_one_minus_the_cosine_of_each_turn(skeleton, pose, augmented):
    before, after = (directions_of(bones_of(p, skeleton)) for p in (pose, augmented.pose_ba))
    close(augmented.angle_change, 1 - torch.cosine_similarity(before, after, dim=-1))
    assert augmented.angle_change.min() > -1e-6
    assert augmented.angle_change.max() < 2 + 1e-6


# --- bone length ----------------------------------------------------------------------------------------------


def test_bone_length_changes_each_bone_by_its_groups_ratio_the_same_left_and_right(skeleton, pose, augmented):
    before = lengths_of(bones_of(pose, skeleton))
    ratio = lengths_of(bones_of(augmented.pose_bl, skeleton)) / before - 1
    for group, (_, bones) in enumerate(skeleton.length_groups):
        for bone in bones:
            close(ratio[:, bone], augmented.length_ratio[:, group], 1e-4)
    close(ratio, ratio[:, skeleton.mirror_bones.tolist()], 1e-4)


def test_the_group_that_would_trade_size_for_depth_is_unchanged(skeleton, augmented):
    (masked,) = [g for g, (_, bones) in enumerate(skeleton.length_groups) if skeleton.scale - 1 in bones]
    assert augmented.length_ratio[:, masked].eq(0).all()
    others = augmented.length_ratio[:, [g for g in range(skeleton.num_groups) if g != masked]]
    assert others.ne(0).all()


@pytest.mark.parametrize("fill", [-1e4, -1.0, 1.0, 1e4])
def test_no_bone_changes_by_more_than_a_fifth(skeleton, pose, camera, fill):
    out = compose(pose, camera, *outputs(skeleton, ROWS, fill), skeleton=skeleton)
    assert LENGTH_LIMIT == 0.2
    assert out.length_ratio.abs().max() <= 0.2


def test_bone_length_keeps_directions_and_root(skeleton, augmented):
    turned, resized = (directions_of(bones_of(p, skeleton)) for p in (augmented.pose_ba, augmented.pose_bl))
    close(resized, turned)
    close(augmented.pose_bl[:, 0], augmented.pose_ba[:, 0])


# --- rigid transform ------------------------------------------------------------------------------------------


def test_the_rigid_transform_is_an_isometry_and_no_reflection(augmented):
    close(distances(augmented.pose_rt), distances(augmented.pose_bl), 1e-4)
    close(handedness(augmented.pose_rt), handedness(augmented.pose_bl), 1e-4)


def test_the_root_lands_at_the_translation(augmented):
    close(augmented.pose_rt[:, 0], augmented.translation)


def test_the_rigid_transform_turns_about_the_root_by_the_rotation_vector(augmented):
    turned = root_relative(augmented.pose_bl) @ rotation_matrix(augmented.rotation).mT
    close(root_relative(augmented.pose_rt), turned)


@pytest.mark.parametrize("fill", [-30.0, -0.5, 0.0, 0.5, 30.0])
def test_the_bounds_of_turn_and_place(skeleton, pose, camera, fill):
    """SPEC: axis-angle ``pi tanh(out)``, translation ``(o0, o1, o2^2)``: never behind the camera."""
    out = compose(pose, camera, *outputs(skeleton, ROWS, fill), skeleton=skeleton)
    close(out.rotation, torch.tensor(HALF_TURN * math.tanh(fill)))
    assert math.pi - 1e-4 < HALF_TURN < math.pi  # the published code writes 3.1415
    close(out.translation, torch.tensor([fill, fill, fill**2]), 1e-4)


def test_the_2d_pose_is_the_projection_of_the_augmented_one(camera, augmented):
    close(augmented.pose_2d, project(augmented.pose_rt, camera))


def test_the_source_roots_place_is_dropped(augmentor, pose, camera, noise, augmented):
    with torch.no_grad():
        moved = augmentor(pose + torch.tensor([1.0, -2.0, 4.0]), camera, noise)
    close(moved.pose_rt, augmented.pose_rt, 1e-4)
    close(moved.pose_ba, augmented.pose_ba + torch.tensor([1.0, -2.0, 4.0]), 1e-4)


# --- networks and noise ---------------------------------------------------------------------------------------


def test_networks_that_say_zero_leave_the_posture_as_it_is(skeleton, pose, camera):
    out = compose(pose, camera, *outputs(skeleton, ROWS, 0.0), skeleton=skeleton)
    close(out.pose_ba, pose)
    close(out.pose_bl, pose)
    close(out.pose_rt, root_relative(pose))
    close(out.angle_change, torch.zeros(()))


@pytest.mark.parametrize("net", NETWORKS)
def test_each_network_draws_its_own_noise(augmentor, pose, camera, noise, augmented, net):
    other = noise.clone()
    other[NETWORKS.index(net)] += 1
    with torch.no_grad():
        out = augmentor(pose, camera, other)
    what = {
        "bone_angle": "angle_change",
        "bone_length": "length_ratio",
        "rotation": "rotation",
        "translation": "translation",
    }
    for name, field in what.items():
        assert torch.equal(getattr(out, field), getattr(augmented, field)) == (name != net)


def test_the_same_noise_gives_the_same_pose_and_rows_do_not_meet(augmentor, pose, camera, noise, augmented):
    with torch.no_grad():
        again = augmentor(pose, camera, noise)
        half = augmentor(pose[:7], camera[:7], noise[:, :7])
    assert torch.equal(again.pose_rt, augmented.pose_rt)
    close(half.pose_rt, augmented.pose_rt[:7], 1e-4)


def test_noise_is_standard_normal_and_seeded(augmentor):
    noise = augmentor.draw_noise(2000, torch.Generator().manual_seed(3))
    assert noise.shape == (4, 2000, 48)
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert torch.equal(noise, augmentor.draw_noise(2000, torch.Generator().manual_seed(3)))


def test_each_network_has_the_layers_that_spec_lists(skeleton, augmentor):
    features = 3 * skeleton.num_joints
    inputs = {net: features + (skeleton.num_bones if net == "bone_length" else 0) + 48 for net in NETWORKS}
    out = {"bone_angle": 3 * skeleton.num_bones, "bone_length": skeleton.num_groups, "rotation": 3, "translation": 3}
    for net in NETWORKS:
        kinds = [type(layer) for layer in augmentor.nets[net]]
        assert kinds == [nn.Linear, nn.BatchNorm1d, nn.LeakyReLU] * 5 + [nn.Linear]
        linears = [layer for layer in augmentor.nets[net] if isinstance(layer, nn.Linear)]
        assert [layer.in_features for layer in linears] == [inputs[net], 256, 256, 256, 256, 256]
        assert linears[-1].out_features == out[net]
        assert {layer.negative_slope for layer in augmentor.nets[net] if isinstance(layer, nn.LeakyReLU)} == {0.01}


def test_it_may_begin_with_all_bodies_at_one_place(augmentor, pose, camera, noise):
    place = torch.tensor([0.3, -0.2, 4.5])
    augmentor.shape_start(0.0, place)
    with torch.no_grad():
        out = augmentor(pose, camera, noise)
    close(out.translation, place)
    close(out.pose_rt[:, 0], place)


def test_it_may_begin_with_a_share_of_what_its_networks_would_say(augmentor, pose, camera, noise):
    def said_by_rotation() -> Tensor:
        with torch.no_grad():
            return torch.atanh(augmentor(pose, camera, noise).rotation / HALF_TURN)

    bias = augmentor.nets["rotation"][-1].bias.detach()
    before = said_by_rotation()
    augmentor.shape_start(0.1, None)
    close(said_by_rotation() - bias, 0.1 * (before - bias), 1e-4)


# --- gradients ------------------------------------------------------------------------------------------------


def test_the_gradient_is_the_finite_difference():
    skeleton = load_skeleton()
    pose, camera = random_poses(skeleton, 1, 0), random_cameras(1, 0)
    said = [(0.3 * x).requires_grad_() for x in outputs(skeleton, 1, dtype=torch.float64)]

    def geometry(*said: Tensor) -> tuple[Tensor, ...]:
        out = compose(pose, camera, *said, skeleton=skeleton)
        return out.pose_ba, out.angle_change, out.pose_bl, out.length_ratio, out.pose_rt

    assert gradcheck(geometry, said)


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_gets_a_finite_gradient(augmentor, pose, camera, noise, training):
    out = augmentor.train(training)(pose, camera, noise)
    sum(getattr(out, field.name).square().mean() for field in fields(out)).backward()
    for name, parameter in augmentor.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("fill", [0.0, 1e-20, -1e-20, 1e4, -1e4])
def test_extreme_outputs_have_finite_values_and_gradients(skeleton, pose, camera, fill):
    """At zero the published code's rotation has a NaN gradient, and the body stands in the camera."""
    said = [x.requires_grad_() for x in outputs(skeleton, ROWS, fill)]
    out = compose(pose, camera, *said, skeleton=skeleton)
    sum(getattr(out, field.name).sum() for field in fields(out)).backward()
    assert all(getattr(out, field.name).isfinite().all() for field in fields(out))
    assert all(x.grad.isfinite().all() for x in said)


def test_a_source_pose_with_all_joints_in_one_place_has_finite_gradients(skeleton, camera):
    collapsed = torch.ones(ROWS, skeleton.num_joints, 3)
    said = [x.requires_grad_() for x in outputs(skeleton, ROWS)]
    out = compose(collapsed, camera, *said, skeleton=skeleton)
    sum(getattr(out, field.name).sum() for field in fields(out)).backward()
    assert all(getattr(out, field.name).isfinite().all() for field in fields(out))
    assert all(x.grad.isfinite().all() for x in said)
