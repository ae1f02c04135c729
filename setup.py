"""What pyproject.toml cannot say: two things that go into the wheel beside the package.

The start-up hook, a ``.pth`` file, is read by the interpreter only at the top of site-packages,
and the configs, which live at the top of the repository, are installed as
``paddleclas_octconv/ppcls_configs``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# An old pip asks for the requirements of a Python that is out of range, and fails over them.
if not (3, 8) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"paddleclas-octconv needs Python 3.8 to 3.13; this is {sys.version.split()[0]}")

HOOK = "paddleclas_octconv/paddleclas_octconv.pth"


class BuildWithHookAndConfigs(build_py):
    """build_py that also places the start-up hook and the configs."""

    def extra_files(self) -> dict[str, str]:
        """Target in site-packages -> source in the repository."""
        configs = sorted(Path("ppcls_configs").rglob("*.yaml"))
        files = {f"paddleclas_octconv/{path}": str(path) for path in configs}
        return {**files, Path(HOOK).name: HOOK}

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            # An editable install reads the package from the repository; what is put into the
            # wheel's own folder is the only file it installs.
            wheel = self.get_finalized_command("install").install_lib
            self.copy_file(HOOK, str(Path(wheel) / Path(HOOK).name))
            return
        for target, source in self.extra_files().items():
            path = Path(self.build_lib) / target
            self.mkpath(str(path.parent))
            self.copy_file(source, str(path), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        extra = [] if self.editable_mode else self.extra_files()
        return super().get_outputs(include_bytecode) + [
            str(Path(self.build_lib) / target) for target in extra
        ]


setup(cmdclass={"build_py": BuildWithHookAndConfigs})
