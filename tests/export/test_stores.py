"""Exports to places that fsspec reaches: the same bytes, the same life of a shard."""

from __future__ import annotations

import hashlib
import json
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from export_files import hashes, stopping_after

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export import stores
from poseaug_gen.export.dataset import Summary, export, export_shard
from poseaug_gen.export.merge import merge
from poseaug_gen.export.stores import LocalStore, RemoteStore, store_of
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]
SETTINGS = ExportSettings(n=1000, shard_rows=300)


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder of fsspec's file system in memory, alone; this machine's temporary folder is the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield "memory://bucket/x"
    system.store.clear()


@pytest.fixture
def ordinary(make_export: MakeExport) -> dict[str, str]:
    return hashes(make_export("ordinary/aug.h5", n=1000, shard_rows=300).path.parent)


def stored(url: str) -> dict[str, str]:
    """The SHA-256 of every file below a URL."""
    system, root = fsspec.core.url_to_fs(url)
    return {
        name.removeprefix(f"{root}/"): hashlib.sha256(system.cat_file(name)).hexdigest() for name in system.find(root)
    }


def test_the_same_bytes_and_nothing_left_on_this_machine(
    memory: str, fake_run: RunFolder, ordinary: dict[str, str], tmp_path: Path
) -> None:
    assert export(fake_run, SETTINGS, f"{memory}/aug.h5").made == 4
    assert stored(memory) == ordinary
    assert not list((tmp_path / "temporary").rglob("*"))
    assert export(fake_run, SETTINGS, f"{memory}/aug.h5").made == 0
    with pytest.raises(PoseAugError, match=r"memory://bucket/x/aug\.shards/manifest\.json: was begun .*seed: 0 -> 1"):
        export(fake_run, ExportSettings(n=1000, shard_rows=300, seed=1), f"{memory}/aug.h5")


def test_a_plain_file(memory: str, fake_run: RunFolder, make_export: MakeExport) -> None:
    settings = ExportSettings(n=500)
    assert export(fake_run, settings, f"{memory}/aug.h5").made == 1
    assert stored(memory) == hashes(make_export("plain/aug.h5", n=500).path.parent)
    assert export(fake_run, settings, f"{memory}/aug.h5").made == 0


