"""2D poses in .npz files."""

from collections import Counter

import numpy as np
import pytest
from fuzzing import mutants, survives

from poseaug_gen.camera import to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import npz_2d
from poseaug_gen.sources.formats import Request


@pytest.fixture
def seen(make_poses, skeleton) -> np.ndarray:
    """What the cameras see of six people, normalised."""
    return make_poses(skeleton, 6).project().astype(np.float64)


@pytest.fixture
def read(tmp_path, skeleton):
    """``read(**fields)``: the poses of a file with these fields."""

    def read_fields(**fields):
        np.savez(tmp_path / "x.npz", **fields)
        assert npz_2d.recognises(tmp_path / "x.npz")
        return npz_2d.read(tmp_path / "x.npz", Request(skeleton))

    return read_fields


def test_a_file_without_an_image_size_is_normalised(read, seen):
    poses = read(positions_2d=seen, licence="CC0", citation="Me, 2024")
    np.testing.assert_array_equal(poses.positions, seen.astype(np.float32))
    assert poses.visible.all()
    assert poses.provenance[0].items() >= {"name": "x", "licence": "CC0", "citation": "Me, 2024", "rows": 6}.items()


@pytest.mark.parametrize("size", [[640, 480], [[640, 480]] * 3 + [[1080, 1920]] * 3])
def test_a_file_with_one_is_in_pixels(read, seen, size):
    pixels = to_pixels(seen, np.broadcast_to(size, (6, 2)))
    np.testing.assert_allclose(read(positions_2d=pixels, image_size=np.array(size)).positions, seen, atol=1e-6)


def test_joints_are_found_by_name_and_those_that_are_not_there_are_missing(read, seen, skeleton):
    order = [j for j in range(16) if skeleton.joints[j] not in ("head", "l_wrist")][::-1]
    poses = read(positions_2d=seen[:, order], joints=np.array([skeleton.joints[j] for j in order]))
    absent = {skeleton.joints[j] for j in np.flatnonzero(~poses.visible.all(0))}
    assert absent == {"head", "l_wrist"}
    np.testing.assert_array_equal(poses.positions[:, order], seen[:, order].astype(np.float32))


def test_each_way_to_say_that_a_joint_is_missing(read, seen):
    spoiled = seen.copy()
    spoiled[0, 3, 1] = np.nan
    visible, confidence = np.ones((6, 16), dtype=np.uint8), np.full((6, 16), 0.9)
    visible[1, 4], confidence[2, 5] = 0, 0.1
    poses = read(positions_2d=spoiled, visible=visible, confidence=confidence)
    assert np.argwhere(~poses.visible).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert read(positions_2d=seen, visible=visible.astype(bool)).visible.sum() == 6 * 16 - 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"positions_2d": np.zeros((6, 16, 3))}, r"shape \(6, 16, 3\); it must be \(rows, 16, 2\)"),
        ({"positions_2d": np.zeros((6, 17, 2))}, r"name the file's joints in a field 'joints'"),
        ({"positions_2d": np.zeros((6, 32))}, "it must be numbers in 3 dimensions"),
        ({"positions_2d": np.full((6, 16, 2), "a")}, "it must be numbers in 3 dimensions"),
        ({"joints": np.array(["hip"])}, r"\(rows, 1, 2\)"),
        ({"visible": np.ones((6, 15))}, r"'visible' has the shape \(6, 15\)"),
        ({"confidence": np.ones(6)}, "'confidence' is float64"),
        ({"image_size": np.array([640.5, 480])}, "'image_size' must be width and height"),
        ({"image_size": np.array([[640, 480]] * 5)}, r"'image_size' has the shape \(5, 2\)"),
    ],
)
def test_a_wrong_field_is_one_sentence(read, seen, fields, says):
    with pytest.raises(PoseAugError, match=rf"x\.npz: .*{says}"):
        read(**{"positions_2d": seen, **fields})


@pytest.mark.parametrize("count", [300, pytest.param(6000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path, seen, skeleton, count):
    """Each array damaged by itself, behind a whole zip: damage to the zip is test_safe_npz's."""
    import io
    import zipfile

    fields = {"positions_2d": seen[:2], "image_size": np.array([640, 480]), "visible": np.ones((2, 16), dtype=bool)}
    fields["joints"] = np.array(skeleton.joints)
    whole = {}
    for name, values in fields.items():
        np.save(member := io.BytesIO(), values)
        whole[name] = member.getvalue()
    outcomes: Counter[str] = Counter()
    path = tmp_path / "x.npz"
    for name, data in whole.items():
        for damaged in mutants(data, seed=count, count=count // len(whole)):
            with zipfile.ZipFile(path, "w") as archive:
                for other, content in {**whole, name: damaged}.items():
                    archive.writestr(f"{other}.npy", content)
            outcomes[survives(lambda: npz_2d.read(path, Request(skeleton)))] += 1
    assert min(outcomes["read"], outcomes["refused"]) > 20
    print(dict(outcomes))
