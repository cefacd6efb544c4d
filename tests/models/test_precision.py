"""``run.precision=bf16``: the networks' products are coarser; weights, answers, geometry and states are float32's."""

from collections.abc import Iterator

import pytest
import torch
from tiny_runs import tiny
from torch import Tensor, nn

from poseaug_gen.bones import bones_of, lengths_of
from poseaug_gen.camera import project
from poseaug_gen.config import resolve
from poseaug_gen.errors import BadConfigError
from poseaug_gen.models.precision import use_bfloat16
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.passes import train_estimator, train_gan

CPU = torch.device("cpu")
ESTIMATORS = ["videopose", "mlp", "semgcn", "stgcn"]
PRECISIONS = ["float32", "bf16"]
FIRST_FEEDBACK = 2  # epoch of tiny runs
EXACT = {"rtol": 5e-6, "atol": 5e-6}  # single precision at some metres; bfloat16 rounds them by millimetres
one_skeleton = pytest.mark.parametrize("skeleton", [load_skeleton()], ids=["h36m16"])  # where a body has no say
EPOCH = 0.02  # of a loss: what an epoch in bfloat16 may change; over ten seeds it was 0.6 % at most


@pytest.fixture
def source(skeleton, make_poses) -> Pairs:
    return Pairs.of(make_poses(skeleton, rows=128), CPU)


def networks(precision: str, skeleton: Skeleton, source: Pairs, estimator: str = "videopose") -> Networks:
    """The same start for both precisions."""
    torch.manual_seed(0)
    options = {"run__precision": precision, "estimator__name": estimator, "estimator__pretrain_learning_rate": 1e-3}
    made = Networks(tiny(**options), skeleton, CPU)
    made.shape_start(source, None)
    torch.manual_seed(1)
    return made


def both(skeleton: Skeleton, source: Pairs, estimator: str = "videopose") -> Iterator[Networks]:
    """In float32 and in bf16, one when the other has been dealt with: what is drawn at random is the same."""
    for precision in PRECISIONS:
        yield networks(precision, skeleton, source, estimator)


def rounded(x: Tensor) -> bool:
    """Whether every number is one that bfloat16 has, as when its last product was taken in it."""
    return torch.equal(x, x.bfloat16().float())


def tensors_of(state: dict | list | Tensor | float | None) -> list[Tensor]:
    """All the tensors in a nested state."""
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, list):
        return [tensor for part in state for tensor in tensors_of(part)]
    return [state] if isinstance(state, Tensor) else []


# --- one network ----------------------------------------------------------------------------------------------


def test_a_module_says_what_torch_says_under_autocast_and_leaves_autocast_off():
    torch.manual_seed(0)
    plain, cast = nn.Linear(7, 5), nn.Linear(7, 5)
    cast.load_state_dict(plain.state_dict())
    use_bfloat16(cast)
    x = torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16):
        expected = plain(x)
    said = cast(x)
    assert expected.dtype == torch.bfloat16
    assert said.dtype == torch.float32
    assert torch.equal(said, expected.float())
    assert not torch.equal(said, plain(x))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        cast(torch.randn(3, 8))
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_estimator_answers_in_single_precision_what_float32s_answers_but_for_a_hundredth(
    skeleton, source, estimator
):
    exact, coarse = (one.estimator.eval()(source.pose_2d) for one in both(skeleton, source, estimator))
    assert coarse.dtype == torch.float32
    assert 1e-4 < (coarse - exact).norm() / exact.norm() < 0.01, "it is bfloat16 that makes the difference"


# --- a pass of training ---------------------------------------------------------------------------------------


@one_skeleton
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_estimators_epoch_has_float32s_loss_within_two_per_cent(skeleton, source, estimator):
    exact, coarse = (train_estimator(one, source, "pretrain") for one in both(skeleton, source, estimator))
    assert coarse == pytest.approx(exact, rel=EPOCH)
    assert coarse != exact


@one_skeleton
def test_a_gan_pass_has_float32s_losses_within_two_per_cent(skeleton, source):
    exact, coarse = (train_gan(one, source, FIRST_FEEDBACK)[1] for one in both(skeleton, source))
    for name in ("augmentor_loss", "adversarial_3d", "adversarial_2d", "feedback", "d3d_loss", "d2d_loss"):
        assert coarse[name] == pytest.approx(exact[name], rel=EPOCH), name
        assert coarse[name] != exact[name], name


@one_skeleton
def test_weights_statistics_optimisers_and_pools_stay_in_single_precision(skeleton, source):
    (exact, coarse) = both(skeleton, source)
    for one in (exact, coarse):
        train_gan(one, source, FIRST_FEEDBACK)
        train_estimator(one, source, "estimator")
    theirs, ours = tensors_of(exact.state()), tensors_of(coarse.state())
    assert [tensor.dtype for tensor in ours] == [tensor.dtype for tensor in theirs]
    assert {tensor.dtype for tensor in ours if tensor.is_floating_point()} == {torch.float32}
    weights = torch.cat([parameter.flatten() for parameter in coarse.estimator.parameters()])
    assert not rounded(weights), "small steps are not lost"


