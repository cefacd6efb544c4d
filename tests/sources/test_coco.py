"""2D poses in COCO's JSON: what the file says, joint by joint, and nothing where it says nothing."""

import json
from collections import Counter

import numpy as np
import pytest
from fuzzing import mutants, survives

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import coco
from poseaug_gen.sources.formats import Request

JOINTS = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
]  # fmt: skip
SIZES = {1: (640, 480), 2: (1080, 1920)}


def person(seed: int = 0, image: int = 1, **more) -> dict:
    """An annotation with every joint somewhere in its image."""
    width, height = SIZES[image]
    places = np.random.default_rng(seed).uniform(1, [width, height], (17, 2))
    keypoints = np.concatenate([places, np.full((17, 1), 2)], 1)
    return {
        "id": seed,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": keypoints.ravel().tolist(),
    } | more


def contents(*people: dict, **more) -> dict:
    """A whole file."""
    return {
        "info": {"year": 2017, "contributor": [["deep"], {"er": [1]}]},
        "licenses": [{"id": 1, "name": "Attribution License"}, {"id": 2, "name": "CC0"}],
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": w, "height": h} for i, (w, h) in SIZES.items()],
        "annotations": list(people) or [person(0), person(1, 2)],
        "categories": [{"id": 1, "name": "person", "keypoints": JOINTS, "skeleton": [[1, 2]]}],
    } | more


@pytest.fixture
def read(tmp_path):
    """``read(file's contents, skeleton="coco17")``: the poses of such a file."""

    def read_contents(data, skeleton: str = "coco17"):
        (tmp_path / "x.json").write_text(json.dumps(data))
        return coco.read(tmp_path / "x.json", Request(load_skeleton(skeleton)))

    return read_contents


def pixels(annotation: dict) -> dict[str, np.ndarray]:
    return dict(zip(JOINTS, np.array(annotation["keypoints"]).reshape(17, 3)[:, :2], strict=True))


def normalised(place: np.ndarray, image: int) -> np.ndarray:
    """The README's formula, written out."""
    width, height = SIZES[image]
    return np.stack([2 * place[..., 0] / width - 1, 2 * place[..., 1] / width - height / width], -1)


def test_every_joint_is_where_the_file_has_it_in_its_own_image(read):
    people = [person(0), person(1, 2), person(2, 2)]
    poses = read(contents(*people))
    assert poses.visible.all()
    for row, annotation in enumerate(people):
        for name, place in pixels(annotation).items():
            joint = poses.skeleton.joints.index(name.replace("left_", "l_").replace("right_", "r_"))
            expected = normalised(place, annotation["image_id"])
            np.testing.assert_allclose(poses.positions[row, joint], expected, atol=1e-6)
    (record,) = poses.provenance
    assert record.items() >= {"name": "x", "licence": "Attribution License; CC0", "rows": 3, "file": "x.json"}.items()


def test_the_joints_that_coco_lacks_are_derived_in_the_image(read):
    annotation = person(3)
    poses, place = read(contents(annotation), "h36m16"), pixels(annotation)
    middle = {name: (place[f"left_{name}"] + place[f"right_{name}"]) / 2 for name in ("hip", "shoulder", "ear")}
    expected = {
        "hip": middle["hip"],
        "thorax": middle["shoulder"],
        "spine": (middle["hip"] + middle["shoulder"]) / 2,
        "head": middle["shoulder"] + (middle["ear"] - middle["shoulder"]) * 1.24,
        "r_wrist": place["right_wrist"],
    }
    assert poses.visible.all()
    for name, there in expected.items():
        found = poses.positions[0, poses.skeleton.joints.index(name)]
        np.testing.assert_allclose(found, normalised(there, 1), atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("hidden", "missing"),
    [
        ("left_ear", {"head"}),
        ("left_wrist", {"l_wrist"}),
        ("right_hip", {"r_hip", "hip", "spine"}),
        ("left_shoulder", {"l_shoulder", "thorax", "spine", "head"}),
        ("nose", set()),
    ],
)
@pytest.mark.parametrize("how", [(0, 0, 0), (0, 0, 2), (300, 200, 0), (300, 200, 0.1)])
def test_what_is_made_of_a_missing_joint_is_missing_and_zero(read, hidden, missing, how):
    annotation = person(4)
    start = 3 * JOINTS.index(hidden)
    annotation["keypoints"][start : start + 3] = how
    poses = read(contents(annotation), "h36m16")
    absent = {poses.skeleton.joints[joint] for joint in np.flatnonzero(~poses.visible[0])}
    assert absent == missing
    assert (poses.positions[0][~poses.visible[0]] == 0).all()


