"""VideoPose3D's pair of files, which PoseAug's code reads too: 3D poses of a world frame, and their 2D in pixels.

``data_3d_NAME.npz`` has ``positions_3d``: subject -> action -> (frames, joints, 3); ``data_2d_NAME_gt.npz`` has
``positions_2d``: subject -> action -> a list with an array (frames, joints, 2) for each camera, and ``metadata``
(facebookresearch/VideoPose3D, data/prepare_data_h36m.py and run.py; Pavllo et al., CVPR 2019).

There a subject has cameras that stand still. Here every row has a camera of its own, so a *subject* is what shares the
size of an image, which is all that VideoPose3D uses of a camera in training: ``train-1000x1000``. It has one camera.
Its world is the camera's frame with z up: x right, y away from the camera, the camera 1 m above the origin and level.
Intrinsics, which differ from row to row, lie beside the poses in the same file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from poseaug_gen.camera import to_pixels
from poseaug_gen.consumers.convert.npz import NpzWriter
from poseaug_gen.consumers.convert.pickles import PickleWriter
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task, text_piece
from poseaug_gen.consumers.view import Block
from poseaug_gen.skeleton import Skeleton

ACTION = "aug"  # of all rows; blocks of them are its repetitions: "aug 1", "aug 2", …
SHORT = {"training": "train", "validation": "val", "": "aug"}  # splits, as subjects are called
LOADER = "aug_dataset.py"
CAMERA_HEIGHT = 1.0  # metres; people are seen from about there, so they stand about on z = 0
# Of the camera, w x y z, camera -> world: a quarter turn about x, by which down (y) becomes -z and forward (z) y.
ORIENTATION = (math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0)
TRANSLATION = (0.0, 0.0, CAMERA_HEIGHT)
_MARGIN = 2**16  # bytes: names of subjects and actions, and what npz and pickle need


def to_world(camera_frame: Float[np.ndarray, "*rows 3"]) -> Float[np.ndarray, "*rows 3"]:
    """Points of the camera's frame (x right, y down, z forward) in the world's (z up)."""
    x, y, z = np.moveaxis(camera_frame, -1, 0)
    return np.stack([x, z, CAMERA_HEIGHT - y], -1)


def pieces(task: Task) -> list[Piece]:
    """The 3D file, the 2D files, and what lets their code load them."""
    name, rows, joint_bytes = data_set(task), task.rows, 4 * task.rows * task.joints.skeleton.num_joints
    made = [
        Piece(f"data_3d_{name}.npz", 2 * rows, 3 * joint_bytes + 36 * rows + _MARGIN, partial(_write_3d, task)),
        Piece(f"data_2d_{name}_gt.npz", rows, 2 * joint_bytes + _MARGIN, partial(_write_2d, task, "positions_2d")),
    ]
    if task.detected:
        detected = f"data_2d_{name}_detected.npz"
        made.append(Piece(detected, 2 * rows, 3 * joint_bytes + _MARGIN, partial(_write_2d, task, "detected_2d")))
    loader = resources.files(__package__).joinpath("videopose3d_loader.py").read_text(encoding="utf-8")
    return [*made, text_piece(LOADER, loader)]


def data_set(task: Task) -> str:
    """What run.py's ``--dataset`` is to be: begins with ``aug``, as none that run.py knows does."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", task.name)
    return name if name.startswith("aug") else f"aug-{name}"


def next_step(task: Task, out: Path) -> str:
    return f"train VideoPose3D on it with -d {data_set(task)} -k gt, as examples/train_videopose3d.md says step by step"


def _write_3d(task: Task, path: Path, advance: Advance) -> None:
    with NpzWriter(path) as file:
        with file.object("positions_3d") as pickle:
            subjects = _put(task, ("positions_3d",), pickle, lambda rows: to_world(rows["positions_3d"]), advance)
        with file.object("intrinsics") as pickle:
            _put(task, ("intrinsics",), pickle, lambda rows: rows["intrinsics"], advance)
        with file.object("metadata") as pickle:
            about = _metadata(task.joints.skeleton, subjects)
            pickle.value(about | {"camera": _camera(), **_origin(task)})


def _write_2d(task: Task, column: str, path: Path, advance: Advance) -> None:
    with NpzWriter(path) as file:
        with file.object("positions_2d") as pickle:
            fields = (column, *task.joints.reads)
            subjects = _put(task, fields, pickle, lambda rows: [_pixels(rows, column)], advance)
        if column == "detected_2d":
            with file.object("confidence") as pickle:
                _put(task, ("confidence",), pickle, lambda rows: [rows["confidence"]], advance)
        with file.object("metadata") as pickle:
            pickle.value(_metadata(task.joints.skeleton, subjects))


def _pixels(block: Block, column: str) -> Float[np.ndarray, "rows joints 2"]:
    return to_pixels(block[column], block["image_size"]).astype(np.float32)


def _put(
    task: Task, fields: tuple[str, ...], pickle: PickleWriter, of: Callable[[Block], Any], advance: Advance
) -> dict[str, tuple[int, int]]:
    """A dict subject -> action -> what is ``of`` its rows; returns each subject's image size.

    A subject comes again in every block: its dict is fetched and set anew, which changes nothing.
    """
    subjects: dict[str, tuple[int, int]] = {}
    pickle.begin_dict()
    for number, split, block in _blocks(task, fields):
        for size in np.unique(block["image_size"], axis=0).tolist():
            name = f"{SHORT[split]}-{size[0]}x{size[1]}"
            subjects[name] = (size[0], size[1])
            pickle.value(name)
            pickle.once(("subject", name), pickle.begin_dict)
            pickle.value(f"{ACTION} {number}")
            of_size = (block["image_size"] == size).all(1)
            pickle.value(of({column: values[of_size] for column, values in block.items()}))
            pickle.set_item()
            pickle.set_item()
        advance(len(block["image_size"]))
    return subjects


def _blocks(task: Task, fields: tuple[str, ...]) -> Iterator[tuple[int, str, Block]]:
    """The rows in blocks, with the joints that are wanted; each with its number, from 1, and its split."""
    columns = tuple(dict.fromkeys((*fields, "image_size")))
    for split, rows in task.splits.items():
        for number, block in enumerate(rows.blocks(columns), start=1):
            yield number, split, task.joints.of(block)


def _metadata(skeleton: Skeleton, subjects: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """What VideoPose3D's files of other videos say of themselves, and the tree of the joints."""
    return {
        "layout_name": skeleton.name,
        "num_joints": skeleton.num_joints,
        "keypoints_symmetry": [[left for left, _ in skeleton.pairs], [right for _, right in skeleton.pairs]],
        "video_metadata": {name: {"w": width, "h": height} for name, (width, height) in subjects.items()},
        "joint_names": list(skeleton.joints),
        "parents": list(skeleton.parents),
    }


def _camera() -> dict[str, Any]:
    """Where the camera of every subject stands, as VideoPose3D says it: ``X = R (x) + t``, in metres."""
    return {"orientation": list(ORIENTATION), "translation": list(TRANSLATION)}


def _origin(task: Task) -> dict[str, Any]:
    """Where the poses come from."""
    return {name: task.pairs.attributes[name] for name in ("source", "created_from", "tool_version")}


FORMAT = Format(
    title="VideoPose3D's and PoseAug's code",
    pieces=pieces,
    next_step=next_step,
    keeps=("positions_3d", "positions_2d", "detected_2d", "confidence", "intrinsics", "image_size"),
    layouts=("h36m17", "h36m16"),
    splits=True,
)
