"""Joint centres from the markers of Vicon's Plug-in Gait, by published rules.

Hips: Harrington, Zavatsky, Lawson, Yuan and Theologis, "Prediction of the hip joint centre in adults, children, and
patients with cerebral palsy based on magnetic resonance imaging", J. Biomech. 40 (2007), the equations in pelvic width
(PW, between the ASIS) and pelvic depth (PD, from the middle of the ASIS to that of the PSIS).
Knees and ankles: Plug-in Gait's chord (Vicon, "Plug-in Gait Reference Guide"). The marker lies half the joint's width
and half its own diameter beside the centre, square to the bone above and towards the wand (THI, TIB). Elbows: as far
beside it, square to both bones, as a hinge has it; Plug-in Gait's own rule fails where the arm is straight. Files have
no widths: they are the means of 507 adults of Heinz, Peterson, Johnson and Kerk, "Exploring Relationships in Body
Dimensions", J. Stat. Educ. 11 (2003).
Shoulders: below the marker on the acromion, along the trunk, by 17 % of the distance between the two: Rab, Petuskey
and Bagley, "A method for determination of upper extremity kinematics", Gait Posture 15 (2002).
Wrists: the middle of the wrist bar. Thorax: the middle of C7 and CLAV. Head: the middle of the four markers about it,
as high as the temples, which is where Human3.6M's head joint is: some 4 cm over the ear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from poseaug_gen.gravity import unit

MARKER = 0.014  # metres, the diameter; the usual one
KNEE, ANKLE, ELBOW = 0.094, 0.069, 0.067  # metres, widths
ACROMION = 0.17  # of the distance between the acromia: how far the shoulder's centre lies under its marker

Place = Float[np.ndarray, "frames 3"]
Markers = Mapping[str, Place]


def joint_centres(markers: Markers, metre: float) -> dict[str, Place]:
    """The joints that can be made of the markers that are there, by our names of them.

    Args:
        markers: by their names without the subject's (``LASI``); NaN where one was not seen.
        metre: how long one is in the markers' unit.
    """
    found = {**_hips(markers, metre), **_trunk(markers)}
    for side in ("l", "r"):
        for joint, make in _LIMBS.items():
            centre = make(markers, found, side, metre)
            if centre is not None:
                found[f"{side}_{joint}"] = centre
    return found


def shin(markers: Markers) -> float | None:
    """About how long a shin is, from the outside of knee to that of the ankle; None: it has no markers."""
    sides = [markers[f"{s}KNE"] - markers[f"{s}ANK"] for s in "LR" if {f"{s}KNE", f"{s}ANK"} <= markers.keys()]
    return _median(np.linalg.norm(np.concatenate(sides), axis=-1)) if sides else None


# --- trunk and hips -------------------------------------------------------------------------------------------


def _hips(markers: Markers, metre: float) -> dict[str, Place]:
    back = _middle(markers, "LPSI", "RPSI") if "LPSI" in markers else markers.get("SACR")
    front = _middle(markers, "LASI", "RASI")
    if front is None or back is None:
        return {}
    across = markers["RASI"] - markers["LASI"]
    right = unit(across)
    forward = unit(_square_to(front - back, right))
    up = np.cross(right, forward)
    mm = metre / 1000
    width = _median(np.linalg.norm(across, axis=-1))
    depth = _median(np.linalg.norm(front - back, axis=-1))
    middle = front + forward * (-0.24 * depth - 9.9 * mm) + up * (-0.30 * width - 10.9 * mm)
    out = right * (0.33 * width + 7.3 * mm)
    return {"l_hip": middle - out, "r_hip": middle + out}


def _trunk(markers: Markers) -> dict[str, Place]:
    found = {"thorax": _middle(markers, "C7", "CLAV")}
    front, back = _middle(markers, "LFHD", "RFHD"), _middle(markers, "LBHD", "RBHD")
    found["head"] = None if front is None or back is None else (front + back) / 2
    return {joint: place for joint, place in found.items() if place is not None}


# --- limbs ----------------------------------------------------------------------------------------------------


def _knee(markers: Markers, found: Markers, side: str, metre: float) -> Place | None:
    hip, marker, wand = found.get(f"{side}_hip"), markers.get(f"{side.upper()}KNE"), markers.get(f"{side.upper()}THI")
    if hip is None or marker is None:
        return None
    outwards = found[f"{side}_hip"] - found[f"{_other(side)}_hip"] if wand is None else wand - marker
    return _chord(hip, marker, outwards, (KNEE + MARKER) / 2 * metre)


def _ankle(markers: Markers, found: Markers, side: str, metre: float) -> Place | None:
    knee, marker, wand = found.get(f"{side}_knee"), markers.get(f"{side.upper()}ANK"), markers.get(f"{side.upper()}TIB")
    if knee is None or marker is None:
        return None
    outwards = markers[f"{side.upper()}KNE"] - knee if wand is None else wand - marker
    return _chord(knee, marker, outwards, (ANKLE + MARKER) / 2 * metre)


def _shoulder(markers: Markers, found: Markers, side: str, metre: float) -> Place | None:
    up = _up(markers, found)
    if up is None or not {"LSHO", "RSHO"} <= markers.keys():
        return None
    breadth = _median(np.linalg.norm(markers["LSHO"] - markers["RSHO"], axis=-1))
    return markers[f"{side.upper()}SHO"] - ACROMION * breadth * unit(up)


def _elbow(markers: Markers, found: Markers, side: str, metre: float) -> Place | None:
    shoulder, marker = found.get(f"{side}_shoulder"), markers.get(f"{side.upper()}ELB")
    wrist = _wrist(markers, found, side, metre)
    if shoulder is None or marker is None or wrist is None:
        return None
    upper, fore = shoulder - marker, wrist - marker
    sideways = np.cross(upper, fore) if side == "l" else np.cross(fore, upper)  # elbows bend forwards
    return _hinge(upper, fore, sideways, marker, (ELBOW + MARKER) / 2 * metre)


def _wrist(markers: Markers, found: Markers, side: str, metre: float) -> Place | None:
    return _middle(markers, f"{side.upper()}WRA", f"{side.upper()}WRB")


def _up(markers: Markers, found: Markers) -> Place | None:
    """Along the trunk: to C7 and CLAV, or the acromia, from T10 and STRN, or the hips."""
    above, below = found.get("thorax"), _middle(markers, "T10", "STRN")
    above = _middle(markers, "LSHO", "RSHO") if above is None else above
    below = _middle(found, "l_hip", "r_hip") if below is None else below
    return None if above is None or below is None else above - below


# Each needs those before it.
_LIMBS: Mapping[str, Callable[[Markers, Markers, str, float], Place | None]] = {
    "knee": _knee,
    "ankle": _ankle,
    "shoulder": _shoulder,
    "elbow": _elbow,
    "wrist": _wrist,
}


def _chord(above: Place, marker: Place, outwards: Place, distance: float) -> Place:
    """The joint centre ``distance`` from its marker, square to the bone from ``above``.

    The centre is seen under a right angle from marker and ``above``, in their plane with the direction ``outwards``,
    and on the other side of their line.
    """
    to_above = unit(above - marker)
    inwards = -unit(_square_to(outwards, to_above))
    cosine = np.minimum(distance / np.maximum(np.linalg.norm(above - marker, axis=-1, keepdims=True), 1e-9), 1)
    return marker + distance * (cosine * to_above + np.sqrt(1 - cosine**2) * inwards)


def _hinge(above: Place, below: Place, sideways: Place, marker: Place, distance: float) -> Place:
    """The joint centre ``distance`` from its marker, square to both of its bones.

    With e the direction from centre to marker, ``e . above = e . below = -distance``: in their plane e is fixed, and
    square to it e is what is left to a length of one, on the side of ``sideways``.

    Args:
        above, below: the next joints, from the marker.
    """
    aa, ab, bb = ((x * y).sum(-1, keepdims=True) for x, y in ((above, above), (above, below), (below, below)))
    area = np.maximum(aa * bb - ab**2, 1e-9 * aa * bb + 1e-30)
    flat = -distance * ((bb - ab) * above + (aa - ab) * below) / area
    rest = np.sqrt(np.maximum(1 - (flat**2).sum(-1, keepdims=True), 0))
    return marker - distance * unit(flat + rest * unit(sideways))


def _middle(markers: Markers, one: str, other: str) -> Place | None:
    return (markers[one] + markers[other]) / 2 if one in markers and other in markers else None


def _other(side: str) -> str:
    return "r" if side == "l" else "l"


def _square_to(vector: Place, direction: Place) -> Place:
    """What of a vector is square to a unit direction."""
    return vector - (vector * direction).sum(-1, keepdims=True) * direction


def _median(values: Float[np.ndarray, " frames"]) -> float:
    """Over the frames on which it is known; NaN where it is on none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
