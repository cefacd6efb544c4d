"""Pickles read as data: what Python and NumPy write comes back, and nothing that a file names ever runs."""

import pickle
from collections import Counter

import numpy as np
import pytest
from fuzzing import CANARY, hostile_pickles, mutants, running_pickles, survives
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pickled import GENERATIONS, pickled

from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import safe_pickle
from poseaug_gen.sources.safe_pickle import load, loads, looks_like_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
SMALL = 2**24  # bytes: what a file of a few hundred bytes may cost

# What cPickle of Python 2.7 with NumPy 1.16 wrote of PYTHON_2, by protocol.
WRITTEN_BY_PYTHON_2 = {
    0: (
        b"(dp1\nS'sequence'\np2\nS'caf\\xe9'\np3\nsS'ids'\np4\ncnumpy.core.multiarray\n_reconstruct\np5\n(c"
        b"numpy\nndarray\np6\n(I0\ntS'b'\ntRp7\n(I1\n(I3\ntcnumpy\ndtype\np8\n(S'i2'\nI0\nI1\ntRp9\n(I3\nS'"
        b"<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x01\\x00\\x02\\x00'\ntbsS'n'\nNsS'jointPositions'\np10"
        b"\n(lp11\ng5\n(g6\n(I0\ntS'b'\ntRp12\n(I1\n(I2\nI2\ntg8\n(S'f8'\nI0\nI1\ntRp13\n(I3\nS'<'\nNNNI-1"
        b"\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?\\x00\\x00\\x00\\x00\\x00\\x00\\xf4\\xbf"
        b"\\x00\\x00\\x00\\x00\\x00\\x00\\x00@\\x00\\x00\\x00\\x00\\x00\\xe0o@'\ntbasS'u'\nV\xe9\nsS't'\n(I"
        b"01\nL1L\nI-2\ntp14\ns."
    ),
    2: (
        b"\x80\x02}q\x01(U\x08sequenceq\x02U\x04caf\xe9q\x03U\x03idsq\x04cnumpy.core.multiarray\n_reconstru"
        b"ct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x03\x85cnumpy\ndtype\nq\x08U\x02i"
        b"2K\x00K\x01\x87Rq\t(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x00\x01"
        b"\x00\x02\x00tbU\x01nNU\x0ejointPositionsq\n]q\x0bh\x05h\x06K\x00\x85U\x01b\x87Rq\x0c(K\x01K\x02K"
        b"\x02\x86h\x08U\x02f8K\x00K\x01\x87Rq\r(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U \x00\x00\x00\x00\x00\x00\xe0?\x00\x00\x00\x00\x00\x00\xf4\xbf\x00\x00\x00\x00\x00\x00\x00@"
        b"\x00\x00\x00\x00\x00\xe0o@tbaU\x01uX\x02\x00\x00\x00\xc3\xa9U\x01t\x88\x8a\x01\x01J\xfe\xff\xff"
        b"\xff\x87u."
    ),
}
PYTHON_2 = {
    "sequence": "café",
    "jointPositions": [np.array([[0.5, -1.25], [2, 255]])],
    "ids": np.arange(3, dtype=np.int16),
    "u": "é",
    "n": None,
    "t": (True, 1, -2),
}


def everything() -> dict:
    """One of each thing that the files of the field hold, and that NumPy writes in a way of its own."""
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(4, 17, 3)).astype(np.float32)
    return {
        "S1": {"Walking 1": walk, "Walking": [walk[:2], walk[1:]]},
        ("S1", "54138969"): {"R": np.eye(3), "w": 1000, "name": "camera1"},
        "numbers": [0, 1, 255, 256, -1, 2**31, -(2**63), 2**64 - 1, 0.1, -0.0, 1e300, True, False, None],
        "texts": ["", "é", "walk\n", "'\"\\", b"", b"a\xff\n", "x" * 300],
        "scalars": [np.float32(0.1), np.float64(2), np.int64(-3), np.bool_(True), np.str_("é"), np.bytes_(b"a")],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "slice": rng.normal(size=(6, 4))[::2],
        "turned": rng.normal(size=(2, 3, 4)).transpose(1, 0, 2),
        "big end first": np.arange(3, dtype=">i4"),
        "no dimension": np.array(3.0),
        "empty": np.zeros((0, 3)),
        "strings": np.array(["walk", "é"]),
        "bytes": np.array([b"ab", b"c"]),
        "flags": np.array([True, False]),
        "halves": np.array([0.5, 1], dtype=np.float16),
        "objects": np.array([{"a": walk[0]}, None, [1, 2]], dtype=object),
        "table": np.array([[1, "x"], [None, (1, 2)]], dtype=object),
        "empty containers": [{}, [], ()],
        "long": list(range(3000)),
    }


