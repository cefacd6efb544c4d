"""What a shell may put where the value of an option is typed: for ``shell_complete`` of click's parameters.

A shell asks at every press of a key, so nothing here may import a heavy library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from poseaug_gen.config import CHOICES, resolve
from poseaug_gen.errors import PoseAugError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

EXPORTS = (".h5", ".shards")  # ends of the names of what export leaves
_PLAIN = re.compile(r"[\w./~+,@%:=-]*")  # what a shell's script of click's may put down without quotes


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever the shell itself finds."""
    return [CompletionItem(incomplete, type="file")]


def one_of(*words: str, or_files: bool = False) -> Complete:
    """Some words; where none fits, files if they may stand there too."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return found or (files(context, parameter, incomplete) if or_files else [])

    return complete


def of_setting(name: str) -> Complete:
    """The words that a setting may be, such as ``estimator.name``."""
    return one_of(*CHOICES[name])


def skeletons() -> Complete:
    """The built-in skeletons, or a file."""
    folder = Path(__file__).parents[1] / "skeletons"
    return one_of(*sorted(path.stem for path in folder.glob("*.toml")), or_files=True)


def exports(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Exports, and folders of shards; where there are none, whatever file the shell finds."""
    found = [path for path in _paths(incomplete) if path.endswith(EXPORTS)]
    return _items(found) or files(context, parameter, incomplete)


def runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The run folders under ``--outputs``; where none begins so, whatever file the shell finds."""
    outputs = _outputs(context)
    found = [str(outputs / name) for name in _run_names(outputs)]
    return _items([path for path in found if path.startswith(incomplete)]) or files(context, parameter, incomplete)


def run_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Their names alone."""
    return _items([name for name in _run_names(_outputs(context)) if name.startswith(incomplete)])


def settings(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Every setting with its value under the preset and the estimator that are typed already: ``loss.range=3.0``."""
    preset, estimator = (context.params.get(name) for name in ("preset", "estimator"))
    try:
        config = resolve(preset, options={"estimator.name": estimator} if estimator else None)
    except PoseAugError:  # a mistake, which the command will tell
        config = resolve()
    written = {
        f"{section}.{key}": str(value).lower() if isinstance(value, bool) else str(value)
        for section, values in config.to_dict().items()
        for key, value in values.items()
        if not isinstance(value, list)  # which have options of their own
    }
    return _items([text for text in (f"{k}={v}" for k, v in written.items()) if text.startswith(incomplete)])


def _items(texts: list[str]) -> list[CompletionItem]:
    """Some texts to choose from; none where one needs quotes: the shell, which knows how, then finds it itself."""
    return [CompletionItem(text) for text in texts] if all(map(_PLAIN.fullmatch, texts)) else []


def _paths(incomplete: str) -> list[str]:
    """The paths that begin as one that is typed."""
    folder, slash, begun = incomplete.rpartition("/")
    try:
        names = sorted(path.name for path in Path(folder + slash).expanduser().iterdir())
    except (OSError, RuntimeError):  # no such folder, or no such person's home
        return []
    return [folder + slash + name for name in names if name.startswith(begun)]


def _outputs(context: click.Context) -> Path:
    return Path(context.params.get("outputs") or "outputs")


def _run_names(outputs: Path) -> list[str]:
    return sorted(path.parent.name for path in outputs.glob("*/run.json"))
