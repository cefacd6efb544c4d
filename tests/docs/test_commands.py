"""What the documents show is what happens: every example is run, and every command and option is described."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from page_runs import PAGES, ROOT, Command, File, matches, name_of, run, start, steps

from poseaug_gen.cli import COMMANDS

TRIED = [page for page in PAGES if any(True for _ in steps(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", TRIED, ids=name_of)
def test_what_a_page_shows_is_what_happens(page, tmp_path, begun, terminal):
    text = page.read_text(encoding="utf-8")
    folder = tmp_path / "here"
    folder.mkdir()
    begun(start(text), folder)
    wrong = []
    for step in steps(text):
        if isinstance(step, File):
            path = folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
            continue
        printed = run(step, folder)
        if not matches(step, printed):
            wrong.append(_difference(page, step, printed))
    assert not wrong, "\n\n".join(wrong)


def _difference(page: Path, step: Command, printed: str) -> str:
    lines = difflib.unified_diff(step.printed.splitlines(), printed.splitlines(), "the page", "printed", lineterm="")
    return f"{name_of(page)}, line {step.line}: $ {step.words}\n" + "\n".join(lines) + f"\n\nprinted:\n{printed}"


def test_the_pages_that_show_most_are_among_them():
    assert {"docs/start.md", "docs/commands.md", "docs/extend/source.md"} <= {name_of(page) for page in TRIED}


def test_every_command_has_a_section_an_example_and_its_options():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    for name in COMMANDS:
        assert name in sections, f"docs/commands.md has no section of {name}"
        assert f"$ poseaug-gen {name}" in sections[name], f"docs/commands.md has no example of {name}"
        assert f"<!-- options: {name} -->" in sections[name], f"docs/commands.md has no options of {name}"
