"""BVH: the tests' own kinematics come back from files of any order, unit, axes and layout."""

import re

import numpy as np
import pytest
from fuzzing import mutants, survives
from hypothesis import given, settings
from hypothesis import strategies as st
from mocap_files import BODY, HEIGHT, moving, placed, write_bvh

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import bvh
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

TURNS, PATH = moving()
TEXT = write_bvh(TURNS, PATH)
REQUEST = Request(load_skeleton(), load_rig("studio"))
# The body's axes (x left, y up, z forward) as ours, z up: (x, y, z) -> (x, -z, y).
OURS = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
AXES = {"y": np.eye(3), "z": OURS, "x": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), "-y": np.diag([-1.0, -1, 1])}


@pytest.fixture
def save(tmp_path):
    def write(text: str | bytes, name: str = "clip.bvh"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def expected(path=PATH) -> np.ndarray:
    """The clip's joints, ``(frames, joints, 3)``, metres, z up, in the order of :data:`BODY`."""
    return np.stack(list(placed(TURNS, path).values()), 1) @ OURS.T


def in_order(world) -> np.ndarray:
    """What was read, in the order of :data:`BODY`."""
    return world.positions[:, [list(world.joints).index(name) for name in BODY]]


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_any_order_of_rotations(save, order):
    world = bvh.read_world(save(write_bvh(TURNS, PATH, order=order)), REQUEST)
    np.testing.assert_allclose(in_order(world), expected(), atol=1e-6)
    assert (world.unit, world.up, round(world.rate)) == ("cm", "y", 120)


@pytest.mark.parametrize("unit", ["m", "cm", "mm", "in", "ft", "cmu"])
@pytest.mark.parametrize("up", AXES)
def test_any_unit_and_axis_is_recognised_and_no_body_is_mirrored(save, unit, up):
    from poseaug_gen.sources.units import UNITS

    world = bvh.read_world(save(write_bvh(TURNS, PATH, unit=UNITS[unit], axes=AXES[up])), REQUEST)
    assert (world.unit, world.up) == (unit, up)
    got, want = in_order(world), expected()
    np.testing.assert_allclose(got[..., 2], want[..., 2], atol=1e-5)
    flat = [(p[..., :2] - p[:1, :1, :2]) @ [1, 1j] for p in (got, want)]
    turn = np.vdot(flat[0], flat[1])
    np.testing.assert_allclose(flat[0] * turn / abs(turn), flat[1], atol=1e-5)  # a mirror image would need conj()


def test_what_is_given_holds(save):
    path = save(write_bvh(TURNS, PATH, unit=1.0))
    half = bvh.read_world(path, Request(REQUEST.skeleton, unit="ft", up="z"))
    np.testing.assert_allclose(in_order(half), expected() @ OURS * 0.3048, atol=1e-6)


def jumbled(text: str) -> str:
    """The same file as an odd tool may write it."""
    head, motion = text.split("MOTION")
    head = head.replace("\n", "\r\n\r\n").replace("OFFSET ", "OFFSET\t  ").replace("End Site", "End  site")
    motion = (
        motion.replace(" ", "\t").replace("\n", "  \r\n").replace("Frames:", "Frames: ").replace("Frame\t", "Frame ")
    )
    return "\ufeff  \r\n" + head.replace("JOINT", "Joint") + "MOTION" + motion + "\r\n\r\n"


def test_line_ends_tabs_case_and_blank_lines_do_not_count(save):
    want = bvh.read_world(save(TEXT), REQUEST)
    odd = save(jumbled(TEXT))
    assert bvh.recognises(odd)
    got = bvh.read_world(odd, REQUEST)
    np.testing.assert_array_equal(got.positions, want.positions)
    assert got.joints == want.joints
    numbers = TEXT[TEXT.index("Frame Time") :].split("\n", 1)[1]
    broken = TEXT.replace(numbers, numbers.replace(" ", "\n"))
    np.testing.assert_array_equal(bvh.read_world(save(broken), REQUEST).positions, want.positions)


def test_end_sites_are_called_by_their_joint(save):
    assert set(bvh.read_world(save(TEXT), REQUEST).joints) == set(BODY)


def test_a_clip_becomes_poses(save):
    poses = bvh.read(save(TEXT, "walk1_subject5.bvh"), REQUEST)
    assert len(poses) == 4 * len(PATH)
    assert poses.subject.counts() == {"subject5": len(poses)}
    assert poses.provenance["file"] == "walk1_subject5.bvh"
    assert poses.provenance["unit"] == "cm"
    assert poses.provenance["frames_left_out"] == 0


def six_channels(values: np.ndarray, offset: np.ndarray) -> str:
    """The clip with positions for the left knee too; its bone is 42 units long at rest."""
    text = re.sub(r"(JOINT LeftKnee\s+\{\s+OFFSET) [^\n]+", rf"\1 {' '.join(map(str, offset))}", TEXT)
    text = re.sub(r"(LeftKnee[^}]*?CHANNELS) 3", r"\1 6 Xposition Yposition Zposition", text, count=1, flags=re.DOTALL)
    head, motion = text[: text.index("Frame Time")], text[text.index("Frame Time") :].split("\n")
    names = re.findall(r"(?:ROOT|JOINT) (\w+)", head)
    column = 3 + 3 * names.index("LeftKnee")
    rows = [line.split() for line in motion[1:] if line]
    rows = [[*row[:column], *map(str, value), *row[column:]] for row, value in zip(rows, values, strict=True)]
    return head + "\n".join([motion[0], *(" ".join(row) for row in rows), ""])


def test_positions_of_a_joint_stand_for_its_offset_or_are_added_to_it(save):
    offset = 100 * np.array(BODY["LeftKnee"][1])
    wobble = np.random.default_rng(0).normal(0, 0.5, (len(PATH), 3))
    instead = bvh.read_world(save(six_channels(offset + wobble, offset)), REQUEST).positions
    added = bvh.read_world(save(six_channels(wobble, offset)), REQUEST).positions
    np.testing.assert_allclose(instead, added, atol=1e-9)
    still = bvh.read_world(save(six_channels(np.zeros((len(PATH), 3)), offset)), REQUEST).positions
    np.testing.assert_allclose(still, bvh.read_world(save(TEXT), REQUEST).positions, atol=1e-9)
    assert np.abs(instead - still).max() > 0.005


def test_a_body_without_a_place_stands_on_the_floor(save):
    world = bvh.read_world(save(write_bvh(TURNS, None)), REQUEST)
    np.testing.assert_allclose(world.positions[..., 2].min(1), 0, atol=1e-9)
    want = expected() - expected()[:, :1]
    np.testing.assert_allclose(in_order(world) - in_order(world)[:, :1], want, atol=1e-6)
    assert abs(in_order(world)[0, 0, 2] - HEIGHT) < 0.1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), joints=st.integers(1, 12), frames=st.integers(1, 4))
