"""The pinned trainer: fetched once, verified at every use, whole or not there at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import error_line, run_cli

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.trainer import fetch


@pytest.fixture
def index(fetched_trainer, tmp_path, monkeypatch) -> Path:
    """A folder of wheels, as pip's only source."""
    folder = tmp_path / "index"
    folder.mkdir()
    shutil.copy(fetched_trainer.parent.parent / fetch.TRAINER.name, folder)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(index, tmp_path, monkeypatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("PADDLECLAS_OCTCONV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_pip(monkeypatch):
    """Any try to download fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("pip was called")

    monkeypatch.setattr(subprocess, "run", refuse)


def leftovers(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} - {f"{fetch.TRAINER.name}.lock"}


def test_fetched_once_through_pips_own_configuration_then_offline(cache, index, capfd):
    root = fetch.trainer_root()
    assert (root / "ppcls" / "engine" / "engine.py").is_file()
    assert "fetching" in capfd.readouterr().err
    assert leftovers(cache) == {fetch.TRAINER.name, "paddleclas-2.4.2"}
    shutil.rmtree(index)
    assert fetch.trainer_root() == root
    assert capfd.readouterr().err == ""


def test_the_current_folder_is_not_imported_from(cache, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    for module in ("typing", "pip", "random", "json", "locale"):
        (here / f"{module}.py").write_text("open('ran', 'w')\n")
    monkeypatch.chdir(here)
    assert fetch.trainer_root().is_dir()
    assert not (here / "ran").exists()


def test_two_processes_at_once_download_once(cache):
    code = "from paddleclas_octconv.trainer import fetch; print(fetch.trainer_root())"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    (first, second), said = zip(*(process.communicate() for process in both))
    assert first == second != ""
    assert "".join(said).count("fetching") == 1


def test_wheel_put_there_by_hand_is_taken(cache, index, no_pip):
    cache.mkdir()
    shutil.copy(index / fetch.TRAINER.name, cache)
    assert fetch.trainer_root().is_dir()


@pytest.mark.parametrize("change", ["changed", "added", "removed", "linked"])
def test_unpacked_files_cannot_be_swapped_unnoticed(cache, change, capfd):
    root = fetch.trainer_root()
    engine = root / "ppcls" / "engine" / "engine.py"
    original = engine.read_bytes()
    if change == "changed":
        engine.write_bytes(original + b"\nimport evil\n")
    elif change == "added":
        (root / "numpy.py").write_text("import evil\n")
    elif change == "removed":
        engine.unlink()
    else:
        (root / "evil").symlink_to(cache)
    capfd.readouterr()
    assert fetch.trainer_root() == root
    assert "was changed or damaged" in capfd.readouterr().err
    assert engine.read_bytes() == original
    assert not (root / "numpy.py").exists() and not (root / "evil").exists()
    assert leftovers(cache) == {fetch.TRAINER.name, "paddleclas-2.4.2"}
    fetch.trainer_root()
    assert capfd.readouterr().err == ""


def test_compiled_code_is_not_trusted(cache):
    planted = fetch.trainer_root() / "ppcls" / "__pycache__" / "__init__.cpython-311.pyc"
    planted.parent.mkdir()
    planted.write_bytes(b"evil")
    fetch.trainer_root()
    assert not planted.parent.exists()


def test_wheel_of_another_content_is_refused_and_left(cache, no_pip):
    cache.mkdir()
    wheel = cache / fetch.TRAINER.name
    wheel.write_bytes(b"evil")
    with pytest.raises(OctConvError) as error:
        fetch.trainer_root()
    assert f"{wheel}: is not the pinned" in str(error.value)
    assert "delete that file" in str(error.value)
    assert leftovers(cache) == {fetch.TRAINER.name}


def test_download_of_another_content_is_not_kept(cache, index, monkeypatch):
    monkeypatch.setattr(fetch, "TRAINER", replace(fetch.TRAINER, sha256="0" * 64))
    with pytest.raises(OctConvError, match="not the pinned one"):
        fetch.trainer_root()
    assert leftovers(cache) == set()


def test_no_network_and_no_cache_is_one_line(cache, index, tiny_config, tmp_path):
    (index / fetch.TRAINER.name).unlink()
    result = run_cli("train", "-c", tiny_config, cwd=tmp_path)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "pip cannot download it" in line and str(cache) in line and "--paddleclas" in line
    assert leftovers(cache) == set()
    assert not (tmp_path / "output").exists()


def test_a_program_that_tries_to_import_what_cannot_be_fetched_goes_on(cache, index):
    (index / fetch.TRAINER.name).unlink()
    with pytest.raises(ImportError):
        fetch.trainer_root()


def test_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PADDLECLAS_OCTCONV_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OctConvError, match="cannot hold"):
        fetch.trainer_root()


def test_no_home_folder_is_one_line(monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("PADDLECLAS_OCTCONV_CACHE", raising=False)
    monkeypatch.setattr(fetch, "user_cache_path", fail)
    with pytest.raises(OctConvError, match="PADDLECLAS_OCTCONV_CACHE should name one"):
        fetch.cache_folder()


def test_library_is_fetched_where_it_is_not_installed(cache, tmp_path):
    """Only by an import: to look for it fetches nothing."""
    code = """
import importlib.util, os, sys
from paddleclas_octconv import autoload, trainer
sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "paddleclas"))]
autoload.install(force=True)
from paddleclas_octconv.trainer import fetch
spec = importlib.util.find_spec("paddleclas")
assert not os.path.exists(fetch.cache_folder()), "looked for, and fetched"
def library_root():
    os.makedirs("root/paddleclas")
    open("root/paddleclas/__init__.py", "w").write("name = __name__")
    open("root/paddleclas/inner.py", "w").write("from . import name")
    return os.path.abspath("root")
fetch.library_root = library_root
import paddleclas, paddleclas.inner
assert paddleclas.inner.name == "paddleclas" and paddleclas.__spec__.origin == paddleclas.__file__
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_environment_without_pip_is_told_how_to_get_it(cache, index, tmp_path):
    """As uv makes them: Paddle and all else is there, pip is not."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = next((tmp_path / "venv").rglob("site-packages"))
    paths = [path for path in sys.path if path.endswith("site-packages")]
    for path in paths:  # all of this environment's packages but pip
        for package in Path(path).iterdir():
            if not package.name.startswith("pip") and not (packages / package.name).exists():
                (packages / package.name).symlink_to(package)
    (packages / "here.pth").write_text(str(Path(fetch.__file__).parents[2]))
    code = "from paddleclas_octconv.trainer import fetch; fetch.trainer_root()"
    result = subprocess.run(
        [packages.parents[2] / "bin" / "python", "-c", code], capture_output=True, text=True
    )
    assert "this environment has no pip" in result.stderr
    assert "uv pip install pip" in result.stderr
