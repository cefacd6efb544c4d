"""The card beside an export, ``aug.README.md`` beside ``aug.h5``: what it holds, how it was made, under which licence.

It begins as Hugging Face's dataset cards do, so that the Hub shows the export and ``load_dataset`` reads it where the
card lies as ``README.md``. A folder may hold several exports and a README of the user's own, so that is not its name
here. It is made of the export's own attributes alone: the same export has the same card, and it says nothing of when
or where. What files of poses said of themselves is quoted.
"""

from __future__ import annotations

import glob
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export import card_texts
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.licences import Origin, hub_licence, origins
from poseaug_gen.export.reading import REMAKE, parsed, read_attributes, skeleton_of
from poseaug_gen.export.repeating import export_command, train_command
from poseaug_gen.export.schema import Column, all_columns, recorded_settings, settings_hash
from poseaug_gen.export.stores import Store
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.source import LICENCE as BUILT_IN_LICENCE

_LONGEST = 2000  # characters of a text that a file of poses brought
_NAMES = 5  # of an origin that are listed
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")  # the Hub's, from 10^3 on


@dataclass(frozen=True)
class Facts:
    """What a card is made of: an export's attributes, those that hold JSON as what it holds, and its files."""

    layout: Layout
    columns: tuple[Column, ...]
    skeleton: Skeleton
    attributes: Mapping[str, Any]
    config: Mapping[str, Any]
    run: Mapping[str, Any]
    redrawn: Mapping[str, int]
    origins: Sequence[Origin]
    settings: ExportSettings

    @property
    def name(self) -> str:
        """What an export is called: by the poses that it stands on."""
        names = dict.fromkeys(name for origin in self.origins for name in origin.names if origin.role == "source")
        return f"{self.layout.rows:,} 2D-3D human pose pairs augmented from {listed(list(names))}"


def write_card(store: Store, layout: Layout) -> None:
    """Put the card of a whole export beside it, unless the very card is there.

    Raises:
        PoseAugError: the export cannot be read, or the place not be written.
    """
    text = card_of(store, layout)
    if store.read_text(layout.card) != text:
        store.write_text(layout.card, text)


def card_of(store: Store, layout: Layout) -> str:
    """The card of a whole export. Raises a PoseAugError where its attributes lack something."""
    shown = Path(store.show(layout.out))
    with store.opened(layout.out) as file:
        attributes = read_attributes(file, shown)
        skeleton = skeleton_of(attributes, shown)
        columns = tuple(column for column in all_columns(skeleton) if column.name in file)
    config, run, redrawn, source = (parsed(attributes, name, shown) for name in ("config", "run", "redrawn", "source"))
    try:
        settings, whose = recorded_settings(config), origins(source)
        return text_of(Facts(layout, columns, skeleton, attributes, config, run, redrawn, whose, settings))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PoseAugError(f"{shown}: its attributes are not what they should be ({error!r}); {REMAKE}") from error


