"""``poseaug-gen report``."""

from __future__ import annotations

from pathlib import Path

import click

from poseaug_gen.commands.completing import files
from poseaug_gen.commands.run_options import outputs_option, run_option
from poseaug_gen.errors import BadConfigError, PoseAugError

NEEDS = "a report needs matplotlib and jinja2; install them with: pip install 'poseaug-gen[report]'"


@click.command(name="report")
@click.argument("path", type=click.Path(path_type=Path), shell_complete=files)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE.html",
    help="Where the page goes; it is one file, and replaces an older one.",
)
@click.option(
    "--json", "figures", type=click.Path(path_type=Path), metavar="FILE.json", help="Write the figures as JSON too."
)
@run_option("The run that made an export: its source poses and training curves. [default: the newest that did]")
@outputs_option
def command(path: Path, page: Path, figures: Path | None, run_path: Path | None, outputs: Path) -> None:
    """Show an export, or a run, on one HTML page: pairs, distributions, viewpoints, training, settings, licence.

    \b
    poseaug-gen report aug.h5 --html report.html
    poseaug-gen report outputs/NAME --html run.html

    PATH is what `export` wrote, or a run folder. The page needs a browser and nothing else; its pairs can be turned.
    """
    _check_names(page, figures)
    try:
        import jinja2  # noqa: F401 - both are asked for here, as the page's modules import parts of them
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise PoseAugError(f"{page}: {NEEDS}") from error
    from poseaug_gen.report.content import Content
    from poseaug_gen.report.material import material_of
    from poseaug_gen.report.page import write_figures, write_page
    from poseaug_gen.report.words import mend, missing

    material = material_of(path, run_path, outputs)
    content = Content(material)
    write_page(page, content)
    if figures is not None:
        write_figures(figures, content)
    for file in (page, figures):
        if file is not None:
            click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    if lacks := missing(material):
        click.echo(f"{lacks} {mend(material)}", err=True)


def _check_names(page: Path, figures: Path | None) -> None:
    """Names that end as their files do, so that no other file is replaced by mistake.

    Raises:
        BadConfigError: one does not.
    """
    if page.suffix.lower() not in (".html", ".htm"):
        raise BadConfigError(f"--html {page}: the page is HTML; give it a name that ends in .html")
    if figures is not None and figures.suffix.lower() != ".json":
        raise BadConfigError(f"--json {figures}: the figures are JSON; give the file a name that ends in .json")
