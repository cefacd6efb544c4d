"""The card beside an export: the Hub and ``datasets`` read it, it says what the file says, and its code runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import yaml
from export_files import ROOT, stopping_after
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from poseaug_gen import storage
from poseaug_gen.config import ExportSettings, resolve
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import card
from poseaug_gen.export.card import Facts, data_files, size_category, text_of
from poseaug_gen.export.dataset import Summary, export, export_shard
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.licences import Origin
from poseaug_gen.export.merge import merge
from poseaug_gen.export.reading import read_attributes
from poseaug_gen.export.schema import all_columns, settings_hash
from poseaug_gen.export.stores import LocalStore
from poseaug_gen.export.verify import verify
from poseaug_gen.skeleton import Skeleton
from poseaug_gen.sources.anatomy.source import LICENCE as BUILT_IN
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]


def card_beside(path: Path | str) -> Path:
    return Path(path).with_name(f"{Path(path).stem}.README.md")


def front_matter(text: str) -> dict[str, Any]:
    head, _, _ = text.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head)


def code(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


# --- when it is written -----------------------------------------------------------------------------------


def test_every_way_to_make_an_export_leaves_the_same_card(
    make_export: MakeExport, fake_run: RunFolder, tmp_path: Path
) -> None:
    settings = ExportSettings(n=1000, shard_rows=300)
    expected = card_beside(make_export("one/aug.h5", n=1000, shard_rows=300).path).read_text()
    assert "aug.shards/aug-*-of-00004.h5" in expected
    make_export("workers/aug.h5", n=1000, shard_rows=300, workers=2)
    for shard in (2, 0, 3, 1):
        export_shard(fake_run, settings, tmp_path / "jobs/aug.h5", shard)
    assert not card_beside(tmp_path / "jobs/aug.h5").exists(), "there is no export yet"
    merge(tmp_path / "jobs/aug.h5")
    system = fsspec.filesystem("memory")
    export(fake_run, settings, "memory://cards/aug.h5")
    with pytest.raises(KeyboardInterrupt):
        make_export("resumed/aug.h5", n=1000, shard_rows=300, advance=stopping_after(700))
    assert not card_beside(tmp_path / "resumed/aug.h5").exists()
    make_export("resumed/aug.h5", n=1000, shard_rows=300)
    cards = [card_beside(tmp_path / way / "aug.h5").read_text() for way in ("workers", "jobs", "resumed")]
    assert [*cards, system.cat_file("/cards/aug.README.md").decode()] == [expected] * 4
    system.rm("/cards", recursive=True)


def test_a_whole_export_without_a_card_gets_one_and_nothing_else(make_export: MakeExport) -> None:
    for asked in ({"n": 500}, {"n": 500, "shard_rows": 300}):
        path = make_export(overwrite=True, **asked).path
        wanted, data = card_beside(path).read_text(), storage.sha256(path)
        for other in (None, "edited"):
            card_beside(path).unlink() if other is None else card_beside(path).write_text(other)
            assert make_export(**asked).made == 0
            assert card_beside(path).read_text() == wanted, "it is derived: one's own words go into a README.md"
        before = card_beside(path).stat().st_mtime_ns
        make_export(**asked)
        assert card_beside(path).stat().st_mtime_ns == before, "the very card is left as it is"
        assert storage.sha256(path) == data
        assert verify(path).rows == 500


def test_no_card_is_left_of_another_export(make_export: MakeExport) -> None:
    path = make_export(n=500).path
    with pytest.raises(KeyboardInterrupt):
        make_export(n=600, overwrite=True, advance=stopping_after(1))
    assert not card_beside(path).exists()
    make_export(n=500)
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        make_export(n=600, advance=stopping_after(1))
    assert not card_beside(path).exists()
    assert "600 2D-3D" in card_beside(make_export(n=600).path).read_text()


def test_a_draft_that_a_kill_left_is_removed(make_export: MakeExport, tmp_path: Path) -> None:
    draft = tmp_path / "aug.README.md.tmp-12"
    draft.write_text("half")
    make_export(n=10)
    assert {path.name for path in tmp_path.iterdir()} == {"aug.h5", "aug.README.md"}


def test_the_bytes_of_the_summary_are_the_data_s(make_export: MakeExport) -> None:
    summary = make_export(n=500)
    assert summary.bytes == summary.path.stat().st_size


def test_two_exports_in_a_folder_have_a_card_each(make_export: MakeExport, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("the user's own")
    make_export("a.h5", n=10)
    make_export("b.h5", n=20)
    assert "10 2D-3D" in (tmp_path / "a.README.md").read_text()
    assert "20 2D-3D" in (tmp_path / "b.README.md").read_text()
    assert (tmp_path / "README.md").read_text() == "the user's own"


def test_attributes_that_lack_something_are_one_sentence(make_export: MakeExport) -> None:
    path = make_export(n=10).path
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["config"])
        del config["train"]["postures"]
        file.attrs["config"] = json.dumps(config)
    with pytest.raises(PoseAugError, match=r"aug\.h5: its attributes are not what they should be \(KeyError\('post"):
        card.card_of(LocalStore(path.parent), Layout(Path(path.name), 10, 100))


# --- what it says -----------------------------------------------------------------------------------------


@pytest.fixture(params=[{}, {"shard_rows": 2000}], ids=["plain", "sharded"])
def rich(request: pytest.FixtureRequest, make_export: MakeExport) -> Path:
    """An export with every column, as one file and as shards."""
    return make_export(n=5000, scores=True, difficulty=True, noise="mixture", split=0.2, **request.param).path


def test_it_says_what_the_file_says(rich: Path, fake_run: RunFolder) -> None:
    text = card_beside(rich).read_text()
    with h5py.File(rich) as file:
        attributes = read_attributes(file, rich)
        for name, dataset in file.items():
            sizes = ", ".join(["N", *map(str, dataset.shape[1:])]) + ("" if dataset.ndim > 1 else ",")
            assert f"| `{name}` | ({sizes}) | {dataset.dtype.name} |" in text
        row_bytes = sum(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])) for dataset in file.values())
    for said in (
        "| pairs | 5,000 |",
        f"| bytes a pair | {row_bytes}, uncompressed |",
        attributes["created_from"],
        settings_hash(attributes),
        f"poseaug-gen {attributes['tool_version']}",
        *json.loads(attributes["skeleton"])["joint_names"],
        "epochs of the augmentor: 7 of 9".capitalize(),
        "synthetic",
        "none needed",
        "Measured 2026",
    ):
        assert said in text, said
    for cause, count in json.loads(attributes["redrawn"]).items():
        assert (f"| {cause.replace('_', '_')} | {count:,} |" in text) == (cause != "candidates")
        assert f"{count:,}" in text
    assert str(fake_run.path) not in text
    assert "/home" not in text
    assert "poses.npz" in text, "the source's file, without its folder"


def test_the_front_matter_is_the_hub_s(rich: Path) -> None:
    datasets = pytest.importorskip("datasets")
    from huggingface_hub import DatasetCard

    text = card_beside(rich).read_text()
    fields = DatasetCard(text).data.to_dict()
    assert fields == front_matter(text)
    assert fields["license"] == "other"
    assert fields["license_name"] == "none-needed-not-stated", "the fixture's built-in poses name no licence"
    assert fields["task_categories"] == ["keypoint-detection"]
    assert fields["pretty_name"] == "5,000 2D-3D human pose pairs augmented from synthetic"
    resources = Path(datasets.__file__).parent / "utils/resources"
    assert set(fields["size_categories"]) <= set(json.loads((resources / "size_categories.json").read_text()))


@pytest.mark.parametrize("rows", [1, 999, 1000, 9999, 10**4, 10**6 - 1, 10**6, 10**9, 10**12 - 1, 10**12])
def test_the_size_is_within_its_category(rows: int) -> None:
    units = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
    numbers = [int(n) * units[unit] for n, unit in re.findall(r"(\d+)([KMBT])", size_category(rows))]
    low, high = {"n<1K": (0, 10**3), "n>1T": (10**12, 10**13)}.get(size_category(rows), numbers)
    assert low <= rows < high


def test_the_formula_projects_the_rows(rich: Path) -> None:
    [formula] = [block for block in code(card_beside(rich).read_text(), "python") if "np.clip" in block]
    with h5py.File(rich) as file:
        for pose, camera, seen in zip(
            file["positions_3d"][:50], file["intrinsics"][:50], file["positions_2d"][:50], strict=True
        ):
            names = {"np": np, "pose": pose, **dict(zip("fckp", np.split(camera, [2, 4, 7]), strict=True))}
            exec(formula, names)
            np.testing.assert_allclose(names["uv"], seen, atol=1e-6)


def test_pixels_as_the_card_has_them() -> None:
    x, y, w, h = 0.25, -0.5, 1920, 1080
    text = card.card_texts.frames(16)
    u, v = (x + 1) * w / 2, (y + h / w) * w / 2
    assert (2 * u / w - 1, 2 * v / w - h / w) == pytest.approx((x, y))
    assert all(f"`{formula}`" in text for formula in ("x = 2u/w - 1", "y = 2v/w - h/w", "u = (x + 1) w/2"))


def test_what_is_cited_is_what_citation_cff_says() -> None:
    wanted = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    text, paper = card.card_texts.citation(wanted["version"]), wanted["preferred-citation"]
    names = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    pages = f"{paper['start']}--{paper['end']}"
    for said in (paper["title"], names, pages, str(paper["year"]), paper["collection-title"], wanted["title"]):
        assert f"{{{said}}}" in text
    assert wanted["authors"][0]["name"] in text
    assert f"version = {{{wanted['version']}}}" in text


# --- text that nobody vouches for -------------------------------------------------------------------------


def facts_of(origins: list[Origin], skeleton: Skeleton, word: str = "x", **settings: Any) -> Facts:
    """What a card is made of; ``word`` stands wherever another's text may."""
    return Facts(
        Layout(Path("aug.h5"), 10, 100),
        all_columns(skeleton),
        skeleton,
        {**dict.fromkeys(("skeleton", "config", "run", "source"), "x"), "created_from": word, "tool_version": word}
        | {"schema_version": 1, "seed": 0},
        {"train": resolve(options={"postures.learned": 0.1, "source.paths": [word]}).to_dict()},
        {"versions": {word: word}, "best_epoch": 1, "epochs": 2},
        {"candidates": 10, word: 0},
        origins,
        replace(ExportSettings(n=10, precision="fp32", device="cpu"), **settings),
    )


