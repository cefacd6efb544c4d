"""From a file's joints to a skeleton's: by name, by convention, by rule, and as a user's table has it."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.assemble_2d import on_skeleton
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import joint_names, matrix, partial_matrix, spelling, to_skeleton

BUILT_IN = ("h36m16", "h36m17", "coco17")
H36M16 = load_skeleton("h36m16")
LAYOUTS = joint_names().layouts

# Names of joints as rigs have them, and what each is for us. One name a line of the tables' conventions.
RIGS = {
    "CMU's Acclaim": {
        "root": "",
        "lhipjoint": "l_hip",
        "lfemur": "l_knee",
        "ltibia": "l_ankle",
        "lfoot": "l_toe",
        "lowerback": "spine",
        "thorax": "chest_top",
        "lowerneck": "neck_middle",
        "head": "head",
        "lclavicle": "l_shoulder",
        "lhumerus": "l_elbow",
        "lradius": "",
        "lwrist": "l_wrist",
    },
    "CMU's BVH": {
        "Hips": "",
        "LHipJoint": "",
        "LeftUpLeg": "l_hip",
        "LeftLeg": "l_knee",
        "LeftFoot": "l_ankle",
        "Spine": "spine",
        "Spine1": "",
        "Neck": "chest_top",
        "Neck1": "neck_middle",
        "Head_end": "head",
        "LeftShoulder": "",
        "LeftArm": "l_shoulder",
        "LeftForeArm": "l_elbow",
        "LeftHand": "l_wrist",
    },
    "CMU's BVH, Poser's names": {
        "Hips": "",
        "LHipJoint": "",
        "LeftHip": "l_hip",
        "LeftKnee": "l_knee",
        "LeftAnkle": "l_ankle",
        "Chest": "spine",
        "Chest2": "",
        "lowerneck": "chest_top",
        "Neck": "neck_middle",
        "Head": "skull",
        "Head_end": "head",
        "LeftCollar": "",
        "LeftShoulder": "l_shoulder",
        "LeftElbow": "l_elbow",
        "LeftWrist": "l_wrist",
    },
    "Mixamo": {
        "mixamorig:Hips": "",
        "mixamorig:LeftUpLeg": "l_hip",
        "mixamorig:LeftLeg": "l_knee",
        "mixamorig:LeftFoot": "l_ankle",
        "mixamorig:Spine1": "spine",
        "mixamorig:Neck": "thorax",
        "mixamorig:Head": "",
        "mixamorig:HeadTop_End": "crown",
        "mixamorig:LeftShoulder": "",
        "mixamorig:LeftArm": "l_shoulder",
        "mixamorig:LeftForeArm": "l_elbow",
        "mixamorig:LeftHand": "l_wrist",
    },
    "3ds Max": {
        "Bip01 Pelvis": "",
        "Bip01 L Thigh": "l_hip",
        "Bip01 L Calf": "l_knee",
        "Bip01 L Foot": "l_ankle",
        "Bip01 Spine1": "spine",
        "Bip01 Neck": "thorax",
        "Bip01 Head": "",
        "Bip01 HeadNub": "crown",
        "Bip01 L UpperArm": "l_shoulder",
        "Bip01 L Forearm": "l_elbow",
        "Bip01 L Hand": "l_wrist",
    },
    "Unreal": {
        "pelvis": "",
        "thigh_l": "l_hip",
        "calf_l": "l_knee",
        "foot_l": "l_ankle",
        "spine_02": "spine",
        "neck_01": "thorax",
        "head": "skull",
        "upperarm_l": "l_shoulder",
        "lowerarm_l": "l_elbow",
        "hand_l": "l_wrist",
    },
    "Xsens": {
        "Hips": "",
        "Chest": "",
        "Neck": "thorax",
        "Head": "skull",
        "Head_end": "crown",
        "LeftCollar": "",
        "LeftShoulder": "l_shoulder",
        "LeftElbow": "l_elbow",
        "LeftWrist": "l_wrist",
        "LeftHip": "l_hip",
        "LeftKnee": "l_knee",
        "LeftAnkle": "l_ankle",
    },
    "joint centres of C3D": {
        "Ann:LHJC": "l_hip",
        "Ann:LKJC": "l_knee",
        "Ann:LAJC": "l_ankle",
        "Ann:LSJC": "l_shoulder",
        "Ann:LEJC": "l_elbow",
        "Ann:LWJC": "l_wrist",
        "Ann:VERTEX": "head",
    },
    "Vicon's bones": {
        "LFEP": "l_hip",
        "LFEO": "l_knee",
        "LTIO": "l_ankle",
        "LCLO": "l_shoulder",
        "LHUO": "l_elbow",
        "LRAO": "l_wrist",
        "TopHead": "head",
    },
}


def mirrored(name: str) -> str:
    """The right twin of a left joint's name, in any of the styles above."""
    for left, right in (("Left", "Right"), (" L ", " R "), ("_l", "_r"), ("l_", "r_"), (":L", ":R")):
        if left in name and not (left == "_l" and not name.endswith("_l")):
            return name.replace(left, right)
    return re.sub("^L(?=[A-Z])", "R", re.sub("^l(?!ower)", "r", name))


