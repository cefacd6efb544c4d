"""Poses in memory: camera-frame 3D poses, the cameras that see them, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from poseaug_gen.bones import bones_of, lengths_of
from poseaug_gen.camera import mirror_intrinsics, project
from poseaug_gen.skeleton import Skeleton


@dataclass(frozen=True)
class Labels:
    """One label a row, as codes into a list of names."""

    codes: Int[np.ndarray, " rows"]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str] | np.ndarray) -> Labels:
        """Labels from one string a row; names are sorted, so equal labels get equal codes."""
        names, codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)
        return cls(codes.astype(np.int32).reshape(-1), tuple(str(name) for name in names))

    @classmethod
    def constant(cls, value: str, rows: int) -> Labels:
        """The same label on every row."""
        return cls(np.zeros(rows, dtype=np.int32), (value,))

    def take(self, index: np.ndarray) -> Labels:
        """The labels of some rows; the names stay, so codes keep their meaning."""
        return Labels(self.codes[index], self.names)

    def counts(self) -> dict[str, int]:
        """How many rows bear each name, names without rows left out."""
        count = np.bincount(self.codes, minlength=len(self.names))
        return {name: int(n) for name, n in zip(self.names, count, strict=True) if n}

    def strings(self) -> np.ndarray:
        """One string a row."""
        return np.array(self.names, dtype=str)[self.codes]

    def held_out(self, share: float, seed: int = 0) -> Bool[np.ndarray, " rows"]:
        """Rows of whole labels, drawn until they are about ``share`` of all; true: held out.

        At least one label stays on each side; with one label alone nothing is held out.
        """
        counts = np.bincount(self.codes, minlength=len(self.names))
        present = np.flatnonzero(counts)
        wanted, held, rows = share * len(self.codes), [], 0
        for code in np.random.default_rng(seed).permutation(present)[:-1]:
            # A label that would overshoot by more than it fills is passed over for a smaller one.
            if rows < wanted and rows + counts[code] <= 1.5 * wanted:
                held.append(code)
                rows += counts[code]
        if share > 0 and not held and len(present) > 1:
            held = [present[np.argmin(counts[present])]]
        return np.isin(self.codes, held)


@dataclass(frozen=True, eq=False)
class PoseSet:
    """Poses with their cameras. All arrays have one row a pose; nothing is changed in place.

    Attributes:
        positions: joints in metres, camera frame (x right, y down, z forward), root at its absolute place.
        intrinsics: the nine normalised numbers of :data:`poseaug_gen.camera.INTRINSICS`.
        image_size: width and height in pixels.
        subject, action, camera: whose pose, doing what, seen by which camera.
        provenance: where the poses come from (name, licence, citation, files and their hashes), for the record.
        detected_2d: what a 2D detector found in the images, normalised image plane; None: nothing is known but the
            projection.
    """

    skeleton: Skeleton
    positions: Float[np.ndarray, "rows joints 3"]
    intrinsics: Float[np.ndarray, "rows 9"]
    image_size: Int[np.ndarray, "rows 2"]
    subject: Labels
    action: Labels
    camera: Labels
    provenance: dict = field(default_factory=dict)
    detected_2d: Float[np.ndarray, "rows joints 2"] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, index: np.ndarray) -> PoseSet:
        """Some rows, by index or mask."""
        return replace(
            self,
            positions=self.positions[index],
            intrinsics=self.intrinsics[index],
            image_size=self.image_size[index],
            subject=self.subject.take(index),
            action=self.action.take(index),
            camera=self.camera.take(index),
            detected_2d=None if self.detected_2d is None else self.detected_2d[index],
        )

    def subsample(self, rows: int, seed: int = 0) -> PoseSet:
        """At most ``rows`` rows drawn without replacement, in their old order."""
        if rows >= len(self):
            return self
        chosen = np.random.default_rng(seed).choice(len(self), rows, replace=False)
        return self.take(np.sort(chosen))

    def split_by_subject(self, share: float, seed: int = 0) -> tuple[PoseSet, PoseSet]:
        """(rest, held out): whole subjects are held out until about ``share`` of the rows are.

        At least one subject stays in each half; with one subject alone nothing is held out.
        """
        out = self.subject.held_out(share, seed)
        return self.take(~out), self.take(out)

    def mirrored(self) -> PoseSet:
        """The mirror image: x turned over, left and right swapped, the cameras mirrored with them."""
        positions = mirrored_points(self.positions, self.skeleton)
        intrinsics = mirror_intrinsics(torch.from_numpy(self.intrinsics)).numpy()
        detected = self.detected_2d
        if detected is not None:
            detected = mirrored_points(detected, self.skeleton)
        return replace(self, positions=positions, intrinsics=intrinsics, detected_2d=detected)

    def project(self) -> Float[np.ndarray, "rows joints 2"]:
        """The 2D poses that the cameras see, normalised image plane."""
        return project(torch.from_numpy(self.positions), torch.from_numpy(self.intrinsics)).numpy()

    def seen_2d(self) -> Float[np.ndarray, "rows joints 2"]:
        """The 2D poses that an estimator is given: the detected ones where there are any, else the projections."""
        return self.project() if self.detected_2d is None else self.detected_2d

    def bone_lengths(self) -> Float[np.ndarray, "rows bones"]:
        """Bone lengths of every pose, metres."""
        return lengths_of(bones_of(torch.from_numpy(self.positions), self.skeleton)).numpy()

    def subject_bone_lengths(self) -> Float[np.ndarray, "subjects bones"]:
        """Mean bone lengths of each subject that has rows, metres, left and right made equal."""
        lengths = self.bone_lengths()
        lengths = (lengths + lengths[:, self.skeleton.mirror_bones]) / 2
        codes = np.unique(self.subject.codes)
        return np.stack([lengths[self.subject.codes == code].mean(0) for code in codes])


def mirrored_points(
    points: Float[np.ndarray, "rows joints axes"], skeleton: Skeleton
) -> Float[np.ndarray, "rows joints axes"]:
    """Joints in 3D or in an image, x turned over, left and right swapped; of the type that they have."""
    mirrored = points[:, skeleton.mirror_joints]
    mirrored[..., 0] *= -1
    return mirrored


def concatenate(sets: Sequence[PoseSet]) -> PoseSet:
    """Several pose sets of one skeleton as one; provenance is listed under ``parts``.

    Raises:
        ValueError: the skeletons differ.
    """
    if len(sets) == 1:
        return sets[0]
    if any(s.skeleton != sets[0].skeleton for s in sets):
        raise ValueError(f"skeletons differ: {', '.join(s.skeleton.name for s in sets)}")
    return PoseSet(
        skeleton=sets[0].skeleton,
        positions=np.concatenate([s.positions for s in sets]),
        intrinsics=np.concatenate([s.intrinsics for s in sets]),
        image_size=np.concatenate([s.image_size for s in sets]),
        subject=Labels.of(np.concatenate([s.subject.strings() for s in sets])),
        action=Labels.of(np.concatenate([s.action.strings() for s in sets])),
        camera=Labels.of(np.concatenate([s.camera.strings() for s in sets])),
        detected_2d=(
            np.concatenate([s.seen_2d() for s in sets]) if any(s.detected_2d is not None for s in sets) else None
        ),
        provenance={
            "name": _joined(sets, "name", " + "),
            "licence": _joined(sets, "licence", "; "),
            "citation": _joined(sets, "citation", "; "),
            "parts": [s.provenance for s in sets],
        },
    )


def _joined(sets: Sequence[PoseSet], key: str, separator: str) -> str:
    """What the sets' provenance says under ``key``, each thing once."""
    said = [str(s.provenance[key]) for s in sets if s.provenance.get(key)]
    return separator.join(dict.fromkeys(said))
