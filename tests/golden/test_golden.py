"""The published implementation's numbers, every array of them: the same weights and inputs give the same outputs.

Each function below reproduces some arrays and yields (name, ours); all else it takes from the file are inputs and
weights. The last test asserts that nothing in the file was left aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from poseaug_gen import metrics
from poseaug_gen.bones import bones_of, directions_of, gram, lengths_of, root_relative
from poseaug_gen.camera import project
from poseaug_gen.config import FeedbackSettings, LossSettings
from poseaug_gen.models.augmentor import NETWORKS, Augmentor
from poseaug_gen.models.discriminators import Discriminator2D, Discriminator3D
from poseaug_gen.models.estimators import build_estimator
from poseaug_gen.rotation import rotation_matrix
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.training import losses

pytestmark = pytest.mark.golden

TOLERANCE = 1e-4  # of the largest number in an array
SKELETON = load_skeleton("h36m16")
LAYERS = ("in", "block0.0", "block0.1", "block1.0", "block1.1", "out")  # the file's names, in our order
CRITIC = {"into": "in", "res0": "res0", "res1": "res1", "last": "last", "pred": "pred"}  # ours -> the file's
FEEDBACK_AT_PROGRESS = {"epoch0": 0.0, "epoch25of50": 25 / 50}
TIGHT = {"ba": (3.0, 0.1), "rt": (17.0, 1.0)}  # golden/README.md: target and band of the "tight" losses

Outputs = Iterator[tuple[str, Tensor]]


class Golden:
    """The file's arrays; remembers which were asked for."""

    def __init__(self, arrays: dict[str, Tensor]) -> None:
        self.arrays = arrays
        self.touched: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.touched.add(name)
        return self.arrays[name]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """All arrays whose names begin so, by the rest of their names."""
        return {name.removeprefix(prefix): self[name] for name in self.arrays if name.startswith(prefix)}


@cache
def read() -> dict[str, Tensor]:
    default = Path(__file__).parents[2].parent / "shared" / "golden" / "poseaug_reference.npz"
    path = Path(os.environ.get("POSEAUG_GOLDEN") or default)
    if not path.is_file():
        pytest.skip(f"no golden numbers at {path}; set POSEAUG_GOLDEN to poseaug_reference.npz")
    with np.load(path) as file:
        return {name: torch.from_numpy(np.array(file[name])) for name in file.files}


# --- geometry -------------------------------------------------------------------------------------------------


def projection(golden: Golden) -> Outputs:
    for place in ("", "_near"):
        yield f"pose_2d{place}", project(golden[f"pose_3d{place}"], golden["intrinsics"])


def bones(golden: Golden) -> Outputs:
    yield "bones", bones_of(golden["pose_3d"], SKELETON)
    yield "bone_lengths", lengths_of(golden["bones"])


def kinematic_chain_space(golden: Golden) -> Outputs:
    """Of each part: the Gram matrix of the unit bones with those outside the part zeroed."""
    directions = directions_of(golden["bones"])
    for part, inside in SKELETON.parts:
        mask = torch.zeros(SKELETON.num_bones)
        mask[list(inside)] = 1
        yield f"kcs/{part}", gram(directions * mask[:, None])


def axis_angle(golden: Golden) -> Outputs:
    yield "augmentor/rotation_matrix", rotation_matrix(golden["augmentor/rotation_vector"])


# --- networks -------------------------------------------------------------------------------------------------


def assign(parameter: Tensor, value: Tensor) -> None:
    """Copy ``value`` into a parameter of exactly its shape: ``copy_`` alone would broadcast."""
    assert parameter.shape == value.shape, f"{tuple(parameter.shape)} here, {tuple(value.shape)} in the file"
    with torch.no_grad():
        parameter.copy_(value)