def assert_same(got, expected) -> None:
    """Equal in value, type and shape, where NumPy's scalars are Python's and the byte order is the machine's."""
    if isinstance(expected, np.generic):
        expected = expected.item()
    assert type(got) is type(expected)
    if isinstance(expected, np.ndarray):
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype.newbyteorder("=")
        if expected.dtype.hasobject:
            for one, other in zip(got.flat, expected.flat, strict=True):
                assert_same(one, other)
        else:
            np.testing.assert_array_equal(got, expected)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    else:
        assert got == expected or (got != got and expected != expected)


# --- what comes back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("core", GENERATIONS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_python_and_numpy_write_comes_back(protocol, core):
    assert_same(loads(pickled(everything(), protocol, core), "x"), everything())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pickler_that_people_use_is_read_too(protocol):
    assert_same(loads(pickle.dumps(everything(), protocol), "x"), everything())


@pytest.mark.parametrize("protocol", WRITTEN_BY_PYTHON_2)
def test_python_2_is_read_too(protocol, tmp_path):
    data = WRITTEN_BY_PYTHON_2[protocol]
    got = loads(data, "x")
    assert_same({key: got[key] for key in PYTHON_2}, PYTHON_2)
    (tmp_path / "x.pkl").write_bytes(data)
    assert looks_like_pickle(tmp_path / "x.pkl")
    assert_same(load(tmp_path / "x.pkl"), got)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | npst.arrays(
        st.sampled_from(["<f4", ">f8", "<i2", "|u1", "|b1", "<U3", "|S2"]), npst.array_shapes(min_dims=0, min_side=0)
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-9, 9), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(VALUES, st.sampled_from(PROTOCOLS))
def test_any_plain_data_comes_back(value, protocol):
    assert_same(loads(pickle.dumps(value, protocol), "x"), value)


def test_what_is_shared_stays_shared():
    """The same array under two names, and an array that a memo holds before its contents are known."""
    walk = np.zeros((6, 2))[::2]  # pickled in two steps, for it is not contiguous
    got = loads(pickle.dumps({"a": walk, "b": walk, "c": [walk]}, 4), "x")
    assert got["a"] is got["b"] is got["c"][0]
    assert_same(got["a"], walk)


def test_arrays_may_be_written_to():
    for protocol in PROTOCOLS:
        got = loads(pickle.dumps([np.zeros(3), np.zeros(3, dtype=">f4")], protocol), "x")
        for array in got:
            array += 1
            assert array.flags.owndata
            assert array.dtype.isnative


def test_what_is_no_pickle_does_not_look_like_one(tmp_path):
    path = tmp_path / "x"
    for content in (b"", b"PK\x03\x04", b"\x89HDF", b'{"a": 1}', b"HIERARCHY\n", b"(1 2)", b"\x80\x09"):
        path.write_bytes(content)
        assert not looks_like_pickle(path)
    for protocol in PROTOCOLS:
        for value in ({"a": 1}, [1, 2]):
            path.write_bytes(pickle.dumps(value, protocol))
            assert looks_like_pickle(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PoseAugError, match=r"none\.pkl: cannot be read: No such file"):
        load(tmp_path / "none.pkl")


# --- what does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", running_pickles())
def test_the_baits_are_real(name):
    """Python's own reader runs each of them, and the canary notices."""
    with pytest.raises(AssertionError, match=f"ran .*({CANARY}|open)"):
        survives(lambda: pickle.loads(running_pickles()[name]))


@pytest.mark.parametrize("name", hostile_pickles())
def test_no_hostile_pickle_is_read(name):
    assert survives(lambda: loads(hostile_pickles()[name], "x.pkl"), limit=SMALL) == "refused"


def test_the_name_that_a_pickle_calls_is_told():
    with pytest.raises(PoseAugError, match=r"^x: the pickle names .*\.system, which could run any program"):
        loads(running_pickles()["os.system, protocol 4"], "x")
    with pytest.raises(PoseAugError, match=r"^x: the pickle names numpy.*\.load, which could run any program"):
        loads(running_pickles()["numpy.load, protocol 2"], "x")


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset("a"),
        complex(1, 2),
        range(3),
        slice(1),
        bytearray(b"ab"),
        Counter("ab"),
        np.dtype("f4"),
        np.float32,
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, dtype="M8[s]"),
        np.zeros(2, dtype=complex),
        np.zeros(2, dtype="V3"),
        np.ma.masked_array([1, 2]),
        np.random.default_rng(0),
        2**64,
        -(2**63) - 1,
        "half a character: \ud800",
        {(1, (2, 3)): 1},
        {(1,) * 9: 1},
        {frozenset(): 1},
        print,
    ],
    ids=str,
)
def test_what_is_no_plain_data_is_refused(value):
    """In the newer protocols; some of it is written as something plainer in older ones."""
    for protocol in (2, 4):
        data = pickle.dumps({"S1": [value]}, protocol)
        assert survives(lambda data=data: loads(data, "x"), limit=SMALL) == "refused"


