"""What MkDocs asks while it builds the site: pages of files outside docs/, and tables that are made of the code."""

from __future__ import annotations

from typing import Any

from doc_links import ROOT, ROOT_PAGES, SOURCE, linked_files, relinked, source_page
from doc_options import with_options
from doc_settings import with_settings
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: Any) -> Files:
    """Add the pages whose files lie outside docs/: those of the root, and those that pages link to."""
    for file, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text(encoding="utf-8")))
    pages = [(file.src_uri, file.content_string) for file in files.documentation_pages()]
    for path in sorted(set().union(*(linked_files(text, page) for page, text in pages))):
        if path not in ROOT_PAGES and (ROOT / path).is_file():  # MkDocs says who links to what is not there
            files.append(File.generated(config, f"{SOURCE}/{path}.md", content=source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the tables, and turn the links."""
    if page.file.src_uri.startswith(f"{SOURCE}/"):
        return markdown
    if page.file.src_uri.startswith("api/"):
        page.meta["search"] = {"boost": 0.2}  # who searches for a word wants the guides first
    return relinked(with_settings(with_options(markdown)), page.file.src_uri)
