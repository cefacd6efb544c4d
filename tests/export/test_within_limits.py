"""``--within-limits``: no row has a limb that is bent as none is, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from export_files import files_in, hashes

from poseaug_gen.cli import main
from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import PoseAugError
from poseaug_gen.export.dataset import Summary
from poseaug_gen.export.filters import KEPT, REASONS
from poseaug_gen.export.rows import Sampler
from poseaug_gen.export.verify import verify
from poseaug_gen.skeleton import Skeleton, load_skeleton
from poseaug_gen.sources.anatomy.joint_limits import beyond_limits
from poseaug_gen.training.run_folder import RunFolder

MakeExport = Callable[..., Summary]
JOINT_LIMITS = REASONS.index("joint_limits")
BIRD = Skeleton.from_dict({"name": "bird", "joints": {"hip": "", "neck": "hip", "nose": "neck"}})


def is_beyond(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    found = beyond_limits(positions, skeleton)
    assert found is not None
    return np.any(list(found.values()), axis=0)


@pytest.mark.parametrize(
    ("skeleton", "settings"),
    [
        ("h36m16", {"precision": "fp32"}),
        ("h36m16", {"precision": "bf16", "balance": "view", "cameras": "fov:60:90"}),
        ("coco17", {"precision": "fp32"}),
    ],
)
def test_a_block_s_rows_are_those_within_the_limits_of_the_block_without(
    make_run: Callable[..., RunFolder], skeleton: str, settings: dict[str, str]
) -> None:
    run = make_run(load_skeleton(skeleton), learned=0.5)
    free, held = (Sampler(run, ExportSettings(**settings, within_limits=asked)).block(0, 0) for asked in (False, True))
    beyond = is_beyond(free.rows["positions_3d"], run.skeleton)
    assert 0.02 < beyond.mean() < 0.98
    for name, values in held.rows.items():
        np.testing.assert_array_equal(values, free.rows[name][~beyond], err_msg=name)
    assert {0, 1} == set(held.rows["mirrored"])
    expected = free.reason.copy()
    expected[free.kept[beyond]] = JOINT_LIMITS
    np.testing.assert_array_equal(held.reason, expected)


def test_what_is_beyond_the_limits_is_counted_so_and_under_no_later_cause(fake_run: RunFolder) -> None:
    """A score that none has is what all others fail by."""
    settings = ExportSettings(precision="fp32", within_limits=True)
    held = Sampler(fake_run, settings).block(0, 0)
    both = Sampler(fake_run, replace(settings, min_score=1e5)).block(0, 0)
    expected = np.where(held.reason == KEPT, REASONS.index("score"), held.reason)
    np.testing.assert_array_equal(both.reason, expected)


def test_the_rows_of_an_export_pass_verify_and_the_figure_of_realism(make_export: MakeExport) -> None:
    found = {}
    for asked in (False, True):
        made = make_export(f"{asked}.h5", n=3000, within_limits=asked)
        report = verify(Path(made.path))
        assert report.redrawn == made.redrawn
        assert made.redrawn["candidates"] == 3000 + sum(n for cause, n in made.redrawn.items() if cause in REASONS)
        assert (made.redrawn["joint_limits"] > 0) == asked
        card = Path(made.path).with_suffix(".README.md").read_text(encoding="utf-8")
        assert ("the ranges of hips, knees, shoulders and elbows of every row were checked" in card) == asked
        told = CliRunner().invoke(main, ["info", str(made.path), "--json"], catch_exceptions=False)
        found[asked] = json.loads(told.stdout)["realism"]["beyond_limits"]["value"]
    assert found[False] > 5
    assert found[True] == 0


def test_workers_make_the_same_bytes(make_export: MakeExport) -> None:
    rows = {"n": 6000, "shard_rows": 2000, "within_limits": True}
    one = make_export("one/aug.h5", **rows)
    two = make_export("two/aug.h5", **rows, workers=2)
    assert hashes(one.path.parent) == hashes(two.path.parent)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_skeleton_without_limbs_is_refused(
    make_export: MakeExport, make_run: Callable[..., RunFolder], tmp_path: Path, shards: int
) -> None:
    run = make_run(BIRD)
    with pytest.raises(PoseAugError, match=r"--within-limits: skeleton 'bird' has no .*l_knee.*; leave the option out"):
        make_export(run=run, n=100, shard_rows=100 // shards, within_limits=True)
    assert files_in(tmp_path) == set()
