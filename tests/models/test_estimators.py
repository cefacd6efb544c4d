"""The lifting estimators: their shape, what their rows and joints depend on, and that they learn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import builtin_or_random, light, random_cameras, random_poses
from torch import Tensor, nn

from poseaug_gen import config
from poseaug_gen.bones import root_relative
from poseaug_gen.camera import project
from poseaug_gen.errors import BadConfigError
from poseaug_gen.models import estimators
from poseaug_gen.models.estimators import ESTIMATORS, build_estimator
from poseaug_gen.models.estimators.mlp import SimpleBaseline
from poseaug_gen.models.estimators.semgcn import SemGraphConv
from poseaug_gen.skeleton import Skeleton, load_skeleton

CHANNELS = 32

every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def build(name: str, skeleton: Skeleton, channels: int = CHANNELS, dropout: float = 0.3) -> nn.Module:
    torch.manual_seed(0)
    return build_estimator(name, skeleton, channels, dropout)


def published(name: str) -> config.Config:
    """The settings of the published schedule with this estimator."""
    return config.resolve("paper", options={"estimator.name": name})


def pairs(skeleton: Skeleton, rows: int) -> tuple[Tensor, Tensor]:
    """2D poses seen by one camera, and what an estimator should make of them."""
    pose = random_poses(skeleton, rows, seed=0).float()
    camera = random_cameras(1, seed=0).float().expand(rows, -1)
    return project(pose, camera), root_relative(pose)


@every_estimator
def test_a_2d_pose_becomes_a_3d_pose_of_the_same_joints(name, skeleton):
    seen, target = pairs(skeleton, 5)
    assert build(name, skeleton)(seen).shape == target.shape


@pytest.mark.parametrize("name", ["videopose", "mlp"])
def test_the_root_is_a_zero_row(name, skeleton):
    seen, _ = pairs(skeleton, 5)
    lifted = build(name, skeleton)(seen)
    assert lifted[:, 0].eq(0).all()
    assert lifted[:, 1:].ne(0).all()


@pytest.mark.parametrize("name", ["semgcn", "stgcn"])
def test_graph_convolutions_predict_the_root_too(name, skeleton):
    seen, _ = pairs(skeleton, 5)
    assert build(name, skeleton)(seen)[:, 0].ne(0).all()


@every_estimator
@torch.no_grad()
def test_in_evaluation_each_row_is_lifted_alone_and_always_alike(name, skeleton):
    seen, _ = pairs(skeleton, 6)
    estimator = build(name, skeleton)
    estimator(seen)  # one step of training statistics, so that evaluation differs from the start
    estimator.eval()
    lifted = estimator(seen)
    alone = torch.cat([estimator(row[None]) for row in seen])
    torch.testing.assert_close(lifted, alone, rtol=1e-4, atol=1e-5)
    assert torch.equal(estimator(seen), lifted)


@every_estimator
@torch.no_grad()
def test_dropout_works_in_training_alone(name):
    skeleton = load_skeleton()
    seen, _ = pairs(skeleton, 8)
    with_dropout, without = build(name, skeleton, dropout=0.5), build(name, skeleton, dropout=0.0)
    assert not torch.equal(with_dropout(seen), with_dropout(seen))
    torch.testing.assert_close(without(seen), without(seen))
    torch.testing.assert_close(with_dropout.eval()(seen), with_dropout(seen))


@every_estimator
@torch.no_grad()
def test_evaluation_leaves_the_batch_norm_statistics_alone(name):
    """The published code gives feedback in training mode, so fakes enter the statistics; evaluation must be safe."""
    skeleton = load_skeleton()
    seen, _ = pairs(skeleton, 8)
    estimator = build(name, skeleton).eval()
    before = {key: value.clone() for key, value in estimator.state_dict().items()}
    estimator(seen * 5)
    assert all(torch.equal(value, before[key]) for key, value in estimator.state_dict().items())


@every_estimator
def test_the_input_is_not_changed(name):
    seen, _ = pairs(load_skeleton(), 4)
    before = seen.clone()
    build(name, load_skeleton())(seen)
    assert torch.equal(seen, before)


def assert_finite_gradients(estimator: nn.Module, seen: Tensor, target: Tensor) -> None:
    """One step backwards reaches every parameter and the input."""
    seen.requires_grad_()
    lifted = estimator(seen)
    assert lifted.shape == target.shape
    (lifted - target).square().mean().backward()
    assert seen.grad.isfinite().all()
    assert seen.grad.ne(0).any()
    for key, parameter in estimator.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


@every_estimator
@settings(light, max_examples=10)
@given(skeleton=builtin_or_random(), channels=st.sampled_from([1, 4, 24]))
def test_any_skeleton_at_any_narrow_width_is_lifted_in_both_modes_with_gradients(name, skeleton, channels):
    seen, target = pairs(skeleton, 8)
    estimator = build(name, skeleton, channels)
    assert_finite_gradients(estimator, seen, target)
    estimator.eval()
    with torch.no_grad():
        assert torch.equal(estimator(seen), estimator(seen))
        torch.testing.assert_close(estimator(seen)[:1], estimator(seen[:1]), rtol=1e-3, atol=1e-4)


@every_estimator
def test_at_the_published_width_every_parameter_gets_a_finite_gradient(name, skeleton):
    seen, target = pairs(skeleton, 8)
    settings = published(name).estimator
    assert_finite_gradients(build(name, skeleton, settings.channels, settings.dropout), seen, target)


# Graph convolutions share their weights over the joints: they have fewer numbers to learn by heart with.
@pytest.mark.parametrize(
    ("name", "channels", "share"),
    [("videopose", 64, 0.1), ("mlp", 128, 0.1), ("semgcn", 32, 0.33), ("stgcn", 16, 0.1)],
)
def test_it_overfits_64_poses(name, channels, share):
    """A network that cannot learn 64 poses by heart is wired wrongly somewhere."""
    skeleton = load_skeleton()
    seen, target = pairs(skeleton, 64)
    estimator = build(name, skeleton, channels, dropout=0.0)
    optimiser = torch.optim.Adam(estimator.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        loss = (root_relative(estimator(seen)) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    # Random weights start badly; the mean pose is what a network says that has learned nothing of its input.
    of_the_mean_pose = (target - target.mean(0)).square().mean().item()
    assert losses[-1] < share * of_the_mean_pose


# --- what SPEC says of each -----------------------------------------------------------------------------------

# The commands of PoseAug's TRAIN.md: width, dropout, learning rates of pre-training and of joint training, epochs of
# pre-training. For ST-GCN the dropout is that of the joint training; its pre-training has the authors' own.
PUBLISHED = {
    "videopose": (1024, 0.25, 1e-3, 1e-4, 50),
    "mlp": (1024, 0.25, 1e-3, 1e-4, 50),
    "semgcn": (128, 0.0, 2e-2, 1e-3, 100),
    "stgcn": (128, 0.0, 1e-3, 1e-4, 50),
}


@every_estimator
def test_the_paper_preset_trains_it_as_published(name):
    of, schedule = published(name).estimator, published(name).schedule
    rates = of.pretrain_learning_rate, of.learning_rate
    assert (of.channels, of.dropout, *rates, schedule.pretrain_epochs) == PUBLISHED[name]
    assert schedule.epochs == 50


@every_estimator
def test_built_without_settings_it_has_the_published_width_and_dropout(name):
    torch.manual_seed(0)
    built = ESTIMATORS[name](load_skeleton())
    width, dropout = PUBLISHED[name][:2]
    twin = build(name, load_skeleton(), width, dropout)
    assert {key: value.shape for key, value in built.state_dict().items()} == {
        key: value.shape for key, value in twin.state_dict().items()
    }
    seen, _ = pairs(load_skeleton(), 4)
    torch.manual_seed(1)
    lifted = built(seen)
    torch.manual_seed(1)
    assert torch.equal(twin(seen), lifted)


def test_videopose_has_four_blocks_of_two_layers_without_biases_before_batch_norm():
    skeleton = load_skeleton()
    shapes = {key: tuple(p.shape) for key, p in build("videopose", skeleton, 1024).named_parameters()}
    linear = {key: shape for key, shape in shapes.items() if "conv" in key}
    assert linear == {"expand_conv.weight": (1024, 32)} | {f"layers_conv.{i}.weight": (1024, 1024) for i in range(8)}
    assert shapes["shrink.weight"] == (45, 1024)


def test_mlp_has_two_stages_of_two_layers():
    shapes = {key: tuple(p.shape) for key, p in build("mlp", load_skeleton(), 1024).named_parameters() if p.ndim == 2}
    stages = {f"linear_stages.{s}.w{w}.weight": (1024, 1024) for s in range(2) for w in (1, 2)}
    assert shapes == {"w1.weight": (1024, 32), **stages, "w2.weight": (45, 1024)}


def test_a_graph_convolution_passes_features_along_bones_alone(skeleton):
    layer = SemGraphConv(skeleton, 2, 3)
    x = torch.randn(1, skeleton.num_joints, 2, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(layer, x)[0, :, :, 0]  # joint, feature out; joint, feature in
    depends = jacobian.abs().sum((1, 3)) > 0
    linked = torch.eye(skeleton.num_joints, dtype=torch.bool)
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            linked[joint, parent] = linked[parent, joint] = True
    assert torch.equal(depends, linked)


def test_semgcns_edge_weights_add_up_to_one_for_each_joint(skeleton):
    """With both feature matrices equal and one bias, a constant signal stays constant over the graph."""
    layer = SemGraphConv(skeleton, 2, 3)
    with torch.no_grad():
        layer.W[1] = layer.W[0]
        layer.e.normal_()
    out = layer(torch.ones(1, skeleton.num_joints, 2))
    torch.testing.assert_close(out, out[:, :1].expand_as(out))


def test_an_unknown_estimator_names_the_nearest():
    with pytest.raises(BadConfigError, match=r"'videopos' is unknown; did you mean 'videopose'\?"):
        build_estimator("videopos", load_skeleton(), 8, 0.0)


@pytest.fixture
def registry(monkeypatch):
    """Copies of what is known of estimators, so that a test leaves nothing behind."""
    monkeypatch.setattr(estimators, "ESTIMATORS", dict(ESTIMATORS))
    monkeypatch.setattr(config, "ESTIMATOR_LAYERS", dict(config.ESTIMATOR_LAYERS))
    monkeypatch.setitem(config.CHOICES, "estimator.name", config.CHOICES["estimator.name"])


def test_an_estimator_that_is_registered_is_one_of_them(registry):
    with pytest.raises(BadConfigError, match="'mine' is unknown"):
        config.resolve(options={"estimator.name": "mine"})
    estimators.register("mine", SimpleBaseline, channels=24, dropout=0.5)
    found = config.resolve("quick", options={"estimator.name": "mine"}).estimator
    assert (found.channels, found.dropout) == (24, 0.5), "what it asks for goes before the preset"
    assert config.resolve("quick", options={"estimator.name": "mine", "estimator.channels": 8}).estimator.channels == 8
    assert build_estimator("mine", load_skeleton(), 24, 0.5).w1.out_features == 24
    with pytest.raises(ValueError, match="there is an estimator 'mine' already"):
        estimators.register("mine", SimpleBaseline)


def test_the_configuration_offers_every_estimator_and_no_other():
    assert set(config.CHOICES["estimator.name"]) == set(ESTIMATORS)
