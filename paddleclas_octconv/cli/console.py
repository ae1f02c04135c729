"""What the start-up hook does in the process of the ``paddleclas`` console script.

That script is PaddleClas's: it says ``from paddleclas.paddleclas import main`` and calls it.
Before a sub-command, two empty modules stand in for that import, so that it starts at once.
Otherwise PaddleClas runs as always.
"""

from __future__ import annotations

from importlib.abc import Loader
from importlib.machinery import ModuleSpec

from .. import autoload
from ..common import machine
from ..common.say import say_error
from . import main


def stub(name: str) -> ModuleSpec:
    """A module named ``paddleclas`` or ``paddleclas.paddleclas`` whose ``main`` is ours."""
    return ModuleSpec(name, _StubLoader(), is_package=name == autoload.PACKAGE)


class _StubLoader(Loader):
    def create_module(self, spec):
        return None

    def exec_module(self, module) -> None:
        module.main = _main


def _main() -> int:
    autoload.leave_command()
    if autoload.is_sub_command():
        return main()
    say_error(machine.NO_PADDLE)  # which PaddleClas's own part of the command needs
    return 2


def paddleclas() -> int:
    """The ``paddleclas`` script of this package, for where PaddleClas's own is not installed."""
    if autoload.is_ours():
        return _main()
    from paddleclas.paddleclas import main as predict

    return predict()
