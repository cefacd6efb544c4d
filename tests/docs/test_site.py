"""The documents as a site: built without a warning, nothing missing, nothing fetched, and the same as on GitHub."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from doc_links import links_of
from doc_settings import KINDS, comments
from page_runs import PAGES, ROOT, name_of

from poseaug_gen import config
from poseaug_gen.cli import COMMANDS

MARKDOWN = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
# What both renderers must see alike in a page: an indented list or block that only one of them understands shows here.
STRUCTURE = ("li", "ul", "ol", "table", "tr", "th", "td", "pre", "h1", "h2", "h3", "img", "a", "strong", "em", "code")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` does; what --strict would end it for is an error here."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder, said = tmp_path_factory.mktemp("site"), Listener()
    log = logging.getLogger("mkdocs")
    log.addHandler(said)
    paths = list(sys.path)
    try:
        settings = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
        settings.plugins.on_startup(command="build", dirty=False)
        build(settings)
    finally:
        log.removeHandler(said)
        sys.path[:] = paths
    assert not said.warnings, "\n".join(said.warnings)
    return folder


class Listener(logging.Handler):
    """The warnings of a build."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


class Seen(HTMLParser):
    """What a page of the site links to, loads, and may be linked to by."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.names |= {name for key in ("id", "name") if (name := found.get(key))}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        elif tag == "link" and found.get("rel") != "canonical" and found.get("href"):
            self.loaded.append(found["href"] or "")
        elif found.get("src"):
            self.loaded.append(found["src"] or "")


def test_every_page_is_in_the_site_and_in_the_menu(site):
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
    menu = " ".join(Seen(site / "index.html").links)
    for page in pages:
        place = page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / place).is_file(), f"{name_of(page)} is not in the site"
        assert str(place) in menu, f"{name_of(page)} is not in the nav of mkdocs.yml"
    assert len(pages) > 20


def test_every_link_leads_somewhere(site):
    """MkDocs looks at the links of Markdown; this is all of them, those in tables that are made too."""
    seen = {page: Seen(page) for page in site.rglob("*.html") if page.name != "404.html"}
    checked = 0
    for page, its in seen.items():
        for link in [*its.links, *its.loaded]:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, name = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_file(), f"{page.relative_to(site)}: {link} leads nowhere"
            checked += 1
            if name and target in seen:
                assert name in seen[target].names, f"{page.relative_to(site)}: {link} has no such place"
    assert checked > 1000


def test_nothing_is_fetched_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    loaded = {link for page in pages for link in Seen(page).loaded}
    assert loaded
    assert not [link for link in loaded if re.match(r"([a-z]+:)?//", link)]
    ours = [path for kind in ("css", "js") for path in (ROOT / "docs").rglob(f"*.{kind}")]
    assert not [path for path in ours if re.search(r"https?://|@import", path.read_text(encoding="utf-8"))]


def test_search_finds_every_page_without_a_server(site):
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    for page in ("start.html", "commands.html", "api/poses.html", "contributing.html"):
        assert f'"{page}"' in index


def test_tables_are_made_of_the_code(site):
    commands, settings = ((site / f"{name}.html").read_text(encoding="utf-8") for name in ("commands", "settings"))
    assert "<!-- options" not in commands
    assert "<!-- settings" not in settings
    for option in ("--shard-rows N", "--log-json", "--extra-2d PATH"):
        assert f"<code>{option}</code>" in commands
    for section, values in config.Config().to_dict().items():
        for name in values:
            assert f"<code>{section}.{name}</code>" in settings, f"{section}.{name} is not in docs/settings.md"
    for name in config.ExportSettings.__dataclass_fields__:
        assert f"<code>export.{name}</code>" in settings


def test_every_setting_says_what_it_means():
    for section, kind in KINDS.items():
        for name, said in comments(kind.__name__).items():
            assert said, f"{section}.{name} has no comment in poseaug_gen/config.py"
    assert comments("LossSettings")["pool_size"] == ["SPEC; fakes that each discriminator's history pool holds"]


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_a_page_reads_on_github_as_on_the_site(page):
    """GitHub's Markdown and the site's differ in what they take for a list, a block of code, an anchor."""
    import markdown
    from markdown_it import MarkdownIt

    text = page.read_text(encoding="utf-8")
    there = _tags(MarkdownIt("commonmark").enable("table").render(text))
    here = _tags(markdown.markdown(text, extensions=["tables", "attr_list", "pymdownx.superfences"]))
    assert {tag: there[tag] for tag in STRUCTURE} == {tag: here[tag] for tag in STRUCTURE}


def _tags(html: str) -> Counter[str]:
    """How often each tag is in some HTML."""
    return Counter(re.findall(r"<(\w+)[ >]", html))


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_links_and_anchors_are_right_on_github_too(page):
    for path, anchor in links_of(page.read_text(encoding="utf-8")):
        target = (page.parent / path) if path else page
        assert target.exists(), f"{name_of(page)} links to {path}, which is not there"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{name_of(page)}: {path}#{anchor} is no heading of that page"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them; those of the tables' sections are headings too."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_is_known_to_its_page():
    assert set(COMMANDS) <= _anchors(ROOT / "docs" / "commands.md")
