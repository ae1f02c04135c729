"""What a config may name is a network: nothing is imported, or called, because it says so."""

from __future__ import annotations

import os
import sys

import pytest
from paddleclas.ppcls.arch import backbone

from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.octavizer.named import network_named
from paddleclas_octconv.octavizer.options import MODULES_VARIABLE

MODULE = """
from os import system
from pathlib import Path

from paddle import nn

__all__ = ["build", "MyNet"]


class MyNet(nn.Layer):
    pass


def build(class_num=1000):
    return MyNet()


def clean_up():
    raise SystemExit("was called")
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.delenv(MODULES_VARIABLE, raising=False)


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "subprocess.Popen", "builtins.exec", "posix.system", "mine.MyNet"),
        *("copy", "sys", "inspect", "get_apis", "__class__", "ResNet50.__init__"),
        *(
            "paddle.vision.datasets.Cifar10",
            "paddle.vision.models.resnet.paddle.load",
        ),
        *("paddle.vision.models.resnet", "paddle.load", "paddleclas.ppcls.arch.build_model"),
        *("", ".", "os.", ".system", "a..b", "\0.x", "nn.layer.common.paddle.load"),
    ],
)
def test_what_is_no_network_is_refused(name, mine):
    with pytest.raises(OctConvError, match="Octave: "):
        network_named(backbone, name)
    assert "mine" not in sys.modules


@pytest.mark.parametrize("name", ["ResNet18", "PPLCNet_x0_25", "paddle.vision.models.resnet18"])
def test_networks_are(name):
    assert network_named(backbone, name).__name__ == name.rpartition(".")[2]


def test_modules_that_the_user_names(mine, monkeypatch):
    monkeypatch.setenv(MODULES_VARIABLE, "others, mine")
    for name in ("mine.MyNet", "mine.build"):
        assert network_named(backbone, name).__module__ == "mine"
    for name in ("mine.system", "mine.Path", "mine.clean_up", "mine.nn"):
        with pytest.raises(OctConvError, match="there is no backbone"):
            network_named(backbone, name)


def test_the_command_line_names_modules(mine, monkeypatch, capsys):
    monkeypatch.setenv(MODULES_VARIABLE, "")  # put back later
    arch = "Arch={'name': 'Octave', 'backbone': {'name': 'mine.clean_up'}}"
    command = ["summary", "-c", "Digits/OctMobileNetV1.yaml", "-o", arch]
    assert main(command) == 2
    assert "--module mine" in capsys.readouterr().err
    assert main([*command, "--module", "mine"]) == 2
    assert "there is no backbone 'mine.clean_up'" in capsys.readouterr().err
    assert os.environ[MODULES_VARIABLE] == "mine"
    assert main([*command, "--module", "mine;x"]) == 2
