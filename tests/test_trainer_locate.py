"""The order in which the trainer is looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.trainer import fetch, locate


def make(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def make_checkout(root: Path) -> Path:
    return make(root, "ppcls/__init__.py", "ppcls/engine/engine.py", "tools/train.py")


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """An empty current folder, no PaddleClas that could be imported, and a stand-in to fetch."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    for name in [name for name in sys.modules if name.split(".")[0] in ("ppcls", "paddleclas")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(fetch, "trainer_root", lambda: tmp_path / "fetched")


def test_each_source_goes_before_the_next(tmp_path, monkeypatch):
    def found(folder=None, **environ):
        trainer = locate.locate(folder, environ)
        return trainer.root.relative_to(tmp_path).as_posix(), trainer.source

    assert found() == ("fetched", "fetched")

    make(tmp_path / "site", "paddleclas/__init__.py", "paddleclas/ppcls/engine/engine.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    assert found() == ("site/paddleclas", "installed paddleclas")

    make(tmp_path / "lib", "ppcls/__init__.py", "ppcls/engine/engine.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), str(tmp_path / "lib")])
    assert found() == ("lib", "installed ppcls")

    make_checkout(tmp_path / "here")
    assert found() == ("here", "the current folder")

    home = make_checkout(tmp_path / "home")
    assert found(PADDLECLAS_HOME=str(home)) == ("home", "PADDLECLAS_HOME")

    given = make_checkout(tmp_path / "given")
    assert found(str(given), PADDLECLAS_HOME=str(home)) == ("given", "--paddleclas")


def test_package_without_a_trainer_is_passed_over(tmp_path, monkeypatch):
    make(tmp_path / "site", "paddleclas/__init__.py", "paddleclas/ppcls/arch/__init__.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    assert locate.locate(environ={}).source == "fetched"
    assert "paddleclas" not in sys.modules  # it was not imported to find out


@pytest.mark.parametrize("source", ["--paddleclas", "PADDLECLAS_HOME"])
def test_folder_that_is_asked_for_must_be_a_checkout(tmp_path, source):
    make(tmp_path / "no", "ppcls/arch/__init__.py")
    folder = str(tmp_path / "no")
    with pytest.raises(OctConvError) as error:
        if source == "--paddleclas":
            locate.locate(folder, {})
        else:
            locate.locate(None, {source: folder})
    assert str(error.value).startswith(f"{source} {folder}: not a PaddleClas checkout")


def test_home_of_nobody_is_one_line():
    with pytest.raises(OctConvError, match="^--paddleclas ~nosuchuser/x: not a PaddleClas"):
        locate.locate("~nosuchuser/x", {})


def test_only_the_pinned_version_is_taken_for_it(tmp_path):
    for version, pinned in (("2.4.2", True), ("2.5.2", False)):
        site = make(
            tmp_path / version,
            "paddleclas/ppcls/engine/engine.py",
            f"paddleclas-{version}.dist-info/METADATA",
        )
        trainer = locate.Trainer(site / "paddleclas", "somewhere")
        assert trainer.version == version
        assert f"PaddleClas {version} in " in str(trainer)
        assert trainer.is_pinned is pinned
    assert not locate.Trainer(make_checkout(tmp_path / "checkout"), "somewhere").is_pinned
