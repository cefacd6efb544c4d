"""A body, and the writers of it as BVH, ASF/AMC and C3D for the tests: each by its published layout, none by ours."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

# A person who stands with the arms stretched out: joint -> (parent, metres from the parent). y is up, they face z, and
# so their left is at x > 0. Names as in Biovision's own files.
_LEFT = {
    "LeftHip": ("Hips", (0.09, -0.06, 0.0)),
    "LeftKnee": ("LeftHip", (0.01, -0.42, 0.01)),
    "LeftAnkle": ("LeftKnee", (0.0, -0.41, -0.03)),
    "LeftToe": ("LeftAnkle", (0.01, -0.06, 0.14)),
    "LeftToe_end": ("LeftToe", (0.0, 0.0, 0.06)),
    "LeftCollar": ("Chest", (0.02, 0.24, 0.01)),
    "LeftShoulder": ("LeftCollar", (0.15, 0.02, -0.01)),
    "LeftElbow": ("LeftShoulder", (0.28, 0.0, 0.0)),
    "LeftWrist": ("LeftElbow", (0.25, 0.0, 0.01)),
    "LeftWrist_end": ("LeftWrist", (0.18, 0.0, 0.0)),
}
_MIDDLE = {
    "Hips": ("", (0.0, 0.0, 0.0)),
    "Chest": ("Hips", (0.0, 0.24, -0.02)),
    "Neck": ("Chest", (0.0, 0.27, 0.0)),
    "Head": ("Neck", (0.0, 0.1, 0.02)),
    "Head_end": ("Head", (0.0, 0.19, 0.0)),
}
_RIGHT = {
    name.replace("Left", "Right"): (parent.replace("Left", "Right"), (-offset[0], *offset[1:]))
    for name, (parent, offset) in _LEFT.items()
}
BODY: Mapping[str, tuple[str, tuple[float, float, float]]] = _MIDDLE | _LEFT | _RIGHT
HEIGHT = 0.95  # metres, of the hips over the floor when the body stands
# What bends the body without breaking it, radians; the others may turn by 0.2 about each axis.
_BENT = {"LeftKnee": (0.9, 0, 0), "RightKnee": (0.5, 0, 0), "LeftHip": (-0.8, 0, 0.1), "RightHip": (-0.3, 0, -0.1)}
_BENT |= {"LeftElbow": (0, -1.1, 0), "RightElbow": (0, 0.7, 0), "LeftShoulder": (0, 0, -0.9)}


def moving(frames: int = 24, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A clip of the body: rotation vectors of each joint, ``(frames, 3)``, and the hips' path, metres."""
    rng = np.random.default_rng(seed)
    part = np.linspace(0, 1, frames)[:, None]
    turns = {
        name: part * np.array(_BENT.get(name, (0, 0, 0))) + np.cumsum(rng.normal(0, 0.01, (frames, 3)), 0) * part
        for name in BODY
        if not name.endswith("_end")
    }
    turns["Hips"] = turns["Hips"] + part * [0, 2.0, 0]
    return turns, np.concatenate([part * [0.5, 0, 1.0] + [0, HEIGHT, 0]])


def placed(turns: Mapping[str, np.ndarray], path: np.ndarray) -> dict[str, np.ndarray]:
    """Where the body's joints are, ``(frames, 3)`` each, by homogeneous matrices: the tests' own kinematics."""
    frames = len(path)
    world: dict[str, np.ndarray] = {}
    for name, (parent, offset) in BODY.items():
        local = np.tile(np.eye(4), (frames, 1, 1))
        local[:, :3, 3] = np.array(offset) if parent else path
        if name in turns:
            local[:, :3, :3] = Rotation.from_rotvec(turns[name]).as_matrix()
        world[name] = world[parent] @ local if parent else local
    return {name: matrix[:, :3, 3] for name, matrix in world.items()}


# --- BVH ------------------------------------------------------------------------------------------------------


