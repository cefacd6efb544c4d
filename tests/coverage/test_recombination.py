"""Limbs are lent with the angles they have to the trunk that they hang from, whichever way either body is turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation
from strategies import bodies, light, random_poses, random_rotation_vectors, seeds, skeletons

from poseaug_gen.bones import bones_of, directions_of, lengths_of, pose_of, with_lengths
from poseaug_gen.coverage.recombination import Limbs, Recombination, limbs_of
from poseaug_gen.skeleton import Skeleton, load_skeleton

EXACT = {"rtol": 0, "atol": 1e-9}  # float64, unit directions


def joints(skeleton: Skeleton, bones: Sequence[int]) -> set[str]:
    """The names of some bones: their far ends'."""
    return {skeleton.joints[bone + 1] for bone in bones}


def turned(pose: torch.Tensor, seed: int) -> torch.Tensor:
    """Each pose turned as a whole, another way each."""
    rotation = Rotation.from_rotvec(random_rotation_vectors(len(pose), seed).numpy()).as_matrix()
    return pose @ torch.from_numpy(rotation).transpose(-1, -2)


def exchange(made: Recombination, trunk: torch.Tensor, donor: torch.Tensor, which: Sequence[bool]) -> torch.Tensor:
    """Bone directions of the postures ``trunk`` with some of the limbs, the same of all, from one donor each."""
    changed = [torch.full((len(trunk),), flag) for flag in which]
    return made.recombine(trunk, [donor] * len(made.limbs), changed)


# --- which limbs --------------------------------------------------------------------------------------------------


def test_a_human_has_two_legs_that_go_together_and_two_arms_that_do_not():
    skeleton = load_skeleton("h36m16")
    found = {limbs.bear: [] for limbs in limbs_of(skeleton)}
    for limbs in limbs_of(skeleton):
        found[limbs.bear].append((joints(skeleton, limbs.bones), joints(skeleton, limbs.holds)))
    assert found[True] == [({"l_knee", "l_ankle", "r_knee", "r_ankle"}, {"spine", "l_hip", "r_hip"})]
    shoulders = {"thorax", "l_shoulder", "r_shoulder"}
    assert sorted(found[False], key=str) == sorted(
        [({"l_elbow", "l_wrist"}, shoulders), ({"r_elbow", "r_wrist"}, shoulders)], key=str
    )


@light
@given(skeletons())
def test_of_any_skeleton_each_limb_is_exchanged_once_and_with_its_twin_or_as_its_twin_is(skeleton):
    groups = limbs_of(skeleton)
    lent = [bone for limbs in groups for bone in limbs.bones]
    assert len(lent) == len(set(lent))
    assert all(skeleton.limb_depth[bone + 1] > 1 for bone in lent), "the first bone of a limb is the trunk's"
    assert not set(lent) & {bone for limbs in groups for bone in limbs.holds}

    def mirrored(limbs: Limbs) -> Limbs:
        bones, holds = (tuple(sorted(int(skeleton.mirror_bones[b]) for b in of)) for of in (limbs.bones, limbs.holds))
        return Limbs(bones, holds, limbs.bear)

    assert {mirrored(limbs) for limbs in groups} == set(groups)
    for limbs in groups:
        roots = {_trunk_joint(skeleton, bone) for bone in limbs.bones}
        assert len(roots) == 1, "what is exchanged together hangs from one joint"
        assert limbs.bear == (roots == {0})


def _trunk_joint(skeleton: Skeleton, bone: int) -> int:
    """The joint of the trunk that a limb's bone hangs from in the end."""
    joint = bone + 1
    while skeleton.limb_depth[joint]:
        joint = skeleton.parents[joint]
    return joint


def test_without_pairs_there_is_nothing_to_exchange():
    worm = Skeleton.from_dict({"joints": {"tail": "", "middle": "tail", "neck": "middle", "head": "neck"}})
    assert limbs_of(worm) == ()
    pose = random_poses(worm, 5, 0)
    made = Recombination(pose, worm)
    torch.testing.assert_close(made.recombine(torch.arange(5), [], []), directions_of(bones_of(pose, worm)))


def test_limbs_of_one_bone_stay():
    fish = Skeleton.from_dict({"joints": {"tail": "", "head": "tail", "l_fin": "head", "r_fin": "head"}})
    assert limbs_of(fish) == ()


def test_legs_whose_hips_are_all_that_there_is_stay():
    """Two hips in one line do not tell which way the body faces: its legs could be turned about that line."""
    tree = {"hip": "", "l_hip": "hip", "r_hip": "hip", "l_knee": "l_hip", "r_knee": "r_hip"}
    assert limbs_of(Skeleton.from_dict({"joints": tree})) == ()


# --- exchanging -----------------------------------------------------------------------------------------------------


@light
@given(bodies())
def test_a_posture_with_limbs_of_its_own_is_the_same(body):
    skeleton, pose = body
    made, rows = Recombination(pose, skeleton), torch.arange(len(pose))
    everything = exchange(made, rows, rows, [True] * len(made.limbs))
    torch.testing.assert_close(everything, directions_of(bones_of(pose, skeleton)), **EXACT)


