"""From the joints that a file has to those of a skeleton: by name, and by rules for what must be derived.

The tables are data, :data:`joint_names.toml <NAMES>`; a user's file of the same form goes before them. Every joint is
a weighted sum of the file's, so one matrix maps poses in any frame, in 3D and, seen from not too near, in 2D.

How a joint is found, the first that is there: what the user calls it; what the file's convention calls it; its general
spellings; the skeleton's aliases; a rule, whose parts are found in the same way.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from poseaug_gen.errors import PoseAugError, nearest
from poseaug_gen.skeleton import Skeleton, canonical_name

NAMES = "joint_names.toml"
LARGEST_WEIGHT = 100  # of a joint in a rule: more would turn a millimetre's error into a limb's length
MOST_LISTED = 60  # names in an error: more than a body with fingers has

_RIG = re.compile(r"^(mixamorig|bip)\d*[_ .-]+", re.IGNORECASE)  # what some tools put before every joint's name
_SIDE = re.compile(r"[_ .-](left|right|l|r)$", re.IGNORECASE)

Row = Float[np.ndarray, " file_joints"]
Spellings = Mapping[str, tuple[str, ...]]  # joint -> what files may call it, as `spelling` writes it, surest first
Rule = Mapping[str, float]  # joint -> its weight in the sum
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Convention:
    """Names that mean something of their own in files that have all of ``has``.

    A joint with no names is not in such files by name, whatever the general spellings say: it is derived.
    """

    name: str
    has: frozenset[str]
    joints: Spellings


@dataclass(frozen=True)
class JointNames:
    """What joints are called, and what those that are missing are made of."""

    joints: Spellings
    conventions: tuple[Convention, ...]
    rules: Mapping[str, tuple[Rule, ...]]
    layouts: Mapping[str, tuple[str, ...]]
    given: Spellings = field(default_factory=dict)  # the user's own, before all others

    def convention(self, present: AbstractSet[str]) -> Spellings:
        """What the conventions that names (spelt as we compare them) follow say; of several the first holds."""
        said: dict[str, tuple[str, ...]] = {}
        for convention in self.conventions:
            if convention.has <= present:
                said = {**convention.joints, **said}
        return said

    def in_company(self, present: AbstractSet[str]) -> Spellings:
        """How each joint may be spelt in a file that has these names; no spelling means two things at once."""
        said = self.convention(present)
        general = _without(self.joints, {s for spelt in said.values() for s in spelt})
        theirs = _without({**general, **said}, {s for spelt in self.given.values() for s in spelt})
        return {joint: (*self.given.get(joint, ()), *spelt) for joint, spelt in theirs.items()}


def spelling(name: str) -> str:
    """A file's name of a joint as names are compared: without case, separators, namespace and long forms of sides.

    ``mixamorig:LeftUpLeg`` -> ``lupleg``, ``Bip01 R Thigh`` -> ``rthigh``, ``hand_l`` -> ``lhand``.
    """
    name = _RIG.sub("", name.rpartition(":")[2])
    side = _SIDE.search(name)
    return canonical_name(f"{side[1][0]}_{name[: side.start()]}" if side else name)


def _without(table: Spellings, taken: set[str]) -> Spellings:
    return {joint: tuple(s for s in spelt if s not in taken) for joint, spelt in table.items()}


def matrix(
    joints: Sequence[str], skeleton: Skeleton, names: JointNames, where: str
) -> Float[np.ndarray, "joints file_joints"]:
    """The weights that make a skeleton's joints of a file's: ``pose = matrix @ file's pose``.

    Where the file has every joint of the skeleton by its very name, those are taken and no table is asked.

    Args:
        joints: the file's names; an empty one is not used.
        where: the file, as an error names it.

    Raises:
        PoseAugError: a joint is neither there nor can be derived; the sentence says which.
    """
    if set(skeleton.joints) <= set(joints):
        return np.stack([_only_one(list(joints).index(joint), len(joints)) for joint in skeleton.joints])
    rows = _rows(joints, skeleton, names)
    missing = [joint for joint, row in rows.items() if row is None]
    if missing:
        raise PoseAugError(
            f"{where}: the joints {', '.join(missing)} of skeleton {skeleton.name!r} are not among the file's joints "
            f"({listed(joints)}) and cannot be derived from them; choose another --skeleton, or name them in a TOML "
            f"file (--joints)"
        )
    return np.stack([row for row in rows.values() if row is not None])


def partial_matrix(
    joints: Sequence[str], skeleton: Skeleton, names: JointNames
) -> Float[np.ndarray, "joints file_joints"]:
    """As :func:`matrix`, with a row of zeros for each joint that is neither there nor can be derived."""
    rows = _rows(joints, skeleton, names).values()
    return np.stack([np.zeros(len(joints)) if row is None else row for row in rows])


def listed(joints: Sequence[str]) -> str:
    """A file's joints as an error names them."""
    named = [name for name in joints if name]
    more = f", … {len(named)} in all" if len(named) > MOST_LISTED else ""
    return ", ".join(named[:MOST_LISTED]) + more