SIGNS = "\n a1:-'\"\\`|<>[](){}!&#*_~$%@🙂\x00\x85\u2028\ufeff"
WORDS = ("---", "```", "\n```\n", "<b>", "</td>", "[x](y)", "![x](y)", "&lt;", "**b**", "__i__", "~~s~~", "http://x")
nasty = st.text() | st.lists(st.sampled_from([*SIGNS, *WORDS]), max_size=12).map("".join)


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
KINDS = ("heading_open", "fence", "tr_open", "bullet_list_open", "html_block", "hr", "image")


def outline(text: str) -> list[int]:
    """How many blocks of each kind a card has after its front matter."""
    tokens = MARKDOWN.parse(text.partition("\n---\n")[2])
    return [sum(token.type == kind for token in tokens) for kind in KINDS]


@pytest.fixture(scope="module")
def ordinary(skeleton: Skeleton) -> list[int]:
    """The outline of a card on which nobody plays tricks."""
    return outline(text_of(facts_of([Origin("source", ("a",), "b", "c")], skeleton)))


@settings(max_examples=60, deadline=None)
@given(name=nasty, licence=nasty, citation=nasty)
def test_text_of_a_source_stays_text(
    name: str, licence: str, citation: str, skeleton: Skeleton, ordinary: list[int]
) -> None:
    text = text_of(facts_of([Origin("source", (name,), licence, citation)], skeleton, word=citation))
    fields = front_matter(text)
    assert fields["pretty_name"] == f"10 2D-3D human pose pairs augmented from {one_line(name)}".strip()
    assert {"license", "configs", "tags", "pretty_name"} <= set(fields)
    assert outline(text) == ordinary, "nothing begins or ends where it should not"
    tokens = MARKDOWN.parse(text.partition("\n---\n")[2])
    cells = [token for token in tokens if token.type == "inline" and token.level == 4]
    [header] = [place for place, token in enumerate(cells) if token.content == "used as"]
    role, *row = cells[header + 4 : header + 8]
    assert role.content == "source"
    assert [_shown(cell) for cell in row] == [one_line(name), one_line(licence), one_line(citation) or "–"]


