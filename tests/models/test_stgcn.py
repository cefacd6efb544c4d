"""ST-GCN: the kinds of neighbours and parts it derives from a skeleton, its layers and what its joints depend on."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import builtin_or_random, light

from poseaug_gen.models.estimators.body_graph import BodyGraph, body_parts, joint_graph, part_graph
from poseaug_gen.models.estimators.stgcn import STGCN, PartitionedGraphConv
from poseaug_gen.skeleton import Skeleton, load_skeleton

ITSELF, FARTHER, NEARER, TWIN = range(4)
WITHOUT_SIDES = Skeleton.from_dict({"joints": {"a": "", "b": "a", "c": "b", "d": "b", "e": "d"}})
TWO_LIMBS = Skeleton.from_dict({"joints": {"hip": "", "l_knee": "hip", "r_knee": "hip"}})

any_skeleton = builtin_or_random() | st.sampled_from([WITHOUT_SIDES, TWO_LIMBS])


def graphs(skeleton: Skeleton) -> tuple[BodyGraph, BodyGraph]:
    return joint_graph(skeleton), part_graph(skeleton)


# --- the body as a graph --------------------------------------------------------------------------------------


def test_the_centre_of_the_published_17_joints_is_the_spine():
    """Cai et al.'s typed distances: 1 at hip and thorax, 2 at hips, shoulders and neck, … 4 at ankles and wrists."""
    skeleton = load_skeleton("h36m17")
    steps = dict(zip(skeleton.joints, joint_graph(skeleton).steps.tolist(), strict=True))
    sides = {
        f"{side}_{name}": distance
        for side in "lr"
        for name, distance in [("hip", 2), ("knee", 3), ("ankle", 4), ("shoulder", 2), ("elbow", 3), ("wrist", 4)]
    }
    assert steps == {"spine": 0, "hip": 1, "thorax": 1, "nose": 2, "head": 3} | sides


def test_the_published_parts_are_four_limbs_and_the_middle():
    skeleton = load_skeleton("h36m17")
    parts = [{skeleton.joints[joint] for joint in part} for part in body_parts(skeleton)]
    leg, arm = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")
    limbs = [{f"{side}_{name}" for name in limb} for side in "lr" for limb in (leg, arm)]
    assert sorted(map(sorted, parts[:-1])) == sorted(map(sorted, limbs))
    assert parts[-1] == {"hip", "spine", "thorax", "nose", "head"}


def test_a_shoulder_hears_itself_its_elbow_the_thorax_and_its_twin():
    skeleton = load_skeleton("h36m17")
    index = skeleton.joints.index
    heard = joint_graph(skeleton).shares()[:, index("l_shoulder")]
    expected = np.zeros((4, skeleton.num_joints))
    for kind, joint in [(ITSELF, "l_shoulder"), (FARTHER, "l_elbow"), (NEARER, "thorax"), (TWIN, "r_shoulder")]:
        expected[kind, index(joint)] = 1 / 4
    np.testing.assert_allclose(heard, expected)


def test_in_the_published_pooled_graph_a_limb_hears_the_middle_and_its_twin():
    shares = part_graph(load_skeleton()).shares()
    np.testing.assert_allclose(shares[:, -1], [[0, 0, 0, 0, 0.2], [0.2] * 4 + [0], [0] * 5, [0] * 5])
    for limb in range(4):
        np.testing.assert_allclose(shares[[ITSELF, NEARER, TWIN], limb].sum(-1), 1 / 3)
        assert shares[NEARER, limb, -1] > 0


@light
@given(any_skeleton)
def test_the_shares_of_a_nodes_neighbours_are_equal_and_add_up_to_one(skeleton):
    for graph in graphs(skeleton):
        shares = graph.shares()
        np.testing.assert_allclose(shares.sum((0, 2)), 1)
        for node in range(shares.shape[1]):
            heard = shares[:, node][shares[:, node] > 0]
            np.testing.assert_allclose(heard, 1 / len(heard))


