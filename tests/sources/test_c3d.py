"""C3D: labelled joints come back, markers give the joints that they were put about, and what is wrong is a sentence."""

import io
import re
import struct
import warnings

import c3d
import numpy as np
import pytest
from fuzzing import mutants, survives
from mocap_files import moving, placed, write_c3d

from poseaug_gen.errors import PoseAugError
from poseaug_gen.skeleton import load_skeleton
from poseaug_gen.sources import acclaim, bvh, c3d_file, plug_in_gait
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import to_skeleton
from poseaug_gen.sources.rigs import load_rig

H36M16 = load_skeleton()
REQUEST = Request(H36M16, load_rig("studio"))
OURS = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # y up to z up
CENTRES = {"hip": "HJC", "knee": "KJC", "ankle": "AJC", "shoulder": "SJC", "elbow": "EJC", "wrist": "WJC"}


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def square_to(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    direction = unit(direction)
    return vector - (vector * direction).sum(-1, keepdims=True) * direction


def body(frames: int = 24) -> dict[str, np.ndarray]:
    """The tests' moving body by h36m16's names, ``(frames, 3)`` each, metres, z up."""
    world = {name: place @ OURS.T for name, place in placed(*moving(frames)).items()}
    joints = {"thorax": world["Neck"], "head": world["Head_end"], "spine": world["Chest"]}
    for side, theirs in (("l", "Left"), ("r", "Right")):
        joints |= {f"{side}_{joint}": world[theirs + joint.capitalize()] for joint in CENTRES}
    return joints | {"hip": (joints["l_hip"] + joints["r_hip"]) / 2}


def labelled(joints: dict[str, np.ndarray], prefix: str = "", unit: float = 1000.0) -> dict[str, np.ndarray]:
    """The joints as C3D files label joint centres, millimetres."""
    points = {f"{prefix}HEADTOP": joints["head"] * unit}
    for side in "lr":
        points |= {f"{prefix}{side.upper()}{label}": joints[f"{side}_{j}"] * unit for j, label in CENTRES.items()}
    return points


def markers_about(joints: dict[str, np.ndarray], widths=(plug_in_gait.KNEE, plug_in_gait.ANKLE, plug_in_gait.ELBOW)):
    """Plug-in Gait's markers where its users put them on a body with these joints, millimetres.

    Pelvis, thighs, … have no axes here but those that their joints show; hips bend about the pelvis's own.
    """
    knee, ankle, elbow = (width / 2 + 0.007 for width in widths)
    left = unit(joints["l_hip"] - joints["r_hip"])
    up = unit(square_to(joints["spine"] - joints["hip"], left))
    forward = np.cross(left, up)
    # Harrington's equations the other way round: the pelvis whose hips are as far apart as these.
    apart = np.linalg.norm(joints["l_hip"] - joints["r_hip"], axis=-1, keepdims=True)
    width, depth = (apart / 2 - 0.0073) / 0.33, 0.16
    asis = joints["hip"] + forward * (0.24 * depth + 0.0099) + up * (0.30 * width + 0.0109)
    psis = asis - forward * depth
    points = {"LASI": asis + left * width / 2, "RASI": asis - left * width / 2}
    points |= {"LPSI": psis + left * 0.045, "RPSI": psis - left * 0.045}
    trunk = unit(joints["thorax"] - joints["spine"])
    trunk_left = unit(square_to(joints["l_shoulder"] - joints["r_shoulder"], trunk))
    front = np.cross(trunk_left, trunk)
    neck, low = joints["thorax"], joints["thorax"] - 0.2 * trunk
    points |= {"C7": neck - 0.05 * front, "CLAV": neck + 0.05 * front}
    points |= {"T10": low - 0.1 * front, "STRN": low + 0.1 * front}
    breadth = np.median(np.linalg.norm(joints["l_shoulder"] - joints["r_shoulder"], axis=-1))
    band = joints["head"]
    points |= {"LFHD": band + 0.07 * trunk_left + 0.09 * front, "RFHD": band - 0.07 * trunk_left + 0.09 * front}
    points |= {"LBHD": band + 0.07 * trunk_left - 0.09 * front, "RBHD": band - 0.07 * trunk_left - 0.09 * front}
    for side, sign in (("l", 1), ("r", -1)):
        of = {joint: joints[f"{side}_{joint}"] for joint in CENTRES}
        name = side.upper()
        out = unit(square_to(sign * left, of["hip"] - of["knee"]))
        points |= {f"{name}THI": (of["hip"] + of["knee"]) / 2 + 0.09 * out, f"{name}KNE": of["knee"] + knee * out}
        out = unit(square_to(out, of["knee"] - of["ankle"]))
        points |= {f"{name}TIB": (of["knee"] + of["ankle"]) / 2 + 0.06 * out, f"{name}ANK": of["ankle"] + ankle * out}
        axis = sign * unit(np.cross(of["shoulder"] - of["elbow"], of["wrist"] - of["elbow"]))
        points |= {f"{name}SHO": of["shoulder"] + 0.17 * breadth * trunk, f"{name}ELB": of["elbow"] + elbow * axis}
        points |= {f"{name}WRA": of["wrist"] + 0.03 * axis, f"{name}WRB": of["wrist"] - 0.03 * axis}
        points |= {f"{name}TOE": of["ankle"] + 0.15 * forward, f"{name}HEE": of["ankle"] - 0.05 * forward}
        points |= {f"{name}FIN": of["wrist"] + 0.1 * axis}
    return {label: place * 1000 for label, place in points.items()}


@pytest.fixture
def save(tmp_path):
    def write(data: bytes, name: str = "trial.c3d"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def read_joints(path, request=REQUEST) -> dict[str, np.ndarray]:
    world = c3d_file.read_world(path, request)
    poses = to_skeleton(world.positions, world.joints, H36M16, request.names, "x")
    return dict(zip(H36M16.joints, np.moveaxis(poses, 1, 0), strict=True))


def errors(got: dict[str, np.ndarray], want: dict[str, np.ndarray], joints) -> dict[str, float]:
    """The largest distance of each joint, millimetres."""
    return {joint: float(1000 * np.linalg.norm(got[joint] - want[joint], axis=-1).max()) for joint in joints}


LIMBS = [f"{side}_{joint}" for side in "lr" for joint in CENTRES]

# --- labelled joints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "name", "tolerance"),
    [
        ({}, "", 1e-3),
        ({"scale": 0.1}, "", 0.1),  # 16-bit integers, tenths of a millimetre
        ({"analog": 6}, "Ann:", 1e-3),
        ({"up": "+Z", "rate": 120.0}, "Ann:", 1e-3),
    ],
)
def test_labelled_joint_centres_come_back(save, how, name, tolerance):
    want = body()
    path = save(write_c3d(labelled(want, name), **how))
    assert c3d_file.recognises(path)
    got = read_joints(path)
    assert max(errors(got, want, ["hip", "head", *LIMBS]).values()) < tolerance
    shoulders = (want["l_shoulder"] + want["r_shoulder"]) / 2
    np.testing.assert_allclose(got["thorax"], shoulders, atol=1e-3)
    assert c3d_file.read_world(path, REQUEST).rate == how.get("rate", 100.0)


@pytest.mark.parametrize(
    ("written", "factor"), [("m", 1), ("cm", 100), (None, 1), (None, 100), (None, 39.37), ("parsec", 1000)]
)
def test_the_unit_is_stated_or_recognised(save, written, factor):
    want = body()
    got = read_joints(save(write_c3d(labelled(want, unit=factor), unit=written)))
    assert max(errors(got, want, LIMBS).values()) < 0.5


@pytest.mark.parametrize("axes", [OURS.T, np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])])
def test_the_vertical_axis_is_recognised(save, axes):
    want = body()
    turned = {label: place @ axes.T for label, place in labelled(want).items()}
    got = read_joints(save(write_c3d(turned)))
    assert max(errors(got, want, LIMBS).values()) < 1e-3


