"""The script of ``paddleclas completion``, in a shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from conftest import run_cli

from paddleclas_octconv.cli import COMMANDS
from paddleclas_octconv.cli.completion import SHELLS

# What bash does at a tab: the words are set, the function that `complete` names is called.
TAB = """
source {script}
COMP_WORDS=({words} "{last}") COMP_CWORD={index} COMP_LINE="{words} {last}" COMP_POINT=0
$(complete -p paddleclas | sed 's/.*-F \\([^ ]*\\) .*/\\1/') paddleclas "{last}" ""
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "paddleclas.bash"
    result = run_cli("completion", "bash")
    assert (result.returncode, result.stderr) == (0, "")
    path.write_text(result.stdout)
    return path


def complete(script, line: str) -> list[str]:
    *words, last = line.split(" ")
    text = TAB.format(script=script, words=" ".join(words), last=last, index=len(words))
    result = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
    return result.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    "line, offered",
    [
        ("paddleclas tr", {"train"}),
        ("paddleclas train --ep", {"--epochs"}),
        ("paddleclas train -c Digits/Oct", {"Digits/OctMobileNetV1.yaml"}),
        ("paddleclas prepare --arch OctResNet15", {"OctResNet152", "OctResNet152_v1f"}),
        ("paddleclas compare --engine op", {"openvino"}),
    ],
)
def test_bash_completes_commands_options_and_names(script, line, offered):
    assert offered == set(complete(script, line))


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_lists_are_lists_where_ifs_is_a_line_end(script):
    # So the last shtab for Python 3.8 calls them.
    text = f"source {script}; IFS=$'\\n'; _paddleclas_configs Digits/"
    result = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
    assert result.stdout.splitlines() == ["Digits/OctMobileNetV1.yaml"]


def test_bash_offers_all_commands(script):
    assert set(COMMANDS) <= set(complete(script, "paddleclas "))


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell):
    result = run_cli("completion", shell)
    assert result.returncode == 0 and "check-data" in result.stdout


def test_another_shell_is_one_line():
    result = run_cli("completion", "fish")
    assert result.returncode == 2 and "'fish'" in result.stderr
