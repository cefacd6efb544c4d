"""The joints of converted poses: taken by name, or derived where that was asked for; then where a camera sees them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from strategies import builtin_or_random, light

from poseaug_gen.consumers.convert.joints import choose_joints, own_joints
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton

H36M = ("h36m17", "h36m16")


def choose(name: str, layouts: tuple[str, ...] = H36M, wanted: str | None = None):
    return choose_joints(load_skeleton(name), layouts, wanted, "The tool", "aug.h5")


@pytest.fixture(scope="module")
def block(exports: dict[str, Path]) -> dict[str, np.ndarray]:
    with h5py.File(exports["lenses"]) as file:
        return {name: file[name][:300] for name in file}


@light
@given(builtin_or_random())
def test_a_skeletons_own_joints_change_nothing(skeleton: Skeleton) -> None:
    joints = own_joints(skeleton)
    assert joints.same
    assert not joints.derived
    block = {"positions_3d": np.zeros((2, skeleton.num_joints, 3), "f4")}
    assert joints.of(block) is block


@pytest.mark.parametrize("name", H36M)
def test_of_several_layouts_the_one_that_the_export_has(name: str) -> None:
    joints = choose(name)
    assert joints.skeleton == load_skeleton(name)
    assert joints.same


def test_joints_may_be_left_out_and_nothing_else_changes(block) -> None:
    joints = choose("h36m17", wanted="h36m16")
    assert not joints.derived
    made = joints.of(block)
    kept = [i for i, joint in enumerate(load_skeleton("h36m17").joints) if joint != "nose"]
    for name in ("positions_3d", "positions_2d", "detected_2d", "confidence"):
        np.testing.assert_array_equal(made[name], block[name][:, kept], strict=True)
    assert made["intrinsics"] is block["intrinsics"]


def test_a_derived_joint_is_seen_where_its_camera_sees_it(block) -> None:
    """And all the others stay as they are: of the 17 joints the 16, and of those 17 again."""
    sixteen = choose("h36m17", wanted="h36m16").of(block)
    joints = choose("h36m16", wanted="h36m17")
    assert joints.derived == {"nose": "0.5 thorax + 0.5 head"}
    assert set(joints.reads) == {"positions_3d", "intrinsics"}
    made = joints.of(sixteen)
    nose, thorax, head = (load_skeleton("h36m17").joints.index(name) for name in ("nose", "thorax", "head"))
    others = [i for i in range(17) if i != nose]
    for name in ("positions_3d", "positions_2d", "detected_2d", "confidence"):
        assert made[name].dtype == np.float32
        np.testing.assert_array_equal(made[name][:, others], block[name][:, others])
    middle = block["positions_3d"][:, [thorax, head]].mean(1)
    np.testing.assert_allclose(made["positions_3d"][:, nose], middle, atol=1e-6)
    # The pinhole's rows by hand; a middle of two projections would be off by more than this.
    pinhole = block["intrinsics"][:, 4] == 0
    f, c = block["intrinsics"][pinhole, :2], block["intrinsics"][pinhole, 2:4]
    seen = f * middle[pinhole, :2] / middle[pinhole, 2:] + c
    np.testing.assert_allclose(made["positions_2d"][pinhole, nose], seen, atol=2e-6)
    between = block["positions_2d"][pinhole][:, [thorax, head]].mean(1)
    assert np.abs(between - seen).max() > 1e-4
    sure = block["confidence"][:, [thorax, head]].min(1)
    np.testing.assert_array_equal(made["confidence"][:, nose], sure)


def test_a_joint_that_lacks_is_told_with_how_it_would_be_made() -> None:
    with pytest.raises(PoseAugError) as error:
        choose("h36m16", ("h36m17",))
    for part in ("aug.h5", "17 joints of h36m17", "h36m16 lacks nose", "--skeleton h36m17", "0.5 thorax + 0.5 head"):
        assert part in str(error.value)


def test_another_tree_is_told_too() -> None:
    with pytest.raises(PoseAugError, match="coco17 lacks"):
        choose("coco17")
    chain = Skeleton.from_dict({"name": "chain", "joints": {"a": "", "b": "a", "c": "b"}})
    with pytest.raises(PoseAugError, match="not among those of chain and cannot be derived"):
        choose_joints(chain, H36M, None, "The tool", "aug.h5")


def test_a_skeleton_that_such_files_cannot_have_is_refused() -> None:
    with pytest.raises(BadConfigError, match="h36m17 or h36m16"):
        choose("h36m17", wanted="coco17")