def test_a_file_that_contradicts_the_body_is_asked_about(save):
    path = save(write_c3d(labelled(body()), up="+Y"))
    with pytest.raises(PoseAugError, match=r"the body in its frames says z; the file says y.*--up"):
        c3d_file.read(path, REQUEST)
    assert c3d_file.read_world(path, Request(H36M16, up="z")).up == "z"


def test_more_points_than_one_list_of_labels_holds(save):
    want = body(4)
    points = {f"*{i}": np.full((4, 3), float(i)) for i in range(300)} | labelled(want)
    got = read_joints(save(write_c3d(points)))
    assert max(errors(got, want, LIMBS).values()) < 1e-3


@pytest.mark.parametrize("gone", [np.nan, 0.0])
def test_frames_without_a_needed_point_are_left_out_and_counted(save, gone):
    points = labelled(body())
    points["RKJC"][[2, 3, 9]] = gone
    points["HEADTOP"][3] = gone
    points["*7"] = np.full((24, 3), gone)
    poses = c3d_file.read(save(write_c3d(points)), REQUEST)
    assert len(poses) == 4 * 21
    assert poses.provenance["frames_left_out"] == 3


def test_a_point_that_is_never_seen(save):
    points = labelled(body())
    points["RKJC"][:] = np.nan
    with pytest.raises(PoseAugError, match="no frame has hips, knees, ankles"):
        c3d_file.read(save(write_c3d(points)), REQUEST)
    points = labelled(body())
    points["RWJC"][:] = np.nan
    with pytest.raises(PoseAugError, match=r"none of its 24 frames has every joint .*'r_wrist' is missing most"):
        c3d_file.read(save(write_c3d(points)), REQUEST)