def test_an_array_must_account_for_its_bytes():
    whole = pickle.dumps(np.arange(6.0).reshape(2, 3), 2)
    loads(whole, "x")
    for more in (b"K\x03K\x03\x86", b"K\x02K\x02\x86", b"K\x06K\x06\x86", b"K\x02J\xff\xff\xff\x7f\x86"):
        assert whole.count(b"K\x02K\x03\x86") == 1
        with pytest.raises(PoseAugError, match="an array"):
            loads(whole.replace(b"K\x02K\x03\x86", more), "x")


def test_a_few_bytes_do_not_make_many_arrays():
    """The bytes of one array under a memo, made an array of again and again."""
    one = pickle.dumps(np.frombuffer(bytes(100_000), dtype=np.uint8)[::1], 3)
    at = one.index(b"cnumpy")
    build = one[at:-1]
    raw = build.index(b"B" + (100_000).to_bytes(4, "little"))
    again = build[:raw] + b"h\xc8" + build[raw + 5 + 100_000 :].lstrip(b"q\x08\x09\x0a\x0b\x0c\x0d")
    data = b"\x80\x03](B" + (100_000).to_bytes(4, "little") + bytes(100_000) + b"q\xc80" + again * 1000 + b"e."
    assert survives(lambda: loads(data.replace(b"q\xc80", b"q\xc8", 1), "x"), limit=SMALL) == "refused"


def test_what_repeats_itself_is_weighed_as_it_would_be_written_out():
    """Ten levels of ten times the same list are ten billion numbers to ``numpy.asarray``."""
    value: list = [0.5] * 10
    for _ in range(9):
        value = [value] * 10
    with pytest.raises(PoseAugError, match="repeats its parts"):
        loads(pickle.dumps(value), "x")


def test_depth_is_bounded_by_the_longest_way_down():
    shared = loads(pickle.dumps([[[1]]]), "x")
    for _ in range(safe_pickle.DEEPEST - 4):
        shared = [shared]
    assert_same(loads(pickle.dumps(shared), "x"), shared)
    with pytest.raises(PoseAugError, match="over 32 deep"):
        loads(pickle.dumps([[shared[0]], [[[shared]]]]), "x")


def test_too_many_instructions_are_refused(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MOST_STEPS", 1000)
    loads(pickle.dumps(list(range(200))), "x")
    with pytest.raises(PoseAugError, match="over 1,000 instructions"):
        loads(pickle.dumps(list(range(2000))), "x")


def test_strings_of_no_characters_are_refused():
    array = np.array(["ab"])
    for point in (0xD800, 0x110000):
        array.view(np.uint32)[0] = point
        assert survives(lambda: loads(pickle.dumps(np.frombuffer(array.tobytes(), "<U2")), "x")) == "refused"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_truncated_anywhere_is_an_error(protocol):
    whole = pickle.dumps({"S1": np.zeros(2), "n": [1, "a"]}, protocol)
    for length in range(len(whole)):
        with pytest.raises(PoseAugError, match=r"^x: "):
            loads(whole[:length], "x")


def fuzz(seeds: range, count: int) -> Counter:
    """What becomes of damaged pickles: ``count`` of each protocol and seed, good ones and hostile ones."""
    good = {key: value for key, value in everything().items() if key in ("S1", "texts", "slice", "strings", "objects")}
    outcomes: Counter = Counter()
    for seed in seeds:
        for protocol in PROTOCOLS:
            for data in mutants(pickled(good, protocol, GENERATIONS[seed % 2]), seed, count):
                outcomes[survives(lambda data=data: loads(data, "x"), limit=SMALL)] += 1
        for data in (*WRITTEN_BY_PYTHON_2.values(), *hostile_pickles().values()):
            for mutant in mutants(data, seed, max(count // 40, 1)):
                outcomes[survives(lambda data=mutant: loads(data, "x"), limit=SMALL)] += 1
    return outcomes


def test_damaged_pickles_are_an_error_or_are_read():
    outcomes = fuzz(range(1), 50)
    assert set(outcomes) == {"read", "refused"}


@pytest.mark.slow
def test_many_damaged_pickles_are_an_error_or_are_read():
    outcomes = fuzz(range(1, 3), 500)
    assert sum(outcomes.values()) > 8000
    assert set(outcomes) == {"read", "refused"}
