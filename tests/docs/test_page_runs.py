"""The documents' examples are tried for what they say: another word, line, number or exit code is found."""

import pytest
from page_runs import Command, File, matches, run, start, steps

PAGE = """
Some words, and `code`.

```toml title="a.toml"
x = 1
```

<!-- begin with: run, export -->

```console
$ cat a.toml
x = 1
$ poseaug-gen --version # which
poseaug-gen, version …
```

<!-- console
$ echo hidden
hidden
-->

```bash
$ not run
```

<!-- smaller: --rows 3 -->

```console
$ poseaug-gen train \\
    --preset quick
50,000 poses
$ echo 2
2
```

<!-- other numbers -->
```console
$ echo 3
4
```
"""


def test_a_page_is_files_and_commands_in_order():
    assert start(PAGE) == {"run", "export"}
    assert list(steps(PAGE)) == [
        File(5, "a.toml", "x = 1\n"),
        Command(11, "cat a.toml", "x = 1"),
        Command(13, "poseaug-gen --version # which", "poseaug-gen, version …"),
        Command(18, "echo hidden", "hidden"),
        Command(29, "poseaug-gen train --preset quick", "50,000 poses", "--rows 3", True),
        Command(32, "echo 2", "2", "", True),
        Command(38, "echo 3", "4", "", True),
    ]
    assert start("no such comment") == set()
    with pytest.raises(AssertionError, match="line 2 is printed by no command"):
        list(steps("```console\nno command\n```"))


@pytest.mark.parametrize(("said", "printed", "same"), [
    ("one", "one", True),
    ("one", "two", False),
    ("one", "one\ntwo", False),
    ("one\ntwo", "one", False),
    ("", "", True),
    ("", "one", False),
    ("a … b", "a 12.5 b", True),
    ("a … b", "a\nb", False),
    ("a … b", "a 12.5 c", False),
    ("…", "one\ntwo", True),
    ("one\n…\nfour", "one\ntwo\nthree\nfour", True),
    ("one\n…\nfour", "one\nfour", True),
    ("one\n…\nfour", "one\ntwo\nfive", False),
    ("f(x) [a-z]+", "f(x) [a-z]+", True),
    ("1,000 poses", "2,000 poses", False),
])  # fmt: skip
def test_output_is_compared_line_by_line(said, printed, same):
    assert matches(Command(1, "echo", said), printed) == same


@pytest.mark.parametrize(("printed", "same"), [
    ("7 poses, 1.5 mm", True), ("50,000 poses, 157.7 mm", True), ("poses, 1 mm", False), ("7 people, 1 mm", False),
])  # fmt: skip
def test_a_smaller_run_may_have_other_numbers_but_no_other_words(printed, same):
    assert matches(Command(1, "echo", "50,000 poses, 157.7 mm", "--rows 3", True), printed) == same


def test_commands_run_in_their_folder_in_this_process_or_in_a_shell(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    assert run(Command(1, "poseaug-gen --version", ""), folder).startswith("poseaug-gen, version ")
    assert run(Command(1, "echo one > a.txt; cat a.txt", ""), folder) == "one"
    assert run(Command(1, "python -c 'import poseaug_gen; print(2)'", ""), folder) == "2"
    assert "no.h5" in run(Command(1, "poseaug-gen verify no.h5", "Error: …"), folder)


@pytest.mark.parametrize(("words", "said"), [
    ("poseaug-gen verify no.h5", "all is well"), ("false", ""), ("poseaug-gen --version", "Error: …"),
])  # fmt: skip
def test_a_command_that_fails_or_does_not_against_what_the_page_says_is_found(words, said, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    with pytest.raises(AssertionError, match="exit code"):
        run(Command(1, words, said), folder)
