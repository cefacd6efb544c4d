"""``poseaug-gen info``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click


@click.command(name="info")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(path: Path, as_json: bool) -> None:
    """Say what an export, a run folder or a pose file holds."""
    import json

    from poseaug_gen.export.info import describe

    facts = describe(path)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    _print(str(path), facts)


def _print(title: str, facts: Mapping[str, Any]) -> None:
    """The facts as a tree; an export's columns as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.tree import Tree

    console = Console()
    tree = Tree(f"[bold]{title}[/]", guide_style="dim")
    _grow(tree, {key: value for key, value in facts.items() if key not in ("columns", "config")})
    console.print(tree)
    if "columns" in facts:
        table = Table("dataset", "shape", "type", "unit", "meaning")
        for name, column in facts["columns"].items():
            table.add_row(name, str(tuple(column["shape"])), column["dtype"], column["unit"], column["meaning"])
        console.print(table)


def _grow(tree: Any, facts: Mapping[str, Any]) -> None:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            _grow(tree.add(key), value)
        else:
            tree.add(f"[dim]{key}:[/] {_text(value)}")


def _text(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bool) or not isinstance(value, int):
        items = value if isinstance(value, list) else [value]
        return escape(", ".join(f"{item:.4g}" if isinstance(item, float) else str(item) for item in items)) or "none"
    return str(value)
