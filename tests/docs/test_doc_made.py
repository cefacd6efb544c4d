"""What the site makes of pages, commands, settings and docstrings before MkDocs sees them."""

import griffe
import pytest
from doc_links import linked_files, links_of, relinked
from doc_options import table, with_options
from doc_roles import Roles
from doc_settings import shown, with_settings
from page_runs import ROOT

TEXT = """
[config](../poseaug_gen/config.py), [export](export.md#what), [here](#there), [web](https://example.org/a.py)
`[code](../b.py)` and [changes](../CHANGELOG.md#x)

```text
[block](../c.py)
```

    (end)[![picture](pictures/a.svg)](pictures/a.svg)
"""


def test_links_that_leave_docs_are_turned_to_pages_of_the_site():
    turned = relinked(TEXT, "health.md")
    assert "[config](source/poseaug_gen/config.py.md)" in turned
    assert "[changes](changelog.md#x)" in turned
    kept = ("(export.md#what)", "(#there)", "(https://example.org/a.py)", "`[code](../b.py)`", "[block](../c.py)")
    assert all(text in turned for text in (*kept, "(pictures/a.svg)](pictures/a.svg)"))
    assert linked_files(TEXT, "health.md") == {"poseaug_gen/config.py", "CHANGELOG.md"}
    assert ("export.md", "what") in links_of(TEXT)
    assert ("", "there") in links_of(TEXT)


def test_links_of_pages_that_lie_deeper_and_of_files_of_the_root():
    assert relinked("[a](../../poseaug_gen/cli.py)", "extend/source.md") == "[a](../source/poseaug_gen/cli.py.md)"
    assert (
        relinked("[a](docs/export.md#b) [c](LICENSE)", "contributing.md") == "[a](export.md#b) [c](source/LICENSE.md)"
    )


def test_options_are_in_their_groups_with_defaults_and_without_help():
    text = "\n".join(table(["export"]))
    assert text.index("| Which pairs | |") < text.index("| `--depth LO:HI` |") < text.index("| Further columns | |")
    assert "| `--n N` | Pairs to make; 5\\_000\\_000 is a number too.  [default: 1000000] |" in text
    assert "--help" not in text
    assert "`poseaug-gen sources convert [OPTIONS] IN...`" in with_options("<!-- options: sources convert -->")


@pytest.mark.parametrize(("value", "text"), [
    (None, "–"), ((), "–"), (True, "`true`"), (3, "`3`"), (50_000, "`50_000`"), (1e-4, "`0.0001`"), ("a", '`"a"`'),
])  # fmt: skip
def test_values_are_written_as_toml_has_them(value, text):
    assert shown(value) == text


def test_settings_say_value_presets_comment_and_bounds():
    text = with_settings("<!-- settings: schedule -->")
    assert (
        "| `schedule.epochs` | `50`<br>`6` (quick)<br>`16` (standard) | SPEC; joint training<br>1 to 100,000. |" in text
    )


def test_docstrings_link_what_they_name_and_attributes_have_the_comment_beside_them():
    package = griffe.load(
        "poseaug_gen", search_paths=[str(ROOT)], extensions=griffe.Extensions(Roles()), resolve_aliases=False
    )
    assert '"poseaug_gen.camera.INTRINSICS" optional><code>INTRINSICS</code>' in package["camera"].docstring.value
    assert '"poseaug_gen.rotation.rotation_matrix"' in package["rotation.rotation_vector"].docstring.value
    assert package["models.augmentor.NOISE"].docstring.value == "length of the noise vector of each network"
    assert "    action: whose pose, doing what, seen by which camera." in package["poses.PoseSet"].docstring.value
    roles = [o.path for o in _objects(package) if o.docstring and ":func:`" in o.docstring.value]
    assert not roles


def _objects(one: griffe.Object) -> list[griffe.Object]:
    inner = [member for member in one.members.values() if not member.is_alias]
    return [one, *(each for member in inner for each in _objects(member))]
