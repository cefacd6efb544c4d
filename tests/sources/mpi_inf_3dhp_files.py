"""Files of exactly the layouts in which MPI-INF-3DHP is published, for the tests of its readers.

Geometry here is written out anew: a pinhole in pixels, orders of joints as their publishers give them.
"""

from collections.abc import Callable

import h5py
import numpy as np
import scipy.io
from fuzzing import survives

# Their own names in their own order: mpii_get_joint_set.m, "all" and "relevant"; SPIN's constants.py, last 24.
# fmt: off
MPI28 = (
    "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top", "left_clavicle", "left_shoulder",
    "left_elbow", "left_wrist", "left_hand", "right_clavicle", "right_shoulder", "right_elbow", "right_wrist",
    "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe", "right_hip", "right_knee",
    "right_ankle", "right_foot", "right_toe",
)
MPI17 = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)
# fmt: on
# Which of them make Human3.6M's 16 (h36m16). Of SPIN's 24: PoseAug, data_extra/prepare_data_3dhp.py; of the 28:
# chaneyddtt/Generating-Multiple-Hypotheses-for-3D-Human-Pose-Estimation-with-Mixture-Density-Network, issue 20.
H36M16_OF_SPIN = [14, 2, 1, 0, 3, 4, 5, 16, 12, 18, 9, 10, 11, 8, 7, 6]
H36M16_OF_MPI28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 7, 9, 10, 11, 14, 15, 16]
H36M16_OF_MPI17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4]
# SPIN's datasets/preprocess/mpi_inf_3dhp.py: where in its 24 the joints go that it takes of the 28.
SPIN_OF = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
MPI28_TO_SPIN = [4, 18, 19, 20, 23, 24, 25, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]

# Focal lengths and principal points as the data set gives them, pixels.
STUDIO = (1500.172288, 1500.832364, 1017.387336, 1043.031982)
OUTDOOR = (1683.983460, 1672.593708, 939.857540, 560.140743)
VIDEO_0 = (1497.693, 1497.103, 1024.704, 1051.394)
VIDEO_1 = (1495.217, 1495.52, 1030.519, 1052.626)

CALIBRATION = """Skeletool Camera Calibration File V1.0
{blocks}"""
BLOCK = """name          {number}
  sensor      10 10
  size        {size}
  animated    0
  intrinsic   {fx} 0 {cx} 0 0 {fy} {cy} 0 0 0 1 0 0 0 0 1 \n\
  extrinsic   0.9650164 0.00488022 0.262144 -562.8666 -0.004488356 -0.9993728 0.0351275 1398.138 0.262151 -0.03507521 -0.9643893 3852.623 0 0 0 1 \n\
  radial      {radial}
"""  # noqa: E501


def people28(poses) -> np.ndarray:
    """The 28 joints of people given by their 16 of Human3.6M, ``(rows, 28, 3)``, metres."""
    body = np.empty((len(poses), 28, 3))
    body[:, H36M16_OF_MPI28] = poses
    at = {name: body[:, i] for i, name in enumerate(MPI28)}
    at["head"][:] = 0.4 * at["neck"] + 0.6 * at["head_top"]
    for i, name in enumerate(("spine2", "spine3", "spine4")):
        at[name][:] = at["spine"] + (at["neck"] - at["spine"]) * (i + 1) / 4
    for side in ("left", "right"):
        at[f"{side}_clavicle"][:] = (at["neck"] + at[f"{side}_shoulder"]) / 2
        at[f"{side}_hand"][:] = 1.3 * at[f"{side}_wrist"] - 0.3 * at[f"{side}_elbow"]
        at[f"{side}_foot"][:] = at[f"{side}_ankle"] + [0, 0.05, -0.05]
        at[f"{side}_toe"][:] = at[f"{side}_ankle"] + [0, 0.07, -0.18]
    return body


def people17(poses) -> np.ndarray:
    """The 17 joints of the test set."""
    return people28(poses)[:, [MPI28.index(name) for name in MPI17]]


def pinhole(points: np.ndarray, camera: tuple) -> np.ndarray:
    """Pixels of points in the camera's frame."""
    fx, fy, cx, cy = camera
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([fx * x / z + cx, fy * y / z + cy], -1)


def outcome(recognised: Callable[[], bool], read: Callable[[], object]) -> str:
    """What becomes of a damaged file: ``passed over`` (no format of ours), ``read`` or ``refused``."""
    answers: list[bool] = []
    if survives(lambda: answers.append(recognised())) == "read" and not answers[0]:
        return "passed over"
    return survives(read)