def text_of(facts: Facts) -> str:
    """The card: front matter, and sections in Markdown."""
    parts = (
        _front_matter(facts),
        _introduction(facts),
        _columns(facts),
        card_texts.frames(facts.skeleton.num_joints),
        card_texts.loading(facts.layout, facts.skeleton.num_joints, facts.settings),
        _making(facts),
        _source(facts),
        card_texts.limits(facts.settings, [column.name for column in facts.columns]),
        card_texts.citation(_one_line(facts.attributes["tool_version"])),
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _front_matter(facts: Facts) -> str:
    """YAML; JSON's strings are YAML's too, so each that is not ours is written as one."""
    lines = [f"pretty_name: {_quoted(facts.name)}"]
    lines += [f"{key}: {_quoted(value)}" for key, value in hub_licence(facts.origins).items()]
    lines += ["task_categories:", "- keypoint-detection"]
    lines += ["tags:", *(f"- {tag}" for tag in card_texts.TAGS)]
    lines += ["size_categories:", f"- {size_category(facts.layout.rows)}"]
    lines += ["configs:", "- config_name: default", "  data_files:", "  - split: train"]
    lines += [f"    path: {_quoted(data_files(facts.layout))}"]
    return "\n".join(["---", *lines, "---"])


def data_files(layout: Layout) -> str:
    """Where the rows are, as a pattern relative to the card; the virtual dataset is no such file."""
    if not layout.sharded:
        return glob.escape(layout.out.name)
    stem = glob.escape(layout.out.stem)
    return f"{glob.escape(layout.folder.name)}/{stem}-*-of-{layout.shards:05d}.h5"


def size_category(rows: int) -> str:
    """How many rows, as the Hub tells sizes apart."""
    power = len(str(rows)) - 4  # of ten, over a thousand
    if power < 0:
        return f"n<{_SIZES[0]}"
    return f"{_SIZES[power]}<n<{_SIZES[power + 1]}" if power + 1 < len(_SIZES) else f"n>{_SIZES[-1]}"


def _introduction(facts: Facts) -> str:
    layout, skeleton = facts.layout, facts.skeleton
    files = f"`{layout.out.name}`"
    if layout.sharded:
        files = f"{layout.shards:,} in `{layout.folder.name}/`; {files} is a virtual dataset that opens as one file"
    rows = [
        ("pairs", f"{layout.rows:,}"),
        ("files", files),
        ("bytes a pair", f"{sum(column.row_bytes for column in facts.columns):,}, uncompressed"),
        ("compression", facts.settings.compression),
        ("skeleton", f"{text(skeleton.name)}: {skeleton.num_joints} joints, {skeleton.num_groups} length groups"),
        ("seed", facts.attributes["seed"]),
        ("augmentor, SHA-256", text(facts.attributes["created_from"])),
        ("settings, SHA-256", settings_hash(facts.attributes)),
        (
            "format",
            f"schema {facts.attributes['schema_version']}, poseaug-gen {text(facts.attributes['tool_version'])}",
        ),
    ]
    return "\n\n".join([f"# {text(facts.name)}", card_texts.INTRODUCTION, _table(("", ""), rows)])


def _columns(facts: Facts) -> str:
    rows = [
        (
            f"`{column.name}`",
            f"({', '.join(map(str, ('N', *column.shape)))}{'' if column.shape else ','})",
            np.dtype(column.dtype).name,
            column.unit,
            column.meaning,
        )
        for column in facts.columns
    ]
    joints = ", ".join(text(joint) for joint in facts.skeleton.joints)
    groups = ", ".join(text(name) for name, _ in facts.skeleton.length_groups)
    parents = ", ".join(map(str, facts.skeleton.parents))
    return "\n\n".join(
        [
            "## Columns",
            "One row a pair, N rows, in every dataset of the file.",
            _table(("dataset", "shape", "type", "unit", "meaning"), rows),
            f"Joints, in order: {joints}. Parents: {parents}. Length groups: {groups}.",
        ]
    )


def _making(facts: Facts) -> str:
    try:
        train = train_command(facts.config["train"])
    except BadConfigError:  # of another version
        train = "# poseaug-gen train, with the settings in the attribute `config`, under `train`"
    commands = f"{_printable(train)}\n{_printable(export_command(facts.settings, facts.layout.out.name))}"
    versions = ", ".join(f"{text(str(name))} {text(str(value))}" for name, value in facts.run["versions"].items())
    counts = [(text(cause), f"{count:,}") for cause, count in facts.redrawn.items() if cause != "candidates"]
    kinds = card_texts.kinds(float(facts.config["train"]["postures"]["learned"]), facts.settings)
    snapshots = f"{text(facts.settings.snapshots)} of {int(facts.run['epochs'])}"
    if facts.settings.snapshots == ExportSettings.snapshots:
        best, epochs = int(facts.run["best_epoch"]), int(facts.run["epochs"])
        snapshots = f"{best} of {epochs}, after which its estimator did best"
    return "\n\n".join(
        [
            "## How it was made",
            f"{kinds} Epochs of the augmentor: {snapshots}. The run was made with {versions}; RUN is its folder:",
            f"```sh\n{commands}\n```",
            "Every setting stands in the attribute `config`. The same command writes the same bytes on processors of "
            "one kind.",
            f"Of {facts.redrawn['candidates']:,} candidates these were no rows, each counted under the first cause:",
            _table(("cause", "redrawn"), counts),
        ]
    )


def _source(facts: Facts) -> str:
    rows = [
        (origin.role, listed([text(name) for name in origin.names]), text(origin.licence), text(origin.citation) or "–")
        for origin in facts.origins
    ]
    all_built_in = all(origin.licence == BUILT_IN_LICENCE for origin in facts.origins)
    law = card_texts.LICENCES.get(hub_licence(facts.origins)["license"], card_texts.DERIVED)
    law = card_texts.OWN_LICENCE if all_built_in else law
    return "\n\n".join(["## Source and licence", _table(("used as", "name", "licence", "citation"), rows), law])


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def listed(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def text(value: str) -> str:
    """What a file said, in one line of bounded length, as Markdown that shows it and does nothing else."""
    line = html.escape(_one_line(value), quote=False)
    return re.sub(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", line)


def _printable(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)


def _one_line(value: str) -> str:
    line = " ".join(_printable(value).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _quoted(value: str) -> str:
    return json.dumps(_one_line(value), ensure_ascii=False)
