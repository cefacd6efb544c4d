"""COCO's JSON: every key, our own reader, and people who are the same in 2D and 3D; of any skeleton."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from strategies import builtin_or_random, light

from poseaug_gen.camera import to_pixels
from poseaug_gen.consumers.convert.coco import _category
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import coco as reader
from poseaug_gen.sources.formats import Request

ROWS, ROWS_PER_FILE = 2000, 800


@pytest.fixture(scope="module")
def folder(exports, convert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("coco") / "out"
    convert(exports["lenses"], "coco", folder, rows=ROWS, rows_per_file=ROWS_PER_FILE)
    return folder


@pytest.fixture(scope="module")
def files(folder) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


@pytest.fixture(scope="module")
def rows(rows_of) -> dict[str, np.ndarray]:
    return rows_of("lenses", ROWS)


def test_each_file_is_whole_by_itself_and_ids_count_through(folder, files) -> None:
    assert [path.name for path in sorted(folder.glob("*.json"))] == [f"aug-0000{i}-of-00003.json" for i in range(3)]
    assert [len(file["annotations"]) for file in files] == [800, 800, 400]
    assert [image["id"] for file in files for image in file["images"]] == list(range(1, ROWS + 1))
    for file in files:
        assert list(file) == ["info", "licenses", "categories", "images", "annotations"]
        assert [a["image_id"] for a in file["annotations"]] == [image["id"] for image in file["images"]]
        assert [a["id"] for a in file["annotations"]] == [a["image_id"] for a in file["annotations"]]
        assert file["info"]["poseaug_gen"]["joint_names"] == list(load_skeleton("h36m17").joints)
        assert file["info"]["poseaug_gen"]["export"]["source"]["name"] == "synthetic"
        assert file["licenses"] == [{"id": 1, "name": "none needed", "url": ""}]


def test_every_key_of_an_annotation(files, rows) -> None:
    pixels = to_pixels(rows["positions_2d"], rows["image_size"])
    detected = to_pixels(rows["detected_2d"], rows["image_size"])
    annotations = [annotation for file in files for annotation in file["annotations"]]
    for row in range(0, ROWS, 61):
        found, low, high = annotations[row], pixels[row].min(0), pixels[row].max(0)
        keypoints, keypoints_3d = np.reshape(found["keypoints"], (17, 3)), np.reshape(found["keypoints_3d"], (17, 4))
        np.testing.assert_allclose(keypoints[:, :2], pixels[row], atol=6e-4)
        np.testing.assert_allclose(keypoints_3d[:, :3], rows["positions_3d"][row], atol=6e-6)
        assert set(found["keypoints"][2::3]) == set(found["keypoints_3d"][3::4]) == {2}
        assert type(found["keypoints"][2]) is int
        np.testing.assert_allclose(found["bbox"], [*low, *(high - low)], atol=6e-4)
        assert found["area"] == pytest.approx((high - low).prod(), abs=1e-3)
        assert (found["category_id"], found["iscrowd"], found["num_keypoints"]) == (1, 0, 17)
        seen = np.reshape(found["detected_keypoints"], (17, 3))
        np.testing.assert_allclose(seen[:, :2], detected[row], atol=6e-4)
        np.testing.assert_allclose(seen[:, 2], rows["confidence"][row], atol=6e-4)
        image = files[row // ROWS_PER_FILE]["images"][row % ROWS_PER_FILE]
        assert [image["width"], image["height"]] == rows["image_size"][row].tolist()
        assert set(image) == {"id", "file_name", "width", "height", "license"}


def test_the_camera_sees_the_3d_where_the_2d_is(files) -> None:
    """With the formula of docs/convert.md, in pixels."""
    for file in files:
        for annotation in file["annotations"][::83]:
            seen = np.reshape(annotation["keypoints"], (17, 3))[:, :2]
            pose = np.reshape(annotation["keypoints_3d"], (17, 4))[:, :3]
            f, c, k, p = (np.array(annotation["camera"][key]) for key in "fckp")
            xy = pose[:, :2] / pose[:, 2:]
            r2 = (xy**2).sum(1, keepdims=True)
            scale = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + xy @ p[:, None]
            np.testing.assert_allclose(f * (xy * scale + p * r2) + c, seen, atol=0.02)


@pytest.mark.parametrize(("name", "skeleton"), [("lenses", "h36m17"), ("coco", "coco17"), ("shards", "h36m16")])
def test_our_own_reader_finds_the_people(name: str, skeleton: str, exports, convert, tmp_path) -> None:
    convert(exports[name], "coco", tmp_path / "out", rows=400)
    with h5py.File(exports[name]) as file:
        expected = file["positions_2d"][:400]
    found = reader.read(tmp_path / "out" / "aug-00000-of-00001.json", Request(load_skeleton(skeleton)))
    assert found.visible.all()
    np.testing.assert_allclose(found.positions, expected, atol=2e-6)


@light
@given(builtin_or_random())
def test_a_category_has_the_skeletons_tree(skeleton: Skeleton) -> None:
    category = _category(skeleton)
    assert category["keypoints"] == list(skeleton.joints)
    assert len(category["skeleton"]) == skeleton.num_bones
    for parent, joint in category["skeleton"]:
        assert skeleton.parents[joint - 1] == parent - 1  # COCO counts from 1


def test_another_skeletons_joints_may_be_asked_for(exports, convert, tmp_path) -> None:
    convert(exports["lenses"], "coco", tmp_path / "out", rows=5, skeleton="h36m16")
    file = json.loads((tmp_path / "out" / "aug-00000-of-00001.json").read_text())
    assert file["categories"][0]["keypoints"] == list(load_skeleton("h36m16").joints)
    assert {len(annotation["keypoints"]) for annotation in file["annotations"]} == {48}