def test_going_on_after_an_interruption(memory: str, fake_run: RunFolder, ordinary: dict[str, str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        export(fake_run, SETTINGS, f"{memory}/aug.h5", advance=stopping_after(700))
    assert set(stored(memory)) == {
        "aug.shards/manifest.json",
        "aug.shards/aug-00000-of-00004.h5",
        "aug.shards/aug-00001-of-00004.h5",
    }
    system = fsspec.filesystem("memory")
    system.pipe_file("/bucket/x/aug.shards/aug-00001-of-00004.h5", b"damaged on the way")
    system.pipe_file("/bucket/x/aug.shards/aug-00002-of-00004.h5.tmp-12", b"left by a kill")
    assert export(fake_run, SETTINGS, f"{memory}/aug.h5").made == 3
    assert stored(memory) == ordinary


def test_shards_and_merge(memory: str, fake_run: RunFolder, ordinary: dict[str, str]) -> None:
    for shard in (3, 1, 0):
        export_shard(fake_run, SETTINGS, f"{memory}/aug.h5", shard)
    with pytest.raises(PoseAugError, match=r"memory://bucket/x/aug\.shards: 1 of 4 shards are missing \(2\)"):
        merge(f"{memory}/aug.h5")
    export_shard(fake_run, SETTINGS, f"{memory}/aug.h5", 2)
    merge(f"{memory}/aug.shards")
    assert stored(memory) == ordinary


def test_two_workers_through_a_url(memory: str, fake_run: RunFolder, tmp_path: Path, ordinary: dict[str, str]) -> None:
    export(fake_run, SETTINGS, f"file://{tmp_path}/there/aug.h5", workers=2)
    assert hashes(tmp_path / "there") == ordinary


def test_overwrite(memory: str, fake_run: RunFolder) -> None:
    export(fake_run, SETTINGS, f"{memory}/aug.h5")
    export(fake_run, ExportSettings(n=500), f"{memory}/aug.h5", overwrite=True)
    assert set(stored(memory)) == {"aug.h5", "aug.README.md"}


def test_an_upload_that_arrives_short_is_told(
    memory: str, fake_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    monkeypatch.setattr(
        type(system), "put_file", lambda self, local, remote: self.pipe_file(remote, Path(local).read_bytes()[:-1])
    )
    with pytest.raises(PoseAugError, match=r"others arrived; run the same command"):
        export(fake_run, SETTINGS, f"{memory}/aug.h5")


def test_what_cannot_be_reached_is_one_sentence(fake_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PoseAugError, match=r"nosuch://bucket: cannot be reached \(Protocol not known"):
        export(fake_run, SETTINGS, "nosuch://bucket/aug.h5")
    for out in ("s3://aug.h5", "s3://bucket/"):
        with pytest.raises(PoseAugError, match="names no file in a bucket"):
            store_of(out)

    def fail(self: object, *_: object, **__: object) -> None:
        raise RuntimeError("no credentials\nat all")

    system = fsspec.filesystem("memory")
    monkeypatch.setattr(type(system), "info", fail)
    monkeypatch.setattr(type(system), "isdir", fail)
    with pytest.raises(PoseAugError, match=r"memory://x/aug\.h5: cannot be reached \(no credentials at all\)"):
        export(fake_run, SETTINGS, "memory://x/aug.h5")


def test_places() -> None:
    store, name = store_of("folder/aug.h5")
    assert isinstance(store, LocalStore)
    assert (str(name), store.show("aug.shards/x")) == ("aug.h5", "folder/aug.shards/x")
    store, name = store_of("s3://bucket/a/aug.h5")
    assert isinstance(store, RemoteStore)
    assert (str(name), store.show(Path("aug.shards/x"))) == ("aug.h5", "s3://bucket/a/aug.shards/x")
    again = pickle.loads(pickle.dumps(store))
    assert again.show("x") == store.show("x")


def test_files_of_a_store(memory: str, tmp_path: Path) -> None:
    """Both kinds of store answer alike."""
    for store in (LocalStore(tmp_path / "local"), RemoteStore(memory)):
        assert store.size("a/x.h5") is None
        assert store.read_text("a/x.json") is None
        assert store.names("a") == []
        store.write_text("a/x.json", json.dumps({"ü": 1}))
        draft = store.draft("a/y.h5")
        draft.write_bytes(b"abc")
        assert store.names("a") == ["x.json"] + ([draft.name] if isinstance(store, LocalStore) else [])
        assert store.drafts("a") == ["y.h5"]
        size, digest = store.publish(draft, "a/y.h5")
        assert (size, digest) == (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        assert not draft.exists()
        assert (store.size("a/y.h5"), store.sha256("a/y.h5")) == (3, digest)
        assert store.names("a") == ["x.json", "y.h5"]
        assert store.is_folder("a")
        assert not store.is_folder("a/y.h5")
        store.draft("a/y.h5").write_text("left")
        store.discard_drafts("a/y.h5")
        assert store.drafts("a") == []
        with store.locked("a/y.h5", "busy"):
            assert store.is_locked("a/y.h5")
            assert store.locks("a") == ["y.h5.lock"]
        assert not store.is_locked("a/y.h5")
        store.remove("a/y.h5")
        store.remove("a/y.h5")
        assert store.names("a") == ["x.json"]


def test_an_object_store_is_put_to_at_once(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, names = fsspec.filesystem("memory"), []
    put = type(system).put_file
    monkeypatch.setattr(
        type(system), "put_file", lambda self, local, remote: (names.append(remote), put(self, local, remote))
    )
    for atomic in ({"memory"}, set()):
        monkeypatch.setattr(stores, "_ATOMIC", atomic)
        RemoteStore(memory).write_text("x.json", "{}")
    assert names[0] == "/bucket/x/x.json"
    assert names[1].startswith("/bucket/x/x.json.tmp-")
    assert set(stored(memory)) == {"x.json"}