def augmentor(golden: Golden) -> Outputs:
    noise = torch.stack([golden[f"augmentor/noise/{net}"] for net in NETWORKS])
    width = len(golden["augmentor/bone_angle/in/linear.bias"])
    ours = Augmentor(SKELETON, noise=noise.shape[-1], width=width).eval()
    for net in NETWORKS:
        # `augmentor/translation` is the translation itself, so its network is called something else.
        prefix = f"augmentor/{'translation_net' if net == 'translation' else net}"
        linears = [layer for layer in ours.nets[net] if isinstance(layer, nn.Linear)]
        norms = [layer for layer in ours.nets[net] if isinstance(layer, nn.BatchNorm1d)]
        for layer, linear in zip(LAYERS, linears, strict=True):
            assign(linear.weight, golden[f"{prefix}/{layer}/linear.weight"])
            assign(linear.bias, golden[f"{prefix}/{layer}/linear.bias"])
        for layer, norm in zip(LAYERS[:-1], norms, strict=True):
            assign(norm.weight, golden[f"{prefix}/{layer}/bn.weight"])
            assign(norm.bias, golden[f"{prefix}/{layer}/bn.bias"])
            assign(norm.running_mean, golden[f"{prefix}/{layer}/bn.mean"])
            assign(norm.running_var, golden[f"{prefix}/{layer}/bn.var"])
    out = ours(golden["pose_3d"], golden["intrinsics"], noise)
    yield "augmentor/pose_ba", out.pose_ba
    yield "augmentor/angle_change", out.angle_change
    yield "augmentor/pose_bl", out.pose_bl
    yield "augmentor/length_ratio", out.length_ratio
    yield "augmentor/rotation_vector", out.rotation
    yield "augmentor/rotation_matrix", rotation_matrix(out.rotation)
    yield "augmentor/translation", out.translation
    yield "augmentor/pose_rt", out.pose_rt
    yield "augmentor/pose_2d_rt", out.pose_2d


def discriminator_3d(golden: Golden) -> Outputs:
    ours = Discriminator3D(SKELETON).eval()
    for critic, (part, inside) in zip(ours.critics, SKELETON.parts, strict=True):
        for layer, published in CRITIC.items():
            weight = golden[f"d3d/{part}/{published}.weight"]
            if layer == "into":  # the published layer reads the whole matrix; outside the part it reads zeros
                whole = weight.unflatten(1, (SKELETON.num_bones, SKELETON.num_bones))
                weight = whole[:, inside][:, :, inside].flatten(1)
            assign(getattr(critic, layer).weight, weight)
            assign(getattr(critic, layer).bias, golden[f"d3d/{part}/{published}.bias"])
    yield "d3d/score_real", ours(golden["pose_3d"])
    yield "d3d/score_fake", ours(golden["augmentor/pose_ba"])


def discriminator_2d(golden: Golden) -> Outputs:
    ours = Discriminator2D(SKELETON, width=len(golden["d2d/in.bias"])).eval()
    for layer, published in {**CRITIC, "mid": "mid"}.items():
        assign(getattr(ours, layer).weight, golden[f"d2d/{published}.weight"])
        assign(getattr(ours, layer).bias, golden[f"d2d/{published}.bias"])
    yield "d2d/score_real", ours(golden["pose_2d"])
    yield "d2d/score_fake", ours(golden["augmentor/pose_2d_rt"])


def estimator(golden: Golden, name: str) -> nn.Module:
    """The estimator with the file's weights, whose names are ours too."""
    weights = golden.below(f"estimator/{name}/weights/")
    # VideoPose's one-tap convolutions are linear layers here.
    weights = {key: w.squeeze(-1) if name == "videopose" and w.ndim == 3 else w for key, w in weights.items()}
    first_norm = {"videopose": "expand_bn", "mlp": "batch_norm1", "semgcn": "gconv_input.0.bn"}[name]
    ours = build_estimator(name, SKELETON, channels=len(weights[f"{first_norm}.weight"]), dropout=0.5).eval()
    unmatched = ours.load_state_dict(weights, strict=False)
    assert not unmatched.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in unmatched.missing_keys)
    return ours


def videopose(golden: Golden) -> Outputs:
    yield "estimator/videopose/output", estimator(golden, "videopose")(golden["pose_2d"])


def mlp(golden: Golden) -> Outputs:
    yield "estimator/mlp/output", estimator(golden, "mlp")(golden["pose_2d"])


