"""3DPW's sequences: files of its layout come back as the people that they were made of, seen by its moving camera."""

from collections import Counter

import numpy as np
import pytest
from fuzzing import mutants, running_pickles, survives
from pickled import GENERATIONS, pickled, pickled_by_python2
from scipy.spatial.transform import Rotation

from poseaug_gen.camera import to_pixels
from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources import threedpw
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import joint_names, to_skeleton

FRAMES = 7
INTRINSICS = np.array([[1961.85, 0.0, 540.0], [0.0, 1969.23, 960.0], [0.0, 0.0, 1.0]])
# SMPL's joints in its rest pose, neutral, no shape; rounded to a millimetre. x left, y up, z forward.
SMPL_NAMES = [
    "pelvis", "l_hip", "r_hip", "spine1", "l_knee", "r_knee", "spine2", "l_ankle", "r_ankle", "spine3", "l_foot",
    "r_foot", "neck", "l_collar", "r_collar", "head", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist",
    "r_wrist", "l_hand", "r_hand",
]  # fmt: skip
SMPL_REST = np.array(
    [
        [-0.002, -0.223, 0.028], [0.068, -0.315, 0.021], [-0.069, -0.314, 0.024], [-0.004, -0.114, 0.002],
        [0.102, -0.690, 0.017], [-0.108, -0.696, 0.015], [0.001, 0.021, 0.003], [0.088, -1.088, -0.027],
        [-0.092, -1.095, -0.027], [0.003, 0.074, 0.028], [0.115, -1.144, 0.093], [-0.117, -1.143, 0.096],
        [0.000, 0.288, -0.015], [0.081, 0.195, -0.006], [-0.079, 0.193, -0.011], [0.005, 0.353, 0.037],
        [0.172, 0.226, -0.015], [-0.175, 0.225, -0.020], [0.432, 0.213, -0.042], [-0.429, 0.212, -0.041],
        [0.681, 0.222, -0.044], [-0.684, 0.220, -0.047], [0.765, 0.214, -0.058], [-0.769, 0.213, -0.057],
    ]
)  # fmt: skip
AT = {name: i for i, name in enumerate(SMPL_NAMES)}


def motions(rng) -> np.ndarray:
    """World to camera, (FRAMES, 4, 4): about level, 4 to 6 m from the origin of a world whose y is up."""
    turned = Rotation.from_euler("yxz", rng.normal([0, 0, 0], [1.0, 0.1, 0.05], (FRAMES, 3))).as_matrix()
    motion = np.tile(np.eye(4), (FRAMES, 1, 1))
    motion[:, :3, :3] = np.diag([1.0, -1.0, -1.0]) @ turned  # the camera's y is down and it looks along -z
    motion[:, :3, 3] = rng.uniform([-0.3, -0.2, 4], [0.3, 0.2, 6], (FRAMES, 3))
    return motion


def sequence(actors: int = 2, seed: int = 0) -> dict:
    """The content of a sequence's file: every key of 3DPW's read-me, in its types."""
    rng = np.random.default_rng(seed)
    turned = Rotation.from_euler("y", rng.uniform(0, 6, (actors * FRAMES, 1))).as_matrix().reshape(actors, FRAMES, 3, 3)
    body = SMPL_REST + rng.normal(scale=0.01, size=(actors, FRAMES, 24, 3))
    world = np.einsum("afij,afkj->afki", turned, body) + rng.uniform(-0.4, 0.4, (actors, 1, 1, 3))

    def each(*shape: int) -> list[np.ndarray]:
        return [rng.normal(size=shape) for _ in range(actors)]

    found = [np.concatenate([rng.uniform(1, 900, (FRAMES, 2, 18)), np.ones((FRAMES, 1, 18))], 1) for _ in range(actors)]
    return {
        "sequence": "downtown_walking_00",
        "betas": each(10),
        "poses": each(FRAMES, 72),
        "trans": each(FRAMES, 3),
        "poses_60Hz": each(2 * FRAMES, 72),
        "trans_60Hz": each(2 * FRAMES, 3),
        "betas_clothed": each(10),
        "v_template_clothed": each(20, 3),
        "genders": ["m", "f"][:actors],
        "texture_maps": [],
        "poses2d": found,
        "jointPositions": [person.reshape(FRAMES, 72) for person in world],
        "img_frame_ids": np.arange(0, 2 * FRAMES, 2),
        "cam_poses": motions(rng),
        "campose_valid": [np.ones(FRAMES, dtype=bool) for _ in range(actors)],
        "cam_intrinsics": INTRINSICS.copy(),
    }