@light
@given(any_skeleton)
def test_the_neighbours_are_the_bones_other_ends_and_the_twin(skeleton):
    heard = joint_graph(skeleton).shares().sum(0) > 0
    expected = np.eye(skeleton.num_joints, dtype=bool)
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            expected[joint, parent] = expected[parent, joint] = True
    for left, right in skeleton.pairs:
        expected[left, right] = expected[right, left] = True
    assert np.array_equal(heard, expected)


@light
@given(any_skeleton)
def test_each_bone_leads_one_step_away_from_the_centre(skeleton):
    steps = joint_graph(skeleton).steps
    assert (steps == 0).sum() == 1
    assert all(abs(steps[bone + 1] - steps[parent]) == 1 for bone, parent in enumerate(skeleton.parents[1:]))


@light
@given(any_skeleton)
def test_a_graph_is_its_own_mirror_image(skeleton):
    for graph in graphs(skeleton):
        shares = graph.shares()
        assert np.array_equal(graph.steps[graph.mirror], graph.steps)
        assert np.array_equal(shares[:, graph.mirror][:, :, graph.mirror], shares)


@light
@given(any_skeleton)
def test_every_joint_is_in_one_part_and_no_kind_of_neighbour_is_empty(skeleton):
    assert sorted(itertools.chain(*body_parts(skeleton))) == list(range(skeleton.num_joints))
    for graph in graphs(skeleton):
        assert all(kind.any() for kind in graph.shares())


def test_a_body_without_sides_is_one_part_whose_joints_have_no_twins():
    assert body_parts(WITHOUT_SIDES) == (tuple(range(5)),)
    assert len(joint_graph(WITHOUT_SIDES).shares()) == 3
    assert len(part_graph(WITHOUT_SIDES).shares()) == 1


# --- the network ----------------------------------------------------------------------------------------------


@light
@given(any_skeleton)
def test_a_graph_convolution_is_the_sum_over_neighbours_written_out(skeleton):
    torch.manual_seed(0)
    graph = joint_graph(skeleton)
    layer = PartitionedGraphConv(graph, 3, 2).double()
    x = torch.randn(4, skeleton.num_joints, 3, dtype=torch.float64)
    shares = graph.shares()
    weight, bias = layer.conv.weight.view(len(shares), 2, 3), layer.conv.bias.view(len(shares), 2)
    expected = torch.zeros(4, skeleton.num_joints, 2, dtype=torch.float64)
    for kind, node, neighbour in np.argwhere(shares):
        share = float(np.float32(shares[kind, node, neighbour]))
        expected[:, node] += share * (x[:, neighbour] @ weight[kind].T + bias[kind])
    torch.testing.assert_close(layer(x), expected)


def published_parameters(width: int, joints: int) -> int:
    """Counted from the published layer list, convolutions and batch norms one by one."""

    def conv(inputs: int, outputs: int) -> int:
        return inputs * outputs + outputs

    def block(inputs: int, outputs: int, skip: bool = True) -> int:
        own = conv(inputs, 4 * outputs) + 2 * outputs + conv(outputs, outputs) + 2 * outputs
        return own + (conv(inputs, outputs) + 2 * outputs if skip and inputs != outputs else 0)

    joint_blocks = block(2, width, skip=False) + block(width, width) + block(width, 2 * width)
    part_blocks = block(2 * width, 4 * width) + block(4 * width, 4 * width)
    between = conv(4 * width, 4 * width) + 8 * width + conv(8 * width, 2 * width) + 4 * width
    non_local = 3 * conv(4 * width, 2 * width) + conv(2 * width, 4 * width) + 8 * width
    return 2 * 2 * joints + joint_blocks + part_blocks + between + non_local + conv(4 * width, 3)


