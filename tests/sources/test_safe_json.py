"""JSON an entry at a time: what the standard library reads of whole files, and nothing of what would harm."""

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_json
from poseaug_gen.sources.safe_json import list_entries, looks_like_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.dictionaries(st.sampled_from(["images", "annotations", "info", 'a"\\', "é"]), values)
    | st.lists(st.dictionaries(st.text(), values)),
    spaces=st.sampled_from([None, 2, "\t"]),
    ascii=st.booleans(),
)
def test_entries_are_those_of_the_whole_file(tmp_path, data, spaces, ascii):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data, indent=spaces, ensure_ascii=ascii), encoding="utf-8")
    wanted = ("images", "annotations", 'a"\\', "é")
    if isinstance(data, dict):
        expected = [(name, e) for name in data if name in wanted and isinstance(data[name], list) for e in data[name]]
    else:
        expected = [("", entry) for entry in data]
    assert list(list_entries(path, (*wanted, ""))) == expected
    assert looks_like_json(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": [1, 2', "bracket"),
        ('{"a": [{"b": 1}', "2 bracket"),
        ('{"a": ["x, 1]}', "a string that does not end"),
        ('{"a": [{"b": 1},,{"b": 2}]}', "Expecting value"),
        ('{"a": [{"b" 1}]}', "Expecting ':' delimiter"),
        ('{"a": [{"b": [}]]}', "."),
        ('{"a": []}}', "never opened"),
        ('{"a": []}{"a": []}', "more than one value"),
        ('x{"a": []}', "more than one value"),
        ('{"a": [{"b": ' + "9" * 5000 + "}]}", "digits"),
        ('{"a": [' + "[" * 100_000 + "]" * 100_000 + "]}", "brackets over 64 deep"),
        ("[" * 100_000, "brackets over 64 deep"),
        ('{"a": [{"b": "' + "x" * 2**20 + '"}]}', "an entry has 1,048,"),
        ('{"a": [{"b": "\udcff"}]}', "can't decode"),
    ],
)
def test_what_is_not_json_is_one_sentence(tmp_path, text, says):
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(PoseAugError, match=rf"(?s)x\.json: .*{says}"):
        list(list_entries(path, ("a", "")))


def test_a_tree_of_objects_is_never_whole_in_memory(tmp_path):
    """The standard library takes twenty times the text for the like of these."""
    path = tmp_path / "x.json"
    size = 2**17
    for text in ('{"b": [%s], "a": [1]}' % ("[]," * (size // 3) + "0"), '{"a": [%s]}' % ("[]," * (size // 3) + "1")):
        path.write_text(text)
        tracemalloc.start()
        total = sum(entry == 1 for _, entry in list_entries(path, ("a",)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == 1
        assert peak < 2 * size


def test_a_bom_is_passed_over_and_a_larger_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text('{"a": [1, 2]}', encoding="utf-8-sig")
    assert looks_like_json(path)
    assert list(list_entries(path, ("a",))) == [("a", 1), ("a", 2)]
    monkeypatch.setattr(safe_json, "LARGEST_FILE", 10)
    with pytest.raises(PoseAugError, match="over the 10 that are read"):
        list(list_entries(path, ("a",)))