def seen(data: dict, actor: int) -> np.ndarray:
    """An actor's SMPL joints before the camera, frame by frame, written out."""
    people = data["jointPositions"][actor].reshape(FRAMES, 24, 3)
    points = np.concatenate([people, np.ones((FRAMES, 24, 1))], -1)
    return np.stack([(m @ p.T).T[:, :3] for m, p in zip(data["cam_poses"], points, strict=True)])


@pytest.fixture
def save(tmp_path):
    """Writes a sequence's file and gives its path."""

    def write(data: object, name: str = "downtown_walking_00.pkl"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else pickled_by_python2(data))
        return path

    return write


@pytest.fixture(scope="module")
def request17() -> Request:
    return Request(load_skeleton("h36m17"))


WRITERS = {
    "Python 2": pickled_by_python2,
    **{
        f"protocol {protocol}, {core}": lambda data, p=protocol, c=core: pickled(data, p, c)
        for protocol in (2, 4, 5)
        for core in GENERATIONS
    },
}


@pytest.mark.parametrize("writer", list(WRITERS))
def test_people_come_back_before_the_camera(save, request17, writer):
    data = sequence()
    path = save(WRITERS[writer](data))
    assert threedpw.recognises(path)
    got = threedpw.read(path, request17)
    assert len(got) == 2 * FRAMES
    assert got.subject.strings().tolist() == [f"downtown_walking_00-{a}" for a in (0, 1) for _ in range(FRAMES)]
    assert got.action.counts() == {"downtown_walking": 2 * FRAMES}
    assert got.camera.counts() == {"handheld": 2 * FRAMES}
    assert (got.image_size == [1080, 1920]).all()
    wanted = np.concatenate([seen(data, actor) for actor in (0, 1)])
    joints = got.skeleton.joints
    limbs = [joint for joint in joints if joint.split("_")[-1] in ("knee", "ankle", "shoulder", "elbow", "wrist")]
    assert len(limbs) == 10
    for joint in limbs:
        np.testing.assert_allclose(got.positions[:, joints.index(joint)], wanted[:, AT[joint]], atol=1e-6)
    # What a pinhole sees of the world, in pixels, by homogeneous coordinates.
    image = wanted @ INTRINSICS.T
    pixels = to_pixels(got.project(), got.image_size)
    for joint in limbs:
        there = image[:, AT[joint], :2] / image[:, AT[joint], 2:]
        np.testing.assert_allclose(pixels[:, joints.index(joint)], there, atol=0.01)


def test_people_stand_upright_and_are_not_mirrored(save, request17):
    got = threedpw.read(save(sequence()), request17)
    at = {joint: got.positions[:, i] for i, joint in enumerate(got.skeleton.joints)}
    down = ["head", "nose", "thorax", "spine", "hip", "l_knee", "l_ankle"]
    heights = np.stack([at[joint][:, 1] for joint in down], -1)
    assert (np.diff(heights) > 0).all()  # y is down
    forward = at["nose"] - (at["head"] + at["thorax"]) / 2
    left = np.cross(at["thorax"] - at["hip"], forward)
    assert ((left * (at["l_hip"] - at["r_hip"])).sum(-1) > 0).all()


