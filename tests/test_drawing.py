"""Pictures of poses: which are shown, with what caption, in whose colours."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from poseaug_gen.drawing import LEFT, RIGHT, bone_colours, bone_sides, caption, evenly_spaced, seen_2d, write_picture
from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import Labels
from poseaug_gen.poses_2d import Poses2D


def pixels_like(picture: np.ndarray, colour: str) -> int:
    """How many of a picture's pixels are of a colour ``#rrggbb``."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return int((np.abs(picture[..., :3] - wanted).max(-1) < 0.02).sum())


def test_bones_have_the_side_of_their_far_joint(skeleton):
    sides = dict(zip(skeleton.joints[1:], bone_sides(skeleton), strict=True))
    assert all(side == {"l": "left", "r": "right"}[name[0]] for name, side in sides.items() if name[1] == "_")
    assert {name for name, side in sides.items() if side == "middle"} == {"spine", "thorax", "head"}
    assert set(bone_colours(skeleton)) >= {LEFT, RIGHT}


@pytest.mark.parametrize(("rows", "count"), [(1, 8), (7, 8), (8, 8), (9, 8), (50, 8), (1000, 3)])
def test_evenly_spaced_rows_are_distinct_in_order_and_spread(make_poses, skeleton, rows, count):
    poses = make_poses(skeleton, rows=rows, subjects=rows)
    numbers = [int(name[1:]) for name in evenly_spaced(poses, count).subject.strings()]
    assert len(numbers) == min(rows, count)
    steps = np.diff(numbers)
    assert (steps >= 1).all()
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_joints_that_are_missing_or_not_finite_are_not_drawn(make_poses, skeleton):
    poses = make_poses(skeleton, rows=4)
    places = poses.positions.copy()
    places[2, 5] = np.nan
    seen = seen_2d(replace(poses, positions=places))
    assert np.argwhere(np.isnan(seen).any(-1)).tolist() == [[2, 5]]
    visible = np.ones((4, 16), dtype=bool)
    visible[1, 7] = False
    alone = Poses2D.of(skeleton, poses.project(), visible)
    assert np.argwhere(np.isnan(seen_2d(alone)).any(-1)).tolist() == [[1, 7]]
    assert caption(alone, 1) == "15 of 16 joints"


def test_a_caption_leaves_out_what_nobody_knows(make_poses, skeleton):
    poses = make_poses(skeleton, rows=3)
    assert caption(poses, 2).startswith("S2, action0, camera0, ")
    assert caption(poses, 2).endswith(f"{poses.positions[2, 0, 2]:.1f} m")
    unknown = Labels.constant("unknown", 3)
    assert caption(replace(poses, subject=unknown, action=unknown, camera=unknown), 2).count(",") == 0


def test_a_picture_shows_both_sides_in_their_colours(tmp_path, make_poses, skeleton):
    matplotlib_image = pytest.importorskip("matplotlib.image")
    poses = make_poses(skeleton, rows=3)
    write_picture(tmp_path / "a.png", poses, "three")
    picture = matplotlib_image.imread(tmp_path / "a.png")
    assert pixels_like(picture, LEFT) > 500
    assert pixels_like(picture, RIGHT) > 500
    write_picture(tmp_path / "b.png", replace(poses, detected_2d=poses.project() + np.float32(0.2)), "detections too")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path, monkeypatch, make_poses, skeleton):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PoseAugError, match=r"a\.png: drawing needs matplotlib.*poseaug-gen\[report\]"):
        write_picture(tmp_path / "a.png", make_poses(skeleton, rows=2), "two")
    assert not list(tmp_path.iterdir())


def test_2d_poses_are_drawn_without_those_in_3d(tmp_path, make_poses, skeleton):
    matplotlib_image = pytest.importorskip("matplotlib.image")
    left = {joint for pair in skeleton.pairs for joint in pair[:1]}
    visible = np.array([[joint not in left for joint in range(16)]] * 5)
    write_picture(tmp_path / "a.png", Poses2D.of(skeleton, make_poses(skeleton, rows=5).project(), visible), "five")
    picture = matplotlib_image.imread(tmp_path / "a.png")
    assert pixels_like(picture, RIGHT) > 500
    assert pixels_like(picture, LEFT) == 0
