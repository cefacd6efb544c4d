"""What a skeleton derives from its tree: the published figures for h36m16, and laws that hold for every tree."""

import json

import numpy as np
import pytest
from hypothesis import given
from strategies import BUILTIN, builtin_or_random, light, skeletons

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import (
    Skeleton,
    builtin_skeletons,
    canonical_name,
    load_skeleton,
    skeleton_from_json,
    without_side,
)

# SPEC, "Conventions": joints and parents of h36m16.
H36M16_JOINTS = [
    *("hip", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "spine", "thorax", "head"),
    *("l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist"),
]
H36M16_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14)
# SPEC, "Discriminators".
H36M16_PARTS = {
    "left_arm": {7, 9, 10, 11},
    "right_arm": {7, 12, 13, 14},
    "right_leg": {0, 1, 2, 3, 6},
    "left_leg": {0, 3, 4, 5, 6},
    "torso": {0, 3, 6, 7, 8, 9, 12},
}
# SPEC, "Augmentor", in its order: what it calls the bone, and the joints at its far end.
H36M16_LENGTH_GROUPS = (
    ("hip", {"r_hip", "l_hip"}),
    ("thigh", {"r_knee", "l_knee"}),
    ("shin", {"r_ankle", "l_ankle"}),
    ("hip→spine", {"spine"}),
    ("spine→thorax", {"thorax"}),
    ("thorax→head", {"head"}),
    ("shoulder", {"l_shoulder", "r_shoulder"}),
    ("upper arm", {"l_elbow", "r_elbow"}),
    ("forearm", {"l_wrist", "r_wrist"}),
)
# SPEC, "Losses".
H36M16_FEEDBACK_GROUPS = ((1, 4, 10, 13), (2, 5, 9, 11, 14), (3, 6, 12, 15))
H36M16_FEEDBACK_WEIGHTS = [1, 5, 2, 1, 5, 2, 1, 1, 1, 1, 5, 2, 1, 5, 2, 1]


@pytest.fixture
def h36m16() -> Skeleton:
    return load_skeleton("h36m16")


def body(**changes: object) -> dict:
    """A small valid skeleton's dictionary, with some keys changed."""
    joints = {"hip": "", "spine": "hip", "head": "spine", "l_hand": "spine", "r_hand": "spine", "r_foot": "hip"}
    return {"name": "small", "joints": joints} | changes


# --- the published figures ------------------------------------------------------------------------------------


def test_h36m16_is_the_tree_of_the_published_code(h36m16):
    assert list(h36m16.joints) == H36M16_JOINTS
    assert h36m16.parents == H36M16_PARENTS


