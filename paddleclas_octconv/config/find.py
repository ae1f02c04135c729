"""Finds a config by its path or by the name of a shipped one."""

from __future__ import annotations

from pathlib import Path

from ..common.errors import OctConvError
from ..common.files import why_no_file
from ..common.suggest import suggest

_PACKAGE = Path(__file__).resolve().parent.parent
# In an installed package, and in a checkout or an editable installation.
_FOLDERS = (_PACKAGE / "ppcls_configs", _PACKAGE.parent / "ppcls_configs")


def shipped_folder() -> Path:
    """The folder that holds the shipped configs.

    Raises:
        OctConvError: the installation has lost it.
    """
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise OctConvError(f"{_FOLDERS[0]}: the shipped configs are missing: reinstall the package")


def shipped_configs() -> dict[str, Path]:
    """The shipped configs: name, such as ``Digits/OctMobileNetV1.yaml``, to file."""
    folder = shipped_folder()
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def find_config(name: str, option: str = "-c") -> Path:
    """The file of a config given by path or by shipped name, with or without ``.yaml``.

    Args:
        name: path or name.
        option: what gave it, for messages.

    Raises:
        OctConvError: there is no such file; names near to it are offered.
    """
    shipped = shipped_configs()
    wrong = None
    for candidate in (name, f"{name}.yaml"):
        found = why_no_file(candidate)
        if found is None:
            return Path(candidate).resolve()
        if candidate in shipped:
            return shipped[candidate]
        wrong = wrong or (found if found != "no such file" else None)
    if wrong:
        raise OctConvError(f"{option} {name}: {wrong}; give a YAML file")
    near = suggest(name, [*shipped, *(known[: -len(".yaml")] for known in shipped)], 1)
    raise OctConvError(
        f"{option} {name}: no such file or shipped config{near} ('paddleclas configs' lists them)"
    )