def test_smpl_becomes_human36m():
    """SMPL's rest pose has the bones that Human3.6M's S1, S7 and S8 have on the average (metres), limbs within 5 cm."""
    skeleton = load_skeleton("h36m17")
    names = joint_names()
    (pose,) = to_skeleton(SMPL_REST[None], names.layouts["smpl24"], skeleton, names, "rest")
    length = np.linalg.norm(pose[1:] - pose[list(skeleton.parents[1:])], axis=-1)
    bones = dict(zip(skeleton.joints[1:], length, strict=True))
    published = {"hip": 0.139, "spine": 0.240, "thorax": 0.254, "nose": 0.116, "head": 0.115}
    limbs = {"knee": 0.448, "ankle": 0.444, "elbow": 0.282, "wrist": 0.248, "shoulder": 0.153}
    for joint, found in bones.items():
        bare = joint.removeprefix("l_").removeprefix("r_")
        within, wanted = (0.02, published[bare]) if bare in published else (0.05, limbs[bare])
        assert found == pytest.approx(wanted, abs=within), joint
    at = dict(zip(skeleton.joints, pose, strict=True))
    np.testing.assert_allclose((at["l_hip"] + at["r_hip"]) / 2, at["hip"], atol=1e-6)
    # The hips' places are fixed in the pelvis: whatever the legs do.
    bent = SMPL_REST.copy()
    for joint in ("l_knee", "r_knee", "l_ankle", "r_ankle"):
        bent[AT[joint]] += [0, 0.4, 0.4]
    (sitting,) = to_skeleton(bent[None], names.layouts["smpl24"], skeleton, names, "rest")
    hips = [skeleton.joints.index(joint) for joint in ("hip", "l_hip", "r_hip")]
    np.testing.assert_array_equal(sitting[hips], pose[hips])


def test_frames_without_a_camera_and_people_behind_it_are_left_out(save, request17):
    data = sequence()
    data["campose_valid"][0][[2, 5]] = 0
    data["cam_poses"][2] = np.nan  # nothing is known of it; actor 1 must not need it
    data["campose_valid"][1][2] = 0
    data["cam_poses"][4, 2, 3] = -3.0  # the camera stands before both
    got = threedpw.read(save(data), request17)
    kept = [[0, 1, 3, 6], [0, 1, 3, 5, 6]]
    wanted = np.concatenate([seen(data, actor)[frames] for actor, frames in enumerate(kept)])
    knee = got.skeleton.joints.index("l_knee")
    np.testing.assert_allclose(got.positions[:, knee], wanted[:, AT["l_knee"]], atol=1e-6)
    assert got.provenance["left_out"] == {"frames without a camera": 3, "people not before the camera": 2}
    data["campose_valid"] = [np.zeros(FRAMES, dtype=int)] * 2
    with pytest.raises(PoseAugError, match="holds no poses"):
        threedpw.read(save(data), request17)


def test_one_actor_a_wide_image_and_a_file_that_does_not_say_its_name(save, request17):
    data = sequence(actors=1)
    data["cam_intrinsics"][:2, 2] = 959.6, 540.2
    data["campose_valid"] = [np.ones(FRAMES)]
    del data["sequence"]
    got = threedpw.read(save(data, "outdoors_fencing_01.pkl"), request17)
    assert got.subject.counts() == {"outdoors_fencing_01-0": FRAMES}
    assert got.action.counts() == {"outdoors_fencing": FRAMES}
    assert (got.image_size == [1919, 1080]).all()


def test_detections(save):
    """What OpenPose found, on a skeleton that has its joints, where it was confident."""
    data = sequence()
    data["poses2d"][0][3, :, 4] = 0  # OpenPose's way to say that it found nothing
    data["poses2d"][1][0, 2, 9] = 0.1
    wanted = ("neck", "r_wrist", "r_knee", "l_ear")
    tree = {wanted[0]: "", **dict.fromkeys(wanted[1:], wanted[0])}
    skeleton = Skeleton.from_dict({"name": "some", "joints": tree, "pairs": []})
    positions, visible, record = threedpw.detections(save(data), Request(skeleton))
    order = [1, 4, 9, 16 + 1]
    pixels = np.concatenate(data["poses2d"])[:, :2, order].swapaxes(1, 2)
    np.testing.assert_allclose(to_pixels(positions, np.tile([1080, 1920], (2 * FRAMES, 1)))[visible], pixels[visible])
    assert np.argwhere(~visible).tolist() == [[3, 1], [FRAMES, 2]]
    assert record["rows"] == 2 * FRAMES


def test_other_pickles_are_not_taken_for_it(save, tmp_path):
    data = sequence()
    del data["cam_poses"]
    assert not threedpw.recognises(save(data))
    assert not threedpw.recognises(save(b""))
    assert not threedpw.recognises(save(b"jointPositions campose_valid cam_poses cam_intrinsics"))


