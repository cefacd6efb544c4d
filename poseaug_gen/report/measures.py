"""What is measured of every pose: bones, joint angles, how the camera sees it; and how it is spread, for charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from poseaug_gen.bones import EPSILON
from poseaug_gen.gravity import Vectors
from poseaug_gen.poses import PoseSet
from poseaug_gen.report.viewpoints import viewpoints
from poseaug_gen.skeleton import Skeleton, without_side

BINS = 36  # of a histogram; of azimuths, ten degrees each
SHOWN = (0.25, 99.75)  # percentiles between which a chart is drawn: a few strays would squeeze the rest
PERCENTILES = (5, 50, 95)
# Series of a chart: the source's poses, and an export's pairs: all of them, or those of each kind.
SOURCE, EXPORT, DRAWN, LEARNED = "source", "export", "drawn", "learned"

Values = Float[np.ndarray, "rows each"]  # of a row, one value or one of each bone that counts


@dataclass(frozen=True)
class Measure:
    """One figure of every pose.

    Attributes:
        group: the heading that it stands under.
        definition: how it is measured, a sentence.
        span: lowest and highest possible; None: as the values are spread.
    """

    name: str
    group: str
    label: str
    unit: str
    definition: str
    span: tuple[float, float] | None = None


BONES, ANGLES, CAMERA, MADE = "Bone lengths", "Joint angles", "Camera and place in the frame", "Scores and difficulty"
ELEVATION = Measure(
    "elevation",
    CAMERA,
    "Camera elevation",
    "°",
    "Angle between the line from the body’s middle (the mean of its joints) to the camera and the horizontal; positive "
    "where the camera looks down.",
)
AZIMUTH = Measure(
    "azimuth",
    CAMERA,
    "Camera azimuth",
    "°",
    "Where round the body the camera stands: 0 before it, 90 at its left, ±180 behind it, −90 at its right. A body "
    "faces at right angles to the mean of the lines across its hips and its shoulders.",
    (-180.0, 180.0),
)
ROLL = Measure(
    "roll",
    CAMERA,
    "Camera roll",
    "°",
    "How far the vertical leans in the image, positive to the right.",
)
DEPTH = Measure("depth", CAMERA, "Depth", "m", "Of the root, along the camera’s axis.")
FIELD = Measure(
    "field_of_view", CAMERA, "Field of view", "°", "Across the image, 2 arctan(1 / fx), lens distortion left aside."
)
HEIGHT = Measure(
    "height_in_frame",
    CAMERA,
    "Height in the frame",
    "%",
    "From the highest to the lowest joint, of the image’s height.",
)
ACROSS = Measure(
    "place_x",
    CAMERA,
    "Place across the frame",
    "",
    "Middle of the box about the joints: −1 is the image’s left edge, 1 its right one.",
    (-1.0, 1.0),
)
DOWN = Measure(
    "place_y", CAMERA, "Place down the frame", "", "The same downwards: −1 is the upper edge, 1 the lower.", (-1.0, 1.0)
)
OF_COLUMNS = (
    Measure("score_3d", MADE, "3D score", "", "The run’s 3D discriminator’s, the mean over its parts; 1: real."),
    Measure("score_2d", MADE, "2D score", "", "The run’s 2D discriminator’s; 1: real."),
    Measure(
        "difficulty",
        MADE,
        "Difficulty",
        "×",
        "The run’s estimator’s error on the pair over its error on the source pose, so the source’s own is 1.",
    ),
    Measure(
        "angle_change",
        MADE,
        "Change of bone angles",
        "",
        "Mean 1 − cos over the bones, before the body was turned; of learned rows alone.",
    ),
)


def measured(poses: PoseSet, up: Vectors) -> Iterator[tuple[Measure, Values]]:
    """Every measure of some poses whose unit verticals are ``up``, in the camera frame."""
    yield from _bone_lengths(poses)
    yield from _joint_angles(poses.positions, poses.skeleton)
    seen_from = viewpoints(poses.positions, up, poses.skeleton)
    low, high = corners(poses)
    yield ELEVATION, seen_from.elevation[:, None]
    if seen_from.azimuth is not None:
        yield AZIMUTH, seen_from.azimuth[:, None]
    yield ROLL, seen_from.roll[:, None]
    yield DEPTH, poses.positions[:, :1, 2].astype(np.float64)
    yield FIELD, np.degrees(2 * np.arctan2(1, poses.intrinsics[:, :1].astype(np.float64)))
    yield HEIGHT, 50 * (high - low)[:, 1:]
    yield ACROSS, ((low + high) / 2)[:, :1]
    yield DOWN, ((low + high) / 2)[:, 1:]


def corners(poses: PoseSet) -> tuple[Float[np.ndarray, "rows 2"], Float[np.ndarray, "rows 2"]]:
    """The box about each pose's joints in the image, in its half sides: -1 is the left and upper edge, 1 the other."""
    half_sides = np.stack([np.ones(len(poses)), poses.image_size[:, 1] / poses.image_size[:, 0]], -1)
    seen = poses.project() / half_sides[:, None]
    return seen.min(1), seen.max(1)


