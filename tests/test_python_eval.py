"""PaddleClas evaluates values of a config: names and numbers alone."""

from __future__ import annotations

import builtins
import functools
import os
import subprocess

import paddle
import pytest
from paddle import nn

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.patches import python_eval


def of_ppcls():
    pass


of_ppcls.__module__ = "ppcls.arch.backbone.resnet"


def loads_weights():
    pass


loads_weights.__module__ = "ppcls.utils.save_load"
NAMES = {
    "os": os,
    "subprocess": subprocess,
    "nn": nn,
    "paddle": paddle,
    "load": loads_weights,
    "Cifar10": paddle.vision.datasets.Cifar10,
    "network": of_ppcls,
    "part": functools.partial(of_ppcls),
    "bad_part": functools.partial(os.system),
    "_x_diff": {"a": 1},
}


@pytest.fixture(params=["ppcls.arch", "paddleclas.ppcls.loss"])
def evaluate(monkeypatch, request):
    """``eval`` as a module of PaddleClas sees it."""
    monkeypatch.setattr(builtins, "eval", getattr(eval, "__wrapped__", eval))  # put back later
    python_eval.evaluate_names_and_numbers()
    code = "def evaluate(text):\n    local = 3\n    return eval(text)\n"
    module = {"__name__": request.param, **NAMES}
    exec(code, module)
    return module["evaluate"]


@pytest.mark.parametrize(
    "text, value",
    [
        *(("1.0/255.0", 1 / 255), ("-0.5", -0.5), ("[1, (2, 3)]", [1, (2, 3)]), (" None", None)),
        *(("nn.LayerNorm", nn.LayerNorm), ("network", of_ppcls), ("part", NAMES["part"])),
        *(("_x_diff", {"a": 1}), ("local", 3), ("True", True)),
    ],
)
def test_names_and_numbers_are(evaluate, text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "os.system('x')",
        "os.system",  # called with the options beside the name
        "subprocess.Popen",
        "bad_part",
        "load",
        "Cifar10",
        "paddle.vision.datasets.Cifar10",
        "nn.layer.common.paddle.vision.datasets.Cifar10",
        "nn.initializer.Assign",
        "nn.functional.relu",
        "[0] * 99999999999",
        "'x' * 99999999999",
        "'x'",
        "__import__('os')",
        "__import__",
        "exec",
        "print",
        "breakpoint",
        "().__class__.__base__.__subclasses__()",
        "nn.LayerNorm.__init__.__globals__",
        "[x for x in (1,)]",
        "(lambda: 1)",
        "9**9**9",
        "f'{os}'",
        "_x_diff['a']",
        "(y := 1)",
        "1 if 1 else 2",
        "import os",
        "",
        "(" * 5000,
    ],
)
def test_code_is_not(evaluate, text):
    with pytest.raises(OctConvError, match="would run this value of the config|too large"):
        evaluate(text)


def test_others_evaluate_as_ever(evaluate):
    one = 1  # noqa: F841
    assert eval("one + len([one])") == 2
    assert eval("x", {"x": 5}) == 5
    assert eval(compile("2 * 3", "", "eval")) == 6
    assert eval("y", {}, {"y": 7}) == 7
