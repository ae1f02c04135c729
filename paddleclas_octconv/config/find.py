"""Finds a config by its path or by the name of a shipped one."""

from __future__ import annotations

from pathlib import Path

from ..common.errors import OctConvError
from ..common.suggest import suggest

_PACKAGE = Path(__file__).resolve().parent.parent
# In an installed package, and in a checkout or an editable installation.
_FOLDERS = (_PACKAGE / "ppcls_configs", _PACKAGE.parent / "ppcls_configs")


def shipped_configs() -> dict[str, Path]:
    """The shipped configs: name, such as ``Digits/OctMobileNetV1.yaml``, to file."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        return {}
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def find_config(name: str) -> Path:
    """The file of a config given by path or by shipped name, with or without ``.yaml``.

    Raises:
        OctConvError: there is no such file; names near to it are offered.
    """
    shipped = shipped_configs()
    for candidate in (name, f"{name}.yaml"):
        if Path(candidate).is_file():
            return Path(candidate).resolve()
        if candidate in shipped:
            return shipped[candidate]
    if Path(name).is_dir():
        raise OctConvError(f"-c {name}: is a folder; give a YAML file")
    near = suggest(name, [*shipped, *(known[: -len(".yaml")] for known in shipped)], 1)
    raise OctConvError(
        f"-c {name}: no such file or shipped config{near} ('paddleclas configs' lists them)"
    )