def test_h36m16_pairs_each_left_joint_with_its_right_one(h36m16):
    named = {(h36m16.joints[left], h36m16.joints[right]) for left, right in h36m16.pairs}
    assert named == {(f"l_{j}", f"r_{j}") for j in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")}


def test_h36m16_parts_are_the_published_ones_in_the_published_order(h36m16):
    assert list(h36m16.parts) == [(part, tuple(sorted(bones))) for part, bones in H36M16_PARTS.items()]


def test_the_rule_for_parts_derives_the_published_ones(h36m16):
    without_parts = h36m16.to_dict()
    del without_parts["parts"]
    derived = Skeleton.from_dict(without_parts).parts
    assert sorted(bones for _, bones in derived) == sorted(tuple(sorted(bones)) for bones in H36M16_PARTS.values())
    assert dict(derived)["torso"] == tuple(sorted(H36M16_PARTS["torso"]))


def test_h36m16_length_groups_come_in_the_published_order(h36m16):
    ours = [{h36m16.joints[bone + 1] for bone in bones} for _, bones in h36m16.length_groups]
    assert ours == [joints for _, joints in H36M16_LENGTH_GROUPS]
    assert [name for name, _ in h36m16.length_groups] == (
        ["hip", "knee", "ankle", "spine", "thorax", "head", "shoulder", "elbow", "wrist"]
    )


def test_h36m16_masks_the_ratio_of_spine_to_thorax_alone(h36m16):
    expected = [name != "spine→thorax" for name, _ in H36M16_LENGTH_GROUPS]
    assert h36m16.scalable_groups.tolist() == expected


def test_h36m16_keeps_the_bones_hip_to_spine_and_spine_to_thorax(h36m16):
    kept = {h36m16.joints[bone + 1] for bone in np.flatnonzero(~h36m16.turnable_bones)}
    assert kept == {"spine", "thorax"}


def test_h36m16_feedback_groups_and_weights_are_the_published_ones(h36m16):
    assert h36m16.feedback_groups == H36M16_FEEDBACK_GROUPS
    assert h36m16.feedback_weights.tolist() == H36M16_FEEDBACK_WEIGHTS


# --- the other skeletons --------------------------------------------------------------------------------------


def test_the_builtin_skeletons_are_these():
    assert set(builtin_skeletons()) == set(BUILTIN)


def test_h36m17_is_h36m16_with_a_joint_between_thorax_and_head(h36m16):
    skeleton = load_skeleton("h36m17")
    extra = set(skeleton.joints) - set(h36m16.joints)
    assert len(extra) == 1
    (nose,) = extra
    parent_of = {j: "" if p < 0 else skeleton.joints[p] for j, p in zip(skeleton.joints, skeleton.parents, strict=True)}
    assert (parent_of["head"], parent_of[nose]) == (nose, "thorax")
    # Nothing of what the method masks or holds depends on that joint.
    for s in (skeleton, h36m16):
        assert [s.joints[j] for j in s.trunk] == ["spine", "thorax"]
        assert s.joints[s.scale] == "thorax"
    assert len(skeleton.parts) == 5
    assert skeleton.num_groups == h36m16.num_groups + 1


def test_coco17_lists_the_keypoints_in_cocos_order():
    skeleton = load_skeleton("coco17")
    sided = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    assert skeleton.joints == ("nose", *(f"{side}_{joint}" for joint in sided for side in "lr"))
    assert len(skeleton.pairs) == 8
    assert dict(skeleton.length_groups)["hip"] == skeleton.length_groups[skeleton.group_of_bone[skeleton.scale - 1]][1]


@pytest.mark.parametrize("name", BUILTIN)
def test_every_bone_of_a_builtin_skeleton_is_seen_by_a_discriminator(name):
    skeleton = load_skeleton(name)
    assert {bone for _, bones in skeleton.parts for bone in bones} == set(range(skeleton.num_bones))


def test_a_toml_file_is_a_skeleton_named_like_the_file(tmp_path):
    path = tmp_path / "robot.toml"
    path.write_text('[joints]\nbase = ""\nmast = "base"\nl_arm = "mast"\nr_arm = "mast"\n')
    skeleton = load_skeleton(str(path))
    assert skeleton.name == "robot"
    assert skeleton.parents == (-1, 0, 1, 1)
    assert skeleton.pairs == ((2, 3),)
    assert skeleton.trunk == (1,)


# --- laws of every skeleton -----------------------------------------------------------------------------------


@light
@given(builtin_or_random())
def test_dict_round_trip_is_the_identity(skeleton):
    assert Skeleton.from_dict(skeleton.to_dict()) == skeleton


@light
@given(builtin_or_random())
def test_the_description_in_an_export_reads_back_as_the_skeleton(skeleton):
    assert skeleton_from_json(json.dumps(skeleton.describe()), "file.h5") == skeleton


@light
@given(builtin_or_random())
def test_mirroring_twice_changes_nothing(skeleton):
    joints, bones = np.arange(skeleton.num_joints), np.arange(skeleton.num_bones)
    np.testing.assert_array_equal(skeleton.mirror_joints[skeleton.mirror_joints], joints)
    np.testing.assert_array_equal(skeleton.mirror_bones[skeleton.mirror_bones], bones)


@light
@given(builtin_or_random())
def test_the_mirror_image_has_the_same_tree(skeleton):
    mirror = skeleton.mirror_joints
    np.testing.assert_array_equal(skeleton.bone_parents[skeleton.mirror_bones], mirror[skeleton.bone_parents])
    for left, right in skeleton.pairs:
        assert skeleton.joints[mirror[left]] == skeleton.joints[right]


@light
@given(builtin_or_random())
def test_the_chain_matrix_undoes_the_bone_matrix_but_for_the_root(skeleton):
    about_root = np.eye(skeleton.num_joints)
    about_root[:, 0] -= 1  # takes the root's position from every joint
    np.testing.assert_array_equal(skeleton.chain_matrix @ skeleton.bone_matrix, about_root)
    np.testing.assert_array_equal(skeleton.bone_matrix @ skeleton.chain_matrix, np.eye(skeleton.num_bones))


@light
@given(builtin_or_random())
def test_length_groups_share_out_the_bones_and_hold_twins_together(skeleton):
    bones = [bone for _, group in skeleton.length_groups for bone in group]
    assert sorted(bones) == list(range(skeleton.num_bones))
    np.testing.assert_array_equal(skeleton.group_of_bone, skeleton.group_of_bone[skeleton.mirror_bones])
    assert skeleton.scalable_groups.sum() == skeleton.num_groups - 1


@light
@given(skeletons())
def test_what_is_derived_is_the_same_left_and_right(skeleton):
    np.testing.assert_array_equal(skeleton.limb_depth, skeleton.limb_depth[skeleton.mirror_joints])
    np.testing.assert_array_equal(skeleton.turnable_bones, skeleton.turnable_bones[skeleton.mirror_bones])
    parts = {bones for _, bones in skeleton.parts}
    assert {tuple(sorted(skeleton.mirror_bones[list(bones)])) for bones in parts} == parts


@light
@given(skeletons())
def test_pairs_are_found_by_name_in_any_spelling_of_the_sides(skeleton):
    def respelt(template: str) -> Skeleton:
        def rename(joint: str) -> str:
            side, _, bare = joint.partition("_")
            return template.format(side={"l": "left", "r": "right"}[side], s=side, bare=bare) if bare else joint

        tree = skeleton.to_dict()["joints"]
        return Skeleton.from_dict({"joints": {rename(j): rename(p) for j, p in tree.items()}})

    # The limbs' own names begin with an l: a side at the end must win over that letter.
    for template in ("{side}_{bare}", "{side}{bare}", "{s}{bare}", "{bare}_{side}", "{bare}.{s}"):
        assert respelt(template).pairs == skeleton.pairs


@pytest.mark.parametrize(
    ("left", "right", "bare"),
    [
        ("LeftUpLeg", "RightUpLeg", "UpLeg"),  # Mixamo, CMU's BVH files
        ("hand.L", "hand.R", "hand"),  # Blender
        ("lowerarm_l", "lowerarm_r", "lowerarm"),  # Unreal
        ("lhip", "rhip", "hip"),
    ],
)
def test_pairs_are_found_in_the_names_that_other_tools_use(left, right, bare):
    skeleton = Skeleton.from_dict({"joints": {"Root": "", left: "Root", right: "Root"}})
    assert skeleton.pairs == ((1, 2),)
    assert skeleton.length_groups == ((bare, (0, 1)),)


# --- names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Left_Hip", "lhip"), ("l_hip", "lhip"), ("LHip", "lhip"), ("right knee", "rknee"), ("Mid-Hip", "midhip")],
)
def test_canonical_name_drops_case_separators_and_long_sides(name, expected):
    assert canonical_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("l_knee", "knee"), ("rightknee", "knee"), ("knee.r", "knee"), ("thorax", "thorax"), ("lower_leg_r", "lower_leg")],
)
def test_without_side(name, expected):
    assert without_side(name) == expected