def write_bvh(
    turns: Mapping[str, np.ndarray],
    path: np.ndarray | None,
    *,
    order: str = "ZXY",
    unit: float = 0.01,
    axes: np.ndarray | None = None,
    seconds: float = 1 / 120,
) -> str:
    """The text of a BVH file.

    Args:
        path: the hips'; None: the root has no positions.
        order: of each joint's rotations.
        unit: metres.
        axes: the rotation from the body's axes to the file's.
    """
    axes = np.eye(3) if axes is None else axes
    children: dict[str, list[str]] = {}
    for name, (parent, _) in BODY.items():
        children.setdefault(parent, []).append(name)
    lines, columns = ["HIERARCHY"], []

    def numbers(values: Sequence[float]) -> str:
        return " ".join(f"{value:.9f}" for value in values)

    def joint(name: str, depth: int) -> None:
        indent, end = "\t" * depth, name.endswith("_end")
        lines.append(indent + ("End Site" if end else f"{'JOINT' if depth else 'ROOT'} {name}"))
        lines.append(indent + "{")
        lines.append(f"{indent}\tOFFSET {numbers(axes @ BODY[name][1] / unit)}")
        if not end:
            channels = [f"{axis}rotation" for axis in order]
            if not depth and path is not None:
                channels = ["Xposition", "Yposition", "Zposition", *channels]
                columns.append(path @ axes.T / unit)
            rotation = axes @ Rotation.from_rotvec(turns[name]).as_matrix() @ axes.T
            columns.append(Rotation.from_matrix(rotation).as_euler(order, degrees=True))
            lines.append(f"{indent}\tCHANNELS {len(channels)} {' '.join(channels)}")
        for child in children.get(name, []):
            joint(child, depth + 1)
        lines.append(indent + "}")

    joint("Hips", 0)
    frames = np.concatenate(columns, 1)
    lines += ["MOTION", f"Frames: {len(frames)}", f"Frame Time: {seconds:.7f}"]
    return "\n".join([*lines, *map(numbers, frames), ""])


# --- Acclaim --------------------------------------------------------------------------------------------------


def write_acclaim(
    turns: Mapping[str, np.ndarray],
    path: np.ndarray,
    *,
    unit: float = 0.0254,
    scale: float = 0.45,
    radians: bool = False,
) -> tuple[str, str]:
    """The texts of an .asf and an .amc: each bone with axes of its own, named by the joint at its far end.

    The first of a joint's bones turns with it; the others, which start there too, do so as well.
    """
    rng = np.random.default_rng(5)
    angle = 1 if radians else 180 / np.pi
    length = unit / scale
    order = "XYZ"
    asf = [
        "# a test's skeleton", ":version 1.10", ":name TEST", ":units", "  mass 1.0", f"  length {scale}",
        f"  angle {'rad' if radians else 'deg'}", ":documentation", "   any words: here", ":root",
        "   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0", "   orientation 0 0 0", ":bonedata",
    ]  # fmt: skip
    frames: dict[str, np.ndarray] = {}
    hierarchy: dict[str, list[str]] = {}
    hips = Rotation.from_rotvec(turns["Hips"]).as_euler("xyz") * angle
    frames["root"] = np.concatenate([path / length, hips], 1)
    for number, (name, (parent, offset)) in enumerate(BODY.items()):
        if not parent:
            continue
        own = rng.uniform(-2, 2, 3)
        axis = Rotation.from_euler("xyz", own)
        vector = np.array(offset) / length
        long = np.linalg.norm(vector)
        asf += [
            "  begin", f"     id {number}", f"     name {name}",
            "     direction " + " ".join(f"{v:.12g}" for v in vector / long), f"     length {long:.12g}",
            "     axis " + " ".join(f"{v:.12g}" for v in own * angle) + f" {order}",
        ]  # fmt: skip
        hierarchy.setdefault("root" if parent == "Hips" else parent, []).append(name)
        if parent != "Hips":  # the root turns its bones itself
            turn = axis.inv() * Rotation.from_rotvec(turns[parent]) * axis
            frames[name] = turn.as_euler("xyz") * angle
            asf += [
                "    dof rx ry rz",
                "    limits (-160.0 20.0)",
                "           (-70.0 70.0)",
                "           (-60.0 70.0)",
            ]
        asf.append("  end")
    asf += [
        ":hierarchy",
        "  begin",
        *(f"    {name} {' '.join(below)}" for name, below in hierarchy.items()),
        "  end",
        "",
    ]
    amc = ["#!OML:ASF somewhere.asf", ":FULLY-SPECIFIED", ":RADIANS" if radians else ":DEGREES"]
    for i in range(len(path)):
        amc += [str(i + 1), *(f"{name} " + " ".join(f"{v:.12g}" for v in rows[i]) for name, rows in frames.items())]
    return "\n".join(asf), "\n".join([*amc, ""])


