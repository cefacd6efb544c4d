"""What a body is: joints, their parents, and which is the left of which right.

A :class:`Skeleton` is plain data. Every matrix, permutation and index that the method needs is derived from
it, so the same code serves Human3.6M's 16 joints, COCO's 17 or a skeleton that a user writes down in TOML.

Conventions: joint 0 is the root and a parent comes before its children. Bone ``b`` joins joint ``b + 1`` to
its parent; its vector is child - parent. A bone is named by its child.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from poseaug_gen.errors import PoseAugError, nearest

DEFAULT_SKELETON = "h36m16"
# A side behind a separator is surer than one in front without: lower_leg_r is the right lower leg.
_SIDE = (
    re.compile(r"[_ .-](left|right|l|r)$", re.IGNORECASE),
    re.compile(r"^(left|right|l|r)[_ .-]?(?=[a-z])", re.IGNORECASE),
)


@dataclass(frozen=True)
class Skeleton:
    """A tree of named joints with left/right pairs. Build one with :meth:`from_dict` or :func:`load_skeleton`."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root
    pairs: tuple[tuple[int, int], ...]  # (left joint, right joint)
    trunk: tuple[int, ...]  # joints whose bones keep their direction: turning them would turn the whole body
    scale: int  # joint whose bone keeps its length (see SPEC: a tall person far away looks like a short one near)
    parts: tuple[tuple[str, tuple[int, ...]], ...]  # part name -> bones that its discriminator sees
    aliases: tuple[tuple[str, int], ...] = ()  # other spellings of a joint's name

    # --- construction -------------------------------------------------------------------------------------

    @classmethod
    def from_dict(cls, data: Mapping, where: str = "skeleton") -> Skeleton:
        """A skeleton from its TOML or JSON form.

        ``joints`` maps each joint to its parent's name (``""`` for the root, which comes first). Optional:
        ``pairs`` ([[left, right], …], else taken from ``l_``/``r_``/``left``/``right`` in the names),
        ``trunk``, ``scale``, ``parts`` and ``aliases``; what is missing is derived (see :func:`_derived_trunk`,
        :func:`_derived_parts`).

        Raises:
            PoseAugError: the tree is not one, a name is unknown, or a key is.
        """
        known = ("name", "joints", "pairs", "trunk", "scale", "parts", "aliases")
        for key in data:
            if key not in known:
                raise PoseAugError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
        _check_forms(data, where)
        tree = data.get("joints")
        if not isinstance(tree, Mapping) or len(tree) < 3:
            raise PoseAugError(f"{where}: [joints] must map at least three joints to their parents")
        joints = tuple(tree)
        if tree[joints[0]] != "":
            raise PoseAugError(f'{where}: the first joint, {joints[0]!r}, must be the root: {joints[0]} = ""')
        parents = [-1]
        for joint in joints[1:]:
            parent = tree[joint]
            if parent not in joints[: len(parents)]:
                raise PoseAugError(
                    f"{where}: joint {joint!r} has the parent {parent!r}, which must be listed before it"
                )
            parents.append(joints.index(parent))

        def index(joint: str) -> int:
            if joint not in joints:
                raise PoseAugError(f"{where}: no joint {joint!r}; {nearest(str(joint), joints)}")
            return joints.index(joint)

        def bone(joint: str) -> int:
            if index(joint) == 0:
                raise PoseAugError(f"{where}: the root {joint!r} has no bone; name the joint at a bone's far end")
            return index(joint) - 1

        if "pairs" in data:
            pairs = tuple((index(left), index(right)) for left, right in data["pairs"])
        else:
            pairs = _pairs_from_names(joints)
        _check_pairs(joints, parents, pairs, where)
        bare = cls(str(data.get("name", "custom")), joints, tuple(parents), pairs, (), 1, ())
        trunk = tuple(index(j) for j in data["trunk"]) if "trunk" in data else _derived_trunk(bare)
        scale = index(data["scale"]) if "scale" in data else (trunk[-1] if trunk else 1)
        if "parts" in data:
            parts = tuple((part, tuple(sorted(bone(j) for j in js))) for part, js in data["parts"].items())
        else:
            parts = _derived_parts(bare)
        aliases = tuple(
            (canonical_name(alias), index(joint)) for joint, names in data.get("aliases", {}).items() for alias in names
        )
        return cls(bare.name, joints, bare.parents, pairs, trunk, scale, parts, aliases)

    def to_dict(self) -> dict:
        """The form that :meth:`from_dict` reads; ``from_dict(s.to_dict()) == s``."""
        parent_name = ["" if p < 0 else self.joints[p] for p in self.parents]
        aliases: dict[str, list[str]] = {}
        for alias, joint in self.aliases:
            aliases.setdefault(self.joints[joint], []).append(alias)
        return {
            "name": self.name,
            "joints": dict(zip(self.joints, parent_name, strict=True)),
            "pairs": [[self.joints[left], self.joints[right]] for left, right in self.pairs],
            "trunk": [self.joints[j] for j in self.trunk],
            "scale": self.joints[self.scale],
            "parts": {part: [self.joints[b + 1] for b in bones] for part, bones in self.parts},
            "aliases": aliases,
        }

    def describe(self) -> dict:
        """What a reader of an export needs, as plain data: :meth:`to_dict` and what is derived from it."""
        return {
            **self.to_dict(),
            "joint_names": list(self.joints),
            "parents": list(self.parents),
            "left": [self.joints[left] for left, _ in self.pairs],
            "right": [self.joints[right] for _, right in self.pairs],
            "length_groups": {name: [self.joints[b + 1] for b in bones] for name, bones in self.length_groups},
        }

    # --- sizes --------------------------------------------------------------------------------------------

    @property
    def num_joints(self) -> int:
        return len(self.joints)

    @property
    def num_bones(self) -> int:
        return len(self.joints) - 1

    @property
    def num_groups(self) -> int:
        return len(self.length_groups)

    # --- matrices and indices -----------------------------------------------------------------------------

    @cached_property
    def bone_parents(self) -> Int[np.ndarray, " bones"]:
        """The joint that each bone starts from."""
        return np.array(self.parents[1:])

    @cached_property
    def bone_matrix(self) -> Float[np.ndarray, "bones joints"]:
        """``bones = bone_matrix @ pose``: +1 at the child, -1 at the parent."""
        matrix = np.zeros((self.num_bones, self.num_joints))
        matrix[np.arange(self.num_bones), np.arange(1, self.num_joints)] = 1
        matrix[np.arange(self.num_bones), self.bone_parents] = -1
        return matrix

    @cached_property
    def chain_matrix(self) -> Float[np.ndarray, "joints bones"]:
        """``root-relative pose = chain_matrix @ bones``: 1 where the bone lies between root and joint."""
        matrix = np.zeros((self.num_joints, self.num_bones))
        for joint in range(1, self.num_joints):
            matrix[joint] = matrix[self.parents[joint]]
            matrix[joint, joint - 1] = 1
        return matrix

    @cached_property
    def mirror_joints(self) -> Int[np.ndarray, " joints"]:
        """The permutation of the joints that swaps left and right."""
        order = np.arange(self.num_joints)
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return order

    @cached_property
    def mirror_bones(self) -> Int[np.ndarray, " bones"]:
        """The same permutation of the bones."""
        return self.mirror_joints[1:] - 1

    @cached_property
    def length_groups(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Bones that share one length ratio: each left/right pair and each central bone, in order of first bone."""
        groups: list[tuple[str, tuple[int, ...]]] = []
        for bone in range(self.num_bones):
            twin = int(self.mirror_bones[bone])
            if twin >= bone:
                name = self.joints[bone + 1] if twin == bone else without_side(self.joints[bone + 1])
                groups.append((name, (bone,) if twin == bone else (bone, twin)))
        return tuple(groups)

    @cached_property
    def group_of_bone(self) -> Int[np.ndarray, " bones"]:
        """The length group of each bone."""
        order = np.zeros(self.num_bones, dtype=np.int64)
        for group, (_, bones) in enumerate(self.length_groups):
            order[list(bones)] = group
        return order

    @cached_property
    def turnable_bones(self) -> Bool[np.ndarray, " bones"]:
        """Bones whose direction may change: all but the trunk's."""
        return np.array([bone + 1 not in self.trunk for bone in range(self.num_bones)])

    @cached_property
    def scalable_groups(self) -> Bool[np.ndarray, " groups"]:
        """Length groups that may change: all but the one that would trade size for depth."""
        return np.array([self.scale - 1 not in bones for _, bones in self.length_groups])

    @cached_property
    def limb_depth(self) -> Int[np.ndarray, " joints"]:
        """How deep in a limb each joint is: 0 on the trunk, 1 at hip and shoulder, 2 at knee and elbow, …"""
        paired = {joint for pair in self.pairs for joint in pair}
        depth = np.zeros(self.num_joints, dtype=np.int64)
        for joint in range(1, self.num_joints):
            if joint in paired:
                depth[joint] = depth[self.parents[joint]] + 1
        return depth

    @cached_property
    def feedback_groups(self) -> tuple[tuple[int, ...], ...]:
        """The three groups of joints over which the feedback compares errors (SPEC, "Feedback").

        Joints one, two, and three or more bones into a limb; a central end joint (the head) counts with the
        second. For ``h36m16`` these are the published {1,4,10,13}, {2,5,9,11,14}, {3,6,12,15}.
        """
        level = np.minimum(self.limb_depth, 3)
        level[list(self._central_ends)] = 2
        groups = tuple(tuple(int(j) for j in np.flatnonzero(level == k)) for k in (1, 2, 3))
        return tuple(group for group in groups if group)

    @cached_property
    def feedback_weights(self) -> Float[np.ndarray, " joints"]:
        """The published weight of each joint's error: 5 at a limb's first joint, 2 at its second, else 1."""
        return np.select([self.limb_depth == 1, self.limb_depth == 2], [5.0, 2.0], 1.0)

    @cached_property
    def _central_ends(self) -> tuple[int, ...]:
        paired = {joint for pair in self.pairs for joint in pair}
        return tuple(j for j in range(1, self.num_joints) if j not in paired and j not in self.parents)


def canonical_name(name: str) -> str:
    """A joint's name without case, separators or long forms of the sides: ``Left_Hip`` -> ``lhip``."""
    name = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"^(left|right)", lambda m: m[0][0], name)