# --- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(body(part={}), r"unknown key 'part'; did you mean 'parts'\?", id="unknown-key"),
        pytest.param(body(trunk=["spime"]), r"no joint 'spime'; did you mean 'spine'\?", id="unknown-joint-trunk"),
        pytest.param(body(scale="heads"), r"no joint 'heads'; did you mean 'head'\?", id="unknown-joint-scale"),
        pytest.param(body(parts={"arm": ["l_hnad"]}), r"no joint 'l_hnad'; did you mean 'l_hand'\?", id="in-part"),
        pytest.param(body(aliases={"hep": ["x"]}), r"no joint 'hep'; did you mean 'hip'\?", id="in-aliases"),
        pytest.param(body(parts={"all": ["hip"]}), "root 'hip' has no bone", id="root-as-bone"),
        pytest.param(body(joints={"a": "", "b": "a"}), "at least three joints", id="too-few-joints"),
        pytest.param({"name": "nothing"}, "at least three joints", id="no-joints"),
        pytest.param(
            body(joints={"a": "", "b": "c", "c": "a"}),
            "'b' has the parent 'c', which must be listed before",
            id="order",
        ),
        pytest.param(body(joints={"a": "b", "b": "", "c": "b"}), "'a', must be the root", id="root-not-first"),
        pytest.param(body(joints={"a": "", "b": "a", "c": ""}), "'c' has the parent ''", id="two-roots"),
        pytest.param(
            body(pairs=[["l_hand", "r_foot"]]), "'l_hand' and 'r_foot' are a left/right pair, but", id="uneven-parents"
        ),
        pytest.param(
            body(pairs=[["l_hand", "r_hand"], ["l_hand", "head"]]), "in two left/right pairs", id="in-two-pairs"
        ),
        pytest.param(body(pairs=[["head", "head"]]), "in two left/right pairs", id="own-twin"),
        pytest.param(body(pairs=[["hip", "spine"]]), "the root 'hip' must lie on the body's middle", id="root-in-pair"),
    ],
)
def test_a_faulty_skeleton_is_refused_in_one_sentence(data, sentence):
    with pytest.raises(PoseAugError, match=sentence) as error:
        Skeleton.from_dict(data, where="rig.toml")
    assert str(error.value).startswith("rig.toml: ")


def test_an_unknown_skeleton_names_the_nearest():
    with pytest.raises(PoseAugError, match=r"did you mean 'h36m1[67]'\?"):
        load_skeleton("h36m18")


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read"), ("joints = [", "not valid TOML"), ("a = 1", "unknown key 'a'")]
)
def test_a_file_that_holds_no_skeleton_is_named(tmp_path, content, sentence):
    path = tmp_path / "body.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PoseAugError, match=sentence) as error:
        load_skeleton(str(path))
    assert str(path) in str(error.value)


def test_an_attribute_that_is_not_json_is_refused():
    with pytest.raises(PoseAugError, match=r"shard\.h5: its 'skeleton' attribute is not JSON"):
        skeleton_from_json("{", "shard.h5")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"pairs": [["l"]]},
        {"pairs": 3},
        {"parts": ["l"]},
        {"parts": {"arm": []}},
        {"aliases": {"root": "pelvis"}},
        {"trunk": "spine"},
        {"scale": 1},
    ],
)
def test_a_key_of_the_wrong_form_is_one_sentence(spoiled):
    joints = {"root": "", "spine": "root", "l": "spine", "r": "spine"}
    with pytest.raises(PoseAugError, match=f"mine.toml: {next(iter(spoiled))} = .* must be"):
        Skeleton.from_dict({"joints": joints, **spoiled}, where="mine.toml")
