"""ASF/AMC: the tests' own kinematics come back, skeletons are found, and what is wrong is one sentence."""

import re

import numpy as np
import pytest
from fuzzing import mutants, survives
from mocap_files import BODY, moving, placed, write_acclaim

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import acclaim
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.rigs import load_rig

TURNS, PATH = moving()
ASF, AMC = write_acclaim(TURNS, PATH)
REQUEST = Request(load_skeleton(), load_rig("studio"))
OURS = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # y up to z up


@pytest.fixture
def save(tmp_path):
    """``save(asf, amc)``: writes both, gives the .amc's path."""

    def write(asf: str | bytes | None = ASF, amc: str | bytes = AMC, name: str = "07_03.amc"):
        if asf is not None:
            (tmp_path / "07.asf").write_bytes(asf.encode() if isinstance(asf, str) else asf)
        path = tmp_path / name
        path.write_bytes(amc.encode() if isinstance(amc, str) else amc)
        return path

    return write


def check(world) -> None:
    want = placed(TURNS, PATH)
    for name in BODY:
        got = world.positions[:, list(world.joints).index("root" if name == "Hips" else name.lower())]
        np.testing.assert_allclose(got, want[name] @ OURS.T, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("radians", [False, True])
@pytest.mark.parametrize(
    ("unit", "scale"), [(0.0254, 0.45), (0.0254, 1.0), (0.01, 1.0), (0.0254, 0.4), (0.01, 0.1), (1.0, 2.0)]
)
def test_the_bones_come_back(save, radians, unit, scale):
    world = acclaim.read_world(save(*write_acclaim(TURNS, PATH, unit=unit, scale=scale, radians=radians)), REQUEST)
    check(world)
    assert world.up == "y"


def test_a_given_unit_is_that_of_the_numbers_as_they_stand(save):
    check(acclaim.read_world(save(), Request(REQUEST.skeleton, unit="cmu")))


def test_degrees_of_the_clip_go_before_the_skeletons_unit(save):
    asf, _ = write_acclaim(TURNS, PATH, radians=True)
    check(acclaim.read_world(save(asf, AMC), REQUEST))
    _, bare = write_acclaim(TURNS, PATH, radians=True)
    check(acclaim.read_world(save(asf, bare.replace(":RADIANS\n", "")), REQUEST))


def test_the_order_of_bones_lines_and_letters_does_not_matter(save):
    head, *frames = re.split(r"\n(?=\d+\n)", AMC.strip())
    turned = [line for frame in frames for line in (frame.split("\n")[:1] + frame.split("\n")[:0:-1])]
    asf = ASF.replace("\n", "  # remark\r\n\r\n").replace(" rx ry rz", ", RX, RY, RZ").replace("LeftKnee", "LEFTKNEE")
    check(acclaim.read_world(save(asf, "\r\n\r\n".join([head, *turned])), REQUEST))


def test_the_roots_order_is_the_files(save):
    """Translations behind rotations, and those in another order: the tests' angles are rewritten for it."""
    from scipy.spatial.transform import Rotation

    asf = ASF.replace("order TX TY TZ RX RY RZ", "order RZ RX RY TZ TX TY")

    def rewritten(match: re.Match) -> str:
        x, y, z, *angles = map(float, match[1].split())
        turned = Rotation.from_euler("xyz", angles, degrees=True).as_euler("zxy", degrees=True)
        return "root " + " ".join(map(repr, [*turned.tolist(), z, x, y]))

    check(acclaim.read_world(save(asf, re.sub("root (.*)", rewritten, AMC)), REQUEST))


def test_a_bone_that_is_never_moved_is_at_rest(save):
    amc = re.sub(r"lefttoe_end [^\n]*\n", "", AMC, flags=re.IGNORECASE)
    world = acclaim.read_world(save(ASF, amc), REQUEST)
    place = {name: world.positions[:, list(world.joints).index(name)] for name in world.joints}
    for one, other in (("leftankle", "lefttoe"), ("lefttoe", "lefttoe_end")):
        length = np.linalg.norm(place[one] - place[other], axis=-1)
        np.testing.assert_allclose(length, length[0])


@pytest.mark.parametrize(
    ("skeletons", "clip", "found"),
    [
        (["02.asf", "03.asf"], "03.amc", "03.asf"),
        (["02.asf", "03.asf"], "02_01.amc", "02.asf"),
        (["cmu.asf", "cmu_02.asf", "cmu_0.asf"], "cmu_02_01.amc", "cmu_02.asf"),
        (["other.ASF"], "walk.amc", "other.ASF"),
        (["a.asf", "b.asf"], "walk.amc", None),
        ([], "walk.amc", None),
    ],
)
def test_which_skeleton_belongs_to_a_clip(tmp_path, skeletons, clip, found):
    for name in skeletons:
        (tmp_path / name).write_text(ASF)
    path = tmp_path / clip
    path.write_text(AMC)
    assert acclaim.companions(path) == ([tmp_path / found] if found else [])
    if found:
        check(acclaim.read_world(path, REQUEST))
    else:
        with pytest.raises(PoseAugError, match=r"the \.asf file of its skeleton is not beside it"):
            acclaim.read_world(path, REQUEST)


def test_what_is_recognised(save, tmp_path):
    assert acclaim.recognises(save())
    assert acclaim.recognises(save(amc=AMC.replace(":FULLY-SPECIFIED\n:DEGREES\n", "")))
    assert not acclaim.recognises(tmp_path / "07.asf")  # a skeleton alone is no source
    for other in (b"", b"1\n2\n", b":version 1.10\n", b"HIERARCHY", b"\x00" * 100):
        assert not acclaim.recognises(save(amc=other, name="other.amc"))


def test_a_clip_becomes_poses_of_cmus_subject(save):
    poses = acclaim.read(save(), REQUEST)
    assert poses.subject.counts() == {"07": 4 * len(PATH)}
    assert acclaim.FORMATS[0].companions(save()) == [save().with_name("07.asf")]


LAST = AMC.rindex("\n24\n") + 1
LINE = AMC.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda t: t.replace(LINE + "\n", "")[: -len(LINE)], "frame 24"),
        (lambda t: t[: t.rindex(LINE)], "frame 24 lacks"),
        (lambda t: t[:LAST] + t[LAST:].replace("24\n", "26\n"), "frame 26 follows frame 23"),
        (lambda t: t + LINE + "\n", "or has it twice"),
        (lambda t: t + "tail 1 2 3\n", "'tail' is no bone of its .asf file"),
        (lambda t: t[:-1] + " 3\n", "frame 24 has 4 numbers for 'rightwrist_end', which has 3"),
        (lambda t: t[: -len(LINE.split()[-1]) - 1] + "nan\n", "holds nan"),
        (lambda t: t[: -len(LINE.split()[-1]) - 1] + "1e999\n", "holds 1e999"),
        (lambda t: t[: -len(LINE.split()[-1]) - 1] + "x\n", "could not convert"),
        (lambda t: re.sub(r"root .*\n", "", t), "lacks 'root'"),
        (lambda t: t[: t.index("\n1\n")] + "\n", "lacks 'root'"),
    ],
)
def test_what_is_wrong_in_a_clip_is_one_sentence(save, harm, says):
    path = save(amc=harm(AMC))
    with pytest.raises(PoseAugError, match=re.escape(says)) as error:
        acclaim.read(path, REQUEST)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda t: t[: t.index(":hierarchy")], "lacks the section :hierarchy"),
        (lambda t: t.replace("  end\n:hierarchy", ":hierarchy"), "the last bone has no end"),
        (lambda t: t.replace(":bonedata", ":bonedata\n stray"), "'stray' stands outside"),
        (lambda t: t.replace("name LeftKnee", "name LeftHip"), "two bones are called 'lefthip'"),
        (lambda t: t.replace("name LeftKnee", ""), "a bone has no name"),
        (lambda t: t.replace("    dof rx ry rz", "    dof rx rx rz", 1), "moves along 'rx'"),
        (lambda t: t.replace("    dof rx ry rz", "    dof rx ry l", 1), "moves along 'l'"),
        (lambda t: re.sub(r"direction [^\n]*", "direction 1 2", t, count=1), "3 number(s) are wanted"),
        (lambda t: re.sub(r"length \d[^\n]*", "length", t), "1 number(s) are wanted"),
        (lambda t: t.replace("XYZ", "XYY"), "the order of axes is 'xyy'"),
        (lambda t: t.replace("length 0.45", "length 0"), "multiplied by 0"),
        (lambda t: t.replace("root Chest", "root Tail"), "no bone with 'tail'"),
        (lambda t: t.replace("root Chest", "root Chest Chest"), "'chest' hangs from two bones"),
        (lambda t: t + " " * 2**20, "no skeleton has"),
    ],
)
def test_what_is_wrong_in_a_skeleton_is_one_sentence(save, harm, says):
    path = save(asf=harm(ASF))
    with pytest.raises(PoseAugError, match=re.escape(says)) as error:
        acclaim.read(path, REQUEST)
    assert "07.asf" in str(error.value)
    assert "\n" not in str(error.value)


