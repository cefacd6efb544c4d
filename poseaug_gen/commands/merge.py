"""``poseaug-gen merge``."""

from __future__ import annotations

import click

from poseaug_gen.commands.completing import exports


@click.command(name="merge")
@click.argument("out", shell_complete=exports)
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(out: str, log_json: bool) -> None:
    """Make one export of the shards that `export --shard i/n` made.

    OUT is the file that those commands were given, or the folder of its shards. Every shard is checked against the
    hash that its job noted; then OUT opens as one file over all of them, as if one command had made it.

    \b
    poseaug-gen merge aug.h5
    """
    import dataclasses
    import json

    from poseaug_gen.export.merge import merge

    summary = merge(out)
    if log_json:
        click.echo(json.dumps({"event": "done", **dataclasses.asdict(summary)}))
    elif summary.made:
        click.echo(
            f"{summary.path}: {summary.rows:,} pairs in {summary.shards} shards, {summary.bytes / 1e6:,.1f} MB, all as "
            f"they were written"
        )
        if "://" not in out:
            click.echo(f"Next: poseaug-gen verify {summary.path}")
    else:
        click.echo(f"{summary.path}: all {summary.shards} shards are merged and as they were written: nothing to do")