def both_sides(rig: dict[str, str]) -> dict[str, str]:
    """A rig's names and what they mean, of left and right."""
    right = {mirrored(name): "r_" + ours[2:] if ours[:2] == "l_" else ours for name, ours in rig.items()}
    return right | rig


def body(joints: list[str], rows: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, len(joints), 3))


def at(values: np.ndarray, joints: list[str], name: str) -> np.ndarray:
    return values[:, joints.index(name)]


# --- by name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
@settings(max_examples=20, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_equal_names_are_equal_joints_in_any_order(name, order):
    skeleton = load_skeleton(name)
    joints = list(skeleton.joints)
    order.shuffle(joints)
    weights = matrix(joints, skeleton, joint_names(), "x")
    assert [joints[row.argmax()] for row in weights] == list(skeleton.joints)
    assert (np.sort(weights, axis=1) == np.eye(len(joints))[-1]).all()


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@settings(max_examples=5, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_a_files_joints_does_not_matter(layout, order):
    joints = list(LAYOUTS[layout])
    if len(set(joints)) < len(joints):  # empty names may stand anywhere; the others have to stay different
        joints = [name or f"unused {i}" for i, name in enumerate(joints)]
    shuffled = joints.copy()
    order.shuffle(shuffled)
    place = [joints.index(name) for name in shuffled]
    for skeleton in map(load_skeleton, BUILT_IN):
        before = partial_matrix(joints, skeleton, joint_names())
        np.testing.assert_array_equal(partial_matrix(shuffled, skeleton, joint_names()), before[:, place])


@pytest.mark.parametrize("rig", RIGS)
def test_a_rigs_names_mean_what_its_makers_mean(rig):
    means = both_sides(RIGS[rig])
    joints = list(means)
    ours = {joint: name for name, joint in means.items() if joint}
    pose = body(joints)
    got = to_skeleton(pose, joints, H36M16, joint_names(), "x")

    def theirs(joint: str) -> np.ndarray:
        return at(pose, joints, ours[joint])

    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        for side in "lr":
            np.testing.assert_array_equal(
                at(got, list(H36M16.joints), f"{side}_{joint}"), theirs(f"{side}_{joint}").astype(np.float32), joint
            )
    shoulders = (theirs("l_shoulder") + theirs("r_shoulder")) / 2
    hip = (theirs("l_hip") + theirs("r_hip")) / 2
    if "chest_top" in ours:
        thorax = (theirs("chest_top") + theirs("neck_middle")) / 2
    else:
        thorax = theirs("thorax") if "thorax" in ours else shoulders
    if "head" in ours:
        head = theirs("head")
    else:  # by the heights of Human3.6M's head and of theirs over the thorax
        part = "crown" if "crown" in ours else "skull"
        weight = next(rule[part] for rule in joint_names().rules["head"] if part in rule)
        head = weight * theirs(part) + (1 - weight) * thorax
    spine = theirs("spine") if "spine" in ours else (hip + thorax) / 2
    for joint, place in (("hip", hip), ("thorax", thorax), ("head", head), ("spine", spine)):
        np.testing.assert_allclose(at(got, list(H36M16.joints), joint), place, atol=1e-6, err_msg=joint)


@pytest.mark.parametrize("rig", RIGS)
@pytest.mark.parametrize("name", BUILT_IN)
def test_mirrored_names_are_mirrored_joints(rig, name):
    """The twin of a joint is made of the twins of what the joint is made of."""
    skeleton, joints = load_skeleton(name), list(both_sides(RIGS[rig]))
    twin = [joints.index(mirrored(j)) if mirrored(j) != j else joints.index(unmirrored(j, joints)) for j in joints]
    weights = partial_matrix(joints, skeleton, joint_names())
    np.testing.assert_allclose(weights[skeleton.mirror_joints][:, twin], weights, atol=1e-12)


def unmirrored(name: str, joints: list[str]) -> str:
    return next((joint for joint in joints if joint != name and mirrored(joint) == name), name)


def test_a_skeleton_may_have_a_rigs_names_too():
    """A skeleton named as in Mixamo: its LeftShoulder is the collarbone, whatever others call so."""
    tree = {"Hips": "", "LeftShoulder": "Hips", "LeftArm": "LeftShoulder", "LeftForeArm": "LeftArm"}
    tree |= {"LeftUpLeg": "Hips", "LeftLeg": "LeftUpLeg"}
    skeleton = Skeleton.from_dict({"joints": tree, "trunk": []})
    joints = ["l_hip", "r_hip", "l_knee", "l_clavicle", "l_shoulder", "l_elbow"]
    weights = matrix(joints, skeleton, joint_names(), "x")
    assert [joints[row.argmax()] for row in weights[1:]] == ["l_clavicle", "l_shoulder", "l_elbow", "l_hip", "l_knee"]


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("Left_Hip", "lhip"),
        ("mixamorig:LeftUpLeg", "lupleg"),
        ("mixamorig12_RightArm", "rarm"),
        ("Bip01 R Thigh", "rthigh"),
        ("upperarm_l", "lupperarm"),
        ("shin.R", "rshin"),
        ("a:b:Head", "head"),
        ("", ""),
    ],
)
def test_how_names_are_compared(name, spelt):
    assert spelling(name) == spelt


