"""Each example runs as a user would run it, and ends with two errors that a lifter of seconds can have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
ERROR = re.compile(r"^MPJPE on \S*target\.h5, trained (on the source alone|with the export): (\d+\.\d) mm$", re.M)
STEPS = 150  # an untrained lifter's error is some 300 mm


@pytest.mark.parametrize("framework", ["torch", "keras", "jax"])
def test_an_example_prints_both_errors(framework: str, material: Path) -> None:
    pytest.importorskip({"keras": "tensorflow"}.get(framework, framework))
    files = {name: str(material / f"{name}.h5") for name in ("source", "target")} | {"export": str(material / "aug.h5")}
    options = [word for name, value in files.items() for word in (f"--{name}", value)]
    command = [sys.executable, str(EXAMPLES / f"train_{framework}.py"), *options, "--steps", str(STEPS)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    errors = dict(ERROR.findall(done.stdout))
    assert list(errors) == ["on the source alone", "with the export"], done.stdout
    for error in errors.values():
        assert 20 < float(error) < 200
