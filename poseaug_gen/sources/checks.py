"""What every reader asks of a file's numbers before they become a PoseSet.

``where`` is the file, as the error's sentence names it. Nothing here asks that a pose be seen by its camera:
:mod:`poseaug_gen.validity` does that where it matters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from poseaug_gen.bones import bones_of, lengths_of
from poseaug_gen.camera import INTRINSICS
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.joints import JointNames, to_skeleton

TORSO = (0.15, 1.5)  # metres: a small child's to a giant's; millimetres and centimetres fall far outside
EXTENT = (0.4, 4.0)  # metres: the same for a whole body, of skeletons without a trunk
LONGEST_FOCAL = 100.0  # normalised: a field of view of one degree; a focal length in pixels is over this
WIDEST_IMAGE = 2**15 - 1  # pixels: what an i2 holds; image sizes are stored as such
LARGEST_RATIO = 1100  # of a claimed size to a stored one: deflate cannot compress further than 1:1032
LONGEST_LABEL = 256  # characters: a label is a name, and every row makes room for the longest


def checked_positions(
    positions: Shaped[np.ndarray, "..."],
    joints: Sequence[str] | None,
    skeleton: Skeleton,
    names: JointNames,
    where: str,
    if_not_finite: str | None = None,
) -> Float[np.ndarray, "rows joints 3"]:
    """A file's poses as float32 in the skeleton's order of joints.

    Args:
        positions: ``(rows, file's joints, 3)``, metres, any frame.
        joints: the names of the file's joints; None: the file has the skeleton's own, in its order.
        if_not_finite: what to do about NaN or infinity; None: leave those rows out.

    Raises:
        PoseAugError: another shape or type, joints that are not the skeleton's, NaN or infinity.
    """
    if positions.dtype.kind not in "fiu" or positions.ndim != 3 or positions.shape[2] != 3:
        raise PoseAugError(
            f"{where}: the poses are {positions.dtype} of shape {positions.shape}; "
            f"they must be numbers of shape (rows, joints, 3)"
        )
    if joints is None and positions.shape[1] != skeleton.num_joints:
        raise PoseAugError(
            f"{where}: its poses have {positions.shape[1]} joints, skeleton {skeleton.name!r} has "
            f"{skeleton.num_joints} ({', '.join(skeleton.joints)}); choose another --skeleton or name the file's "
            f"joints in a field 'joints'"
        )
    if joints is not None:
        if len(joints) != positions.shape[1]:
            raise PoseAugError(
                f"{where}: 'joints' names {len(joints)} joints but the poses have {positions.shape[1]}; "
                f"give one name a joint"
            )
        positions = to_skeleton(positions, joints, skeleton, names, where)
    # A float64 too large for float32 becomes infinite, and is reported as such.
    with np.errstate(over="ignore", invalid="ignore"):
        positions = np.ascontiguousarray(positions, dtype=np.float32)
    bad = ~np.isfinite(positions).all(-1)
    if bad.any():
        row, joint = np.argwhere(bad)[0]
        raise PoseAugError(
            f"{where}: row {row}, joint {skeleton.joints[joint]!r} is not finite ({positions[row, joint].tolist()}); "
            f"{if_not_finite or f'leave out the {bad.any(1).sum():,} row(s) with NaN or infinity'}"
        )
    return positions


def check_bodies(positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton, where: str) -> None:
    """Raise a PoseAugError where there are no poses, or the median body shows that the unit is not the metre."""
    if len(positions) == 0:
        raise PoseAugError(f"{where}: holds no poses; leave the file out")
    what, size, (low, high) = body_size(positions, skeleton)
    if low <= size <= high:
        return
    unit = next(((u, n) for u, n in (("centimetres", 100), ("millimetres", 1000)) if low <= size / n <= high), None)
    guess = f", and these look like {unit[0]}: divide by {unit[1]}" if unit else f" ({low} to {high} are plausible)"
    raise PoseAugError(f"{where}: the {what} is {size:.3g} units long (median); poses must be in metres{guess}")


def body_size(
    positions: Float[np.ndarray, "rows joints 3"], skeleton: Skeleton
) -> tuple[str, float, tuple[float, float]]:
    """What measures a body of this skeleton, its median over the rows, and the bounds between which it is in metres.

    That is the torso: the sum of the trunk's bones, a left/right pair counted once (``coco17`` has two sides to its
    torso). A skeleton without a trunk is measured by the diagonal of its bounding box.
    """
    pose = torch.from_numpy(positions)
    if skeleton.trunk:
        lengths = lengths_of(bones_of(pose, skeleton)).numpy()
        trunk = [[b for b in bones if b + 1 in skeleton.trunk] for _, bones in skeleton.length_groups]
        torso = sum(lengths[:, bones].mean(1) for bones in trunk if bones)
        return "torso", float(np.median(torso)), TORSO
    extent = (pose.amax(1) - pose.amin(1)).norm(dim=-1)
    return "body", float(np.median(extent.numpy())), EXTENT


def checked_intrinsics(values: Shaped[np.ndarray, "*rows n"], where: str) -> Float[np.ndarray, "*rows n"]:
    """Normalised intrinsics, nine a camera, as float32.

    Raises:
        PoseAugError: another number of them, not finite, a focal length that is not positive or is in pixels.
    """
    if values.dtype.kind not in "fiu" or values.shape[-1] != len(INTRINSICS):
        raise PoseAugError(
            f"{where}: 'intrinsics' is {values.dtype} of shape {values.shape}; "
            f"a camera has nine numbers: {' '.join(INTRINSICS)}"
        )
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(values).all():
        raise PoseAugError(f"{where}: 'intrinsics' holds NaN or infinity; give nine finite numbers a camera")
    focal = values[..., :2]
    if not ((focal > 0) & (focal <= LONGEST_FOCAL)).all():
        wrong = focal[(focal <= 0) | (focal > LONGEST_FOCAL)][0]
        raise PoseAugError(
            f"{where}: 'intrinsics' has a focal length of {wrong:.6g}; it must be positive and normalised: "
            f"twice the focal length in pixels over the image's width"
        )
    return values


def checked_image_size(values: Shaped[np.ndarray, "*rows n"], where: str) -> Int[np.ndarray, "*rows n"]:
    """Width and height in pixels, as int32.

    Raises:
        PoseAugError: not two whole numbers a row from 1 to :data:`WIDEST_IMAGE`.
    """
    right = values.dtype.kind in "fiu" and values.shape[-1] == 2
    if not right or not ((values >= 1) & (values <= WIDEST_IMAGE) & (values == np.floor(values))).all():
        raise PoseAugError(
            f"{where}: 'image_size' must be width and height in pixels, whole numbers from 1 to {WIDEST_IMAGE}"
        )
    return np.ascontiguousarray(values, dtype=np.int32)
