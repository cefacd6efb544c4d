"""Which augmentors make the rows, evenly, and that each row says which."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare

from poseaug_gen.config import ExportSettings
from poseaug_gen.errors import BadConfigError, PoseAugError
from poseaug_gen.export.candidates import Made
from poseaug_gen.export.rows import BLOCK_ROWS, Sampler, generator_of
from poseaug_gen.export.schema import export_attributes
from poseaug_gen.export.snapshots import chosen_snapshots
from poseaug_gen.training.run_folder import RunFolder, snapshot_name


@pytest.fixture(scope="module")
def run(make_run: Callable[..., RunFolder]) -> RunFolder:
    """Four snapshots of different weights: epochs 5, 6, 7 and 8; the best is 7."""
    run = make_run(learned=1.0)
    for epoch in (5, 6, 8):
        other = make_run(learned=1.0, seed=epoch)
        shutil.copy(other.path / snapshot_name(7), run.path / snapshot_name(epoch))
    return run


@pytest.mark.parametrize(
    ("setting", "epochs"),
    [("auto", [7]), ("last", [8]), ("all", [5, 6, 7, 8]), ("6:7", [6, 7]), ("0:5", [5]), ("6", [6]), ("7:99", [7, 8])],
)
def test_settings_name_epochs(run: RunFolder, setting: str, epochs: list[int]) -> None:
    assert list(chosen_snapshots(run, setting)) == epochs


@pytest.mark.parametrize(
    ("setting", "kind", "says"),
    [
        ("newest", BadConfigError, "auto, last, all, or epochs"),
        ("5:", BadConfigError, "epochs such as 5:12"),
        ("9:12", PoseAugError, "no snapshot of epochs 9:12; it has those of 5 to 8"),
        ("7:6", PoseAugError, "no snapshot of epochs 7:6"),
    ],
)
def test_what_names_none_is_told(run: RunFolder, setting: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        chosen_snapshots(run, setting)


def test_a_run_without_snapshots_is_told(make_run: Callable[..., RunFolder]) -> None:
    run = make_run()
    shutil.rmtree(run.path / "snapshots")
    with pytest.raises(PoseAugError, match="has no snapshots; export with --snapshots auto"):
        chosen_snapshots(run, "all")


def test_rows_are_spread_evenly_over_the_snapshots_and_made_by_them(run: RunFolder) -> None:
    def candidates(setting: str) -> Made:
        sampler, random = Sampler(run, ExportSettings(snapshots=setting, precision="fp32")), generator_of(0, 0, 0)
        return sampler.maker.make(sampler.postures.draw(BLOCK_ROWS, random), random).made

    made, epochs = candidates("all"), (5, 6, 7, 8)
    counts = [int((made.snapshot == epoch).sum()) for epoch in epochs]
    assert chisquare(counts).pvalue > 1e-3
    assert sum(counts) == BLOCK_ROWS
    depths = [made.pose[made.snapshot == epoch, 0, 2].median() for epoch in epochs]
    alone = [candidates(str(epoch)).pose[:, 0, 2].median() for epoch in epochs]
    np.testing.assert_allclose(depths, alone, rtol=0.05)
    assert max(alone) > 1.2 * min(alone), "the snapshots do differ"


def test_the_file_says_whose_rows_they_are(run: RunFolder) -> None:
    made = {s: export_attributes(run, ExportSettings(snapshots=s))["created_from"] for s in ("auto", "6", "7", "all")}
    assert made["auto"] == made["7"], "the best epoch's"
    assert len(set(made.values())) == 3