def test_any_tree_with_any_channels(tmp_path_factory, seed, joints, frames):
    """Against homogeneous matrices, one rotation at a time."""
    rng = np.random.default_rng(seed)
    parents = [-1, *(int(rng.integers(i)) for i in range(1, joints))]
    offsets = rng.normal(size=(joints, 3)).round(4)
    offsets[0] = 0
    channels = [list(rng.permutation(list("XYZ"))[: rng.integers(4)]) for _ in range(joints)]
    if not any(channels):
        channels[0] = ["Y"]
    values = [rng.uniform(-180, 180, (frames, len(own))).round(4) for own in channels]
    lines, numbered = ["HIERARCHY"], []

    def write(j: int) -> None:
        numbered.append(j)
        lines.append(f"{'JOINT' if parents[j] >= 0 else 'ROOT'} j{j} {{ OFFSET {' '.join(map(str, offsets[j]))}")
        lines.append(f"CHANNELS {len(channels[j])} {' '.join(f'{axis}rotation' for axis in channels[j])}")
        for child in range(joints):
            if parents[child] == j:
                write(child)
        lines.append("}")

    write(0)
    rows = np.concatenate([values[j] for j in numbered], 1)
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.01", *(" ".join(map(str, row)) for row in rows)]
    path = tmp_path_factory.mktemp("tree") / "tree.bvh"
    path.write_text("\n".join(lines))

    capture = bvh.read_capture(path)
    for f in range(frames):
        world = {-1: np.eye(4)}
        for j in range(joints):  # a parent has a smaller number
            local = np.eye(4)
            local[:3, 3] = offsets[j]
            for axis, angle in zip(channels[j], np.radians(values[j][f]), strict=True):
                turn, (a, b) = np.eye(4), {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
                turn[a, a] = turn[b, b] = np.cos(angle)
                turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
                local = local @ turn
            world[j] = world[parents[j]] @ local
        got = dict(zip(capture.joints, capture.positions[f], strict=True))
        for j in range(joints):
            np.testing.assert_allclose(got[f"j{j}"], world[j][:3, 3], atol=1e-9)
    assert not capture.placed
    rest = dict(zip(capture.joints, capture.rest, strict=True))
    for j in range(1, joints):
        np.testing.assert_allclose(rest[f"j{j}"] - rest[f"j{parents[j]}"], offsets[j], atol=1e-9)


FRAME = TEXT.splitlines()[-1]


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda t: t.replace("MOTION", t[t.index("ROOT") : t.index("MOTION")] + "MOTION"), "holds several skeletons"),
        (lambda t: t.replace("Frames: 24", "Frames: 25"), "says 25 frames but has 24"),
        (lambda t: t.replace("Frames: 24", "Frames: 23"), "says 23 frames but has 24"),
        (lambda t: t.replace("Frames: 24", "Frames: many"), "says many frames"),
        (lambda t: t.replace(FRAME, ""), "says 24 frames but has 23"),
        (lambda t: t.replace(FRAME, FRAME[: len(FRAME) // 2]), "no multiple of the 63 channels"),
        (lambda t: t.replace(FRAME, FRAME.replace(FRAME.split()[5], "nan")), "frame 24 holds NaN"),
        (lambda t: t.replace(FRAME, FRAME.replace(FRAME.split()[5], "-inf")), "frame 24 holds NaN"),
        (lambda t: t.replace(FRAME, FRAME.replace(FRAME.split()[5], "1,5")), "could not convert"),
        (lambda t: t[: t.index("Frame Time")], "has no MOTION"),
        (lambda t: t[: t.index("LeftKnee")] + "\nMOTION\nFrames: 1\nFrame Time: 1\n0", "hierarchy breaks off"),
        (lambda t: t.replace("Frame Time: 0.0", "Frame Time: -0.0"), "'Frame Time:' is -"),
        (lambda t: t.replace("CHANNELS 3", "CHANNELS 7", 1), "'CHANNELS 7' in its hierarchy is not BVH"),
        (lambda t: t.replace("Xrotation", "Xroll", 1), "'Xroll' in its hierarchy is not BVH"),
        (lambda t: t.replace("OFFSET", "PLACE", 1), "'PLACE' in its hierarchy is not BVH"),
        (lambda t: re.sub("OFFSET [^\n]+", "OFFSET 1 two 3", t, count=1), "OFFSET of Hips: could not convert"),
        (lambda t: re.sub("OFFSET [^\n]+", "OFFSET 1 1e99 3", t, count=1), "holds 1e99"),
        (lambda t: t.replace("LeftKnee", "x" * 2**20), "its hierarchy has 1,0"),
        (lambda t: t.replace("LeftKnee", "Odd").replace("LeftCollar", "Even"), "cannot be told without l_knee, which"),
    ],
)
def test_what_is_wrong_is_one_sentence(save, harm, says):
    path = save(harm(TEXT))
    assert bvh.recognises(path)
    with pytest.raises(PoseAugError, match=re.escape(says)) as error:
        bvh.read(path, REQUEST)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_more_joints_than_the_file_could_move(save):
    """A small file that would make gigabytes of positions."""
    still = "JOINT a { OFFSET 1 1 1 }\n" * 2000
    text = (
        f"HIERARCHY\nROOT r {{ CHANNELS 1 Xrotation\n{still}}}\nMOTION\nFrames: 50000\nFrame Time: 1\n" + "0 " * 50_000
    )
    with pytest.raises(PoseAugError, match="2,001 joints are moved by 1 channels"):
        bvh.read(save(text), REQUEST)


def test_a_deep_tree_is_walked(save):
    """No recursion, and no work that grows with the square of the depth."""
    deep = 30_000
    text = "HIERARCHY\nROOT r { CHANNELS 1 Xrotation\n" + "JOINT a {\nOFFSET 0 1 0\n" * deep + "}" * (deep + 1)
    capture = bvh.read_capture(save(text + "\nMOTION\nFrames: 1\nFrame Time: 1\n90\n"))
    np.testing.assert_allclose(capture.positions[0, -1], [0, 0, deep], atol=1e-6)


@pytest.mark.parametrize("data", [b"", b"HIER", b"HIERARCHYX", b"\x93NUMPY", b"PK\x03\x04", b"MOTION"])
def test_other_files_are_not_taken(save, data):
    assert not bvh.recognises(save(data))


def test_a_file_that_went_away(tmp_path):
    with pytest.raises(PoseAugError, match="cannot be read"):
        bvh.read(tmp_path / "none.bvh", REQUEST)


def fuzz(save, seed: int, count: int) -> dict[str, int]:
    outcomes = {"read": 0, "refused": 0}
    short = write_bvh(*(moving(3)))
    for data in mutants(short.encode(), seed, count):
        path = save(data)
        if bvh.recognises(path):
            outcomes[survives(lambda path=path: bvh.read(path, REQUEST))] += 1
    return outcomes


def test_damaged_files_are_read_or_refused(save):
    outcomes = fuzz(save, 0, 200)
    assert min(outcomes.values()) > 10


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(save):
    outcomes = fuzz(save, 1, 2000)
    assert sum(outcomes.values()) > 1500