def test_two_people_are_asked_about(save):
    points = labelled(body(), "Ann:") | labelled(body(), "Bob:") | {"Ball:top": np.ones((24, 3))}
    with pytest.raises(PoseAugError, match=r"has 2 people \(Ann, Bob\)"):
        c3d_file.read(save(write_c3d(points)), REQUEST)


def test_a_person_and_a_thing(save):
    want = body()
    points = {"Ball:LKJC2": np.ones((24, 3)), "Ball:HEAD": np.ones((24, 3))} | labelled(want, "Ann:")
    assert max(errors(read_joints(save(write_c3d(points))), want, LIMBS).values()) < 1e-3


def test_the_librarys_own_files_are_read(save):
    """Another writer of the layout than ours."""
    want = body()
    points = labelled(want)
    writer = c3d.Writer(point_rate=100.0, point_scale=-1.0)
    writer.set_point_labels(list(points))
    rows = np.zeros((24, len(points), 5))
    rows[..., :3] = np.stack(list(points.values()), 1)
    writer.add_frames([(row, np.zeros((0, 0))) for row in rows])
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of analog data it has none
        writer.write(file)
    got = read_joints(save(file.getvalue()))
    assert max(errors(got, want, LIMBS).values()) < 1e-3


# --- markers --------------------------------------------------------------------------------------------------

CLIPS = ("cmu_02_01.amc", "cmu_02_03.amc", "cmu_03_02.amc", "cmu_12_01.bvh", "cmu_131_01.bvh")
EXACT = [joint for joint in H36M16.joints if joint != "spine"]


def clip(shared_data, name: str) -> dict[str, np.ndarray]:
    """A real clip's joints."""
    path = shared_data / "raw" / name
    world = (acclaim if path.suffix == ".amc" else bvh).read_world(path, REQUEST)
    poses = to_skeleton(world.positions, world.joints, H36M16, REQUEST.names, "x")
    return dict(zip(H36M16.joints, np.moveaxis(poses.astype(np.float64), 1, 0), strict=True))


def test_the_joints_come_back_from_markers_about_them(save):
    want = body()
    got = read_joints(save(write_c3d(markers_about(want))))
    assert max(errors(got, want, EXACT).values()) < 1, errors(got, want, EXACT)


@pytest.mark.parametrize("name", CLIPS)
def test_the_joints_come_back_from_markers_on_a_real_body(save, shared_data, name):
    want = clip(shared_data, name)
    path = save(write_c3d({f"Walker:{label}": place for label, place in markers_about(want).items()}))
    got = read_joints(path)
    off = errors(got, want, EXACT)
    assert max(off.values()) < 1, off


def test_another_body_than_the_mean_and_unsteady_markers(save):
    """Joints that are 15 mm wider than the mean, and 4 mm of noise on every marker."""
    want = body()
    wide = (plug_in_gait.KNEE + 0.015, plug_in_gait.ANKLE + 0.015, plug_in_gait.ELBOW + 0.015)
    rng = np.random.default_rng(0)
    noisy = {label: place + rng.normal(0, 4, place.shape) for label, place in markers_about(want, wide).items()}
    got = read_joints(save(write_c3d(noisy)))
    off = {joint: np.linalg.norm(got[joint] - want[joint], axis=-1).mean() * 1000 for joint in EXACT}
    assert max(off.values()) < 20, off


def test_without_wands_or_trunk_markers_the_rules_still_hold(save):
    want = body()
    points = markers_about(want)
    for gone in ("LTHI", "RTHI", "LTIB", "RTIB", "T10", "STRN", "LPSI", "RPSI"):
        place = points.pop(gone)
        if gone == "LPSI":
            points["SACR"] = (place + points["RPSI"]) / 2
    got = read_joints(save(write_c3d(points)))
    off = errors(got, want, EXACT)
    assert max(off.values()) < 25, off


