"""Damaged and hostile files for the tests of every reader: ``from fuzzing import mutants, survives``.

    whole = write_a_good_file(tmp_path / "x.bvh").read_bytes()
    for data in mutants(whole, seed=0, count=300):
        path.write_bytes(data)
        outcomes[survives(lambda: bvh.read(path, request))] += 1

:func:`survives` says "read" or "refused" (a PoseAugError), lets any other exception out, and fails where something
ran or memory grew past a bound. :func:`hostile_pickles` are for the readers of pickles; damaged bytes inside a .npz
are best made by mutating the member and zipping it again, behind a good checksum.
"""

from __future__ import annotations

import pickle
import random
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator

from poseaug_gen.errors import PoseAugError

LIMIT = 256 * 2**20  # bytes that a reader of a small file may allocate
CANARY = "poseaug-canary"  # every hostile pickle, if it runs, asks the system for something of this name

_HUGE = [2**63 - 1, 2**64 - 1, 2**33, 2**31 - 1, 2**31, 2**32 - 1, 2**24, 2**16, 255, 0]
_TEXTS = [
    b"nan",
    b"inf",
    b"-inf",
    b"1e999",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e-320",
    b"",
    b"x",
    b"-",
    b"1" * 5000,
]


def mutants(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """``count`` damaged copies of a file: the same ones for the same seed.

    Cut short, bits and bytes changed, chunks swapped, zeroed, repeated, cut out, sizes made huge, and numbers written
    as text replaced; one to four such faults in each.
    """
    rng = random.Random(seed)
    for _ in range(count):
        damaged = bytes(data)
        for _ in range(rng.choice((1, 1, 2, 4))):
            damaged = rng.choice(_FAULTS)(damaged, rng)
        yield damaged


def _chunk(data: bytes, rng: random.Random) -> tuple[int, int]:
    """A random piece: mostly short, now and then up to the whole file."""
    length = rng.randint(0, rng.choice((4, 64, 1024, len(data))))
    start = rng.randint(0, len(data))
    return start, min(start + length, len(data))


def _truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _bytes_set(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4) if data else 0):
        changed[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def _swapped(data: bytes, rng: random.Random) -> bytes:
    (a, b), (c, d) = sorted((_chunk(data, rng), _chunk(data, rng)))
    c = max(b, c)
    d = max(c, d)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _zeroed(data: bytes, rng: random.Random) -> bytes:
    start, end = _chunk(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _repeated(data: bytes, rng: random.Random) -> bytes:
    start, end = _chunk(data, rng)
    return data[:end] + data[start:end] * rng.randint(1, 3) + data[end:]


def _cut_out(data: bytes, rng: random.Random) -> bytes:
    start, end = _chunk(data, rng)
    return data[:start] + data[end:]


def _size_made_huge(data: bytes, rng: random.Random) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    start = rng.randint(0, max(0, len(data) - width))
    value = rng.choice(_HUGE) % 2 ** (8 * width)
    return data[:start] + value.to_bytes(width, rng.choice(("little", "big"))) + data[start + width :]


def _number_replaced(data: bytes, rng: random.Random) -> bytes:
    start = rng.randint(0, len(data))
    found = re.compile(rb"-?\d+(\.\d+)?").search(data, start)
    if found is None:
        return _bytes_set(data, rng)
    return data[: found.start()] + rng.choice(_TEXTS) + data[found.end() :]


_FAULTS = (
    _truncated,
    _flipped,
    _bytes_set,
    _swapped,
    _zeroed,
    _repeated,
    _cut_out,
    _size_made_huge,
    _number_replaced,
)

# --- what a reader does with them -----------------------------------------------------------------------------

_RUNS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "socket.connect")
_ran: list[str] | None = None  # what ran while a reader was watched; None: nobody is


def _watch(event: str, args: tuple) -> None:
    if _ran is not None and (event in _RUNS or (event == "open" and CANARY in str(args[0]))):
        _ran.append(f"{event}{args}")
        raise AssertionError(f"the reader ran {event}{args}")  # the interpreter then does not do it


sys.addaudithook(_watch)


def survives(read: Callable[[], object], limit: int = LIMIT) -> str:
    """What a reader makes of a file: ``read`` or ``refused``.

    Any exception but PoseAugError comes out as it is.

    Raises:
        AssertionError: a program or a connection was started, the file of the canary was opened, the error is not one
            sentence, or more than ``limit`` bytes were allocated at once (Python's and NumPy's allocations).
    """
    global _ran
    _ran = []
    already = tracemalloc.is_tracing()
    if already:
        tracemalloc.reset_peak()
    else:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    outcome, sentence = "read", "-"
    try:
        read()
    except PoseAugError as error:
        outcome, sentence = "refused", str(error)
    finally:
        ran, _ran = _ran, None
        peak = tracemalloc.get_traced_memory()[1] - before
        if not already:
            tracemalloc.stop()
    assert sentence, "an error without a text"
    assert "\n" not in sentence, f"an error of several lines: {sentence}"
    assert not ran, f"something ran: {ran}"
    assert peak <= limit, f"{peak:,} bytes were allocated, over {limit:,}"
    return outcome


# --- hostile pickles ------------------------------------------------------------------------------------------


class _Calls:
    """What a pickle makes of this is a call."""

    def __init__(self, function: Callable, *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple:
        return self.call


def hostile_pickles() -> dict[str, bytes]:
    """Pickles that run something or claim gigabytes when ``pickle.loads`` reads them, by name.

    None of them is data: a safe reader refuses every one.
    """
    return _programs() | _hidden_programs() | _bombs()


def running_pickles() -> dict[str, bytes]:
    """Those of :func:`hostile_pickles` whose payload runs under ``pickle.loads``: :func:`survives` must see it."""
    return _programs() | _hidden_programs()


def _programs() -> dict[str, bytes]:
    """Plain calls, in each protocol, alone and deep inside what looks like data."""
    import os
    import subprocess

    import numpy as np

    opens = f"open({CANARY!r})"
    calls = {
        "os.system": _Calls(os.system, CANARY),
        "subprocess": _Calls(subprocess.Popen, [CANARY]),
        "eval": _Calls(eval, opens),
        "exec": _Calls(exec, opens),
        "open": _Calls(open, CANARY),
        "numpy.load": _Calls(np.load, CANARY),
        "numpy.fromfile": _Calls(np.fromfile, CANARY),
        "import and getattr": _Calls(eval, f"getattr(__import__('os'), 'system')({CANARY!r})"),
    }
    found = {}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for name, call in calls.items():
            found[f"{name}, protocol {protocol}"] = pickle.dumps(call, protocol)
        nested = np.array([{"S1": [np.zeros(3), calls["os.system"]]}], dtype=object)
        found[f"in an object array, protocol {protocol}"] = pickle.dumps(nested, protocol)
        found[f"in a nested dict, protocol {protocol}"] = pickle.dumps({"S1": {"Walk": calls["eval"]}}, protocol)
        found[f"as a key, protocol {protocol}"] = pickle.dumps({calls["open"]: 1}, protocol)
    return found


def _text(text: str) -> bytes:
    return pickle.BINUNICODE + len(text).to_bytes(4, "little") + text.encode()


def _hidden_programs() -> dict[str, bytes]:
    """Calls by other ways than a plain global and REDUCE."""
    system = f"cos\nsystem\n(S'{CANARY}'\ntR.".encode()
    chain = (  # getattr(__import__("os"), "system")(CANARY)
        b"\x80\x02c__builtin__\ngetattr\nc__builtin__\n__import__\n"
        + (_text("os") + b"\x85R" + _text("system") + b"\x86R")
        + (_text(CANARY) + b"\x85R.")
    )
    dotted = b"\x80\x04" + _text("shutil") + _text("os.system") + b"\x93" + _text(CANARY) + b"\x85R."
    module = _text("numpy.testing._private.utils")  # has imported os
    via_numpy = b"\x80\x04" + module + _text("os.system") + b"\x93" + _text(CANARY) + b"\x85R."
    return {
        "a global in text": system,
        "INST": f"(S'{CANARY}'\nios\nsystem\n.".encode(),
        "OBJ": b"(cos\nsystem\n" + _text(CANARY) + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n" + _text(CANARY) + b"\x85R.",
        "a getattr chain": chain,
        "a dotted name": dotted,
        "numpy's own modules": via_numpy,
        "behind good data": pickle.dumps([1, 2], 2)[:-1] + system,
    }


def _bombs() -> dict[str, bytes]:
    """Claims of gigabytes in a few bytes, and structures that no data has."""
    eight = (8 * 2**30).to_bytes(8, "little")
    billion = b"J" + (10**9).to_bytes(4, "little")
    array = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    unbuilt = array + b"K\x00\x85" + _text("b") + b"\x87R"
    frombuffer = b"\x80\x05cnumpy.core.numeric\n_frombuffer\n"
    scalar = b"\x80\x02cnumpy.core.multiarray\nscalar\n"
    double = b"cnumpy\ndtype\n" + _text("f8") + b"\x89\x88\x87R(K\x03" + _text("<")
    double += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    wide = b"cnumpy\ndtype\n" + _text("S2000000000") + b"\x89\x88\x87R"
    return {
        "_reconstruct of 8 GB": array + billion + b"\x85" + _text("d") + b"\x87R.",
        "an array of 8 GB": unbuilt + b"(K\x01" + billion + b"\x85" + double + b"\x89C\x00tb.",
        "_frombuffer of 8 GB": frombuffer + b"(C\x00" + double + billion + b"\x85" + _text("C") + b"tR.",
        "a dtype of 2 GB": scalar + b"(" + wide + b"C\x00tR.",
        "a void dtype": array + b"K\x00\x85" + _text("V2000000000") + b"\x87R.",
        "numpy.ndarray called": b"\x80\x02cnumpy\nndarray\n" + billion + b"\x85\x85R.",
        "numpy.zeros": b"\x80\x02cnumpy\nzeros\n" + billion + b"\x85R.",
        "bytearray(8 GB)": b"\x80\x02c__builtin__\nbytearray\n\x8a\x05" + eight[:5] + b"\x85R.",
        "BYTEARRAY8": b"\x80\x05\x96" + eight + b"x.",
        "BINBYTES8": b"\x80\x04\x8e" + eight + b"x.",
        "BINUNICODE8": b"\x80\x04\x8d" + eight + b"x.",
        "BINBYTES": b"\x80\x03B\xff\xff\xff\xffx.",
        "BINSTRING below zero": b"\x80\x02T\xff\xff\xff\xffx.",
        "LONG4": b"\x80\x02\x8b\xff\xff\xff\x7fx.",
        "LONG4 below zero": b"\x80\x02\x8b\xff\xff\xff\xffx.",
        "FRAME": b"\x80\x04\x95" + eight + b"x.",
        "LONG_BINPUT": b"\x80\x02]r\xff\xff\xff\x7f.",
        "PUT": b"]p99999999999999999999\n.",
        "a long number in text": b"L" + b"9" * 100_000 + b"L\n.",
        "deep lists": b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b".",
        "deep tuples": b"\x80\x02)" + b"\x85" * 3000 + b".",
        "deep marks": b"\x80\x02" + b"(" * 3000 + b"t" * 3000 + b".",
        "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
        # Each of 60 lists (tuples) holds the one before twice: 2^60 leaves to whoever walks (hashes) them.
        "doubling lists": b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b"h\x3c.",
        "a doubling key": b"\x80\x02}" + b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60)) + b"K\x01s.",
        "an extension code": b"\x80\x02\x82\x01.",
        "a persistent id": b"Pcanary\n.",
        "a buffer out of band": b"\x80\x05\x97.",
        "a global alone": b"\x80\x02cnumpy\nndarray\n.",
        "BUILD on a global": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN}" + _text("__defaults__") + b"Ns\x86b.",
        "BUILD on a list": b"\x80\x02]}" + _text("__class__") + b"Nsb.",
        "an array that was never built": unbuilt + b"\x85.",
        "nothing": b"",
        "a stop alone": b".",
        "protocol 200": b"\x80\xc8N.",
    }