@pytest.mark.parametrize("lost", ["l_knee", "r_wrist", "head"])
def test_the_error_names_file_and_joint(lost):
    joints = [joint for joint in H36M16.joints if joint != lost]
    with pytest.raises(PoseAugError, match=rf"clip\.bvh: the joints {lost} of skeleton 'h36m16' are not among"):
        matrix(joints, H36M16, joint_names(), "clip.bvh")
    assert not partial_matrix(joints, H36M16, joint_names())[H36M16.joints.index(lost)].any()


def test_files_of_many_joints_cost_little(skeleton):
    """A square of their number would be 0.8 GB."""
    joints = [f"marker {i}" for i in range(10_000)] + list(skeleton.joints)[::-1]
    tracemalloc.start()
    for names in (joints, ["Hips" if name == "hip" else name for name in joints]):
        weights = matrix(names, skeleton, joint_names(), "x")
        assert [names[row.argmax()] for row in weights[1:]] == list(skeleton.joints[1:])
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
    with pytest.raises(PoseAugError, match=r"marker 59, … 10000 in all\)") as error:
        matrix(joints[:10_000], skeleton, joint_names(), "x")
    assert len(str(error.value)) < 2000


def test_every_row_is_a_place():
    """Weights sum to one, so a body that is moved is mapped to a body that is moved by as much."""
    for layout in LAYOUTS.values():
        for skeleton in map(load_skeleton, BUILT_IN):
            rows = partial_matrix(layout, skeleton, joint_names())
            np.testing.assert_allclose(rows.sum(1)[rows.any(1)], 1, atol=1e-9)