def test_labelled_joints_go_before_those_of_markers(save):
    want = body()
    points = markers_about(want) | {"LKJC": want["l_knee"] * 1000 + [0, 0, 50]}
    got = read_joints(save(write_c3d(points)))
    np.testing.assert_allclose(got["l_knee"], want["l_knee"] + [0, 0, 0.05], atol=1e-3)
    np.testing.assert_allclose(got["r_knee"], want["r_knee"], atol=4e-3)


@pytest.mark.parametrize("factor", [1.0, 0.1, 0.001])
def test_the_unit_of_markers_is_recognised(save, factor):
    want = body()
    points = {label: place * factor for label, place in markers_about(want).items()}
    got = read_joints(save(write_c3d(points, unit=None)))
    assert max(errors(got, want, EXACT).values()) < 1


def test_hips_are_where_harringtons_equations_have_them():
    """Worked by hand for a pelvis 250 mm wide and 150 mm deep: 45.9 mm behind, 85.9 below, 89.8 beside."""
    markers = {"LASI": [0, 125, 0], "RASI": [0, -125, 0], "LPSI": [-150, 40, 0], "RPSI": [-150, -40, 0]}  # x forward
    got = plug_in_gait.joint_centres({label: np.array([place], float) for label, place in markers.items()}, 1000.0)
    np.testing.assert_allclose(got["l_hip"], [[-45.9, 89.8, -85.9]], atol=1e-9)
    np.testing.assert_allclose(got["r_hip"], [[-45.9, -89.8, -85.9]], atol=1e-9)


# --- what is wrong --------------------------------------------------------------------------------------------

WHOLE = write_c3d(labelled(body(3)))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda d: d[:-600], "claims 3 frames of 13 points"),
        (lambda d: d[:700], "not a whole C3D file"),
        (lambda d: d[:2], "not a whole C3D file"),
        (lambda d: d.replace(b"POINT", b"PAINT"), "cannot be told without hip, l_knee"),
        (lambda d: d[:8] + struct.pack("<H", 65535) + d[10:], "claims"),
        (lambda d: d.replace(b"LKJC", b"LXXX"), "cannot be told without l_knee, which are not among"),
        (lambda d: d.replace(b"UNITS", b"UNITZ").replace(b"LABELS", b"LABELZ"), "cannot be told without hip"),
    ],
)
def test_what_is_wrong_is_one_sentence(save, harm, says):
    path = save(harm(WHOLE))
    assert c3d_file.recognises(path)
    with pytest.raises(PoseAugError, match=re.escape(says)) as error:
        c3d_file.read(path, REQUEST)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_list_of_labels_that_claims_millions(save):
    """255 x 255 x 255 strings in a parameter of a few bytes: the library alone would walk through them."""
    point = WHOLE.index(b"LABELS")
    bomb = WHOLE[: point + 6] + struct.pack("<hbB4B", 8, -1, 4, 1, 255, 255, 255) + WHOLE[point + 14 :]
    assert survives(lambda: c3d_file.read(save(bomb), REQUEST)) == "refused"


@pytest.mark.parametrize(
    "data", [b"", b"P", b"\x02", b"HIERARCHY", b"\nPlain text", b"PK\x03\x04", b"\x02P" + b"\0" * 600]
)
def test_other_files_are_not_taken(save, data):
    assert not c3d_file.recognises(save(data))


def test_a_file_that_went_away(tmp_path):
    with pytest.raises(PoseAugError, match="cannot be read"):
        c3d_file.read(tmp_path / "none.c3d", REQUEST)


def fuzz(save, seed: int, count: int) -> dict[str, int]:
    outcomes = {"read": 0, "refused": 0}
    for whole in (WHOLE, write_c3d(markers_about(body(3)), analog=2)):
        for data in mutants(whole, seed, count):
            path = save(data)
            if c3d_file.recognises(path):
                outcomes[survives(lambda path=path: c3d_file.read(path, REQUEST))] += 1
    return outcomes


def test_damaged_files_are_read_or_refused(save):
    outcomes = fuzz(save, 0, 60)
    assert min(outcomes.values()) > 10


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(save):
    outcomes = fuzz(save, 1, 1000)
    assert sum(outcomes.values()) > 1500