def without_side(name: str) -> str:
    """``l_knee`` -> ``knee``."""
    match = _side(name)
    return name[: match.start()] + name[match.end() :] if match else name


def _side(name: str) -> re.Match[str] | None:
    """What in a joint's name may tell its side."""
    return next((match for pattern in _SIDE if (match := pattern.search(name))), None)


def _check_forms(data: Mapping, where: str) -> None:
    """Every optional key has the form that :meth:`Skeleton.from_dict` says; a string is no list of names."""

    def names(value: object) -> bool:
        return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(name, str) for name in value)

    def table_of_names(value: object) -> bool:
        return isinstance(value, Mapping) and all(names(entry) for entry in value.values())

    forms = {
        "name": (lambda v: isinstance(v, str), "a string"),
        "pairs": (
            lambda v: isinstance(v, list | tuple) and all(names(p) and len(p) == 2 for p in v),
            "a list of [left, right] names",
        ),
        "trunk": (lambda v: names(v) or v == [], "a list of joint names"),
        "scale": (lambda v: isinstance(v, str), "a joint's name"),
        "parts": (lambda v: table_of_names(v) and len(v) > 0, "a table of lists of joint names"),
        "aliases": (table_of_names, "a table of lists of names"),
    }
    for key, (fits, form) in forms.items():
        if key in data and not fits(data[key]):
            raise PoseAugError(f"{where}: {key} = {data[key]!r} must be {form}")


