"""The ``paddleclas`` command where it is ours to run: a sub-command, or there is no Paddle.

The script of that name may be PaddleClas's: it says ``from paddleclas.paddleclas import main`` and
calls it. Two empty modules stand in for that import, so that a sub-command starts at once.
"""

from __future__ import annotations

from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from typing import Callable

from ..common import machine
from ..common.say import say_error
from . import main


def stub(name: str, is_package: bool, command: Callable[[], int]) -> ModuleSpec:
    """A module named ``paddleclas`` or ``paddleclas.paddleclas`` whose ``main`` is ``command``."""
    return ModuleSpec(name, _StubLoader(command), is_package=is_package)


def run(is_sub_command: bool) -> int:
    """Run the command line; returns the exit code."""
    if is_sub_command:
        return main()
    say_error(machine.NO_PADDLE)  # which PaddleClas's own part of the command needs
    return 2


class _StubLoader(Loader):
    def __init__(self, command: Callable[[], int]) -> None:
        self._command = command

    def create_module(self, spec):
        return None

    def exec_module(self, module) -> None:
        module.main = self._command
