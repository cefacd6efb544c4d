"""Lenses in place of the source's: what ``--cameras`` names, how they are drawn, and what the file says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poseaug_gen.config import BadConfigError, ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.lenses import FieldsOfView, FixedLenses, draw_lenses, lenses_of
from poseaug_gen.export.machine import resolved
from poseaug_gen.export.schema import export_attributes, recorded_settings, settings_hash
from poseaug_gen.sources.rigs import studio
from poseaug_gen.training.run_folder import RunFolder

CAMERA = {
    "azimuth_deg": 0,
    "distance_m": 4,
    "height_m": 1.5,
    "look_at_height_m": 1,
    "intrinsics": [2, 2, 0, 0, 0, 0, 0, 0, 0],
    "image_size": [1920, 1080],
}


def of(cameras: str) -> FixedLenses | FieldsOfView | None:
    return lenses_of(ExportSettings(cameras=cameras))


@pytest.fixture
def rigs(tmp_path: Path) -> Path:
    """A file of two rigs: two cameras that stand, and a ring."""
    path = tmp_path / "rigs.json"
    tele = {**CAMERA, "intrinsics": [4, 4, 0.01, 0.02, -0.1, 0, 0, 0, 0], "image_size": [1000, 1000]}
    path.write_text(json.dumps({"two": [CAMERA, tele], "round": {"fov": [40, 60], "size": [640, 480]}}))
    return path


def test_the_sources_own_are_no_choice() -> None:
    assert of("source") is None


def test_a_rigs_lenses_are_drawn_alike_often_each_with_its_image(rigs: Path) -> None:
    intrinsics, size = draw_lenses(of(f"rig:{rigs}:two"), 4000, np.random.default_rng(0))
    assert intrinsics.dtype == np.float32
    assert size.dtype == np.int16
    wide = intrinsics[:, 0] == 2
    assert 0.45 < wide.mean() < 0.55
    np.testing.assert_array_equal(size[wide], np.tile([1920, 1080], (wide.sum(), 1)))
    np.testing.assert_array_equal(size[~wide], np.tile([1000, 1000], ((~wide).sum(), 1)))
    np.testing.assert_array_equal(intrinsics[~wide][0], np.float32([4, 4, 0.01, 0.02, -0.1, 0, 0, 0, 0]))


def test_the_studio_has_its_four() -> None:
    lenses = of("rig:studio")
    assert isinstance(lenses, FixedLenses)
    np.testing.assert_array_equal(lenses.intrinsics, np.stack([camera.intrinsics for camera in studio()]))


@pytest.mark.parametrize("rig", ["ring:fov=40-60,size=640x480", "FILE:round"])
def test_a_ring_has_a_range_of_fields_of_view(rig: str, rigs: Path) -> None:
    assert of(f"rig:{rig.replace('FILE', str(rigs))}") == FieldsOfView((40.0, 60.0), (640, 480))


@pytest.mark.parametrize(("text", "low", "high"), [("fov:40:75", 40, 75), ("fov:.5:179.5", 0.5, 179.5)])
def test_fields_of_view_are_drawn_evenly_between_their_ends(text: str, low: float, high: float) -> None:
    intrinsics, size = draw_lenses(of(text), 20_000, np.random.default_rng(0))
    assert size is None
    assert intrinsics.dtype == np.float32
    np.testing.assert_array_equal(intrinsics[:, 0], intrinsics[:, 1])
    assert not intrinsics[:, 2:].any()
    # A point at half the angle lies on the frame's edge: f tan(a / 2) = 1.
    angle = np.degrees(2 * np.arctan(1 / intrinsics[:, 0].astype(np.float64)))
    assert (angle > low - 1e-3).all()
    assert (angle < high + 1e-3).all()
    share = np.histogram(angle, 10, (low, high))[0] / len(angle)
    np.testing.assert_allclose(share, 0.1, atol=0.01)


def test_the_same_random_numbers_give_the_same_lenses(rigs: Path) -> None:
    for cameras in ("fov:40:75", f"rig:{rigs}:two"):
        one, other = (draw_lenses(of(cameras), 100, np.random.default_rng(5))[0] for _ in range(2))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "cameras", ["fov:0:60", "fov:60:40", "fov:60:60", "fov:40:180", "fov:40", "fov:40:60:80", "fov:a:b", "fov:nan:90"]
)
def test_what_is_no_range_of_fields_of_view_is_refused(cameras: str) -> None:
    with pytest.raises(BadConfigError, match=f"--cameras {cameras}: .* such as fov:40:75"):
        of(cameras)


@pytest.mark.parametrize(
    ("cameras", "sentence"),
    [
        ("sourc", "--cameras sourc: unknown; give source, rig:RIG or fov:LO:HI"),
        ("", "--cameras : unknown"),
        ("rig:studo", "--cameras rig:studo: neither studio nor ring"),
        ("rig:ring:fov=400", "--cameras rig:ring:fov=400: 'fov' is 400"),
        ("rig:/nowhere/rigs.json:two", "/nowhere/rigs.json: cannot be read"),
    ],
)
def test_other_names_are_refused_in_one_sentence(cameras: str, sentence: str) -> None:
    with pytest.raises(PoseAugError) as caught:
        of(cameras)
    assert str(caught.value).startswith(sentence)


def test_a_file_tells_a_rigs_lenses_and_not_where_its_file_lay(rigs: Path, fake_run: RunFolder) -> None:
    def attributes(rig: str) -> dict[str, str | int]:
        return export_attributes(fake_run, ExportSettings(n=10, cameras=f"rig:{rigs}:{rig}"))

    two, ring = attributes("two"), attributes("round")
    config = json.loads(two["config"])
    assert config["export"]["cameras"] == "rig:rigs.json:two"
    assert config["export"]["lenses"][0] == [2, 2, 0, 0, 0, 0, 0, 0, 0, 1920, 1080]
    assert json.loads(ring["config"])["export"]["lenses"] == [[40, 60, 640, 480]]
    assert str(rigs.parent) not in two["config"]
    assert recorded_settings(config) == resolved(ExportSettings(n=10, cameras="rig:rigs.json:two"))
    assert attributes("two") == two
    rigs.write_text(rigs.read_text().replace("1920", "1280"))
    assert settings_hash(attributes("two")) != settings_hash(two), "a changed rig is a changed setting"


def test_a_file_without_a_rig_tells_the_setting_alone(fake_run: RunFolder) -> None:
    for cameras in ("source", "fov:40:75"):
        config = json.loads(export_attributes(fake_run, ExportSettings(cameras=cameras))["config"])
        assert config["export"]["cameras"] == cameras
        assert "lenses" not in config["export"]
