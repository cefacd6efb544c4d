"""What a page shows is tried: its files are written, its commands are run, and what they print is what it says.

In a page's Markdown, from its beginning to its end, in one folder a page:

- a fenced block with a title is a file: ```toml title="tiny.toml";
- a fenced block of the language ``console`` is run: a line ``$ …`` is a command (``\\`` at its end goes on in the next
  line), what follows is what it prints. ``…`` stands for anything within a line, a line of ``…`` for any lines. A
  command must succeed, or fail where it prints an error;
- a comment ``<!-- begin with: run, export -->`` puts a small finished run into ``outputs/tiny``, and 20,000 pairs of it
  into ``aug.h5``, before anything is run;
- a comment ``<!-- smaller: --rows 500 -->`` before a block has the first command of it run with these words too, as the
  one that is shown takes minutes. The numbers that the block prints may then be others; its words may not;
- a comment ``<!-- other numbers -->`` before a block says the same of its numbers alone;
- a comment that begins with ``console`` is such a block that readers are not shown.

Whoever shows what cannot be tried (a cluster, a bucket) uses another language: ``text``, ``bash``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from poseaug_gen.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]  # README.md's examples are tried too
ANYTHING = "…"
COLUMNS = "80"  # of the terminal that pages show
_BLOCK = re.compile(
    r"^(?:<!-- (?:smaller: (?P<smaller>[^\n]*)|(?P<other>other numbers)) -->\n\n?)?"
    r"(?:(?P<fence>```+)(?P<language>\w*)(?P<options>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$"
    r"|<!-- console\n(?P<hidden>.*?)^-->$)",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_FAILS = re.compile(r"^(Error|Usage|Traceback)\b", re.MULTILINE)
# A bar on a terminal, which is gone when the work is done; elsewhere a line for every ten seconds of it.
_PROGRESS = re.compile(r"^\w+: [\d,]+ of [\d,]+ \(\d+%\)\n", re.MULTILINE)
_NUMBER = re.compile(r"\d[\d,.]*")
_SHELL = re.compile(r"[|<>&;$`]")


def name_of(page: Path) -> str:
    """How a page is called: its path from the repository's root."""
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class File:
    """A file that a page shows."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command, and what the page says that it prints."""

    line: int
    words: str
    printed: str
    smaller: str = ""  # further words, where the page shows a larger run
    other_numbers: bool = False


def steps(markdown: str) -> Iterator[File | Command]:
    """What a page shows, in order."""
    for block in _BLOCK.finditer(markdown):
        line = markdown.count("\n", 0, block.start("body" if block["hidden"] is None else "hidden")) + 1
        if block["hidden"] is not None:
            yield from _commands(block["hidden"], line)
            continue
        title = _TITLE.search(block["options"])
        if title:
            yield File(line, title[1], block["body"])
        elif block["language"] == "console":
            yield from _commands(block["body"], line, block["smaller"] or "", bool(block["smaller"] or block["other"]))


def start(markdown: str) -> set[str]:
    """What the page wants to be there before it begins: ``run``, ``export``."""
    found = re.search(r"^<!-- begin with: ([a-z, ]+) -->$", markdown, re.MULTILINE)
    return {word.strip() for word in found[1].split(",")} if found else set()


def _commands(body: str, line: int, smaller: str = "", other_numbers: bool = False) -> Iterator[Command]:
    lines = body.splitlines()
    at = 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"line {line + at} is printed by no command: {lines[at]!r}"
        first, words = at, lines[at][2:]
        while words.endswith("\\"):
            at += 1
            words = words[:-1] + lines[at].strip()
        at += 1
        printed = []
        while at < len(lines) and not lines[at].startswith("$ "):
            printed.append(lines[at])
            at += 1
        yield Command(line + first, words, "\n".join(printed), smaller if first == 0 else "", other_numbers)


def run(command: Command, folder: Path) -> str:
    """What a command prints when it is run in a folder; it fails where it should not.

    ``poseaug-gen …`` runs in this process, which has imported everything already; what needs a shell does not.
    """
    words = f"{command.words} {command.smaller}".strip()
    name, *arguments = shlex.split(words, comments=True)
    if name == "poseaug-gen" and not _SHELL.search(words):
        there = Path.cwd()
        os.chdir(folder)
        try:
            result = CliRunner().invoke(main, arguments, prog_name=name)
        finally:
            os.chdir(there)
        code, printed = result.exit_code, result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            printed += "".join(traceback.format_exception(result.exception))
    else:
        shims = _shims(folder.parent)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": COLUMNS,
            "OMP_NUM_THREADS": "1",  # where others are at work, threads that wait for each other take all the time
        }
        done = subprocess.run(
            ["bash", "-c", words], cwd=folder, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT
        )
        code, printed = done.returncode, done.stdout
    fails = bool(_FAILS.search(command.printed))
    assert fails == bool(code), f"$ {words}\nends with exit code {code}:\n{printed}"
    return tidied(printed)


def tidied(printed: str) -> str:
    """What a terminal would still show: no blanks at the ends of lines, no lines of progress."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    return _PROGRESS.sub("", lines + "\n").strip("\n")


def matches(command: Command, printed: str) -> bool:
    """Whether what was printed is what the page says."""
    return re.fullmatch(pattern(command.printed, command.other_numbers), printed + "\n", re.DOTALL) is not None


def pattern(said: str, other_numbers: bool = False) -> str:
    """The regular expression of a block's output."""
    parts = []
    for line in said.strip("\n").split("\n") if said.strip("\n") else []:
        if line.strip() == ANYTHING:
            parts.append(r"(?:[^\n]*\n)*?")
            continue
        pieces = [_of_text(piece, other_numbers) for piece in line.rstrip().split(ANYTHING)]
        parts.append(r"[^\n]*?".join(pieces) + "\n")
    return "".join(parts) or "\n"


def _of_text(text: str, other_numbers: bool) -> str:
    if not other_numbers:
        return re.escape(text)
    return r"\d[\d,.]*".join(re.escape(piece) for piece in _NUMBER.split(text))


def _shims(folder: Path) -> Path:
    """A folder in which ``python`` and ``poseaug-gen`` are this checkout's."""
    shims = folder / "shims"
    shims.mkdir(exist_ok=True)
    for name, words in (("python", ""), ("poseaug-gen", "-m poseaug_gen.cli")):
        shim = shims / name
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        shim.chmod(0o755)
    return shims
