"""Real clips of three kinds of file: they stand and bend as people do, and agree with others' conversion of them."""

import numpy as np
import pytest

from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import acclaim, bvh
from poseaug_gen.sources.capture import subject_of
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import to_skeleton
from poseaug_gen.sources.rigs import load_rig

H36M16 = load_skeleton()
REQUEST = Request(H36M16, load_rig("studio"))
# What cmu_everyday.npz skipped at the start of a clip, frames: of those in BVH the first tenth of a second.
SKIPPED = {"cmu_02_01.amc": 0, "cmu_02_03.amc": 0, "cmu_03_02.amc": 0, "cmu_12_01.bvh": 12, "cmu_131_01.bvh": 12}
TOES = ("lfoot", "rfoot", "lefttoebase", "righttoebase", "lefttoe", "righttoe")  # an Acclaim foot ends at the toes
EVERY = 12  # of a clip's frames one is in it: 10 of 120 a second


@pytest.fixture(scope="module", params=sorted(SKIPPED))
def clip(request, shared_data):
    """A clip's name, its file's joints in the world, and those of h36m16."""
    path = shared_data / "raw" / request.param
    module = acclaim if path.suffix == ".amc" else bvh
    world = module.read_world(path, REQUEST)
    poses = to_skeleton(world.positions, world.joints, H36M16, REQUEST.names, str(path))
    return path, world, dict(zip(H36M16.joints, np.moveaxis(poses.astype(np.float64), 1, 0), strict=True))


def middle(joints: dict, name: str) -> np.ndarray:
    return (joints[f"l_{name}"] + joints[f"r_{name}"]) / 2


def facing(joints: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forwards, leftwards and upwards of a body, by the hips and the trunk: not by what the test asks about."""
    up = joints["thorax"] - joints["hip"]
    left = joints["l_hip"] - joints["r_hip"]
    return np.cross(left, up), left, up


@pytest.fixture(scope="module")
def poses(clip):
    """What the reader makes of the clip: a PoseSet of four cameras, one behind the other."""
    path, _, _ = clip
    return (acclaim if path.suffix == ".amc" else bvh).read(path, REQUEST)


def test_bones_keep_their_length(poses):
    """To a millimetre, every bone of the poses that training gets."""
    assert np.ptp(poses.bone_lengths(), axis=0).max() < 1e-3


def test_the_files_own_limbs_keep_their_length_before_that(clip):
    """Only bones over several of the file's joints, in the trunk, have to be steadied."""
    _, _, joints = clip
    for child, parent in enumerate(H36M16.parents):
        if parent >= 0 and child not in H36M16.trunk:
            pair = [H36M16.joints[j] for j in (child, parent)]
            length = np.linalg.norm(joints[pair[0]] - joints[pair[1]], axis=-1)
            assert np.ptp(length) < (0.03 if "thorax" in pair else 1e-5), pair


def test_unit_and_axis_are_recognised(clip):
    path, world, _ = clip
    assert world.unit == ("in" if path.suffix == ".amc" else "cmu")  # an .asf says that its inches are scaled
    assert world.up == "y"


def test_they_stand_upright_on_the_floor(clip):
    _, world, joints = clip
    for above, below in (("head", "thorax"), ("thorax", "hip")):
        assert (joints[above][:, 2] > joints[below][:, 2]).all()
    assert (middle(joints, "hip")[:, 2] > middle(joints, "ankle")[:, 2] + 0.2).all()  # one of them crouches
    assert -0.05 < world.positions[..., 2].min() < 0.2
    assert 1.3 < np.median(joints["head"][:, 2]) < 2.1


def test_knees_bend_forwards_and_left_is_left(clip):
    """Of a mirror image the front that hips and trunk show is its back: knees and toes would point away from it."""
    _, world, joints = clip
    forwards, left, _ = facing(joints)
    for side in "lr":
        hip, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        bent = knee - (hip + ankle) / 2
        clearly = np.linalg.norm(bent, axis=-1) > 0.03
        assert clearly.sum() > 100
        assert ((bent * forwards).sum(-1)[clearly] > 0).all()
        toe = next(i for i, name in enumerate(world.joints) if name.lower() in TOES and name[0].lower() == side)
        foot = world.positions[:, toe] - ankle
        assert ((foot * forwards).sum(-1) > 0).mean() > 0.8  # the foot behind a runner points down and back
    assert (((joints["l_shoulder"] - joints["r_shoulder"]) * left).sum(-1) > 0).all()


def theirs(path, shared_data) -> tuple[np.ndarray, np.ndarray]:
    """The clip in cmu_everyday.npz, ``(rows, 16, 3)`` about the root, and the frame of ours that each row is."""
    with np.load(shared_data / "cmu_everyday.npz") as data:
        rows = data["clip"] == path.stem
        positions, frame = data["positions"][rows], data["frame"][rows]
        names = [str(name) for name in data["joints"]]
    assert rows.sum() > 10
    same = to_skeleton(positions, names, H36M16, REQUEST.names, "cmu_everyday.npz").astype(np.float64)
    return same - same[:, :1], SKIPPED[path.name] + EVERY * frame


def test_the_kinematics_agree_with_another_conversion(clip, shared_data):
    """Every joint, the head, thorax and spine too, in float32's last digits."""
    path, _, joints = clip
    same, frame = theirs(path, shared_data)
    ours = np.stack([joints[name] for name in H36M16.joints], 1)[frame]
    assert np.linalg.norm(ours - ours[:, :1] - same, axis=-1).max() < 1e-5


def test_the_poses_agree_with_another_conversion(clip, poses, shared_data):
    """With steady bones too, every joint of every pose is within 2 cm of where others have it about the root."""
    path, world, _ = clip
    same, frame = theirs(path, shared_data)
    for number, camera in enumerate(REQUEST.rig.cameras):
        ours = poses.positions[number * len(world.positions) + frame]
        off = np.linalg.norm(ours - ours[:, :1] - same @ camera.rotation.T, axis=-1)
        assert off.max() < 0.02, dict(zip(H36M16.joints, off.max(0), strict=True))


def test_a_clip_becomes_poses_before_four_cameras(clip, poses):
    path, world, _ = clip
    assert len(poses) == 4 * len(world.positions)
    assert poses.subject.counts() == {path.stem.rpartition("_")[0]: len(poses)}
    head, feet = (poses.positions[:, H36M16.joints.index(j), 1] for j in ("head", "l_ankle"))
    assert (head < feet).all()  # y goes down


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("cmu_02_01.amc", "cmu_02"),
        ("02_01.amc", "02"),
        ("131_14.bvh", "131"),
        ("walk1_subject5.bvh", "subject5"),
        ("dance.bvh", "dance"),
        ("my_dance_02.bvh", "my_dance_02"),
    ],
)
def test_who_moves(tmp_path, name, subject):
    assert subject_of(tmp_path / name) == subject