def one_line(text: str) -> str:
    """What can be printed of a text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _shown(cell: Any) -> str:
    """What a reader sees of a cell, in which there must be text alone."""
    assert {child.type for child in cell.children} <= {"text", "text_special"}
    return "".join(child.content for child in cell.children)


def test_a_long_text_is_cut(skeleton: Skeleton) -> None:
    text = text_of(facts_of([Origin("source", ("a",) * 1000, "b" * 10**6, "")], skeleton))
    assert len(text) < 20_000
    assert "a, a, a, a, a and 995 more" in text


@pytest.mark.parametrize(
    ("licences", "said"),
    [
        ([BUILT_IN], "whoever publishes these pairs chooses one"),
        (["not stated", BUILT_IN], "Where none is stated, nothing is known"),
        (["CC BY 4.0"], "whose licences apply to them"),
        (["for research alone"], "put their text beside this card as `LICENSE`"),
    ],
)
def test_whose_licence_applies(licences: list[str], said: str, skeleton: Skeleton) -> None:
    assert said in text_of(facts_of([Origin("source", ("a",), text, "") for text in licences], skeleton))


@pytest.mark.parametrize(
    ("share", "settings", "said"),
    [
        (1.0, {}, "All were given to the frozen augmentor"),
        (0.0, {}, "All got other bone lengths and a camera"),
        (0.1, {}, "Of a hundred, about 10 were given to"),
        (0.1, {"depth": (3.0, 6.0)}, "change these shares"),
    ],
)
def test_who_made_the_pairs(share: float, settings: dict[str, Any], said: str, skeleton: Skeleton) -> None:
    facts = facts_of([Origin("source", ("a",), "", "")], skeleton, **settings)
    facts.config["train"]["postures"]["learned"] = share  # type: ignore[index]
    text = text_of(facts)
    assert said in text
    assert ("change these shares" in text) == bool(settings)


# --- its code ---------------------------------------------------------------------------------------------

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def run_here(program: str, folder: Path) -> str:
    """What a program prints that runs in a folder, as a user's own would: without us, and without a network."""
    caches = {"HF_HOME": str(folder / "cache"), "HF_DATASETS_CACHE": str(folder / "cache/datasets")}
    environment = {**os.environ, **OFFLINE, **caches, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", program.replace("USER/NAME", str(folder))]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_code_reads_the_file_in_h5py_torch_and_datasets(rich: Path) -> None:
    pytest.importorskip("datasets")
    text = card_beside(rich).read_text()
    card_beside(rich).rename(rich.with_name("README.md"))
    _, reading, torch, _, datasets = code(text, "python")
    check = "print(len(pairs), len(validation), pairs[0]['positions_3d'].shape, set(map(int, validation['split'])))"
    said = run_here("\n".join([reading, torch, datasets, check]), rich.parent).splitlines()
    assert said[0] == "(5000, 16, 2) (5000, 16, 3)"
    with h5py.File(rich) as file:
        training = int((file["split"][:] == 0).sum())
    assert said[1] == f"{training} {5000 - training} (16, 3) {{1}}"


def test_the_code_reads_the_file_in_tensorflow(make_export: MakeExport) -> None:
    pytest.importorskip("tensorflow")
    path = make_export(n=3000).path
    _, reading, _, tensorflow, _ = code(card_beside(path).read_text(), "python")
    said = run_here(f"{reading}\n{tensorflow}\nprint([tuple(seen.shape) for seen, _ in pairs])", path.parent)
    assert said.splitlines()[-1] == "[(1024, 16, 2), (1024, 16, 2), (952, 16, 2)]"


def test_a_compressed_file_with_an_odd_name_is_read_too(make_export: MakeExport) -> None:
    pytest.importorskip("datasets")
    pytest.importorskip("hdf5plugin")
    path = make_export("a[1]*?.h5", n=700, shard_rows=300, compression="blosc").path
    make_export("a1.h5", n=10)
    text = card_beside(path).read_text()
    path.with_name("README.md").write_text(text)
    _, reading, _, _, datasets = code(text, "python")
    said = run_here(f"{reading}\n{datasets}\nprint(pairs.num_rows)", path.parent)
    assert said.splitlines() == ["(700, 16, 2) (700, 16, 3)", "700"]
    assert data_files(Layout(Path("a1.h5"), 10, 10)) == "a1.h5"
