"""Whose poses an export stands on, and what the Hub calls their licences."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseaug_gen.export.licences import HUB_LICENCES, OTHER, UNKNOWN, Origin, hub_licence, hub_word, origins
from poseaug_gen.sources import FORMATS
from poseaug_gen.sources.anatomy.source import LICENCE as BUILT_IN
from poseaug_gen.sources.assemble import NOT_STATED


@pytest.mark.parametrize(
    ("licence", "word"),
    [
        ("CC BY 4.0", "cc-by-4.0"),
        ("cc-by-nc-sa-4.0", "cc-by-nc-sa-4.0"),
        ("(CC BY-ND 4.0).", "cc-by-nd-4.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 3.0 Unported", "cc-by-nc-sa-3.0"),
        ("Creative Commons Attribution 4.0 International License", "cc-by-4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "cc-by-nc-nd-4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("CC0", "cc0-1.0"),
        ("MIT license", "mit"),
        ("Apache License 2.0", "apache-2.0"),
        ("CDLA-Permissive-2.0", "cdla-permissive-2.0"),
        (NOT_STATED, UNKNOWN),
        ("", UNKNOWN),
        # No version, another version, a condition or a second licence: nothing that the word alone would say.
        ("CC BY", OTHER),
        ("CC BY-ND 3.0", OTHER),
        ("CC BY 4.0, but not for trade", OTHER),
        ("not CC BY 4.0", OTHER),
        ("CC BY 4.0; MIT", OTHER),
        ("CMU's: free for all uses, may not be resold; HDM05's: CC BY-SA 3.0", OTHER),
    ],
)
def test_the_word_of_the_hub(licence: str, word: str) -> None:
    assert hub_word(licence) == word


def test_every_word_of_the_hub_means_itself() -> None:
    assert {hub_word(word) for word in HUB_LICENCES} == HUB_LICENCES
    assert {hub_word(word.upper().replace("-", " ")) for word in HUB_LICENCES} == HUB_LICENCES


def of(*licences: str) -> list[Origin]:
    return [Origin("source", ("a",), licence, "") for licence in licences]


def test_one_licence_for_all_is_named_and_several_are_not() -> None:
    assert hub_licence(of("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")) == {"license": "cc-by-4.0"}
    assert hub_licence(of("CC BY 4.0", BUILT_IN)) == {"license": "cc-by-4.0"}, "nobody holds a right to the built-in"
    assert hub_licence(of(NOT_STATED)) == {"license": "unknown"}
    assert hub_licence(of("CC BY 4.0", "MIT")) == {"license": "other", "license_name": "cc-by-4.0-mit"}
    assert hub_licence(of("CC BY 4.0", NOT_STATED))["license"] == "other", "a part of it is known, and that is not it"
    assert hub_licence(of(BUILT_IN))["license_name"].startswith("none-made-by-poseaug-gen")


def test_a_licence_without_a_word_has_a_name_and_its_address() -> None:
    fields = hub_licence(of("3DPW: see https://virtualhumans.mpi-inf.mpg.de/3DPW/license.html."))
    assert fields["license"] == OTHER
    assert fields["license_name"] == "3dpw-see-https-virtualhumans.mpi-inf.mpg.de-3dpw-license.html"
    assert fields["license_link"] == "https://virtualhumans.mpi-inf.mpg.de/3DPW/license.html"


@given(st.lists(st.text(), max_size=4))
def test_whatever_a_licence_says_its_fields_are_plain_words(licences: list[str]) -> None:
    fields = hub_licence(of(*licences))
    assert fields["license"] in HUB_LICENCES | {UNKNOWN, OTHER}
    assert set(fields) <= {"license", "license_name", "license_link"}
    name = fields.get("license_name", "x")
    assert 0 < len(name) <= 80
    assert set(name) <= set(string.ascii_lowercase + string.digits + ".-")


def test_every_format_s_own_licence_is_other_as_none_is_the_hub_s() -> None:
    licences = {format.licence for format in FORMATS if format.licence}
    assert len(licences) > 3
    assert {hub_word(licence) for licence in licences} == {OTHER}


def test_origins_of_all_that_went_in() -> None:
    source = {
        "name": "a + b + aug.h5",
        "licence": "MIT; CC BY 4.0",
        "parts": [
            {"name": "a", "licence": "MIT", "citation": "A 2020"},
            {"name": "b", "licence": "MIT", "citation": "A 2020"},
            {"name": "aug", "licence": NOT_STATED, "source": {"name": "first", "licence": "CC BY 4.0"}},
        ],
        "built_in": {"name": "anatomy", "licence": BUILT_IN},
        "extra_2d": [{"name": "street", "licence": "mine"}, {}],
    }
    found = {(origin.role, origin.names, origin.licence, origin.citation) for origin in origins(source)}
    assert found == {
        ("source", ("a", "b"), "MIT", "A 2020"),
        ("source", ("aug",), NOT_STATED, ""),
        ("source", ("first",), "CC BY 4.0", ""),
        ("built-in postures", ("anatomy",), BUILT_IN, ""),
        ("2D poses that steered the augmentor", ("street",), "mine", ""),
        ("2D poses that steered the augmentor", ("no name",), NOT_STATED, ""),
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["parts", "source", "built_in", "extra_2d", "name", "licence"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["parts", "source", "built_in", "extra_2d", "name", "licence"]), json_values))
def test_any_record_has_origins(source: dict) -> None:
    assert origins(source)


def test_a_long_chain_of_exports_of_exports() -> None:
    source: dict = {"name": "first", "licence": "CC BY 4.0"}
    for _ in range(5000):
        source = {"name": "aug", "licence": NOT_STATED, "source": source}
    assert [origin.names for origin in origins(source)] == [("aug",), ("first",)]
