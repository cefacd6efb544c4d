"""Files that are whole or not there: what is left after an error, a kill, a full disk; one writer at a time."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poseaug_gen import storage
from poseaug_gen.errors import PoseAugError

ROOT = Path(__file__).parents[1]


def start(script: str, *arguments: object) -> subprocess.Popen:
    """Another Python process that runs ``script``; it can import the package wherever the tests run from."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def old(tmp_path) -> Path:
    """A file that was there before."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


# --- replacing ------------------------------------------------------------------------------------------------


def test_a_file_takes_its_place_when_the_block_ends(old):
    with storage.replacing(old) as temporary:
        temporary.write_text("new")
        assert temporary.parent == old.parent  # one file system, so that the rename is atomic
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def test_missing_folders_are_made(tmp_path):
    storage.write_text(tmp_path / "a" / "b" / "file.txt", "new")
    assert (tmp_path / "a" / "b" / "file.txt").read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, PoseAugError])
def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(old, error):
    def write_half():
        with storage.replacing(old) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_process_killed_in_the_block_leaves_the_old_file(old):
    script = """
import os, signal, sys
from pathlib import Path
from poseaug_gen import storage
with storage.replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = start(script, old)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    storage.clear_temporaries(old.parent)  # what the next process does once it holds the lock
    assert list(old.parent.iterdir()) == [old]


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(old):
    """A limit on the size of a file stands in for the disk: the write fails in the middle all the same."""
    script = """
import resource, sys
from pathlib import Path
from poseaug_gen import errors, storage
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    storage.write_bytes(Path(sys.argv[1]), bytes(100_000))
except errors.PoseAugError as error:
    print(error)
"""
    output, errors = start(script, old).communicate(timeout=30)
    assert not errors
    assert output.splitlines() == [f"{old}: no room left to write it; free some disk space and run the same command"]
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_told_apart_from_other_failures(number):
    path = Path("out.h5")
    from_system = OSError(number, os.strerror(number))
    from_hdf5 = OSError(f"Can't write data (file write failed: errno = {number}, error message = '...')")
    for error in (from_system, from_hdf5):
        assert "out.h5: no room left" in str(storage.write_failure(path, error))
    denied = storage.write_failure(path, PermissionError(errno.EACCES, "Permission denied"))
    assert str(denied) == "out.h5: cannot be written: Permission denied; choose a place that can"


def test_a_place_that_is_no_folder_is_one_sentence(old):
    with pytest.raises(PoseAugError, match="cannot be written"):
        storage.write_text(old / "below.txt", "new")
    assert old.read_text() == "old"


# --- contents -------------------------------------------------------------------------------------------------


def test_json_round_trip_with_sorted_keys(tmp_path):
    path = tmp_path / "value.json"
    value = {"b": [1, 2.5, None], "a": {"ü": True}}
    storage.write_json(path, value)
    assert storage.read_json(path) == value
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read"), (b"{", "not valid JSON"), (b"\xff\xfe", "not valid JSON")]
)
def test_a_file_without_json_is_named(tmp_path, content, sentence):
    path = tmp_path / "value.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PoseAugError, match=sentence) as error:
        storage.read_json(path)
    assert str(error.value).startswith(str(path))


def test_sha256_is_the_hash_of_the_bytes(tmp_path):
    path = tmp_path / "file"
    content = bytes(range(256)) * 5000  # over one read's buffer
    storage.write_bytes(path, content)
    assert storage.sha256(path) == hashlib.sha256(content).hexdigest()
    storage.write_bytes(path, b"abc")  # FIPS 180-4's example
    assert storage.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- locked ---------------------------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from poseaug_gen import storage
with storage.locked(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def lock(path: Path) -> None:
    with storage.locked(path, "someone else writes there"):
        pass


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path):
    path = tmp_path / "run"
    holder = start(HOLD, path)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(PoseAugError, match="someone else writes there"):
        lock(path)
    holder.communicate("let go\n", timeout=30)
    lock(path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_blocks_nobody(tmp_path):
    path = tmp_path / "run"
    holder = start(HOLD, path)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate(timeout=30)
    lock(path)


def test_a_second_handle_in_the_same_process_is_refused(tmp_path):
    path = tmp_path / "run"
    with storage.locked(path, "busy"):
        with pytest.raises(PoseAugError, match="someone else"):
            lock(path)
        with pytest.raises(PoseAugError, match="someone else"):  # the refused one has not opened the door
            lock(path)
    lock(path)


def test_an_error_in_the_block_frees_the_lock(tmp_path):
    path = tmp_path / "run"

    def fail():
        with storage.locked(path, "busy"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    lock(path)


def test_of_many_processes_only_one_is_inside(tmp_path):
    """Each adds to a number that only one at a time may read and write: no addition is lost."""
    script = """
import sys
from pathlib import Path
from poseaug_gen import errors, storage
path, count, done = Path(sys.argv[1]), Path(sys.argv[2]), 0
print("ready", flush=True)
sys.stdin.readline()
while done < 100:
    try:
        with storage.locked(path, "busy"):
            count.write_text(str(int(count.read_text()) + 1))
            done += 1
    except errors.PoseAugError:
        continue
"""
    count = tmp_path / "count"
    count.write_text("0")
    processes = [start(script, tmp_path / "run", count) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:  # all at once, so that they do meet
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 3
    assert count.read_text() == "300"
