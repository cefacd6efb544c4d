"""What a file's numbers must be: finite, in metres, of the right joints."""

import numpy as np
import pytest

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.checks import (
    body_size,
    check_bodies,
    checked_image_size,
    checked_intrinsics,
    checked_positions,
)
from poseaug_gen.sources.joints import joint_names

NAMES = joint_names()


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_a_person_in_metres_passes(make_poses, name):
    skeleton = load_skeleton(name)
    check_bodies(make_poses(skeleton, 32).positions, skeleton, "file")


def test_the_torso_is_measured_along_the_trunk(make_poses, skeleton):
    poses = make_poses(skeleton, 33)
    lengths = poses.bone_lengths()
    spine, thorax = skeleton.joints.index("spine") - 1, skeleton.joints.index("thorax") - 1
    what, size, _ = body_size(poses.positions, skeleton)
    assert what == "torso"
    assert size == pytest.approx(np.median(lengths[:, spine] + lengths[:, thorax]), rel=1e-6)


def test_two_sides_of_a_torso_count_once(make_poses):
    skeleton = load_skeleton("coco17")
    assert 0.5 < body_size(make_poses(skeleton, 32).positions, skeleton)[1] < 1.0


def test_a_body_without_a_trunk_is_measured_by_its_extent():
    stick = Skeleton.from_dict({"joints": {"a": "", "b": "a", "c": "b"}, "trunk": [], "scale": "b"})
    person = np.tile(np.array([[[0, 0, 0], [0, 1, 0], [0, 1.8, 0]]], dtype=np.float32), (4, 1, 1))
    assert body_size(person, stick)[:2] == ("body", pytest.approx(1.8))
    check_bodies(person, stick, "file")
    with pytest.raises(PoseAugError, match=r"the body is 1\.8e\+03 units long.*millimetres: divide by 1000"):
        check_bodies(person * 1000, stick, "file")


@pytest.mark.parametrize(("factor", "unit"), [(1000, "millimetres: divide by 1000"), (100, "centimetres: divide by")])
def test_other_units_are_named(make_poses, skeleton, factor, unit):
    with pytest.raises(PoseAugError, match=rf"^file: the torso is .* units long .*metres.*{unit}"):
        check_bodies(make_poses(skeleton, 8).positions * np.float32(factor), skeleton, "file")


def test_a_body_of_no_size_is_an_error(skeleton):
    with pytest.raises(PoseAugError, match="plausible"):
        check_bodies(np.zeros((3, 16, 3), dtype=np.float32), skeleton, "file")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_named_by_row_and_joint(make_poses, skeleton, bad):
    positions = make_poses(skeleton, 8).positions.astype(np.float64)
    positions[5, 3, 1] = bad
    positions[7] = bad
    with pytest.raises(PoseAugError, match=r"^file: row 5, joint 'r_ankle' is not finite.*2 row\(s\)"):
        checked_positions(positions, None, skeleton, NAMES, "file")


def test_joints_that_are_not_asked_for_may_be_missing_from_a_row(make_poses, skeleton):
    poses = make_poses(skeleton, 4)
    extra = np.concatenate([np.full((4, 1, 3), np.nan, dtype=np.float32), poses.positions], 1)
    got = checked_positions(extra, ["left_toe", *skeleton.joints], skeleton, NAMES, "file")
    np.testing.assert_array_equal(got, poses.positions)


def test_joints_are_found_by_name_in_any_order_and_spelling(make_poses, skeleton):
    poses = make_poses(skeleton, 4)
    order = np.random.default_rng(0).permutation(16)
    names = [skeleton.joints[j].replace("l_", "Left").replace("hip", "Hip") for j in order]
    got = checked_positions(poses.positions[:, order], names, skeleton, NAMES, "file")
    np.testing.assert_array_equal(got, poses.positions)


def test_wrong_joints_name_the_right_ones(make_poses, skeleton):
    positions = make_poses(skeleton, 4).positions
    with pytest.raises(PoseAugError, match=r"15 joints.*'h36m16' has 16 \(hip, r_hip, .*--skeleton"):
        checked_positions(positions[:, :15], None, skeleton, NAMES, "file")
    with pytest.raises(PoseAugError, match="names 2 joints but the poses have 16"):
        checked_positions(positions, ["hip", "head"], skeleton, NAMES, "file")
    with pytest.raises(PoseAugError, match="the joints head of skeleton"):
        checked_positions(positions, [j.replace("head", "hat") for j in skeleton.joints], skeleton, NAMES, "file")


@pytest.mark.parametrize("shape", [(), (4,), (4, 48), (4, 16, 2), (2, 4, 16, 3)])
def test_another_shape_is_named(skeleton, shape):
    with pytest.raises(PoseAugError, match=r"must be numbers of shape \(rows, joints, 3\)"):
        checked_positions(np.zeros(shape), None, skeleton, NAMES, "file")


def test_intrinsics_are_nine_finite_numbers_with_a_normalised_focal_length():
    good = np.array([[2.3, 2.3, 0, 0, 0, 0, 0, 0, 0]])
    assert checked_intrinsics(good, "file").dtype == np.float32
    for change, says in (((0, np.nan), "NaN"), ((0, 1145.0), "1145.*over the image's width"), ((1, -2.0), "positive")):
        bad = good.copy()
        bad[0, change[0]] = change[1]
        with pytest.raises(PoseAugError, match=says):
            checked_intrinsics(bad, "file")
    with pytest.raises(PoseAugError, match="nine numbers: fx fy cx cy"):
        checked_intrinsics(good[:, :4], "file")


@pytest.mark.parametrize("bad", [[1000, 0], [1000, 40000], [1000.5, 1000], [1000, np.nan], [1, 2, 3], ["a", "b"]])
def test_image_sizes_are_whole_pixels(bad):
    with pytest.raises(PoseAugError, match="'image_size' must be width and height"):
        checked_image_size(np.array([bad]), "file")
