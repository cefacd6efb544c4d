"""MMPose's Human3.6M: ``h36m_train.npz`` and ``h36m_test.npz``, with ``cameras.pkl``, in the folders of its configs.

As MMPose's ``tools/dataset_converters/preprocess_h36m.py`` writes them and its ``Human36mDataset`` reads them: one row
an image, whose name says subject, action and camera, and cameras by (subject, camera). Here every row may have a camera
of its own, so a camera is called after the first row that has it. The camera's frame is the world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from poseaug_gen.camera import intrinsics_in_pixels, to_pixels
from poseaug_gen.consumers.convert.npz import NpzWriter, write_npy
from poseaug_gen.consumers.convert.pickles import PickleWriter
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task, about, json_piece
from poseaug_gen.consumers.convert.rows import Rows
from poseaug_gen.consumers.view import Block

FOLDER = "annotation_body3d"
FILES = {"training": "h36m_train", "validation": "h36m_test", "": "h36m_train"}
SUBJECT, ACTION = "S0", "aug_1"  # of every row; Human3.6M's subjects are S1 to S11
BOX_MARGIN, BOX_UNIT = 1.2, 200.0  # pixels, of `scale` in preprocess_h36m.py
REMEMBERED = 4096  # cameras: an export has a few that come again and again, or about one a row
_CAMERA_BYTES, _MARGIN = 270, 2**16  # of a camera in the pickle, and of what surrounds the rows
_F8 = np.dtype("<f8")
_POSITION = {"R": np.eye(3), "T": np.zeros((3, 1))}  # of every camera: its frame is the world


def pieces(task: Task) -> list[Piece]:
    """An npz for each split, the cameras of all, and detections where the export has them."""
    joints, made, first = task.joints.skeleton.num_joints, [], 0
    for split, rows in task.splits.items():
        size = len(rows) * (_names_type(task).itemsize + 8 * (2 + 1 + 3 * joints + 4 * joints)) + _MARGIN
        name = f"{FOLDER}/fps50/{FILES[split]}.npz"
        made.append(Piece(name, 5 * len(rows), size, partial(_write_rows, task, rows, first)))
        if task.detected:
            name = f"joint_2d_det_files/{FILES[split]}.npy"
            made.append(Piece(name, len(rows), 12 * len(rows) * joints + _MARGIN, partial(_write_detected, task, rows)))
        first += len(rows)
    cameras = Piece(
        f"{FOLDER}/cameras.pkl", task.rows, _CAMERA_BYTES * task.rows + _MARGIN, partial(_write_cameras, task)
    )
    return [*made, cameras, json_piece("about.json", about(task))]


def next_step(task: Task, out: Path) -> str:
    return f"train with an MMPose config of single frames (seq_len=1) of Human36mDataset, and data_root='{out}/'"


def _write_rows(task: Task, rows: Rows, first: int, path: Path, advance: Advance) -> None:
    """The members of the npz, each in a pass of its own over the rows.

    Args:
        first: number of the first row among those of all splits.
    """
    count, joints = len(rows), task.joints.skeleton.num_joints

    def each(fields: tuple[str, ...], of: Callable[[Block], np.ndarray]) -> Iterator[np.ndarray]:
        for block in rows.blocks(tuple(dict.fromkeys((*fields, *task.joints.reads)))):
            yield of(task.joints.of(block))
            advance(len(block[fields[0]]))

    def names() -> Iterator[np.ndarray]:
        for numbers, cameras, block in _cameras_of(rows, first):
            yield _names(numbers, cameras, _names_type(task))
            advance(len(block["image_size"]))

    seen = ("positions_2d", "image_size")
    with NpzWriter(path) as file:
        file.array("imgname", _names_type(task), (count,), names())
        file.array("center", _F8, (count, 2), each(seen, lambda block: _box(block)[0]))
        file.array("scale", _F8, (count,), each(seen, lambda block: _box(block)[1]))
        file.array("part", _F8, (count, joints, 3), each(seen, lambda block: _visible(_pixels(block))))
        file.array("S", _F8, (count, joints, 4), each(("positions_3d",), lambda block: _visible(block["positions_3d"])))


def _write_detected(task: Task, rows: Rows, path: Path, advance: Advance) -> None:
    """``(rows, joints, 3)``: pixels and confidence, as MMPose's ``keypoint_2d_det_file``."""

    def each() -> Iterator[np.ndarray]:
        for block in rows.blocks(("detected_2d", "confidence", "image_size")):
            made = task.joints.of(block)
            pixels = to_pixels(made["detected_2d"], made["image_size"])
            yield np.concatenate([pixels, made["confidence"][..., None]], -1)
            advance(len(block["image_size"]))

    with path.open("wb") as file:
        write_npy(file, np.dtype("<f4"), (len(rows), task.joints.skeleton.num_joints, 3), each())


