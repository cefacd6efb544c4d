"""2D poses in COCO's JSON: annotations with keypoints, and the detections that pose estimators write in its likeness.

``{"images": [{"id", "width", "height"}, …], "categories": [{"id", "keypoints": [names]}, …],
"annotations": [{"image_id", "category_id", "keypoints": [x, y, v, …], "iscrowd", "score"}, …]}``, in pixels
(cocodataset.org, "Data format", 3. Keypoint Detection). A joint is missing where ``v``, which detectors use for their
confidence, is low, or where it lies at (0, 0). Crowds are left out, and detections of a low ``score``.
Detectors write the list of annotations alone, without the images' sizes; where all are of one size,
``{"image_size": [width, height], "annotations": <the list>}`` is read too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from poseaug_gen.camera import to_normalised
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses_2d import Poses2D
from poseaug_gen.sources.assemble import provenance
from poseaug_gen.sources.assemble_2d import LEAST_CONFIDENCE, on_skeleton, visible_joints
from poseaug_gen.sources.checks import LONGEST_LABEL, WIDEST_IMAGE
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.safe_json import list_entries, looks_like_json

NAMELESS = "coco17"  # the layout of keypoints that no category names
MEND = 'give "images" with id, width and height, or write {"image_size": [width, height], "annotations": <the list>}'

Id = int | str | None
Size = tuple[int, int]  # width and height, pixels


@dataclass
class _Contents:
    """What a file says, by the ids it gives."""

    sizes: dict[Id, Size] = field(default_factory=dict)  # of images
    joints: dict[Id, list[str]] = field(default_factory=dict)  # of categories
    keypoints: dict[Id, list[Float[np.ndarray, " numbers"]]] = field(default_factory=lambda: defaultdict(list))
    images: dict[Id, list[Id]] = field(default_factory=lambda: defaultdict(list))  # one a row of keypoints
    every_size: list[Any] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


recognises = looks_like_json


def read(path: Path, request: Request) -> Poses2D:
    """The people of such a file, of every category that has keypoints.

    Raises:
        PoseAugError: it is not JSON of this form, has no people, or does not say how large an image is.
    """
    contents = _Contents()
    take: dict[str, Callable[[Any, _Contents, str], None]] = {
        "images": _take_image,
        "categories": _take_category,
        "licenses": _take_licence,
        "annotations": _take_annotation,
        "image_size": lambda entry, contents, where: contents.every_size.append(entry),
        "": _take_annotation,
    }
    for name, entry in list_entries(path, take):
        take[name](entry, contents, str(path))
    if not contents.keypoints:
        raise PoseAugError(f'{path}: has no annotations with keypoints; they are read from a list "annotations"')
    mapped = [_category(number, contents, path, request) for number in contents.keypoints]
    positions, visible = (np.concatenate(parts) for parts in zip(*mapped, strict=True))
    record: dict[str, Any] = {"left_out": dict(contents.left_out)}
    if contents.licences:
        record["licence"] = "; ".join(dict.fromkeys(contents.licences))
    return Poses2D.of(request.skeleton, positions, visible, provenance(path, len(positions), record))


def _category(
    category: Id, contents: _Contents, path: Path, request: Request
) -> tuple[Float[np.ndarray, "rows joints 2"], Bool[np.ndarray, "rows joints"]]:
    """The people of one category, whose poses have the same joints: normalised places, and which are known."""
    joints = contents.joints.get(category) or list(request.names.layouts[NAMELESS])
    rows = contents.keypoints[category]
    wrong = next((row for row in rows if len(row) != 3 * len(joints)), None)
    if wrong is not None:
        raise PoseAugError(
            f"{path}: an annotation of category {str(category)[:80]!r} has {len(wrong)} numbers for {len(joints)} "
            f'keypoints; it needs x, y, v for each that "categories" names ({NAMELESS} where it names none)'
        )
    numbers = np.stack(rows).reshape(len(rows), -1, 3).astype(np.float64)
    pixels, confidence = numbers[..., :2], numbers[..., 2]
    size = np.array([_size(image, contents, path) for image in contents.images[category]])
    return on_skeleton(to_normalised(pixels, size), visible_joints(pixels, confidence), joints, request)


def _size(image: Id, contents: _Contents, path: Path) -> Size:
    if image in contents.sizes:
        return contents.sizes[image]
    if not contents.every_size:
        raise PoseAugError(f"{path}: does not say how large image {str(image)[:80]!r} is, in pixels; {MEND}")
    return _checked_size(contents.every_size, str(path))


# --- entries --------------------------------------------------------------------------------------------------


def _take_image(entry: Any, contents: _Contents, where: str) -> None:
    image = _mapping(entry, "images", where)
    if "width" in image or "height" in image:  # else it says nothing that we need
        number = _id(image.get("id"), "image", where)
        contents.sizes[number] = _checked_size([image.get("width"), image.get("height")], where)


def _take_category(entry: Any, contents: _Contents, where: str) -> None:
    category = _mapping(entry, "categories", where)
    names = category.get("keypoints", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and len(name) <= LONGEST_LABEL for name in names):
        raise PoseAugError(f'{where}: a category\'s "keypoints" are not names; list a short text for each')
    if names:
        contents.joints[_id(category.get("id"), "category", where)] = names


def _take_licence(entry: Any, contents: _Contents, where: str) -> None:
    name = _mapping(entry, "licenses", where).get("name")
    if isinstance(name, str) and len(name) <= LONGEST_LABEL:
        contents.licences.append(name)


def _take_annotation(entry: Any, contents: _Contents, where: str) -> None:
    annotation = _mapping(entry, "annotations", where)
    if "keypoints" not in annotation:
        return
    score = annotation.get("score", 1.0)
    crowd, unsure = bool(annotation.get("iscrowd")), isinstance(score, int | float) and score < LEAST_CONFIDENCE
    if crowd or unsure:
        contents.left_out["crowd" if crowd else "low_score"] += 1
        return
    category = _id(annotation.get("category_id"), "category", where)
    contents.keypoints[category].append(_keypoints(annotation["keypoints"], where))
    contents.images[category].append(_id(annotation.get("image_id"), "image", where))


def _keypoints(values: Any, where: str) -> Float[np.ndarray, " numbers"]:
    """``x, y, v`` of each keypoint, in single precision: a file may hold hundreds of thousands of people."""
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise PoseAugError(f'{where}: an annotation\'s "keypoints" are not a list of numbers; write x, y, v for each')
    try:
        with np.errstate(over="ignore"):
            return np.array(values, dtype=np.float32)
    except OverflowError as error:
        raise PoseAugError(f"{where}: an annotation has a keypoint beyond all numbers; mend it") from error


def _checked_size(sides: list[Any], where: str) -> Size:
    if len(sides) != 2 or not all(type(side) in (int, float) and 1 <= side <= WIDEST_IMAGE for side in sides):
        raise PoseAugError(
            f"{where}: an image's size is {str(sides)[:80]}; it must be width and height in pixels, "
            f"from 1 to {WIDEST_IMAGE}"
        )
    return int(sides[0]), int(sides[1])


def _mapping(entry: Any, name: str, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise PoseAugError(f'{where}: "{name}" holds {str(entry)[:80]!r}; each entry must be an object')
    return entry


def _id(value: Any, what: str, where: str) -> Id:
    if not isinstance(value, Id):
        raise PoseAugError(f"{where}: {what} id {str(value)[:80]!r} is neither a number nor a text; write one that is")
    return value
