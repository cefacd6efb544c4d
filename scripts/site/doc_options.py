"""``<!-- options: train -->`` in a page becomes the table of that command's options, from the command itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from poseaug_gen.cli import main
from poseaug_gen.commands.grouped_help import REST, GroupedCommand

_PLACE = re.compile(r"^<!-- options: (?P<words>[a-z ]+) -->$", re.MULTILINE)


def with_options(markdown: str) -> str:
    """The text with each place for a table filled."""
    return _PLACE.sub(lambda place: "\n".join(table(place["words"].split())), markdown)


def table(words: list[str]) -> Iterator[str]:
    """The options of a command (``sources convert`` is two words) as lines of Markdown.

    Raises:
        click.UsageError: there is no such command.
    """
    command, context = found(words)
    groups = command.groups if isinstance(command, GroupedCommand) else {}
    headings = {name: heading for heading, names in groups.items() for name in names}
    rows: dict[str, list[str]] = {heading: [] for heading in (*groups, REST)}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            option, said = record
            rows[headings.get(parameter.name or "", REST)].append(f"| `{option}` | {escaped(said)} |")
    yield f"`{' '.join([context.command_path, *command.collect_usage_pieces(context)])}`\n"
    for heading, lines in rows.items():
        if lines:
            yield from (f"| {heading} | |", "|---|---|", *lines, "")


def found(words: list[str]) -> tuple[click.Command, click.Context]:
    """A command by its words, and the context that it would run in."""
    command: click.Command = main
    context = click.Context(main, info_name="poseaug-gen")
    for word in words:
        assert isinstance(command, click.Group)
        name, inner, _ = command.resolve_command(context, [word])
        assert inner is not None
        command, context = inner, click.Context(inner, parent=context, info_name=name)
    return command, context


def escaped(text: str) -> str:
    """Text of a help line as Markdown that shows the same; options in it as code."""
    text = re.sub(r"([\\`*_|])", r"\\\1", text).replace("<", "&lt;")
    return re.sub(r"(?<![\w-])(--[a-z][a-z0-9-]*)", r"`\1`", text)
