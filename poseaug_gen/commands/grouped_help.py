"""Commands of many options: their help is in groups, and two words may be one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

REST = "Options"


class GroupedCommand(click.Command):
    """A command that lists its options under headings, and whose options may take their kind as a word of its own.

    Args:
        groups: a heading for some options, by the names of their parameters; the others come last.
        two_words: for an option, the first words after which a second one belongs to the value: ``--cameras fov 40:90``
            is then ``--cameras fov:40:90``.
    """

    def __init__(
        self,
        *args: Any,
        groups: Mapping[str, Sequence[str]],
        two_words: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.groups, self.two_words = groups, two_words or {}

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, self._folded(args))

    def _folded(self, args: Sequence[str]) -> list[str]:
        """The same words, with every value of two words made one."""
        folded: list[str] = []
        left = list(args)
        while left:
            word = left.pop(0)
            folded.append(word)
            if word == "--":
                break
            option, equals, value = word.partition("=")
            kinds = self.two_words.get(option, ())
            if equals and value in kinds and left:
                folded[-1] = f"{word}:{left.pop(0)}"
            elif not equals and len(left) > 1 and left[0] in kinds:
                folded.append(f"{left.pop(0)}:{left.pop(0)}")
        return folded + left

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        headings = {name: heading for heading, names in self.groups.items() for name in names}
        records: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*self.groups, REST)}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and isinstance(parameter, click.Option):
                records[headings.get(parameter.name or "", REST)].append(record)
        for heading, lines in records.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


class RangeType(click.ParamType):
    """``LO:HI`` as two numbers; where nothing was given for an option that may be without, it stays so."""

    name = "range"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[float, float] | None:
        if not isinstance(value, str):
            return value
        low, _, high = value.partition(":")
        try:
            return float(low), float(high)
        except ValueError:
            self.fail(f"{value!r} must be two numbers, lowest and highest, such as 0.5:2", parameter, context)


class ShardType(click.ParamType):
    """``i/n``: shard i of n, counted from 0."""

    name = "shard"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        if not isinstance(value, str):
            return value
        number, _, count = value.partition("/")
        if not (number.isdecimal() and count.isdecimal()):
            self.fail(f"{value!r} must be i/n, such as 0/10 for the first of ten", parameter, context)
        if int(number) >= int(count):
            self.fail(
                f"{value!r}: shards are counted from 0, so the last of {count} is {int(count) - 1}", parameter, context
            )
        return int(number), int(count)


class SplitType(click.ParamType):
    """``val=SHARE``: the share of the rows that are for validation."""

    name = "split"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        if not isinstance(value, str):
            return value
        name, _, share = value.partition("=")
        try:
            return float(share if name == "val" else "")
        except ValueError:
            self.fail(f"{value!r} must be val=SHARE, such as val=0.02", parameter, context)
