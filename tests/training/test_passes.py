"""What each pass changes, what it leaves alone, what it hands back."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_runs import tiny
from torch import Tensor, nn

from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training import passes
from poseaug_gen.training.monitor import Monitor
from poseaug_gen.training.networks import Networks
from poseaug_gen.training.pairs import Pairs
from poseaug_gen.training.passes import train_estimator, train_gan, validation_error

CPU = torch.device("cpu")
ESTIMATORS = ["videopose", "mlp", "semgcn", "stgcn"]
ROWS, BATCH = 150, 32
STEPS = ROWS // BATCH  # 22 rows are over
WARMUP, FIRST_FEEDBACK = 1, 2  # epochs of tiny runs
HEIGHTS = (1000, 500)  # of the two cameras' frames, 1000 wide


@pytest.fixture(scope="module")
def source(make_poses) -> Pairs:
    """Rows from two cameras in turn."""
    pairs = Pairs.of(make_poses(load_skeleton(), rows=ROWS, cameras=2), CPU)
    for camera, height in enumerate(HEIGHTS):
        pairs.image_size[camera::2] = torch.tensor([1000, height])
    return pairs


def networks(source: Pairs, draws: int = 1, **options) -> Networks:
    """The same new ones each time; ``draws`` is the seed of what is drawn at random from now on."""
    torch.manual_seed(0)
    made = Networks(tiny(**options), load_skeleton(), CPU)
    made.shape_start(source, None)
    torch.manual_seed(draws)
    return made


def some(source: Pairs, rows: int) -> Pairs:
    return source.take(torch.arange(rows))


def weights(one: Networks, *names: str) -> dict[str, Tensor]:
    """Weights and statistics of the named networks, as they are now."""
    return {
        f"{name}.{key}": value.clone()
        for name in names or ("augmentor", "d3d", "d2d", "estimator")
        for key, value in getattr(one, name).state_dict().items()
    }


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def learns(module: nn.Module) -> bool:
    return all(parameter.requires_grad for parameter in module.parameters())


def calls_of(module: nn.Module) -> list[tuple[tuple[Tensor, ...], object]]:
    """A list that fills with the module's inputs and answers."""
    calls: list[tuple[tuple[Tensor, ...], object]] = []
    module.register_forward_hook(lambda _, inputs, output: calls.append((inputs, output)))
    return calls


def rows_of(seen: Tensor, source: Pairs) -> list[int]:
    """Which rows of the source these 2D poses are."""
    numbers = {row.numpy().tobytes(): number for number, row in enumerate(source.pose_2d)}
    assert len(numbers) == len(source)
    return [numbers[row.numpy().tobytes()] for row in seen]


class Snapshots(Monitor):
    """All weights after each step."""

    def __init__(self, one: Networks) -> None:
        self.networks = one
        self.taken = [weights(one)]

    def step(self) -> None:
        self.taken.append(weights(self.networks))

    def moved(self, name: str) -> list[bool]:
        """At which steps something of a network changed."""
        own = [{key: value for key, value in shot.items() if key.startswith(f"{name}.")} for shot in self.taken]
        return [not same(before, after) for before, after in pairwise(own)]


# --- augmentor and discriminators: what they hand back ----------------------------------------------------------


