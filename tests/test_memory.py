"""Rows innermost in memory: the same numbers in the same places."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.bones import bones_of, directions_of, lengths_of, pose_of
from poseaug_gen.camera import project
from poseaug_gen.memory import mapped, rows_last, stacked
from poseaug_gen.skeleton import load_skeleton

SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)


@given(SHAPES, st.integers(2, 9))
def test_rows_last_changes_the_strides_alone(shape, rows):
    values = torch.arange(float(rows * torch.Size(shape).numel())).view(rows, *shape)
    moved = rows_last(values)
    assert torch.equal(moved, values)
    assert moved.stride(0) == 1


def test_stacked_columns_are_the_entries_of_each_row():
    columns = [torch.arange(5.0) + 10 * number for number in range(6)]
    made = stacked(columns, 2, 3)
    assert made.shape == (5, 2, 3)
    assert made.stride(0) == 1
    for number, column in enumerate(columns):
        assert torch.equal(made[:, number // 3, number % 3], column)
    assert torch.equal(stacked(columns), torch.stack(columns, -1))


def test_mapped_is_a_matrix_product_that_keeps_the_layout():
    values, matrix = torch.randn(7, 4), torch.randn(4, 3)
    torch.testing.assert_close(mapped(values, matrix), values @ matrix)
    moved = mapped(rows_last(values), matrix)
    torch.testing.assert_close(moved, values @ matrix)
    assert moved.stride(0) == 1


def test_geometry_is_the_same_in_either_layout():
    skeleton = load_skeleton()
    pose = torch.randn(50, skeleton.num_joints, 3) * 0.3 + torch.tensor([0.0, 0.0, 5.0])
    camera = torch.rand(50, 9) * 0.1 + torch.tensor([2.0, 2, 0, 0, 0, 0, 0, 0, 0])
    bones = bones_of(pose, skeleton)
    for made, expected in (
        (lengths_of(rows_last(bones)), bones.norm(dim=-1)),
        (directions_of(rows_last(bones)), bones / bones.norm(dim=-1, keepdim=True)),
        (pose_of(rows_last(bones), skeleton), pose - pose[:, :1]),
        (project(rows_last(pose), rows_last(camera)), project(pose, camera)),
    ):
        torch.testing.assert_close(made, expected)
        assert made.stride(0) == 1, "what comes out has the layout of what went in"