@one_skeleton
@pytest.mark.parametrize(("first", "then"), [PRECISIONS, PRECISIONS[::-1]])
def test_a_state_of_one_precision_is_one_of_the_other(skeleton, source, first, then):
    """So a run's weights are read, and exported from, without knowing how they came about."""
    made, other = (networks(precision, skeleton, source) for precision in (first, then))
    train_gan(made, source, FIRST_FEEDBACK)
    train_estimator(made, source, "estimator")
    other.restore(made.state())
    theirs, ours = made.state(), other.state()
    assert {name: list(module) for name, module in ours["modules"].items()} == {
        name: list(module) for name, module in theirs["modules"].items()
    }
    for mine, their in zip(tensors_of(ours), tensors_of(theirs), strict=True):
        assert torch.equal(mine, their)
    train_gan(other, source, FIRST_FEEDBACK + 1)
    train_estimator(other, source, "estimator")
    assert not other.not_finite()


# --- what is not the networks' --------------------------------------------------------------------------------


def test_geometry_keeps_its_precision(skeleton, source):
    """Lengths are ``length (1 + ratio)`` and the 2D is the pose's projection, of whatever the coarse networks said."""
    augmentor = networks("bf16", skeleton, source).augmentor
    noise = augmentor.draw_noise(len(source))
    with torch.no_grad():
        augmented = augmentor(source.pose, source.intrinsics, noise)
    before, turned, stretched, moved = (
        lengths_of(bones_of(pose.double(), skeleton))
        for pose in (source.pose, augmented.pose_ba, augmented.pose_bl, augmented.pose_rt)
    )
    longer = before * (1 + augmented.length_ratio.double()[:, list(skeleton.group_of_bone)])
    assert (longer - before).abs().max() > 1e-3, "lengths do change"
    torch.testing.assert_close(turned, before, **EXACT)
    torch.testing.assert_close(stretched, longer, **EXACT)
    torch.testing.assert_close(moved, longer, **EXACT)
    seen = project(augmented.pose_rt.double(), source.intrinsics.double())
    torch.testing.assert_close(augmented.pose_2d.double(), seen, **EXACT)
    assert not rounded(augmented.pose_2d)


@one_skeleton
def test_pairs_that_a_pass_makes_are_as_exact(skeleton, source):
    """A body's left side is as long as its right, as the source's are, and the 2D is the 3D's projection."""
    pairs, _ = train_gan(networks("bf16", skeleton, source), source, FIRST_FEEDBACK)
    assert len(pairs) > 0
    assert pairs.pose.dtype == pairs.pose_2d.dtype == torch.float32
    lengths = lengths_of(bones_of(pairs.pose.double(), skeleton))
    for group in range(skeleton.num_groups):
        sides = lengths[:, skeleton.group_of_bone == group]
        torch.testing.assert_close(sides, sides[:, :1].expand_as(sides), **EXACT)
    seen = project(pairs.pose.double(), pairs.intrinsics.double())
    torch.testing.assert_close(pairs.pose_2d.double(), seen, **EXACT)


def test_what_networks_read_of_a_pose_is_what_float32s_read(skeleton, source):
    """Root-relative poses, Gram matrices: to the last bit."""
    read: list[list[Tensor]] = []
    for one in both(skeleton, source):
        inputs: list[Tensor] = []
        for network in (one.augmentor.nets, one.d3d.critics):
            network.register_forward_pre_hook(lambda _, given, inputs=inputs: inputs.extend(tensors_of(list(given))))
        with torch.no_grad():
            one.augmentor(source.pose, source.intrinsics, one.augmentor.draw_noise(len(source)))
            one.d3d(source.pose)
        read.append(inputs)
    assert len(read[0]) == 5, "four of the augmentor's networks, and the critics"
    assert {tensor.dtype for tensor in read[1]} == {torch.float32}
    for exact, coarse in zip(*read, strict=True):
        assert torch.equal(exact, coarse)


# --- the setting ----------------------------------------------------------------------------------------------


def said(one: Networks, source: Pairs) -> dict[str, Tensor]:
    """What each network answers."""
    noise = one.augmentor.draw_noise(len(source))
    with torch.no_grad():
        return {
            "augmentor": one.augmentor(source.pose, source.intrinsics, noise).translation[:, :2],  # as the network said
            "d3d": one.d3d(source.pose),
            "d2d": one.d2d(source.pose_2d),
            "estimator": one.estimator(source.pose_2d),
        }


@one_skeleton
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_setting_holds_for_all_four_networks_and_for_renewed_discriminators(skeleton, source, precision):
    one = networks(precision, skeleton, source)
    before = said(one, source)
    assert [rounded(answer) for answer in before.values()] == [precision == "bf16"] * 4
    for name in ("d3d", "d2d"):
        one.renew(name)
        renewed = said(one, source)[name]
        assert not torch.equal(renewed, before[name])
        assert rounded(renewed) == (precision == "bf16")
        assert renewed.dtype == torch.float32


def test_single_precision_is_what_no_setting_means():
    assert resolve().run.precision == "float32"


@pytest.mark.parametrize("value", ["fp16", "bfloat16", "BF16", "", "float64", 16, True])
def test_another_precision_is_refused_in_one_sentence(value):
    with pytest.raises(BadConfigError, match=r"run\.precision") as error:
        resolve(options={"run.precision": value})
    sentence = str(error.value)
    assert repr(value) in sentence
    assert "\n" not in sentence
    assert isinstance(value, str) == ("float32" in sentence or "bf16" in sentence), "choices are named"
