"""The page: whole, well formed, complete for every kind of export and run, and deaf to what files would have it do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from reported import EPOCHS, EVERYTHING, HOSTILE, PRETRAINED, STRANGE_JOINTS, renamed

from poseaug_gen.report.content import Content
from poseaug_gen.report.page import embedded, render
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.training.run_folder import RunFolder

MB = 1_000_000
OF_EXPORTS = {"pairs", "browse", "realism", "distributions", "viewpoints", "redrawn", "training", "settings", "source"}


def sections_of(page: Page) -> set[str]:
    return {attributes["id"] or "" for attributes in page.of("section")}


def rows_of(page: Page) -> dict:
    """What the script is told."""
    return json.loads(page.scripts[0])


def test_a_page_is_well_formed_and_all_its_references_lead_somewhere(full_page: str, run_page: str) -> None:
    for text in (full_page, run_page):
        page = Page(text)
        assert text.startswith("<!doctype html>")
        assert len(page.ids) == len(set(page.ids)), "ids are unique, those within charts too"
        references = {
            reference
            for _, a in page.elements
            for name in ("aria-labelledby", "aria-describedby", "for")
            if (reference := a.get(name))
        }
        references |= {href[1:] for _, a in page.elements if (href := a.get("href")) and href.startswith("#")}
        references |= set(re.findall(r"url\(#([^)]+)\)", text))
        assert len(references) > 20
        assert references <= set(page.ids)


def test_what_shows_something_says_it_in_words_too(full_page: str) -> None:
    page = Page(full_page)
    pictures = [svg for svg in page.of("svg") if svg.get("aria-hidden") != "true"]
    assert len(pictures) > 60
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in pictures)
    assert all(image.get("alt") for image in page.of("img"))
    assert len(page.of("caption")) == len(page.of("table")) > 5
    assert page.of("html") == [{"lang": "en"}]


def test_an_export_of_everything_has_every_part(full_page: str, full_content: Content) -> None:
    page = Page(full_page)
    assert sections_of(page) >= OF_EXPORTS
    for said in (
        "full.h5",
        "800 2D–3D pairs",
        "Hardest",
        "Least plausible",
        "Most bent",
        "Evenly chosen",
        "score_3d",
        "Built-in poses added to it: anatomy",
        "none needed",
        "Measured 2026",
        "PoseAug",
        "views.lean",
    ):
        assert said in page.text, said
    assert "with 1 recovery" in page.text
    assert "mode_collapse: it was ill. Remedy: more <rest>." in page.text
    assert len(full_content.curves) == 5, "of which the history has figures"
    assert "not found" not in page.text


def test_the_parts_that_a_run_has_no_use_for_are_left_out(run_page: str, told_run: RunFolder) -> None:
    page = Page(run_page)
    assert sections_of(page) == OF_EXPORTS - {"redrawn", "realism"}
    assert f"{len(told_run.source_poses)} training poses" in page.text
    assert rows_of(page)["kind"] is None
    assert rows_of(page)["subject"]["names"] == ["S0", "S1", "S2"]


def test_curves_are_of_all_epochs(full_content: Content) -> None:
    assert f"over {PRETRAINED + EPOCHS} epochs: source’s cameras from 100 to 75." in full_content.curves[0].svg
    assert f"over {EPOCHS} epochs: in all from 2.84 to 1.24." in full_content.curves[2].svg


def test_nothing_on_the_page_is_fetched_and_no_other_script_may_run(full_page: str) -> None:
    page = Page(full_page)
    policy = next(meta for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")["content"]
    data, script = page.scripts
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert [attributes.get("type") for attributes in page.of("script")] == ["application/json", None]
    assert json.loads(data)["count"] > 0
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), f"{tag} {attributes}"
        target = attributes.get("src") or attributes.get("href") or "#"
        assert target.startswith(("#", "data:")), target
    styles = full_page[full_page.index("<style>") : full_page.index("</style>")]
    assert "@import" not in styles
    assert "url(" not in styles


def test_words_of_files_are_shown_and_never_obeyed(hostile_page: str) -> None:
    text = hostile_page
    page = Page(text)
    assert page.text.count("CC </script><script>alert(1)</script>") > 10
    assert "{{ 7*7 }} ${8*8}" in page.text
    assert rows_of(page)["subject"]["names"] == [f"{HOSTILE}{number}" for number in range(3)]
    assert rows_of(page)["joints"] == list(STRANGE_JOINTS)
    assert len(page.scripts) == 2
    assert not page.of("img")
    assert not page.of("i")[2:], "but for the two of the key"
    assert "<!--" not in text
    assert "\u2028" not in text[text.index('id="rows"') :].split("</script>")[0]


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "a&b", "\u2028\u2029", '"\\'])
def test_embedded_json_is_the_same_json_without_a_character_that_html_reads(text: str) -> None:
    written = embedded(json.dumps([text], ensure_ascii=False))
    assert json.loads(written) == [text]
    assert not set(written) & set("<>&\u2028\u2029")


def test_half_a_character_does_not_keep_a_page_from_being_written(
    make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    from poseaug_gen.report.material import of_run
    from poseaug_gen.report.page import write_page

    run = renamed(make_run(seed=6), {"name": "half \ud800 of one", "licence": "mine"})
    write_page(tmp_path / "page.html", Content(of_run(run)))
    assert "half ? of one" in Page((tmp_path / "page.html").read_text(encoding="utf-8")).text


def test_the_same_input_makes_the_same_page(full_content: Content, full_page: str) -> None:
    assert render(Content(full_content.material)) == full_page


def test_a_page_is_small(full_page: str) -> None:
    assert len(full_page.encode()) < 2 * MB


@pytest.mark.parametrize("name", ["h36m17", "coco17", "tail"])
def test_any_skeleton_has_a_page(make_run: Callable[..., RunFolder], page_on: Callable[..., str], name: str) -> None:
    tail = Skeleton.from_dict({"name": "tail", "joints": {"root": "", "a": "root", "b": "a", "c": "b"}})
    skeleton = tail if name == "tail" else load_skeleton(name)
    page = Page(page_on(make_run(skeleton, seed=7), n=40))
    assert sections_of(page) == OF_EXPORTS
    assert rows_of(page)["joints"] == list(skeleton.joints)
    assert ("nothing tells where its bodies face" in page.text) == (name == "tail")
    assert "How healthy the run was is not recorded." in page.text


def test_an_export_of_one_row_has_a_page(make_run: Callable[..., RunFolder], page_on: Callable[..., str]) -> None:
    run = make_run(seed=8)
    for settings in ({}, EVERYTHING):
        page = Page(page_on(run, n=1, **settings))
        assert sections_of(page) == OF_EXPORTS
        assert page.text.count("1 2D–3D pair of people") == 1
        assert rows_of(page)["count"] == 1


def test_without_its_run_a_page_says_what_is_missing_and_how_to_name_it(
    told_run: RunFolder, page_on: Callable[..., str]
) -> None:
    page = Page(page_on(told_run, named=False, n=50, **EVERYTHING))
    assert "poseaug-gen report aug.h5 --run outputs/NAME" in page.text
    assert sections_of(page) == OF_EXPORTS
    assert "the run’s folder, which is not at hand" in page.text
    assert "Where there is no figure: the source poses were not found" in page.text
    rows = rows_of(page)
    assert rows["score_3d"]
    assert "source" not in rows


def test_no_place_of_this_machine_is_on_the_page(full_page: str, full_export: Path, told_run: RunFolder) -> None:
    for path in (full_export.parent, told_run.path):
        assert str(path) not in full_page