def _rows(joints: Sequence[str], skeleton: Skeleton, names: JointNames) -> dict[str, Row | None]:
    """The weights of each of the skeleton's joints; None for one that cannot be made."""
    search = _Search(joints, skeleton, names)
    return {joint: search.of(number) for number, joint in enumerate(skeleton.joints)}


def to_skeleton(
    values: Shaped[np.ndarray, "rows file_joints dims"],
    joints: Sequence[str],
    skeleton: Skeleton,
    names: JointNames,
    where: str,
) -> Float[np.ndarray, "rows joints dims"]:
    """Poses of a file's joints as poses of a skeleton, float32. Raises as :func:`matrix`.

    A joint that is not finite spoils those that are made of it, and no other.
    """
    weights = matrix(joints, skeleton, names, where)
    result = np.empty((len(values), len(weights), values.shape[-1]), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for joint, row in enumerate(weights):
            used = np.flatnonzero(row)
            if len(used) == 1 and row[used[0]] == 1:
                result[:, joint] = values[:, used[0]]
            else:
                result[:, joint] = np.einsum("k,nkd->nd", row[used], values[:, used].astype(np.float64))
    return result


def _only_one(place: int, count: int) -> Row:
    """The weights of a joint that is one of the file's. No unit matrix: files may have thousands of joints."""
    row = np.zeros(count)
    row[place] = 1
    return row


class _Search:
    """What one file's joints are for one skeleton."""

    def __init__(self, joints: Sequence[str], skeleton: Skeleton, names: JointNames) -> None:
        self.skeleton, self.rules, self.count = skeleton, names.rules, len(joints)
        self.place: dict[str, int] = {}
        for i, name in enumerate(joints):
            if name:
                self.place.setdefault(spelling(name), i)
        self.spelt = names.in_company(self.place.keys())
        self.convention = names.convention(self.place.keys())
        said = (*self.convention.values(), *names.given.values())
        self.claimed = {s for spelt in said for s in spelt}  # by another joint than a skeleton may have it for
        self.meaning: dict[str, str] = {}  # of the skeleton's names; the first that knows one is right
        for table in (names.in_company({spelling(joint) for joint in skeleton.joints}), names.joints):
            for joint, spelt in table.items():
                for s in spelt:
                    self.meaning.setdefault(s, joint)

    def of(self, number: int) -> Row | None:
        """The weights of one of the skeleton's joints; None where it is not there and cannot be made."""
        aliases = [alias for alias, joint in self.skeleton.aliases if joint == number]
        own = (spelling(self.skeleton.joints[number]), *aliases)
        joint = next((self.meaning[s] for s in own if s in self.meaning), "")
        if joint in self.convention:
            return self._row(joint, ())
        return self._row(joint, (), tuple(s for s in own if s not in self.claimed))

    def _row(self, joint: str, above: tuple[str, ...], also: tuple[str, ...] = ()) -> Row | None:
        """The weights of a joint of the tables; ``above``: what it is wanted for, ``also``: other spellings of it."""
        place = next((self.place[s] for s in (*self.spelt.get(joint, ()), *also) if s in self.place), None)
        if place is not None:
            return _only_one(place, self.count)
        if joint in above:
            return None
        for rule in self.rules.get(joint, ()):
            parts = [self._row(part, (*above, joint)) for part in rule]
            there = [weight * part for weight, part in zip(rule.values(), parts, strict=True) if part is not None]
            if len(there) == len(parts):
                return np.sum(there, axis=0)
        return None


# --- the tables -----------------------------------------------------------------------------------------------


@lru_cache
def joint_names(path: Path | None = None) -> JointNames:
    """The built-in tables, a user's before them.

    Raises:
        PoseAugError: the file cannot be read or is not of the form of the built-in one.
    """
    ours = _tables(tomllib.loads(resources.files(__package__).joinpath(NAMES).read_text(encoding="utf-8")), NAMES)
    built_in = JointNames(
        joints={joint: (spelling(joint), *spelt) for joint, spelt in ours.joints.items()},
        conventions=ours.conventions,
        rules=ours.rules,
        layouts=ours.layouts,
    )
    if path is None:
        return built_in
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PoseAugError(f"{path}: not valid TOML: {error}; mend it there") from error
    theirs = _tables(data, str(path), built_in.joints)
    return JointNames(
        joints={joint: (spelling(joint),) for joint in theirs.joints} | dict(built_in.joints),
        conventions=theirs.conventions + built_in.conventions,
        rules={
            joint: (*theirs.rules.get(joint, ()), *built_in.rules.get(joint, ()))
            for joint in {**built_in.rules, **theirs.rules}
        },
        layouts={**built_in.layouts, **theirs.layouts},
        given=theirs.joints,
    )


def _tables(data: Mapping[str, Any], where: str, known: Iterable[str] = ()) -> JointNames:
    """Tables from their TOML form, checked; ``known`` are joints that other tables have."""
    _only(data, ("joints", "rules", "convention", "layouts"), where)
    joints = _spellings(data, "joints", where)
    every = {*joints, *known}
    entries = data.get("convention", [])
    if not isinstance(entries, list):
        raise PoseAugError(f"{where}: convention = {entries!r} must be a list of tables, each a [[convention]]")
    rules = {
        joint: _options(options, every, f"{where}, [rules] {joint}") for joint, options in _table(data, "rules", where)
    }
    return JointNames(
        joints,
        tuple(_convention(entry, every, f"{where}, [[convention]]") for entry in entries),
        _with_right_sides(rules, lambda options: tuple({_twin(j): w for j, w in rule.items()} for rule in options)),
        {name: tuple(_strings(value, name, where)) for name, value in _table(data, "layouts", where)},
    )


def _convention(entry: Any, known: set[str], where: str) -> Convention:
    if not isinstance(entry, Mapping):
        raise PoseAugError(f"{where}: {entry!r} must be a table with name, has and joints")
    _only(entry, ("name", "has", "joints"), where)
    has = _strings(entry.get("has"), "has", where)
    if not has:
        raise PoseAugError(f"{where}: has = [] would hold of every file; name the joints by which one is told")
    joints = _spellings(entry, "joints", where)
    for joint in joints:
        _known(joint, known, where)
    return Convention(str(entry.get("name", "")), frozenset(spelling(name) for name in has), joints)


def _options(options: Any, known: set[str], where: str) -> tuple[Rule, ...]:
    """The rules for one joint."""
    if not isinstance(options, list) or not all(isinstance(option, Mapping) and option for option in options):
        raise PoseAugError(f"{where}: {options!r} must be a list of tables of joints and weights")
    for option in options:
        for joint, weight in option.items():
            _known(joint, known, where)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= LARGEST_WEIGHT:
                raise PoseAugError(
                    f"{where}: the weight of {joint} is {weight!r}; give a number up to {LARGEST_WEIGHT}"
                )
        if not abs(sum(option.values()) - 1) <= 1e-6:
            raise PoseAugError(
                f"{where}: its weights sum to {sum(option.values()):g}; a place is a sum with weights of 1"
            )
    return tuple({joint: float(weight) for joint, weight in option.items()} for option in options)


def _spellings(data: Mapping[str, Any], key: str, where: str) -> Spellings:
    """What the table ``key`` says that joints are called, on both sides."""
    given = {
        joint: tuple(spelling(name) for name in _strings(names, joint, where))
        for joint, names in _table(data, key, where)
    }
    return _with_right_sides(given, lambda spelt: tuple(f"r{s[1:]}" for s in spelt if s.startswith("l")))


def _with_right_sides(table: Mapping[str, Entry], mirrored: Callable[[Entry], Entry]) -> dict[str, Entry]:
    """The table, and of each left joint the mirror image where the right one has no entry of its own."""
    right = {_twin(joint): mirrored(entry) for joint, entry in table.items() if joint.startswith("l_")}
    return {**right, **table}


def _twin(joint: str) -> str:
    """``l_knee`` -> ``r_knee``; a joint of the middle is its own."""
    return f"r_{joint[2:]}" if joint.startswith("l_") else joint


def _known(joint: str, known: set[str], where: str) -> None:
    if joint not in known:
        raise PoseAugError(f"{where}: no joint {joint!r}; {nearest(joint, known)}")


def _table(data: Mapping[str, Any], key: str, where: str) -> Iterable[tuple[str, Any]]:
    table = data.get(key, {})
    if not isinstance(table, Mapping):
        raise PoseAugError(f"{where}: {key} = {table!r} must be a table")
    return table.items()


def _strings(values: Any, key: str, where: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise PoseAugError(f"{where}: {key} = {values!r} must be a list of names")
    return values


def _only(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            raise PoseAugError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
