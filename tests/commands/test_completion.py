"""Completion as a shell asks for it: in a real bash, and by click's own words for zsh and fish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from poseaug_gen.cli import COMMANDS, main
from poseaug_gen.commands import completing
from poseaug_gen.commands.completion import PROGRAM, SHELLS, VARIABLE
from poseaug_gen.config import CHOICES, PRESETS, Config, parse_option, resolve
from poseaug_gen.export.layout import FOLDER
from poseaug_gen.skeleton import builtin_skeletons

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports, one of them in shards, a run that is finished and one that is not."""
    monkeypatch.chdir(tmp_path)
    for name in ("aug.h5", "other.h5", "poses.npz", "aug.shards/manifest.json", "runs/deep.h5"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    for name in ("outputs/cmu-quick", "outputs/mine", "elsewhere/third"):
        Path(name).mkdir(parents=True)
        (Path(name) / "run.json").write_text("{}")
    Path("outputs/no-run").mkdir()


def asked(words: str, shell: str = "zsh") -> tuple[list[str], set[str]]:
    """What may stand for the last of some words, and the types of what is there; words are parted by one space."""
    *before, incomplete = words.split(" ")
    complete = get_completion_class(shell)(main, {}, PROGRAM, VARIABLE)  # type: ignore[misc]
    items = complete.get_completions(before, incomplete)
    return [item.value for item in items if item.type == "plain"], {item.type for item in items}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", list(COMMANDS)),
        ("ex", ["export"]),
        ("--de", ["--debug"]),
        ("export --comp", ["--compression"]),
        ("export --compression ", ["none", "gzip", "blosc"]),
        ("export --compression g", ["gzip"]),
        ("export --precision ", list(CHOICES["export.precision"])),
        ("export --balance v", ["view"]),
        ("export --noise mix", ["mixture"]),
        ("export --device ", ["auto", "cpu", "cuda"]),
        ("export --engine r", ["ray"]),
        ("export --snapshots ", ["auto", "last", "all"]),
        ("export --cameras f", ["fov"]),
        ("export --cameras rig rigs.json:a --noise g", ["gaussian"]),
        ("export --run ", ["outputs/cmu-quick", "outputs/mine"]),
        ("export --run outputs/m", ["outputs/mine"]),
        ("export --outputs elsewhere --run ", ["elsewhere/third"]),
        ("train --preset ", list(PRESETS)),
        ("train --preset=st", ["standard"]),
        ("train --estimator s", ["semgcn", "stgcn"]),
        ("train --name m", ["mine"]),
        ("train --skeleton ", list(builtin_skeletons())),
        ("train --rig s", ["studio"]),
        ("train --set schedule.ep", ["schedule.epochs=16"]),
        ("train --preset quick --set schedule.ep", ["schedule.epochs=6"]),
        ("train --estimator semgcn --set estimator.ch", ["estimator.channels=128"]),
        ("train --set augmentor.st", ["augmentor.start_at_source=true"]),
        ("evaluate --estimator ", list(CHOICES["estimator.name"])),
        ("evaluate --export a", ["aug.h5", "aug.shards"]),
        ("verify ", ["aug.h5", "aug.shards", "other.h5"]),
        ("verify runs/", ["runs/deep.h5"]),
        ("verify ./o", ["./other.h5"]),
        ("merge aug.", ["aug.h5", "aug.shards"]),
        ("info --schema ", ["attributes", "manifest"]),
        ("sources c", ["convert"]),
        ("sources convert --up ", ["auto", "x", "y", "z"]),
        ("completion ", list(SHELLS)),
    ],
)
def test_what_may_be_typed_next(words: str, found: list[str]) -> None:
    assert asked(words) == (found, {"plain"})


@pytest.mark.parametrize(
    "words",
    [
        "train --source ",
        "train --extra-2d p",
        "train --rig my",
        "train --skeleton my",
        "train --config ",
        "export --out a",
        "export --run nowhere",
        "sources convert po",
        "evaluate --target p",
        "verify nothing",
        "verify nowhere/",
        "verify ~nobody-of-this-name/",
        "info ",
    ],
)
def test_what_the_shell_itself_finds(words: str) -> None:
    assert asked(words) == ([], {"file"})