# --- its own files --------------------------------------------------------------------------------------------


def calibration(*cameras: tuple, size: str = "2048 2048", radial: str = "0") -> str:
    """A camera.calibration."""
    blocks = [
        BLOCK.format(number=i, size=size, fx=fx, fy=fy, cx=cx, cy=cy, radial=radial)
        for i, (fx, fy, cx, cy) in enumerate(cameras)
    ]
    return CALIBRATION.format(blocks="".join(blocks))


def write_training(folder, views: list, compressed: bool = True, dtype: str = "f4", **more):
    """annot.mat and camera.calibration of a sequence; ``views``: of each camera ``(people in metres, camera)``."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = {name: np.empty((len(views), 1), dtype=object) for name in ("annot2", "annot3", "univ_annot3")}
    for i, (people, camera) in enumerate(views):
        rows = len(people)
        cells["annot2"][i, 0] = pinhole(people, camera).reshape(rows, 56).astype(dtype)
        cells["annot3"][i, 0] = (people * 1000).reshape(rows, 84).astype(dtype)
        cells["univ_annot3"][i, 0] = (people * 1100).reshape(rows, 84).astype(dtype)
    frames = np.arange(len(views[0][0]))[:, None]
    content = {"annot2": cells["annot2"], "annot3": cells["annot3"], "cameras": np.arange(len(views))[None]}
    content |= {"frames": frames, "univ_annot3": cells["univ_annot3"], **more}
    scipy.io.savemat(folder / "annot.mat", content, do_compression=compressed)
    (folder / "camera.calibration").write_text(calibration(*(camera for _, camera in views)))
    return folder / "annot.mat"


def write_test(path, people: np.ndarray, camera: tuple, valid: np.ndarray, activity: np.ndarray):
    """annot_data.mat as MATLAB 7.3 writes it: axes in its order, a user block, a cell of references beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "annot2": pinhole(people, camera)[:, None],
        "annot3": people[:, None] * 1000,
        "univ_annot3": people[:, None] * 1100,
        "valid_frame": valid[:, None].astype("f8"),
        "activity_annotation": activity[:, None].astype("f8"),
    }
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            chunks = tuple(min(side, 256) for side in array.shape)
            dataset = file.create_dataset(name, data=array, chunks=chunks, compression="gzip", compression_opts=3)
            dataset.attrs["MATLAB_class"] = np.bytes_("double")
        cell = file.create_dataset("bb_crop", (1, 2), dtype=h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        for i in range(2):
            cell[0, i] = file.create_dataset(f"#refs#/{i}", data=np.arange(4.0)).ref
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(header)
    return path


# --- what others cut from it ----------------------------------------------------------------------------------


def poseaug_fields(people: np.ndarray, outdoors: np.ndarray) -> dict:
    """Fields of PoseAug's test_3dhp.npz of people by their 16 joints, metres; ``outdoors``: rows of TS5 and TS6."""
    pixels = np.where(outdoors[:, None, None], pinhole(people, OUTDOOR), pinhole(people, STUDIO))
    width, height = np.where(outdoors, 1920, 2048), np.where(outdoors, 1080, 2048)
    normalised = pixels / width[:, None, None] * 2 - np.stack([np.ones(len(people)), height / width], -1)[:, None]
    return {"pose3d": people - people[:, :1], "pose2d": normalised}


def spin_fields(people: np.ndarray, images: list[str], cameras: list[tuple]) -> dict:
    """Fields of SPIN's file of people by MPI's 28 joints, metres."""
    rows = len(people)
    part, joints = np.zeros((rows, 24, 3)), np.zeros((rows, 24, 4))
    for row, camera in enumerate(cameras):
        part[row, SPIN_OF, :2] = pinhole(people[row, MPI28_TO_SPIN], camera)
        part[row, SPIN_OF, 2] = 1
        joints[row, SPIN_OF, :3] = people[row, MPI28_TO_SPIN] - people[row, 4]
        joints[row, SPIN_OF, 3] = 1
    box = [part[:, SPIN_OF, :2].min(1), part[:, SPIN_OF, :2].max(1)]
    scale = 1.2 * (box[1] - box[0]).max(-1) / 200
    return {"imgname": images, "center": (box[0] + box[1]) / 2, "scale": scale, "part": part, "S": joints}