# --- C3D ------------------------------------------------------------------------------------------------------


def write_c3d(
    points: Mapping[str, np.ndarray],
    *,
    unit: str | None = "mm",
    scale: float = -1.0,
    rate: float = 100.0,
    up: str | None = None,
    analog: int = 0,
) -> bytes:
    """A C3D file for Intel processors, as the C3D User Guide (c3d.org) lays it out.

    Args:
        points: label -> ``(frames, 3)``, in the file's unit; NaN: not seen.
        scale: negative: numbers are floats; else they are 16-bit integers times this.
        analog: how many analog channels, of one sample a frame.
    """
    labels = list(points)
    values = np.stack(list(points.values()), 1)
    frames, count = values.shape[:2]
    groups = {
        "POINT": {
            "USED": np.array(count, "<u2"),
            "SCALE": np.array(scale, "<f4"),
            "RATE": np.array(rate, "<f4"),
            "DATA_START": np.array(0, "<u2"),
            "FRAMES": np.array(min(frames, 65535), "<u2"),
            "DESCRIPTIONS": ["" for _ in labels[:255]],
        },
        "ANALOG": {"USED": np.array(analog, "<u2"), "RATE": np.array(rate if analog else 0.0, "<f4")},
    }
    for i in range(0, count, 255):
        groups["POINT"][f"LABELS{i // 255 + 1 if i else ''}"] = labels[i : i + 255]
    if unit is not None:
        groups["POINT"]["UNITS"] = unit
    if up is not None:
        groups["POINT"] |= {"X_SCREEN": "+X", "Y_SCREEN": up}
    if analog:
        groups["ANALOG"] |= {"GEN_SCALE": np.array(1.0, "<f4"), "OFFSET": np.zeros(analog, "<i2")}
        groups["ANALOG"] |= {"SCALE": np.ones(analog, "<f4"), "LABELS": [f"FP{i}" for i in range(analog)]}
    blocks = (len(_parameters(groups, 0)) + 511) // 512
    start = 2 + blocks
    groups["POINT"]["DATA_START"] = np.array(start, "<u2")
    header = struct.pack("<BBHHHHHfHHf", 2, 0x50, count, analog, 1, frames, 10, scale, start, 1 if analog else 0, rate)
    return (
        header.ljust(512, b"\0") + _parameters(groups, blocks).ljust(512 * blocks, b"\0") + _data(values, scale, analog)
    )


def _parameters(groups: Mapping[str, Mapping], blocks: int) -> bytes:
    data = bytes([1, 0x50, blocks, 84])
    for number, (group, parameters) in enumerate(groups.items(), 1):
        data += struct.pack("<bb", len(group), -number) + group.encode() + struct.pack("<hB", 3, 0)
        for name, value in parameters.items():
            kind, dimensions, content = _parameter(value)
            body = struct.pack("<bB", kind, len(dimensions)) + bytes(dimensions) + content + b"\0"  # no description
            data += struct.pack("<bb", len(name), number) + name.encode() + struct.pack("<h", len(body) + 2) + body
    return data + b"\0\0"


def _parameter(value) -> tuple[int, list[int], bytes]:
    """Type, dimensions (the fastest first) and content of a parameter."""
    if isinstance(value, str):
        return -1, [len(value)], value.encode()
    if isinstance(value, list):
        width = max(map(len, value), default=0)
        return -1, [width, len(value)], "".join(text.ljust(width) for text in value).encode()
    return value.dtype.itemsize, list(value.shape), value.tobytes()


def _data(values: np.ndarray, scale: float, analog: int) -> bytes:
    frames, count = values.shape[:2]
    seen = np.isfinite(values).all(-1)
    kind = "<f4" if scale < 0 else "<i2"
    rows = np.zeros((frames, count, 4))
    rows[..., :3] = np.where(seen[..., None], values if scale < 0 else np.round(values / scale), 0)
    rows[..., 3] = np.where(seen, 0, -1)
    rows = np.concatenate([rows.reshape(frames, -1), np.full((frames, analog), 7.0)], 1).astype(kind)
    return rows.tobytes().ljust((rows.nbytes + 511) // 512 * 512, b"\0")