def _bone_lengths(poses: PoseSet) -> Iterator[tuple[Measure, Values]]:
    """Of each length group, in centimetres."""
    lengths = 100 * poses.bone_lengths().astype(np.float64)
    for name, bones in poses.skeleton.length_groups:
        start = sorted({without_side(poses.skeleton.joints[poses.skeleton.bone_parents[bone]]) for bone in bones})
        definition = f"Of the bone from {' or '.join(start)} to {name}" + (
            ", left and right." if len(bones) > 1 else "."
        )
        yield (
            Measure(f"bone_{poses.skeleton.joints[bones[0] + 1]}", BONES, f"to {name}", "cm", definition),
            lengths[:, list(bones)],
        )


def _joint_angles(
    positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton
) -> Iterator[tuple[Measure, Values]]:
    """At each joint where one bone ends and another starts: by how much the second turns off from the first."""
    pose = positions.astype(np.float64)
    groups: dict[int, list[int]] = {}
    for bone, joint in enumerate(skeleton.bone_parents):
        if joint > 0:
            groups.setdefault(min(bone, int(skeleton.mirror_bones[bone])), []).append(bone)
    for bones in groups.values():
        angles = np.stack([_bend(pose, skeleton, bone) for bone in bones], -1)
        joint, child = (without_side(skeleton.joints[j]) for j in (skeleton.bone_parents[bones[0]], bones[0] + 1))
        yield (
            Measure(
                f"angle_{skeleton.joints[bones[0] + 1]}",
                ANGLES,
                f"{joint}, to {child}",
                "°",
                f"Between the bone that ends at {joint} and the one from there to {child}; 0: straight on.",
            ),
            angles,
        )


def _bend(pose: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton, bone: int) -> Float[np.ndarray, " rows"]:
    """The angle between a bone and the one that it starts from, degrees."""
    joint, end = int(skeleton.bone_parents[bone]), bone + 1
    before, after = pose[:, joint] - pose[:, skeleton.parents[joint]], pose[:, end] - pose[:, joint]
    size = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    return np.degrees(np.arccos(np.clip((before * after).sum(-1) / np.maximum(size, EPSILON), -1, 1)))


@dataclass(frozen=True)
class Spread:
    """How a measure is spread in each series (``source``, ``export``, …) that has values.

    Attributes:
        edges: of the bins.
        shares: of each series, per cent of its values in each bin; what is outside the bins is in none.
        percentiles: of each series, at :data:`PERCENTILES`.
    """

    measure: Measure
    edges: Float[np.ndarray, " edges"]
    shares: Mapping[str, Float[np.ndarray, " bins"]]
    percentiles: Mapping[str, Float[np.ndarray, " percentiles"]]


def spread_of(measure: Measure, series: Mapping[str, Shaped[np.ndarray, "*values"]]) -> Spread:
    """The spread of each series over bins that all share; of values that are finite, of which there must be some."""
    series = {name: values[np.isfinite(values)] for name, values in series.items()}
    series = {name: values for name, values in series.items() if values.size}
    low, high = measure.span or _span(list(series.values()))
    edges = np.linspace(low, high, BINS + 1)
    shares = {name: 100 * np.histogram(values, edges)[0] / len(values) for name, values in series.items()}
    percentiles = {name: np.percentile(values, PERCENTILES) for name, values in series.items()}
    return Spread(measure, edges, shares, percentiles)


def _span(series: list[np.ndarray]) -> tuple[float, float]:
    """From the lowest to the highest value but for strays; never nothing, and no wider than rounding can tell apart."""
    low = min(float(np.percentile(values, SHOWN[0])) for values in series)
    high = max(float(np.percentile(values, SHOWN[1])) for values in series)
    room = max(0.02 * (high - low), 1e-3 * max(abs(low), abs(high)), 1e-3)
    return low - room, high + room
