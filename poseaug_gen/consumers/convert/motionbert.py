"""MotionBERT's pickle: ``{"train": {…}, "test": {…}}``, arrays with a row a frame, in the image's frame.

As its ``lib/data/datareader_h36m.py`` reads ``h36m_sh_conf_cam_source_final.pkl``; the arithmetic is that of LCN, from
whose ``tools/gendb.py`` that file comes (Ci et al., ICCV 2019): x and y are a pinhole's pixels, and z, about the root,
is in pixels too: scaled as a box 2 m wide is, that stands at the root's depth.

MotionBERT knows how large an image is from its camera's name alone, which must be one of Human3.6M's four. So all rows
are said to be of one whose images are 1000 x 1000, and pixels are those of an image scaled to a width of 1000: what
MotionBERT then makes of them is exactly our normalised image plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from poseaug_gen.consumers.convert.pickles import PickleWriter
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task, about, json_piece
from poseaug_gen.consumers.convert.rows import Rows
from poseaug_gen.consumers.view import Block

CAMERA, WIDTH = "55011271", 1000  # of Human3.6M's cameras the first with images of 1000 x 1000
ACTION = "aug"
BOX = 2000.0  # mm: side of LCN's box
HALVES = {"train": ("training", ""), "test": ("validation",)}
_MARGIN = 2**16


@dataclass(frozen=True, eq=False)
class _Array:
    """One of the arrays of a half.

    Attributes:
        shape: of a row.
        fields: columns of the export that it is made of.
        of: the array's rows, of the rows of a block and their numbers.
    """

    dtype: str
    shape: tuple[int, ...]
    fields: tuple[str, ...]
    of: Callable[[Block, np.ndarray], np.ndarray]


def pieces(task: Task) -> list[Piece]:
    """The one pickle, and what it has no place for."""
    arrays = _arrays(task)
    row = sum(np.dtype(array.dtype).itemsize * int(np.prod(array.shape)) for array in arrays.values())
    size = task.rows * row + _MARGIN
    return [
        Piece(f"{task.name}.pkl", len(arrays) * task.rows, size, partial(_write, task)),
        json_piece("about.json", about(task)),
    ]


def next_step(task: Task, out: Path) -> str:
    return f"copy {out / task.name}.pkl to MotionBERT/data/motion3d and set dt_file, clip_len: 1 and data_stride: 1"


def _write(task: Task, path: Path, advance: Advance) -> None:
    with path.open("wb") as file:
        pickle = PickleWriter(file)
        pickle.begin_dict()
        for half, splits in HALVES.items():
            pickle.value(half)
            _put_half(pickle, task, [rows for split, rows in task.splits.items() if split in splits], advance)
            pickle.set_item()
        pickle.end()


def _put_half(pickle: PickleWriter, task: Task, rows: list[Rows], advance: Advance) -> None:
    """A dict of arrays, each made in a pass of its own over the rows; they are empty where there are none."""
    count = sum(map(len, rows))
    pickle.begin_dict()
    for name, array in _arrays(task).items():
        pickle.value(name)
        pickle.array(np.dtype(array.dtype), (count, *array.shape), _made(array, task, rows, advance))
        pickle.set_item()


def _made(array: _Array, task: Task, rows: list[Rows], advance: Advance) -> Iterator[np.ndarray]:
    fields, first = tuple(dict.fromkeys((*array.fields, *task.joints.reads))), 0
    for block in (block for some in rows for block in some.blocks(fields)):
        numbers = np.arange(first, first + len(block[fields[0]]))
        yield array.of(task.joints.of(block), numbers)
        advance(len(numbers))
        first += len(numbers)


def _arrays(task: Task) -> dict[str, _Array]:
    """The arrays of a half by their keys. Where the export has detections, ``joint_2d`` is those."""
    joints = task.joints.skeleton.num_joints
    seen = "detected_2d" if task.detected else "positions_2d"
    sure = "confidence" if task.detected else "positions_2d"
    lifted = ("positions_3d", "intrinsics")
    return {
        "joint_2d": _Array("<f4", (joints, 2), (seen,), lambda block, _: (block[seen] + 1) * (WIDTH / 2)),
        "confidence": _Array("<f4", (joints, 1), (sure,), lambda block, _: _confidence(block)),
        "joint3d_image": _Array("<f4", (joints, 3), lifted, lambda block, _: image_frame(block)[0]),
        "joints_2.5d_image": _Array("<f4", (joints, 3), lifted, lambda block, _: image_frame(block)[1]),
        "2.5d_factor": _Array("<f8", (), lifted, lambda block, _: image_frame(block)[2]),
        "camera_name": _text(CAMERA, lambda numbers: np.full(len(numbers), CAMERA)),
        "action": _text(ACTION, lambda numbers: np.full(len(numbers), ACTION)),
        "source": _text(_source(task.rows), lambda numbers: np.array([_source(n) for n in numbers.tolist()])),
    }


def _text(longest: str, of: Callable[[np.ndarray], np.ndarray]) -> _Array:
    return _Array(f"<U{len(longest)}", (), ("image_size",), lambda block, numbers: of(numbers))


def _source(number: int) -> str:
    """The clip that a row is of: one of its own. MotionBERT cuts six characters off its end, those of a camera."""
    return f"aug_{number:09d}_ca_01"


def _confidence(block: Block) -> Float[np.ndarray, "rows joints 1"]:
    """The detector's; 1 where the 2D poses are projections."""
    if "confidence" in block:
        return block["confidence"][..., None]
    return np.ones((*block["positions_2d"].shape[:2], 1), dtype=np.float32)


def image_frame(
    block: Block,
) -> tuple[Float[np.ndarray, "rows joints 3"], Float[np.ndarray, "rows joints 3"], Float[np.ndarray, " rows"]]:
    """A pose in LCN's image frame, in pixels; the same in millimetres; and the millimetres of a pixel.

    ``xy = f X/Z + c`` without distortion; ``z = ratio (Z - Z_root)`` with ``ratio = (BOX f_x / Z_root + 1) / BOX``, in
    millimetres (``camera_to_image_frame``). The factor, ``1 / ratio``, is the one by which z in millimetres is exact.
    """
    pose = block["positions_3d"].astype(np.float64) * 1000
    intrinsics = block["intrinsics"].astype(np.float64)
    f, c = intrinsics[:, None, :2] * (WIDTH / 2), (intrinsics[:, None, 2:4] + 1) * (WIDTH / 2)
    root_depth = pose[:, 0, 2]
    ratio = (BOX * f[:, 0, 0] / root_depth + 1) / BOX
    xy = f * pose[..., :2] / pose[..., 2:] + c
    z = ratio[:, None, None] * (pose[..., 2:] - root_depth[:, None, None])
    image = np.concatenate([xy, z], -1)
    return image, image / ratio[:, None, None], 1 / ratio


FORMAT = Format(
    title="MotionBERT's code",
    pieces=pieces,
    next_step=next_step,
    keeps=("positions_3d", "positions_2d", "detected_2d", "confidence"),
    layouts=("h36m17",),
    splits=True,
)