def changed(**changes) -> dict:
    return sequence() | changes


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([np.zeros(2)], "holds no dict"),
        (changed(jointPositions=None), "'jointPositions' is NoneType; it must be a list of arrays"),
        (changed(jointPositions=[]), "'jointPositions' is list; it must be a list of arrays"),
        (changed(jointPositions=np.zeros((2, FRAMES, 72))), "'jointPositions' is float64 of shape"),
        (changed(jointPositions=[np.zeros((FRAMES, 24, 3))] * 2), r"of shape \(7, 24, 3\).*shape \(7, 72\)"),
        (changed(jointPositions=[np.zeros((FRAMES - 1, 72))] * 2), r"of shape \(6, 72\).*shape \(7, 72\)"),
        (changed(jointPositions=[[1.0] * 72] * 2), "'jointPositions' has list; it must be numbers"),
        (changed(jointPositions=sequence()["jointPositions"][:1]), "of 1 actors, 'campose_valid' of 2"),
        (changed(jointPositions=[p * 1000 for p in sequence()["jointPositions"]]), "holds no poses|millimetres"),
        (changed(jointPositions=[p * np.nan for p in sequence()["jointPositions"]]), "is not finite"),
        (changed(jointPositions=[p * 1e300 for p in sequence()["jointPositions"]]), "holds no poses|not finite"),
        (changed(cam_poses=np.eye(4)), r"'cam_poses' has float64 of shape \(4, 4\).*shape \(any, 4, 4\)"),
        (changed(cam_poses=2 * sequence()["cam_poses"]), "which is no rigid motion"),
        (changed(cam_poses=sequence()["cam_poses"] * [1, 1, -1, 1]), "which is no rigid motion"),
        (changed(cam_poses=np.full((FRAMES, 4, 4), np.inf)), "which is no rigid motion"),
        (changed(cam_poses=np.full((FRAMES, 4, 4), "a")), "'cam_poses' has <U1"),
        (changed(cam_intrinsics=np.eye(4)), "'cam_intrinsics' has float64 of shape"),
        (changed(cam_intrinsics=np.eye(3)), "'cam_intrinsics': 'image_size' must be width and height"),
        (changed(cam_intrinsics=INTRINSICS * np.nan), "'cam_intrinsics': 'image_size' must be width and height"),
        (
            changed(cam_intrinsics=INTRINSICS * [[0], [1], [1]] + [[0, 0, 540], [0, 0, 0], [0, 0, 0]]),
            "focal length of 0",
        ),
        (changed(campose_valid=[np.ones(3)] * 2), r"'campose_valid' has float64 of shape \(3,\)"),
    ],
)
def test_a_wrong_sequence_is_one_sentence(save, request17, data, says):
    with pytest.raises(PoseAugError, match=says) as error:
        threedpw.read(save(data), request17)
    assert str(error.value).count("\n") == 0
    assert "downtown_walking_00.pkl" in str(error.value)


# --- strangers' files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(running_pickles()))
def test_hostile_files_run_nothing(save, request17, name):
    path = save(running_pickles()[name])
    assert survives(lambda: threedpw.read(path, request17)) == "refused"
    assert survives(lambda: threedpw.recognises(path)) == "read"


def fuzz(save, request, count: int, seed: int) -> Counter:
    """Outcomes of reading damaged files; they have the keys that are read, so that the damage is mostly to those."""
    keys = ("sequence", "poses2d", "jointPositions", "cam_poses", "campose_valid", "cam_intrinsics")
    data = {key: sequence(actors=1)[key] for key in keys}
    outcomes: Counter = Counter()
    for whole in (pickled_by_python2(data), pickled(data, 4, GENERATIONS[1])):
        for damaged in mutants(whole, seed, count):
            path = save(damaged)
            assert survives(lambda path=path: threedpw.recognises(path)) == "read"
            for reader in (threedpw.read, threedpw.detections):
                outcomes[survives(lambda path=path, reader=reader: reader(path, request))] += 1
    return outcomes


def test_damaged_files_are_one_sentence(save, request17):
    outcomes = fuzz(save, request17, 50, seed=0)
    assert outcomes["refused"] > 70
    assert outcomes.total() == 200


@pytest.mark.slow
def test_many_damaged_files_are_one_sentence(save, request17):
    outcomes = fuzz(save, request17, 1500, seed=1)
    print(outcomes)
    assert outcomes["refused"] > 2000
    assert outcomes.total() == 6000