def unclamped_projection(pose: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """SPEC, "Conventions", without its clamp: a joint that needs it is not where this says."""
    f, c, k, p = (intrinsics[:, None, part] for part in (slice(0, 2), slice(2, 4), slice(4, 7), slice(7, 9)))
    xy = pose[..., :2] / pose[..., 2:]
    r2 = (xy**2).sum(-1, keepdims=True)
    radial = 1 + (k * np.concatenate([r2, r2**2, r2**3], -1)).sum(-1, keepdims=True)
    return f * (xy * (radial + (p * xy).sum(-1, keepdims=True)) + p * r2) + c


def test_each_pair_is_a_pose_and_what_its_own_camera_sees_of_it(source):
    pairs, _ = train_gan(networks(source), source, FIRST_FEEDBACK)
    assert len(pairs) > ROWS / 2
    seen = unclamped_projection(pairs.pose.double().numpy(), pairs.intrinsics.double().numpy())
    np.testing.assert_allclose(pairs.pose_2d, seen, atol=1e-5)
    for camera, height in enumerate(HEIGHTS):
        own = (pairs.intrinsics == source.intrinsics[camera]).all(-1)
        assert own.any()
        assert (pairs.image_size[own] == torch.tensor([1000, height])).all()
    assert not any(value.requires_grad for value in vars(pairs).values()), "no step's graph lives on in them"


def test_what_a_camera_could_have_taken_is_kept_and_the_rest_is_counted_by_its_first_cause(source):
    """The limits are such that a start half as wild as Kaiming's breaks each of them."""
    limits = {"visibility__nearest": 3.5, "visibility__farthest": 7.0, "visibility__frame": 0.8}
    one = networks(source, augmentor__output_scale=0.5, **limits)
    calls = calls_of(one.augmentor)
    pairs, row = train_gan(one, source, FIRST_FEEDBACK)

    cameras = torch.cat([inputs[1] for inputs, _ in calls])
    pose, pose_2d = (
        torch.cat([getattr(made, name) for _, made in calls]).detach().numpy() for name in ("pose_rt", "pose_2d")
    )
    height = np.where((cameras == source.intrinsics[0]).all(-1), *HEIGHTS)
    half = 0.8 * np.stack([np.ones(len(height)), height / 1000], -1)[:, None]
    in_depth = ((pose[..., 2] >= 3.5) & (pose[..., 2] <= 7)).all(1)
    in_frame = (abs(pose_2d) <= half).all((1, 2)) & (abs(pose[..., :2]) <= pose[..., 2:]).all((1, 2))
    kept = in_depth & in_frame
    np.testing.assert_array_equal(pairs.pose, pose[kept])
    np.testing.assert_array_equal(pairs.pose_2d, pose_2d[kept])

    rows = STEPS * BATCH
    counts = {
        "rejected_not_finite": 0,
        "rejected_depth": (~in_depth).sum(),
        "rejected_out_of_frame": (in_depth & ~in_frame).sum(),
    }
    assert {name: value * rows for name, value in row.items() if name.startswith("rejected")} == pytest.approx(counts)
    assert sum(counts.values()) + len(pairs) == rows
    assert min(len(pairs), counts["rejected_depth"], counts["rejected_out_of_frame"]) > 5


def test_where_no_camera_could_have_taken_any_there_is_none(source):
    pairs, row = train_gan(networks(source, visibility__farthest=1.0), source, FIRST_FEEDBACK)
    assert len(pairs) == 0
    assert row["rejected_depth"] == 1
    assert sum(value for name, value in row.items() if name.startswith("rejected")) == 1


@pytest.mark.parametrize(("rows", "taken"), [(100, 96), (64, 64), (20, 20)])
def test_each_pose_is_augmented_once_at_most_and_only_in_whole_batches(source, rows, taken):
    given = some(source, rows)
    one = networks(source)
    calls = calls_of(one.augmentor)
    pairs, row = train_gan(one, given, FIRST_FEEDBACK)
    poses = torch.cat([inputs[0] for inputs, _ in calls])
    assert len(poses) == len(poses.unique(dim=0)) == taken
    rejected = sum(value for name, value in row.items() if name.startswith("rejected"))
    assert len(pairs) == pytest.approx(taken * (1 - rejected))


# --- augmentor and discriminators: what they change -------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_estimator_judges_and_stays_as_it_is(source, name):
    """Neither a weight, nor a statistic, nor a gradient; and its dropout has no part in what it says."""
    one = networks(source, estimator__name=name, estimator__dropout=0.25)
    train_estimator(one, source, "pretrain")  # statistics of its own
    one.optimisers["pretrain"].zero_grad()
    before, calls = weights(one, "estimator"), calls_of(one.estimator)
    train_gan(one, source, FIRST_FEEDBACK)
    assert same(weights(one, "estimator"), before)
    assert all(parameter.grad is None for parameter in one.estimator.parameters())
    assert learns(one.estimator), "it can go on learning"
    judged = calls[:]
    assert len(judged) == 2 * STEPS, "the source's poses, and the made ones"
    with torch.no_grad():
        for (seen,), said in judged:
            torch.testing.assert_close(one.estimator.eval()(seen), said)


def test_what_was_frozen_for_a_step_learns_again_even_after_an_interruption(source, monkeypatch):
    one = networks(source)
    frozen = []

    def interrupt(*_) -> None:
        frozen.extend(name for name in ("d3d", "d2d", "estimator") if not learns(getattr(one, name)))
        raise KeyboardInterrupt

    monkeypatch.setattr(passes, "augmentor_loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_gan(one, source, FIRST_FEEDBACK)
    assert frozen == ["d3d", "d2d", "estimator"]
    assert all(learns(getattr(one, name)) for name in ("augmentor", *frozen))


@pytest.mark.parametrize("every", [1, 2, 3])
def test_discriminators_move_at_every_so_many_steps_and_the_augmentor_at_each(source, every):
    one = networks(source, schedule__discriminator_every=every)
    shots = Snapshots(one)
    train_gan(one, source, FIRST_FEEDBACK, shots)
    turns = [step % every == 0 for step in range(STEPS)]
    assert shots.moved("augmentor") == [True] * STEPS
    assert shots.moved("d3d") == turns
    assert shots.moved("d2d") == turns
    assert shots.moved("estimator") == [False] * STEPS
    steps = {"augmentor": STEPS, "d3d": sum(turns), "d2d": sum(turns), "pretrain": 0, "estimator": 0}
    assert {name: one.steps(name) for name in one.optimisers} == steps


@pytest.mark.parametrize(("warmup", "epoch", "heard"), [(0, 1, True), (1, 1, False), (1, 2, True), (3, 3, False)])
def test_in_the_warm_up_the_estimator_has_no_say(source, warmup, epoch, heard):
    """Whatever it is, all else comes out the same; afterwards the augmentor hears of it."""
    made, rows = [], []
    for scale in (1.0, 1.5):
        one = networks(source, schedule__warmup_epochs=warmup)
        with torch.no_grad():
            for parameter in one.estimator.parameters():
                parameter *= scale
        calls = calls_of(one.estimator)
        rows.append(train_gan(one, source, epoch)[1])
        made.append(weights(one, "augmentor"))
        assert bool(calls) == heard
    assert same(*made) == (not heard)
    assert (rows[0] == rows[1]) == (not heard)
    of_feedback = {"feedback", "difficulty", "difficulty_angle"}
    assert of_feedback & set(rows[0]) == (of_feedback if heard else set())


@pytest.mark.parametrize(
    ("what", "value"), [("pose", math.nan), ("pose", math.inf), ("pose_2d", math.nan), ("intrinsics", math.nan)]
)
def test_one_number_that_is_none_shows_in_the_losses_and_in_no_pair(source, what, value):
    one, spoilt = networks(source), some(source, BATCH)
    sound = train_gan(one, spoilt, FIRST_FEEDBACK)[1]
    assert all(map(math.isfinite, sound.values()))
    getattr(spoilt, what)[5].view(-1)[-1] = value
    pairs, row = train_gan(one, spoilt, FIRST_FEEDBACK)
    assert not math.isfinite(row["augmentor_loss"])
    assert "augmentor" in one.not_finite()
    assert all(made.isfinite().all() for made in vars(pairs).values())


# --- the estimator ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "sizes"), [(100, [32, 32, 32]), (64, [32, 32]), (20, [20])])
def test_the_estimator_sees_each_pair_once_at_most_in_another_order_each_pass(source, rows, sizes):
    given = some(source, rows)
    one = networks(source)
    calls = calls_of(one.estimator)
    orders = []
    for _ in range(6):
        train_estimator(one, given, "pretrain")
        assert [len(seen) for (seen,), _ in calls] == sizes
        orders.append(rows_of(torch.cat([seen for (seen,), _ in calls]), given))
        assert len(set(orders[-1])) == sum(sizes)
        calls.clear()
    assert len(set(map(tuple, orders))) == 6
    assert set().union(*orders) == set(range(rows)), "the remainder is another's each time"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_loss_is_the_mean_squared_error_to_the_root_relative_pose(source, name):
    one = networks(source, estimator__name=name)
    calls = calls_of(one.estimator)
    loss = train_estimator(one, source, "pretrain")
    pose = (source.pose - source.pose[:, :1]).double().numpy()
    errors = [said.detach().double().numpy() - pose[rows_of(seen, source)] for (seen,), said in calls]
    assert loss == pytest.approx(np.mean([(error**2).mean() for error in errors]), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "optimiser"), [("videopose", "estimator"), *((name, "pretrain") for name in ESTIMATORS)]
)
def test_over_some_passes_the_estimator_learns_a_small_set(source, name, optimiser):
    rates = {"estimator__pretrain_learning_rate": 5e-3, "estimator__learning_rate": 5e-3}
    one = networks(source, estimator__name=name, estimator__dropout=0.0, **rates)
    others = weights(one, "augmentor", "d3d", "d2d")
    small = some(source, 2 * BATCH)
    losses = [train_estimator(one, small, optimiser) for _ in range(10)]
    assert losses[-1] < losses[0] / 3
    assert same(weights(one, "augmentor", "d3d", "d2d"), others)
    steps = dict.fromkeys(one.optimisers, 0) | {optimiser: 10 * 2}
    assert {name: one.steps(name) for name in one.optimisers} == steps


@pytest.mark.parametrize("what", ["pose", "pose_2d"])
def test_one_number_that_is_none_shows_in_the_estimators_loss(source, what):
    spoilt = some(source, 2 * BATCH)
    getattr(spoilt, what)[5].view(-1)[-1] = math.nan
    one = networks(source)
    assert math.isnan(train_estimator(one, spoilt, "pretrain"))
    assert one.not_finite() == ["estimator"]


# --- validation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_validation_error_is_the_mean_distance_of_joints_relative_to_the_root(source, name):
    """Over all poses, however they are split: the last part of 150 in sevens is of three."""
    one = networks(source, estimator__name=name, estimator__dropout=0.25)
    train_estimator(one, source, "pretrain")
    errors = [validation_error(one, source), validation_error(one, source, batch_size=7)]
    with torch.no_grad():
        predicted = one.estimator.eval()(source.pose_2d).double().numpy()
    pose = source.pose.double().numpy()
    offsets = (predicted - predicted[:, :1]) - (pose - pose[:, :1])
    mpjpe = 1000 * np.sqrt((offsets**2).sum(-1)).mean()
    assert errors == pytest.approx([mpjpe, mpjpe], rel=1e-5)


def test_an_estimator_that_is_off_by_three_and_four_millimetres_has_an_error_of_five(source):
    """At all joints but the root, which counts among the sixteen; where the whole body is does not matter."""

    class Off(nn.Module):
        def forward(self, pose_2d: Tensor) -> Tensor:
            pose = torch.cat([pose_2d, torch.zeros_like(pose_2d[..., :1])], -1)
            pose[:, 1:] += torch.tensor([0.003, 0.0, -0.004])
            return pose + torch.tensor([1.0, 2.0, 3.0])

    flat = torch.cat([source.pose_2d, torch.full((ROWS, 16, 1), 4.0)], -1)
    one = networks(source)
    one.estimator = Off()
    error = validation_error(one, Pairs(flat, source.pose_2d, source.intrinsics, source.image_size))
    assert error == pytest.approx(5 * 15 / 16, rel=1e-3)


@pytest.mark.parametrize("name", ["videopose", "stgcn"])
def test_a_validation_between_two_passes_changes_nothing(source, name):
    """Neither weights, statistics and random numbers, nor how the estimator goes on."""
    after = []
    for validated in (False, True):
        one = networks(source, estimator__name=name, estimator__dropout=0.25)
        train_estimator(one, source, "pretrain")
        before, draws = weights(one), torch.get_rng_state()
        if validated:
            validation_error(one, source)
        assert same(weights(one), before)
        assert torch.equal(torch.get_rng_state(), draws)
        train_estimator(one, source, "pretrain")
        after.append(weights(one))
    assert same(*after)


# --- chance -----------------------------------------------------------------------------------------------------


def an_epoch(source: Pairs, draws: int) -> tuple[dict[str, Tensor], dict[str, float]]:
    """What an epoch leaves, and all figures of it."""
    one = networks(source, draws)
    pairs, row = train_gan(one, source, FIRST_FEEDBACK)
    row["made"] = train_estimator(one, pairs, "estimator")
    row["own"] = train_estimator(one, source, "estimator")
    return weights(one) | vars(pairs), row


def test_the_same_draws_give_the_same_bytes_and_others_give_others(source):
    (left, row), (left_again, row_again), (_, other) = (an_epoch(source, draws) for draws in (1, 1, 2))
    assert same(left, left_again)
    assert row == row_again
    assert other["augmentor_loss"] != row["augmentor_loss"]
    assert other["own"] != row["own"]