def test_crowds_and_unsure_detections_are_left_out_and_counted(read):
    people = [
        person(0, iscrowd=1),
        person(1, score=0.2),
        person(2, score=0.9),
        person(3),
        {"id": 9, "bbox": [0, 0, 1, 1]},
    ]
    poses = read(contents(*people))
    assert len(poses) == 2
    assert poses.provenance[0]["left_out"] == {"crowd": 1, "low_score": 1}


def test_each_category_has_its_own_joints(read):
    """Half of CrowdPose's order in one category, COCO's in the other; a car has none."""
    short = ["left_shoulder", "right_shoulder", "left_hip", "right_hip", "top_head", "neck"]
    other = {
        "id": 7,
        "image_id": 1,
        "category_id": "b",
        "keypoints": [float(v) for i in range(6) for v in (10 * i + 5, 7, 1)],
    }
    categories = [*contents()["categories"], {"id": "b", "keypoints": short}, {"id": 3, "name": "car"}]
    poses = read(contents(person(0), other, categories=categories), "h36m16")
    assert len(poses) == 2
    known = {poses.skeleton.joints[joint] for joint in np.flatnonzero(poses.visible[1])}
    assert known == {"hip", "l_hip", "r_hip", "spine", "thorax", "head", "l_shoulder", "r_shoulder"}
    np.testing.assert_allclose(
        poses.positions[1, poses.skeleton.joints.index("head")], normalised(np.array([45, 7]), 1)
    )


def test_a_list_of_detections_needs_the_images_size(read):
    detections = [{key: value for key, value in person(i).items() if key != "id"} | {"score": 0.9} for i in range(3)]
    with pytest.raises(PoseAugError, match=r"does not say how large image '1' is.*\"image_size\": \[width, height\]"):
        read(detections)
    poses = read({"image_size": [640, 480], "annotations": detections})
    np.testing.assert_array_equal(poses.positions, read(contents(*(person(i) for i in range(3)))).positions)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"annotations": []}, "has no annotations with keypoints"),
        ({"annotations": [3]}, "\"annotations\" holds '3'"),
        ({"annotations": [person(keypoints=[1, 2])]}, "has 2 numbers for 17 keypoints"),
        ({"annotations": [person(keypoints=[1, 2, 2] * 16)]}, "has 48 numbers for 17 keypoints"),
        ({"annotations": [person(keypoints=["1"] * 51)]}, "are not a list of numbers"),
        ({"annotations": [person(keypoints=[True] * 51)]}, "are not a list of numbers"),
        ({"annotations": [person(keypoints=[[1, 2, 2]] * 17)]}, "are not a list of numbers"),
        ({"annotations": [person(keypoints={"nose": 1})]}, "are not a list of numbers"),
        ({"annotations": [person(keypoints=[10**400] * 51)]}, "beyond all numbers"),
        ({"annotations": [person(image_id=[1])]}, "image id '[1]' is neither"),
        ({"annotations": [person(image_id=5)]}, "how large image '5' is"),
        ({"annotations": [person(category_id={})]}, "category id '{}' is neither"),
        ({"images": [{"id": 1, "width": 640}]}, "it must be width and height in pixels"),
        ({"images": [{"id": 1, "width": 640, "height": 0}]}, "it must be width and height in pixels"),
        ({"images": [{"id": 1, "width": 640, "height": 10**30}]}, "it must be width and height in pixels"),
        ({"images": [{"id": 1, "width": "640", "height": "480"}]}, "it must be width and height in pixels"),
        ({"images": [], "image_size": [640]}, "it must be width and height in pixels"),
        ({"categories": [{"id": 1, "keypoints": 17}]}, "are not names"),
        ({"categories": [{"id": 1, "keypoints": ["x" * 300]}]}, "are not names"),
    ],
)
def test_a_wrong_entry_is_one_sentence(read, tmp_path, change, says):
    with pytest.raises(PoseAugError) as error:
        read(contents(**change))
    assert says in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/x.json: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("count", [400, pytest.param(8000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path, count):
    path = tmp_path / "x.json"
    request = Request(load_skeleton())
    people = [person(i, 1 + i % 2) for i in range(4)]
    outcomes: Counter[str] = Counter()
    for data in (contents(*people), {"image_size": [640, 480], "annotations": people}):
        for damaged in mutants(json.dumps(data).encode(), seed=count, count=count // 2):
            path.write_bytes(damaged)
            if coco.recognises(path):
                outcomes[survives(lambda: coco.read(path, request))] += 1
    assert outcomes["read"] > 20
    assert outcomes["refused"] > count / 3
    print(dict(outcomes))
