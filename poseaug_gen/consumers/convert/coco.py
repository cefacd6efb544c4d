"""COCO's keypoints in JSON (cocodataset.org, "Data format"), with the pose in 3D beside each.

``images``: one a row, of a size and a name and no file; ``categories``: one, whose ``keypoints`` are the joints' names
and whose ``skeleton`` are its bones, counted from 1; ``annotations``: one a row. Beside COCO's keys an annotation has
``keypoints_3d``, x, y, z, v of each joint in metres in the camera's frame; ``camera``, its intrinsics in pixels; and
where the export has detections ``detected_keypoints``, x, y and confidence. Each file is whole by itself; ids count
through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from poseaug_gen.camera import intrinsics_in_pixels, to_pixels
from poseaug_gen.consumers.convert.pieces import Advance, Format, Piece, Task, about, parts_of
from poseaug_gen.consumers.view import Block
from poseaug_gen.skeleton import Skeleton

CATEGORY = 1
VISIBLE = 2  # COCO's flag: labelled and visible
PIXELS, METRES = 3, 5  # decimals: a thousandth of a pixel, a hundredth of a millimetre
ROWS_PER_FILE = 65_536  # about 100 MB of JSON
_COLUMNS = ("positions_3d", "positions_2d", "intrinsics", "image_size")
_DETECTED = ("detected_2d", "confidence")
_JOINT_BYTES, _DETECTION_BYTES, _REST_BYTES, _MARGIN = 60, 26, 420, 2**16


def pieces(task: Task) -> list[Piece]:
    """Files of so many rows each."""
    row = _REST_BYTES + task.joints.skeleton.num_joints * (_JOINT_BYTES + _DETECTION_BYTES * task.detected)
    return [
        Piece(
            f"{task.name}-{part}.json",
            2 * (stop - start),
            (stop - start) * row + _MARGIN,
            partial(_write, task, start, stop),
        )
        for start, stop, part in parts_of(task)
    ]


def next_step(task: Task, out: Path) -> str:
    return f"read {out}/*.json with pycocotools or any reader of COCO's keypoints; docs/convert.md has the keys"


def _write(task: Task, start: int, stop: int, path: Path, advance: Advance) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f'{{"info": {_dumps(_info(task))},\n"licenses": {_dumps(_licences(task))},\n')
        file.write(f'"categories": {_dumps([_category(task.joints.skeleton)])},\n"images": [')
        _list(file, _images(task, start, stop, advance))
        file.write('],\n"annotations": [')
        _list(file, _annotations(task, start, stop, advance))
        file.write("]}\n")


def _list(file: TextIOBase, entries: Iterator[str]) -> None:
    for i, entry in enumerate(entries):
        file.write(f",\n{entry}" if i else f"\n{entry}")


def _info(task: Task) -> dict[str, Any]:
    source = task.pairs.fact("source")
    version = task.pairs.attributes["tool_version"]
    description = f"2D-3D pairs made by poseaug-gen {version} from {source.get('name', 'poses')}; there are no images"
    units = "pixels; keypoints_3d: x, y, z, v in metres in the camera's frame (x right, y down, z forward), absolute"
    return {"description": description, "version": version, "units": units, "poseaug_gen": about(task)}


def _licences(task: Task) -> list[dict[str, Any]]:
    """The licence of the poses from which the pairs were made."""
    return [{"id": 1, "name": task.pairs.fact("source").get("licence") or "not stated", "url": ""}]


def _category(skeleton: Skeleton) -> dict[str, Any]:
    bones = [[parent + 1, joint + 1] for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    return {
        "id": CATEGORY,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.joints),
        "skeleton": bones,
    }


def _images(task: Task, start: int, stop: int, advance: Advance) -> Iterator[str]:
    number = start
    for block in task.all_rows.blocks(("image_size",), start=start, stop=stop):
        for width, height in block["image_size"].tolist():
            number += 1
            image = {"id": number, "file_name": f"{number:09d}.jpg", "width": width, "height": height, "license": 1}
            yield _dumps(image)
        advance(len(block["image_size"]))


def _annotations(task: Task, start: int, stop: int, advance: Advance) -> Iterator[str]:
    number = start
    for block in task.all_rows.blocks((*_COLUMNS, *(_DETECTED if task.detected else ())), start=start, stop=stop):
        lists = _lists(task.joints.of(block))
        for values in zip(*lists.values(), strict=True):
            number += 1
            entry: dict[str, Any] = {"id": number, "image_id": number, "category_id": CATEGORY, "iscrowd": 0}
            yield _dumps(entry | dict(zip(lists, values, strict=True)))
        advance(len(block["image_size"]))


def _lists(block: Block) -> dict[str, list[Any]]:
    """What an annotation says of its row, as lists of Python's numbers, a list of all rows a key."""
    size = block["image_size"]
    pixels = to_pixels(block["positions_2d"], size)
    low, high = pixels.min(1), pixels.max(1)
    rows, joints = pixels.shape[:2]
    lists: dict[str, list[Any]] = {
        "num_keypoints": [joints] * rows,
        "keypoints": _visible(pixels, PIXELS),
        "bbox": np.round(np.concatenate([low, high - low], 1), PIXELS).tolist(),
        "area": np.round((high - low).prod(1), PIXELS).tolist(),
        "keypoints_3d": _visible(block["positions_3d"].astype(np.float64), METRES),
        "camera": _cameras(block),
    }
    if "detected_2d" in block:
        seen = np.concatenate([to_pixels(block["detected_2d"], size), block["confidence"][..., None]], -1)
        lists["detected_keypoints"] = seen.round(PIXELS).reshape(rows, -1).tolist()
    return lists


def _visible(points: Float[np.ndarray, "rows joints n"], decimals: int) -> list[list[Any]]:
    """Points, each followed by COCO's flag, in one list a row."""
    rows, joints, numbers = points.shape
    flagged = np.concatenate([points.round(decimals), np.zeros((rows, joints, 1))], -1).reshape(rows, -1).tolist()
    for row in flagged:
        row[numbers :: numbers + 1] = [VISIBLE] * joints  # a whole number, as elsewhere
    return flagged


def _cameras(block: Block) -> list[dict[str, list[float]]]:
    """Focal lengths and centre in pixels; distortion in the order and the formula of docs/format.md."""
    intrinsics = intrinsics_in_pixels(block["intrinsics"], block["image_size"])
    f, c = intrinsics[:, :2].round(PIXELS).tolist(), intrinsics[:, 2:4].round(PIXELS).tolist()
    k, p = intrinsics[:, 4:7].round(9).tolist(), intrinsics[:, 7:].round(9).tolist()
    return [{"f": f, "c": c, "k": k, "p": p} for f, c, k, p in zip(f, c, k, p, strict=True)]


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


FORMAT = Format(
    title="COCO's keypoints",
    pieces=pieces,
    next_step=next_step,
    keeps=(*_COLUMNS, *_DETECTED),
    rows_per_file=ROWS_PER_FILE,
)