def _pairs_from_names(joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """(left, right) for every two joints whose names differ in the side alone."""
    sides: dict[str, dict[str, int]] = {}
    for i, name in enumerate(joints):
        match = _side(name)
        if match:
            sides.setdefault(without_side(name), {})[match[1][0].lower()] = i
    return tuple((s["l"], s["r"]) for s in sides.values() if len(s) == 2)


def _check_pairs(joints: tuple[str, ...], parents: list[int], pairs: tuple[tuple[int, int], ...], where: str) -> None:
    """A mirror image must be a body of the same tree: twins hang from twins, or from one central joint."""
    twin = list(range(len(joints)))
    for left, right in pairs:
        if left == right or twin[left] != left or twin[right] != right:
            raise PoseAugError(f"{where}: joint {joints[left]!r} or {joints[right]!r} is in two left/right pairs")
        twin[left], twin[right] = right, left
    if twin[0] != 0:
        raise PoseAugError(f"{where}: the root {joints[0]!r} must lie on the body's middle, not in a pair")
    for joint, parent in enumerate(parents):
        if parent >= 0 and parents[twin[joint]] != twin[parent]:
            raise PoseAugError(
                f"{where}: {joints[joint]!r} and {joints[twin[joint]]!r} are a left/right pair, "
                f"but their parents are not"
            )


def _derived_trunk(skeleton: Skeleton) -> tuple[int, ...]:
    """Central joints on the way from the root to where a limb begins: spine and thorax of ``h36m16``."""
    paired = {joint for pair in skeleton.pairs for joint in pair}
    trunk = set()
    for joint in paired:
        parent = skeleton.parents[joint]
        while parent > 0 and parent not in paired:
            trunk.add(parent)
            parent = skeleton.parents[parent]
    return tuple(sorted(trunk))


def _derived_parts(skeleton: Skeleton) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """One part a limb, and the torso, by the rule that gives ``h36m16`` its published parts.

    A limb's part is its own bones and what it hangs from: the bone that ends where the limb begins or, at the
    root, the other bones that begin there. The torso is every central bone and each limb's first.
    """
    depth, parents = skeleton.limb_depth, skeleton.parents
    bones = range(skeleton.num_bones)
    parts = []
    for first in (int(j) for j in np.flatnonzero(depth == 1)):
        own = {b for b in bones if skeleton.chain_matrix[b + 1, first - 1]}
        at = parents[first]
        holds = {at - 1} if at > 0 else {b for b in bones if parents[b + 1] == 0}
        parts.append((skeleton.joints[first], tuple(sorted(own | holds))))
    parts.append(("torso", tuple(b for b in bones if depth[b + 1] <= 1)))
    return tuple(parts)


@lru_cache
def builtin_skeletons() -> tuple[str, ...]:
    """Names of the skeletons that come with the tool."""
    folder = resources.files("poseaug_gen") / "skeletons"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")))


@lru_cache
def load_skeleton(name: str = DEFAULT_SKELETON) -> Skeleton:
    """A built-in skeleton by name, or one from a TOML file by path.

    Raises:
        PoseAugError: no such skeleton or file, or the file does not describe one.
    """
    if name in builtin_skeletons():
        text = (resources.files("poseaug_gen") / "skeletons" / f"{name}.toml").read_text()
        return Skeleton.from_dict(tomllib.loads(text), where=name)
    path = Path(name)
    if path.suffix != ".toml":
        raise PoseAugError(
            f"no skeleton {name!r}; {nearest(name, builtin_skeletons())} (or give the path of a .toml file)"
        )
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; give the path of a skeleton file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PoseAugError(f"{path}: not valid TOML: {error}") from error
    return Skeleton.from_dict({"name": path.stem, **data}, where=str(path))


def skeleton_from_json(text: str, where: str) -> Skeleton:
    """The skeleton in the ``skeleton`` attribute of one of our files.

    Raises:
        PoseAugError: the text is not a skeleton.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise PoseAugError(f"{where}: its 'skeleton' attribute is not JSON: {error}") from error
    if not isinstance(data, Mapping):
        raise PoseAugError(f"{where}: its 'skeleton' attribute is {text[:80]!r} and must be a JSON object")
    keys = ("name", "joints", "pairs", "trunk", "scale", "parts", "aliases")
    return Skeleton.from_dict({key: data[key] for key in keys if key in data}, where)