def semgcn(golden: Golden) -> Outputs:
    yield "estimator/semgcn/output", estimator(golden, "semgcn")(golden["pose_2d"])


# --- losses and metrics ---------------------------------------------------------------------------------------


def adversarial_losses(golden: Golden) -> Outputs:
    for kind in ("3d", "2d"):
        scores = golden[f"d{kind}/score_real"], golden[f"d{kind}/score_fake"]
        yield f"loss/discriminator_{kind}", losses.discriminator_loss(*scores)
        yield f"loss/adversarial_{kind}", losses.adversarial_loss(*scores)


def range_losses(golden: Golden) -> Outputs:
    settings = LossSettings()
    change, ratio = golden["augmentor/angle_change"], golden["augmentor/length_ratio"]
    yield "loss/angle_range", losses.angle_range_loss(change, settings.angle_target, settings.angle_band)
    yield "loss/length_ratio", losses.length_range_loss(ratio, settings.length_band)


def feedback_errors(golden: Golden) -> Outputs:
    lift = estimator(golden, "videopose")
    turned = golden["augmentor/pose_ba"]
    pairs = {
        "original": (golden["pose_3d"], golden["pose_2d"]),
        "ba": (turned, project(turned, golden["intrinsics"])),
        "rt": (golden["augmentor/pose_rt"], golden["augmentor/pose_2d_rt"]),
    }
    for stage, (pose_3d, pose_2d) in pairs.items():
        errors = losses.joint_group_errors(lift(pose_2d), root_relative(pose_3d), SKELETON)
        yield f"feedback/error_{stage}", errors


def feedback_losses(golden: Golden) -> Outputs:
    settings = FeedbackSettings()
    ratio = {stage: golden[f"feedback/error_{stage}"] / golden["feedback/error_original"] for stage in ("ba", "rt")}
    for when, progress in FEEDBACK_AT_PROGRESS.items():
        target = losses.angle_target(settings, progress)
        yield f"feedback/loss_ba_{when}", losses.range_feedback(ratio["ba"], target, settings.angle_band)
    yield "feedback/loss_rt", losses.range_feedback(ratio["rt"], settings.rigid_target, settings.rigid_band)
    for stage, (target, band) in TIGHT.items():
        yield f"feedback/loss_{stage}_tight", losses.range_feedback(ratio[stage], target, band)


def pose_metrics(golden: Golden) -> Outputs:
    predicted, target = golden["metric/predicted"], golden["metric/target"]
    yield "metric/mpjpe_mm", metrics.mpjpe_mm(predicted, target).mean()
    yield "metric/pa_mpjpe_mm", metrics.pa_mpjpe_mm(predicted, target).mean()
    yield "metric/pck_150mm", metrics.pck(predicted, target).mean()
    yield "metric/auc", metrics.auc(predicted, target).mean()


REPRODUCTIONS: tuple[Callable[[Golden], Outputs], ...] = (
    projection,
    bones,
    kinematic_chain_space,
    axis_angle,
    augmentor,
    discriminator_3d,
    discriminator_2d,
    videopose,
    mlp,
    semgcn,
    adversarial_losses,
    range_losses,
    feedback_errors,
    feedback_losses,
    pose_metrics,
)


@pytest.mark.parametrize("reproduce", REPRODUCTIONS, ids=lambda f: f.__name__)
@torch.no_grad()
def test_the_published_numbers_are_reproduced(reproduce):
    golden = Golden(read())
    wrong = {}
    for name, ours in reproduce(golden):
        published = golden[name]
        assert ours.shape == published.shape, name
        error = float((ours - published).abs().max() / published.abs().max())
        if not error <= TOLERANCE:  # also where it is NaN
            wrong[name] = error
    assert not wrong, f"relative errors over {TOLERANCE}: {wrong}"


@torch.no_grad()
def test_every_array_of_the_file_is_an_input_a_weight_or_a_checked_output():
    """Runs all reproductions itself, since the test above may run in another process."""
    golden = Golden(read())
    for reproduce in REPRODUCTIONS:
        for name, _ in reproduce(golden):
            golden.touched.add(name)
    assert golden.touched == set(golden.arrays)