@light
@given(bodies(), seeds)
def test_a_donor_that_is_the_same_posture_turned_gives_back_the_trunks(body, seed):
    """A limb keeps its angles to the bones it hangs from, so where those are the trunk's, so are the limbs."""
    skeleton, pose = body
    made = Recombination(torch.cat([pose, turned(pose, seed)]), skeleton)
    trunk, donor = torch.arange(len(pose)), torch.arange(len(pose)) + len(pose)
    everything = exchange(made, trunk, donor, [True] * len(made.limbs))
    torch.testing.assert_close(everything, made.directions[trunk], **EXACT)
    everything = exchange(made, donor, trunk, [True] * len(made.limbs))
    torch.testing.assert_close(everything, made.directions[donor], **EXACT)


@light
@given(bodies(rows=6), seeds)
def test_it_is_nothing_to_the_result_which_way_the_donor_faces_and_it_turns_with_the_trunk(body, seed):
    skeleton, pose = body
    which = [True] * len(limbs_of(skeleton))
    trunk, donor = torch.arange(3) + 1, torch.tensor([4, 5, 0])

    def made(poses: torch.Tensor) -> torch.Tensor:
        return exchange(Recombination(poses, skeleton), trunk, donor, which)

    plain = made(pose)
    others = pose.clone()
    others[donor] = turned(pose[donor], seed)
    torch.testing.assert_close(made(others), plain, rtol=0, atol=1e-6)
    others = pose.clone()
    others[trunk] = turned(pose[trunk], seed)
    torch.testing.assert_close(made(others), turned(plain, seed), rtol=0, atol=1e-6)


@light
@given(bodies(rows=6))
def test_another_postures_limbs_are_turned_by_the_rotation_that_fits_their_holds(body):
    """Against scipy, row by row: each trunk is fitted to the first posture's, the limbs go with it."""
    skeleton, pose = body
    made = Recombination(pose, skeleton)
    trunk, donor = torch.arange(6), torch.tensor([5, 3, 0, 1, 4, 2])
    recombined = exchange(made, trunk, donor, [True] * len(made.limbs))
    directions = directions_of(bones_of(pose, skeleton)).numpy()
    expected = directions.copy()
    for limbs in made.limbs:
        bones, holds = list(limbs.bones), directions[:, list(limbs.holds)]
        facing = [Rotation.align_vectors(hold, holds[0])[0] for hold in holds]
        for here, there in zip(trunk.tolist(), donor.tolist(), strict=True):
            expected[here, bones] = (facing[here] * facing[there].inv()).apply(directions[there, bones])
    np.testing.assert_allclose(recombined, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["h36m16", "h36m17", "coco17"])
def test_only_what_is_exchanged_changes_and_each_row_by_itself(name):
    skeleton = load_skeleton(name)
    pose = random_poses(skeleton, 40, 3)
    made = Recombination(pose, skeleton)
    random = np.random.default_rng(0)
    trunk, *donors = (torch.from_numpy(random.permutation(40)) for _ in range(1 + len(made.limbs)))
    exchanged = [torch.from_numpy(random.random(40) < 0.5) for _ in made.limbs]
    recombined = made.recombine(trunk, donors, exchanged)
    torch.testing.assert_close(recombined.norm(dim=-1), torch.ones(40, skeleton.num_bones, dtype=torch.float64))
    moved = (recombined - made.directions[trunk]).norm(dim=-1) > 1e-6
    expected = torch.zeros_like(moved)
    for limbs, donor, changed in zip(made.limbs, donors, exchanged, strict=True):
        expected[:, list(limbs.bones)] = (changed & (donor != trunk))[:, None]
    assert torch.equal(moved, expected)
    # Within a limb nothing bends: the angles between its bones are the donor's.
    for limbs, donor, changed in zip(made.limbs, donors, exchanged, strict=True):
        lent, own = recombined[changed][:, list(limbs.bones)], made.directions[donor[changed]][:, list(limbs.bones)]
        torch.testing.assert_close(lent @ lent.mT, own @ own.mT)


@light
@given(bodies(), seeds)
def test_a_body_keeps_its_bone_lengths_and_the_pool_its_postures(body, seed):
    skeleton, pose = body
    made, before = Recombination(pose, skeleton), pose.clone()
    trunk, donor = torch.tensor([0, 1, 2, 3]), torch.tensor([3, 2, 0, 0])
    recombined = exchange(made, trunk, donor, [True] * len(made.limbs))
    lengths = lengths_of(bones_of(pose, skeleton))
    body_of = pose_of(recombined * lengths[..., None], skeleton)
    torch.testing.assert_close(lengths_of(bones_of(body_of, skeleton)), lengths)
    assert torch.equal(pose, before)
    torch.testing.assert_close(made.directions, directions_of(bones_of(before, skeleton)), **EXACT)


def test_bone_lengths_of_donor_and_trunk_are_nothing_to_the_directions():
    skeleton = load_skeleton()
    pose = random_poses(skeleton, 8, 1)
    lengths = torch.from_numpy(np.random.default_rng(0).uniform(0.05, 0.5, (8, skeleton.num_bones)))
    trunk, donor = torch.arange(8), torch.arange(7, -1, -1)
    both = [
        exchange(Recombination(p, skeleton), trunk, donor, [True] * 3)
        for p in (pose, with_lengths(pose, lengths, skeleton))
    ]
    torch.testing.assert_close(*both, rtol=0, atol=1e-6)
