"""Runs with a past and with words of others, to report on."""

from __future__ import annotations

import math
from dataclasses import replace

from poseaug_gen.sources.canonical import write_poses
from poseaug_gen.training.run_folder import RunFolder

EVERYTHING = {"scores": True, "difficulty": True, "noise": "mixture", "split": 0.2}
PRETRAINED, EPOCHS = 2, 4
# What a file may say to have its own way with a page, in a template's and in a script's language too.
HOSTILE = "CC </script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028<!-- \" ' & {{ 7*7 }} ${8*8}"
STRANGE_JOINTS = {
    "hip": "",
    "</script><b>": "hip",
    "l_<i>": "</script><b>",
    "r_<i>": "</script><b>",
    'l_"\\1$x$': "l_<i>",
    'r_"\\1$x$': "r_<i>",
}


def with_history(run: RunFolder) -> RunFolder:
    """The same folder with the metrics of a few epochs and a recovery, as a training leaves them."""
    for number in range(PRETRAINED + EPOCHS):
        joint = number >= PRETRAINED
        epoch = number - PRETRAINED + 1 if joint else number + 1
        row = {
            "phase": "joint" if joint else "pretrain",
            "epoch": epoch,
            "healthy": True,
            "estimator_loss": 0.1 / epoch,
        }
        row["validation_mpjpe_mm"] = 100.0 - 5 * number
        if joint:
            row |= {"pairwise_distance_ratio": 0.9, "frozen_angle_change": 0.1, "augmentor_steps": 600}
            row |= {"d3d_spread": 0.2, "invalid_share": 0.01, "augmentor_loss": 2.0 + math.sin(epoch)}
        run.append_metrics(row)
    event = {
        "phase": "joint",
        "epoch": 3,
        "illness": "mode_collapse",
        "sentence": "it was ill",
        "remedy": "more <rest>",
    }
    run.write_info(health={"state": "healthy", "events": [event], "measured": row}, source_sha256="of these poses")
    return RunFolder(run.path)


def renamed(run: RunFolder, provenance: dict, subject: str = "", action: str = "") -> RunFolder:
    """The run with other words in its poses."""
    poses = run.poses
    labels = {
        name: replace(old, names=tuple(f"{text}{number}" for number in range(len(old.names))))
        for name, text in (("subject", subject), ("action", action))
        if text and (old := getattr(poses, name))
    }
    write_poses(run.path / "poses.h5", replace(poses, provenance=provenance, **labels))
    return RunFolder(run.path)