@pytest.mark.parametrize(("name", "count"), [("h36m17", 3_627_847), ("h36m16", 3_627_843)])
def test_at_the_published_width_it_has_as_many_parameters_as_published(name, count):
    """Only the input's batch norm depends on the number of joints; the published network has 17."""
    skeleton = load_skeleton(name)
    assert published_parameters(128, skeleton.num_joints) == count
    assert sum(p.numel() for p in STGCN(skeleton).parameters()) == count


def test_its_layers_have_the_published_names():
    layers = {name.rpartition(".")[0] for name, _ in STGCN(load_skeleton(), 8).named_parameters()}
    block = {"gcn.conv", "tcn.0", "tcn.3", "tcn.4"}
    projected = block | {"residual.0", "residual.1"}
    blocks = {"st_gcn_networks": [block, block, projected], "st_gcn_pool": [projected, block]}
    expected = {f"{name}.{i}.{layer}" for name, of in blocks.items() for i, names in enumerate(of) for layer in names}
    expected |= {f"{name}.{i}" for name in ("conv4", "conv2") for i in (0, 1)} | {"data_bn", "fcn.1"}
    expected |= {f"non_local.{name}" for name in ("g", "theta", "phi", "W.0", "W.1")}
    assert layers == expected


# What the published network, written out as published (17 typed joints, 5-D tensors), says with the weights and the
# pose below.
PUBLISHED_OUTPUT = {
    "hip": (1.608283, 0.302287, -0.072875),
    "r_ankle": (1.684959, 0.395289, -0.141024),
    "head": (1.614108, 0.394572, -0.095075),
    "l_wrist": (1.655529, 0.298768, -0.128303),
    "r_elbow": (1.683483, 0.355446, -0.108858),
}


def scattered(count: int, start: int = 0) -> torch.Tensor:
    """Numbers in [-1, 1] that are all over the place and the same everywhere."""
    return torch.sin(start + torch.arange(count, dtype=torch.float64) ** 2)


@torch.no_grad()
def test_with_the_published_joints_it_is_the_published_network():
    skeleton = load_skeleton("h36m17")
    network = STGCN(skeleton, 4).double().eval()
    for place, (name, values) in enumerate(sorted(network.state_dict().items())):
        if values.is_floating_point():
            numbers = scattered(values.numel(), place).view_as(values)
            if values.ndim > 1:
                values.copy_(numbers / values.shape[1] ** 0.5)
            else:
                values.copy_(1 + numbers / 2 if name.endswith((".weight", "running_var")) else numbers / 4)
    seen = torch.cos(torch.arange(34, dtype=torch.float64) ** 2).view(1, 17, 2)
    lifted = dict(zip(skeleton.joints, network(seen)[0].tolist(), strict=True))
    for joint, place_3d in PUBLISHED_OUTPUT.items():
        assert lifted[joint] == pytest.approx(place_3d, abs=2e-6), joint


@light
@given(any_skeleton)
def test_both_sides_of_the_body_are_treated_alike(skeleton):
    """In training mode, where each joint's input is normalised by the batch: all else is shared by the joints."""
    torch.manual_seed(0)
    network = STGCN(skeleton, 4).double()
    seen = torch.randn(6, skeleton.num_joints, 2, dtype=torch.float64)
    mirror = torch.as_tensor(skeleton.mirror_joints)
    torch.testing.assert_close(network(seen[:, mirror]), network(seen)[:, mirror])


@torch.no_grad()
def test_the_non_local_layer_starts_as_the_identity():
    torch.manual_seed(0)
    layer = STGCN(load_skeleton(), 4).non_local
    x = torch.randn(3, 16, 16)
    assert torch.equal(layer(x), x)


def test_every_joint_depends_on_every_other(skeleton):
    torch.manual_seed(0)
    network = STGCN(skeleton, 16).double().eval()
    torch.nn.init.ones_(network.non_local.W[1].weight)
    seen = torch.randn(1, skeleton.num_joints, 2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(network, seen)[0, :, :, 0]  # joint, 3 out; joint, 2 in
    assert jacobian.abs().sum((1, 3)).gt(0).all()
