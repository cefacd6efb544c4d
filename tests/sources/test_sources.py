"""Which file is of which format, and many files as one set."""

import numpy as np
import pytest

from poseaug_gen import sources
from poseaug_gen.errors import PoseAugError
from poseaug_gen.sources import FORMATS, canonical, npz, read_sources, register, source_files
from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.sources.formats import Format, Request
from poseaug_gen.sources.rigs import load_rig

_, CAMERA = (format.name for format in npz.FORMATS)
OURS, PLAIN = (format.name for format in canonical.FORMATS)


@pytest.fixture
def folder(tmp_path, make_poses, skeleton):
    """A folder with one file of each format that needs no rig, and others."""
    poses = make_poses(skeleton, 6)
    fields = {"positions_3d": poses.positions, "intrinsics": poses.intrinsics, "image_size": poses.image_size}
    np.savez(tmp_path / "b.npz", **fields)
    write_poses(tmp_path / "a.h5", poses)
    (tmp_path / "README.md").write_text("# Poses")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / ".hidden.npz").write_bytes((tmp_path / "b.npz").read_bytes())
    np.savez(tmp_path / "unrelated.npz", weights=np.zeros(3))
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_folder_is_its_recognised_files(folder, skeleton):
    assert [(path.name, format.name) for path, format in source_files(folder)] == [("a.h5", OURS), ("b.npz", CAMERA)]
    both = read_sources([folder], Request(skeleton))
    assert len(both) == 12
    assert [part["name"] for part in both.provenance["parts"]] == ["synthetic", "b"]


def test_the_content_decides_not_the_name(folder, skeleton):
    (folder / "b.npz").rename(folder / "poses.h5")
    (folder / "a.h5").rename(folder / "poses")
    assert [format.name for _, format in source_files(folder)] == [OURS, CAMERA]
    assert len(read_sources([folder / "poses", str(folder / "poses.h5")], Request(skeleton))) == 12


def test_folders_below_are_looked_into_and_pictures_are_not(folder, skeleton):
    (folder / "sub" / "deeper").mkdir()
    (folder / "b.npz").rename(folder / "sub" / "deeper" / "b.npz")
    (folder / "sub" / "frame.jpg").write_bytes((folder / "a.h5").read_bytes())
    (folder / ".cache").mkdir()
    (folder / "a.h5").rename(folder / ".cache" / "a.h5")
    assert [path.relative_to(folder).as_posix() for path, _ in source_files(folder)] == ["sub/deeper/b.npz"]


def test_the_built_in_source_goes_with_files(folder, skeleton):
    request = Request(skeleton, load_rig("studio"), rows=300)
    assert len(read_sources(["anatomy"], request)) == 300
    both = read_sources([folder / "a.h5", "anatomy"], request)
    assert len(both) == 306
    assert [part["name"] for part in both.provenance["parts"]] == ["synthetic", "anatomy"]
    with pytest.raises(PoseAugError, match=r"anatomy: there is no such file"):
        read_sources(["./anatomy"], request)


def test_an_unknown_file_is_named_with_what_is_known(folder, skeleton):
    for name in ("notes.txt", "unrelated.npz"):
        with pytest.raises(PoseAugError) as error:
            read_sources([folder / name], Request(skeleton))
        assert all(format.name in str(error.value) for format in FORMATS)
        assert str(folder / name) in str(error.value)


def test_a_damaged_file_in_a_folder_is_not_passed_over(folder, skeleton):
    for name in ("a.h5", "b.npz"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PoseAugError, match=f"{name}: not a whole"):
            read_sources([folder], Request(skeleton))
        (folder / name).write_bytes(whole)


def test_nothing_to_read_is_an_error(folder, skeleton):
    with pytest.raises(PoseAugError, match="no source of poses"):
        read_sources([], Request(skeleton))
    with pytest.raises(PoseAugError, match="no file in this folder is of a known format"):
        read_sources([folder / "sub"], Request(skeleton))
    with pytest.raises(PoseAugError, match=r"none\.npz: there is no such file or folder"):
        read_sources([folder / "none.npz"], Request(skeleton))


def test_real_motion_reads_as_one_set(shared_data, skeleton):
    files = [shared_data / "cmu_sports.npz", shared_data / "far_climb.npz"]
    street = load_rig(f"{shared_data}/rigs.json:street")
    poses = read_sources(files, Request(skeleton, street))
    assert len(poses) == 8 * (6935 + 820)
    assert len(poses.camera.counts()) == 8
    assert [part["rows"] for part in poses.provenance["parts"]] == [6935, 820]


def test_a_format_that_is_registered_is_asked_before_ours(tmp_path, monkeypatch, make_poses, skeleton):
    """So that a special file may look like one of a general format."""
    monkeypatch.setattr(sources, "FORMATS", [*FORMATS])
    poses = make_poses(skeleton, rows=5)
    np.savez(tmp_path / "a.npz", positions=poses.positions)
    mine = Format("mine", "anything", lambda path: path.suffix == ".npz", lambda path, request: poses)
    register(mine)
    assert source_files(tmp_path / "a.npz") == [(tmp_path / "a.npz", mine)]
    assert read_sources([tmp_path], Request(skeleton)) is poses
    with pytest.raises(ValueError, match="there is a format 'mine' already"):
        register(mine)