def test_a_missing_joint_spoils_only_what_is_made_of_it():
    joints = list(LAYOUTS["coco17"])
    pose = body(joints)
    pose[0, joints.index("l_ear")] = np.nan
    seen = np.isfinite(pose).all(-1)
    got = to_skeleton(pose, joints, H36M16, joint_names(), "x")
    _, visible = on_skeleton(pose[..., :2], seen, joints, Request(H36M16))
    np.testing.assert_array_equal(np.isfinite(got).all(-1), visible)
    assert [H36M16.joints[j] for j in np.flatnonzero(~visible[0])] == ["head"]
    assert visible[1:].all()


# --- a user's tables ------------------------------------------------------------------------------------------


@pytest.fixture
def tables(tmp_path):
    """``tables(text)``: the joint names with a user's TOML before them."""

    def write(text: str):
        path = tmp_path / f"joints{len(list(tmp_path.iterdir()))}.toml"  # read once by name
        path.write_text(text)
        return joint_names(path)

    return write


def test_a_user_adds_names_on_both_sides(tables):
    names = tables('[joints]\nl_knee = ["Knie links", "L_Knie"]\nhead = ["Scheitel"]')
    joints = [{"l_knee": "L_Knie", "r_knee": "R_Knie", "head": "Scheitel"}.get(j, j) for j in H36M16.joints]
    np.testing.assert_array_equal(matrix(joints, H36M16, names, "x"), np.eye(16))
    with pytest.raises(PoseAugError, match="r_knee, l_knee, head"):
        matrix(joints, H36M16, joint_names(), "x")


def test_a_users_name_goes_before_ours_and_before_conventions(tables):
    joints = [*both_sides(RIGS["Mixamo"]), "LeftHandRoll", "RightHandRoll", "Crown"]
    names = tables('[joints]\nl_wrist = ["LeftHandRoll"]\nhead = ["Crown"]')
    for lost, found in (("l_wrist", "LeftHandRoll"), ("r_wrist", "RightHandRoll"), ("head", "Crown")):
        row = matrix(joints, H36M16, names, "x")[H36M16.joints.index(lost)]
        assert joints[row.argmax()] == found
        without = [joint for joint in joints if joint != found]
        row = matrix(without, H36M16, names, "x")[H36M16.joints.index(lost)]
        assert without[row.argmax()] in ("mixamorig:LeftHand", "mixamorig:RightHand", "mixamorig:HeadTop_End")


def test_a_name_that_the_user_gives_away_is_no_longer_anothers(tables):
    names = tables('[joints]\nspine = ["neck"]')
    joints = ["neck" if joint == "spine" else joint for joint in H36M16.joints if joint != "thorax"]
    weights = matrix(joints, H36M16, names, "x")
    assert joints[weights[H36M16.joints.index("spine")].argmax()] == "neck"
    assert weights[H36M16.joints.index("thorax"), joints.index("neck")] == 0  # made of the shoulders


def test_a_users_rule_goes_before_ours_and_may_use_joints_of_theirs(tables):
    names = tables(
        "[joints]\nl_hip_marker = []\n"
        "[rules]\nl_hip = [{ l_hip_marker = 0.8, hip = 0.2 }]\nthorax = [{ spine = 2, hip = -1 }]"
    )
    joints = ["hip", "l_hip_marker", "r_hip_marker", *(j for j in H36M16.joints if "hip" not in j and j != "thorax")]
    weights = matrix(joints, H36M16, names, "x")
    for joint, made in (
        ("r_hip", {"r_hip_marker": 0.8, "hip": 0.2}),
        ("l_hip", {"l_hip_marker": 0.8, "hip": 0.2}),
        ("thorax", {"spine": 2, "hip": -1}),
    ):
        row = weights[H36M16.joints.index(joint)]
        assert {joints[i]: row[i] for i in np.flatnonzero(row)} == made


def test_a_users_convention_goes_before_ours(tables):
    names = tables('[[convention]]\nhas = ["LeftUpLeg", "Odd"]\n[convention.joints]\nl_wrist = ["LeftForeArm"]')
    joints = [*both_sides(RIGS["Mixamo"]), "Odd"]
    row = matrix(joints, H36M16, names, "x")[H36M16.joints.index("r_wrist")]
    assert joints[row.argmax()] == "mixamorig:RightForeArm"