def test_more_bones_than_the_clip_could_move(save):
    bones = "".join(f"begin\nname b{i}\ndirection 1 0 0\nlength 1\naxis 0 0 0\nend\n" for i in range(2000))
    asf = ASF.replace(":hierarchy", bones + ":hierarchy").replace(
        "root Chest", "root Chest " + " ".join(f"b{i}" for i in range(2000))
    )
    with pytest.raises(PoseAugError, match="bones are moved by"):
        acclaim.read(save(asf), REQUEST)


def fuzz(save, seed: int, count: int) -> dict[str, int]:
    outcomes = {"read": 0, "refused": 0}
    asf, amc = write_acclaim(*moving(3))
    for data in mutants((asf if seed % 2 else amc).encode(), seed, count):
        path = save(data, amc) if seed % 2 else save(asf, data)
        if acclaim.recognises(path):
            outcomes[survives(lambda path=path: acclaim.read(path, REQUEST))] += 1
    return outcomes


@pytest.mark.parametrize("seed", [0, 1])  # of the clip, and of the skeleton
def test_damaged_files_are_read_or_refused(save, seed):
    outcomes = fuzz(save, seed, 80)
    assert min(outcomes.values()) > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_damaged_files_are_read_or_refused(save, seed):
    outcomes = fuzz(save, seed, 1000)
    assert sum(outcomes.values()) > 800
