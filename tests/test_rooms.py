"""The code is built in rooms, floor upon floor: a room imports only from those below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import poseaug_gen

PACKAGE = Path(poseaug_gen.__file__).parent
# From the ground up.
ROOMS = ("sources", "coverage", "models", "training", "export", "evaluation", "consumers", "report", "commands")
GROUND, ROOF = -1, len(ROOMS)  # the modules of no room, and the command line over all of them


def floor_of(module: str) -> int:
    """Which floor a module of ours is on, by its dotted name."""
    name = (*module.split("."), "")[1]
    if name == "cli":
        return ROOF
    return ROOMS.index(name) if name in ROOMS else GROUND


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE.name)


def test_every_folder_is_a_room():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("room", [*ROOMS, ""], ids=[*ROOMS, "ground"])
def test_a_room_imports_only_from_those_below_it(room):
    files = (PACKAGE / room).rglob("*.py") if room else [p for p in PACKAGE.glob("*.py") if p.stem != "cli"]
    own = ROOMS.index(room) if room else GROUND
    seen = 0
    for path in files:
        for module in imported(path):
            seen += 1
            assert floor_of(module) <= own, f"{path} imports {module}"
    assert seen > 0