def _pixels(block: Block) -> Float[np.ndarray, "rows joints 2"]:
    return to_pixels(block["positions_2d"], block["image_size"])


def _box(block: Block) -> tuple[Float[np.ndarray, "rows 2"], Float[np.ndarray, " rows"]]:
    """Centre of the box about the 2D pose, and its longer side with a margin, in MMPose's unit of 200 pixels."""
    pixels = _pixels(block)
    low, high = pixels.min(1), pixels.max(1)
    return (low + high) / 2, BOX_MARGIN * (high - low).max(1) / BOX_UNIT


def _visible(points: Float[np.ndarray, "rows joints n"]) -> Float[np.ndarray, "rows joints n+1"]:
    """The same with a 1 after each: all joints are visible."""
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1)


# --- images and their cameras ---------------------------------------------------------------------------------


def _names_type(task: Task) -> np.dtype:
    last = np.array([task.rows - 1])
    return _names(last, last).dtype


def _names(rows: Int[np.ndarray, " n"], cameras: Int[np.ndarray, " n"], dtype: np.dtype | None = None) -> np.ndarray:
    """Names of images that do not exist, in Human3.6M's form: its frames count from 1."""
    said = [f"{SUBJECT}_{ACTION}.{_id(camera)}" for camera in cameras.tolist()]
    names = [f"{SUBJECT}/{clip}/{clip}_{row + 1:06d}.jpg" for row, clip in zip(rows.tolist(), said, strict=True)]
    return np.array(names, dtype=dtype)


def _id(camera: int) -> str:
    """A camera's, of eight digits as Human3.6M's are."""
    return f"{camera:08d}"


def _cameras_of(rows: Rows, first: int) -> Iterator[tuple[np.ndarray, np.ndarray, Block]]:
    """Blocks of rows: their numbers, which camera each has, and what is known of it.

    A camera is called after its first row, as long as it is among those that are remembered; else each of its rows
    is said to have one of its own. So any number of cameras takes no more memory.
    """
    known: dict[bytes, int] = {}
    for block in rows.blocks(("intrinsics", "image_size")):
        numbers = np.arange(first, first + len(block["image_size"]))
        said = np.concatenate([np.ascontiguousarray(values).view(np.uint8) for values in block.values()], 1)
        cameras = numbers.copy()
        for i, (number, camera) in enumerate(zip(numbers.tolist(), said, strict=True)):
            key = camera.tobytes()
            if key in known:
                cameras[i] = known[key]
            elif len(known) < REMEMBERED:
                known[key] = number
        yield numbers, cameras, block
        first += len(numbers)


def _write_cameras(task: Task, path: Path, advance: Advance) -> None:
    """A dict of the cameras of all rows, by (subject, camera)."""
    first = 0
    with path.open("wb") as file:
        pickle = PickleWriter(file)
        pickle.begin_dict()
        for rows in task.splits.values():
            for numbers, cameras, block in _cameras_of(rows, first):
                new = np.flatnonzero(cameras == numbers)
                _put_cameras(pickle, cameras[new], block["intrinsics"][new], block["image_size"][new])
                advance(len(numbers))
            first += len(rows)
        pickle.end()


def _put_cameras(
    pickle: PickleWriter,
    numbers: Int[np.ndarray, " n"],
    intrinsics: Float[np.ndarray, "n 9"],
    image_size: Int[np.ndarray, "n 2"],
) -> None:
    """Entries of ``cameras.pkl``, in pixels.

    The tangential pair goes the other way round: MMPose's are Human3.6M's own, whose formula takes it so (see
    :mod:`poseaug_gen.sources.mmpose`).
    """
    sized = intrinsics_in_pixels(intrinsics, image_size)
    f, c, k, p = sized[:, :2], sized[:, 2:4], sized[:, 4:7], sized[:, :6:-1]
    for i, number in enumerate(numbers.tolist()):
        width, height = image_size[i].tolist()
        own = {"c": c[i, :, None], "f": f[i, :, None], "k": k[i, :, None], "p": p[i, :, None]}
        plain = {"w": width, "h": height, "name": f"camera{number}", "id": _id(number)}
        pickle.value((SUBJECT, _id(number)))
        pickle.begin_dict()
        for name, values in _POSITION.items():
            pickle.once(name, partial(pickle.value, name))
            pickle.once(f"array {name}", partial(pickle.value, values))
            pickle.set_item()
        for name, value in (own | plain).items():
            pickle.once(name, partial(pickle.value, name))
            pickle.value(value)
            pickle.set_item()
        pickle.set_item()


FORMAT = Format(
    title="MMPose's Human36mDataset",
    pieces=pieces,
    next_step=next_step,
    keeps=("positions_3d", "positions_2d", "detected_2d", "confidence", "intrinsics", "image_size"),
    layouts=("h36m17",),
    splits=True,
)
