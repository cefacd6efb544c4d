"""``poseaug-gen verify``."""

from __future__ import annotations

from pathlib import Path

import click

from poseaug_gen.commands.completing import exports


@click.command(name="verify")
@click.argument("path", type=click.Path(path_type=Path), shell_complete=exports)
@click.option("--log-json", is_flag=True, help="Print one JSON object a line.")
def command(path: Path, log_json: bool) -> None:
    """Check every row of an export against its camera and its limits, and every file against its hash.

    PATH is what `export` wrote: aug.h5, or a folder of shards. Exits with 1 and the number of the first bad row.
    """
    import json

    from poseaug_gen.commands.progress import progress
    from poseaug_gen.errors import PoseAugError
    from poseaug_gen.export.reading import find
    from poseaug_gen.export.verify import verify

    if ":/" in str(path):
        raise PoseAugError(f"{path}: is a URL, and verify reads files of this machine; copy the export here first")
    found = find(path)
    with progress("verify", found.rows, log_json) as advance:
        report = verify(found, advance)
    if log_json:
        facts = {"path": str(path), "rows": report.rows, "files": report.files, "redrawn": report.redrawn}
        click.echo(json.dumps({"event": "done", **facts}))
    else:
        click.echo(f"{path}: all {report.rows:,} pairs in {report.files} file(s) are valid and as they were written")