def test_a_name_that_needs_quotes_is_left_to_the_shell(tmp_path: Path) -> None:
    Path("two words.h5").touch()
    assert asked("verify tw") == ([], {"file"})
    assert asked("verify o") == (["other.h5"], {"plain"})


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_is_offered_with_what_it_would_be_anyhow(preset: str) -> None:
    found, _ = asked(f"train --preset {preset} --set ")
    options = dict(parse_option(text) for text in found)
    lists = {f"source.{name}" for name in ("paths", "extra_2d")}
    assert set(options) == {f"{s}.{key}" for s, values in Config().to_dict().items() for key in values} - lists
    assert resolve(preset, options=options) == resolve(preset)


def test_a_mistake_before_is_no_traceback() -> None:
    assert asked("train --estimator nonsense --set loss.ra") == (["loss.range=3.0"], {"plain"})
    assert asked("nonsense ")[1] <= {"plain"}


def test_folders_of_shards_are_known_by_their_name() -> None:
    """The constant is written again as its module imports torch."""
    assert completing.EXPORTS == (".h5", FOLDER)


@pytest.mark.parametrize(
    "words", ["", "export --run o", "train --set s", "verify a", "info --schema a", "sources convert --skeleton "]
)
def test_completing_needs_no_heavy_library(words: str) -> None:
    code = (
        "import os, sys; from poseaug_gen.cli import main\n"
        "try: main(prog_name='poseaug-gen')\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "heavy = {'torch', 'h5py', 'scipy', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    line = f"poseaug-gen {words}"
    asking = {VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT), **asking}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("plain,")


# --- the scripts ------------------------------------------------------------------------------------------


def script(shell: str) -> str:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_shell_is_the_user_s_own_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in SHELLS:
        monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
        assert CliRunner().invoke(main, ["completion"]).stdout == script(shell)
    for other in ("/bin/tcsh", ""):
        monkeypatch.setenv("SHELL", other)
        refused = CliRunner().invoke(main, ["completion"])
        assert refused.exit_code == 2
        assert "Name the shell: poseaug-gen completion bash|zsh|fish" in refused.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_as_click_answers(shell: str) -> None:
    """Whatever the program was started as, the script is for the one that is installed."""
    assert f"{VARIABLE}={shell}_complete" in script(shell)
    assert PROGRAM in script(shell)
    assert "python" not in script(shell)
    if shutil.which(shell):
        flag = "--no-execute" if shell == "fish" else "-n"
        checked = subprocess.run([shell, flag], input=script(shell), capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_zsh_s_script_can_lie_where_zsh_looks_for_functions() -> None:
    assert script("zsh").startswith(f"#compdef {PROGRAM}\n")


@pytest.fixture
def bash(tmp_path: Path) -> Callable[..., list[str]]:
    """``bash("export", "--compression", "")``: what a bash that has read the script puts forward."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / PROGRAM
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom poseaug_gen.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    asking = (
        f'source <({PROGRAM} completion bash)\ncomplete -p {PROGRAM} >&2\nCOMP_WORDS=({PROGRAM} "$@")\nCOMP_CWORD=$#\n'
        f'_poseaug_gen_completion {PROGRAM}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    )

    def ask(*words: str) -> list[str]:
        command = ["bash", "--norc", "-c", asking, "bash", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert f"-F _poseaug_gen_completion {PROGRAM}" in done.stderr, "bash knows whom to ask"
        return done.stdout.split()

    return ask


def test_a_real_bash(bash: Callable[..., list[str]]) -> None:
    assert bash("") == list(COMMANDS)
    assert bash("ver") == ["verify"]
    assert bash("export", "--compression", "") == ["none", "gzip", "blosc"]
    assert bash("export", "--run", "outputs/m") == ["outputs/mine"]
    assert bash("verify", "aug") == ["aug.h5", "aug.shards"]
    assert bash("train", "--preset", "quick", "--set", "schedule.ep") == ["schedule.epochs=6"]
    assert bash("train", "--source", "po") == [], "bash finds files itself"