def test_a_user_may_name_the_right_side_by_itself(tables):
    names = tables('[joints]\nr_knee = ["Knie R"]\nl_knee = ["Links"]')
    joints = [{"l_knee": "Links", "r_knee": "Knie R"}.get(j, j) for j in H36M16.joints]
    np.testing.assert_array_equal(matrix(joints, H36M16, names, "x"), np.eye(16))


RULES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True), min_size=1, max_size=2),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rules=RULES, there=st.sets(st.sampled_from("abcdef")))
def test_rules_that_go_in_circles_end(tmp_path_factory, rules, there):
    """Whatever rules lead to one another: a joint is found if and only if some order of making joints reaches it."""
    text = "[joints]\n" + "".join(f"{joint} = []\n" for joint in "abcdef") + "[rules]\n"
    for joint, options in rules.items():
        made = ", ".join("{ " + ", ".join(f"{p} = {1 / len(option)!r}" for p in option) + " }" for option in options)
        text += f"{joint} = [{made}]\n"
    path = tmp_path_factory.mktemp("rules") / "joints.toml"
    path.write_text(text)
    reached = set(there)
    for _ in "abcdef":
        reached |= {joint for joint, options in rules.items() if any(set(option) <= reached for option in options)}
    skeleton = Skeleton.from_dict({"joints": {"a": "", "b": "a", "c": "b", "d": "c", "e": "d", "f": "e"}, "pairs": []})
    rows = partial_matrix([*sorted(there), "other"], skeleton, joint_names(path))
    assert {joint for joint, row in zip("abcdef", rows, strict=True) if row.any()} == reached


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[joint]\nhead = []", "unknown key 'joint'; did you mean 'joints'"),
        ("joints = 3", "joints = 3 must be a table"),
        ("[joints]\nhead = 'top'", "must be a list of names"),
        ("[joints]\nhead = [1]", "must be a list of names"),
        ("rules = []", "rules = .. must be a table"),
        ("[rules]\nhead = { skull = 1 }", "must be a list of tables"),
        ("[rules]\nhead = [{}]", "must be a list of tables"),
        ("[rules]\nhead = [{ skul = 1 }]", "no joint 'skul'; did you mean 'skull'"),
        ("[rules]\nhead = [{ skull = true }]", "weight of skull is True"),
        ("[rules]\nhead = [{ skull = nan }]", "weight of skull is nan"),
        ("[rules]\nhead = [{ skull = 1e300, thorax = -1e300 }]", "weight of skull is 1e"),
        ("[rules]\nhead = [{ skull = 1.5, thorax = -0.4 }]", "weights sum to 1.1"),
        ("convention = 'x'", "must be a list of tables"),
        ("convention = ['x']", "must be a table with name"),
        ("[[convention]]\njoints = {}", "has = None must be a list"),
        ("[[convention]]\nhas = []", "would hold of every file"),
        ("[[convention]]\nhas = ['x']\njoints = { hed = [] }", "no joint 'hed'"),
        ("[[convention]]\nhas = ['x']\nwhat = 3", "unknown key 'what'"),
        ("[layouts]\nmine = [3]", "mine = .3. must be a list of names"),
        ("head = [", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_users_table_is_one_sentence(tables, text, says):
    with pytest.raises(PoseAugError, match=says) as error:
        tables(text)
    assert "joints0.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(PoseAugError, match="cannot be read"):
        joint_names(tmp_path / "none.toml")


VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text("abl_ é", max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["has", "joints", "l_hip", "name"]), inner)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.dictionaries(st.sampled_from(["joints", "rules", "convention", "layouts"]), VALUES))
def test_any_toml_is_tables_or_one_sentence(tmp_path_factory, data):
    tomli_w = pytest.importorskip("tomli_w")
    path = tmp_path_factory.mktemp("toml") / "joints.toml"
    path.write_text(tomli_w.dumps(data))
    try:
        joint_names(path)
    except PoseAugError as error:
        assert "\n" not in str(error)  # noqa: PT017
