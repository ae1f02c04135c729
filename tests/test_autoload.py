"""The start-up hook: OctConv is there without an import, and nothing else changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import run_python

from paddleclas_octconv import __version__
from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parent.parent
HOOK = REPOSITORY / "paddleclas_octconv" / "paddleclas_octconv.pth"
PADDLECLAS = Path(sys.executable).with_name("paddleclas")


@pytest.fixture
def fake_copy(tmp_path) -> Path:
    """A folder with a ``ppcls`` whose ``arch`` takes all names over, as PaddleClas's does."""
    for package, text in {
        "ppcls": "",
        "ppcls/arch": "from .backbone import *\n",
        "ppcls/arch/backbone": "__all__ = ['Old']\nOld = 1\n",
    }.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(text)
    return tmp_path


# Stands in for the registry, so that these tests need no Paddle.
ADD_NEW = """
import sys
from paddleclas_octconv import autoload
def register(backbone):
    backbone.New = 2
    backbone.__all__.append("New")
autoload._register = register
"""


def test_names_are_there_in_the_copy_of_the_wheel():
    code = """
import paddleclas
from paddleclas.ppcls.arch import build_model
from paddleclas.ppcls.arch.backbone import OctResNet50
from paddleclas.ppcls.arch.backbone.base.theseus_layer import TheseusLayer
model = build_model({"Arch": {"name": "OctMobileNetV1_x0_25", "class_num": 3}})
assert isinstance(model, TheseusLayer)
assert paddleclas.OctResNet50 is OctResNet50
"""
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr


def test_names_are_there_in_a_checkout(checkout):
    code = """
import ppcls
from ppcls.arch import RecModel
from ppcls.arch.backbone import OctResNet50
RecModel(Backbone={"name": "OctMobileNetV1_x0_25", "class_num": 3})
"""
    result = run_python("-c", code, PYTHONPATH=str(checkout))
    assert result.returncode == 0, result.stderr


def test_importers_see_the_names_and_the_module_keeps_its_loader(fake_copy):
    code = ADD_NEW + (
        "import importlib.util, inspect, pickle\n"
        "from ppcls.arch import New, backbone\n"
        "assert type(backbone.__loader__).__name__ == 'SourceFileLoader'\n"
        "assert backbone.__spec__.loader is backbone.__loader__\n"
        "assert inspect.getsource(backbone).startswith('__all__')\n"
        "assert 'New' in importlib.reload(backbone).__all__\n"
        "spec = importlib.util.find_spec('ppcls.arch.backbone')\n"
        "assert pickle.loads(pickle.dumps(spec.loader)).is_package('ppcls.arch.backbone')\n"
    )
    result = run_python("-c", code, PYTHONPATH=str(fake_copy))
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(sys.version_info < (3, 10), reason="zipimport has no exec_module before 3.10")
def test_zipped_copy_is_served_too(fake_copy, tmp_path):
    archive = tmp_path / "copy.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in fake_copy.rglob("*.py"):
            file.write(path, path.relative_to(fake_copy))
    code = ADD_NEW + "from ppcls.arch import New\nimport ppcls\nassert 'copy.zip' in ppcls.__file__"
    result = run_python("-c", code, PYTHONPATH=str(archive))
    assert result.returncode == 0, result.stderr


def test_spawned_processes_and_threads_have_the_names(fake_copy, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        ADD_NEW
        + "import multiprocessing, threading\n"
        + "def work(_=None):\n    from ppcls.arch import New\n    return New\n"
        + "if __name__ == '__main__':\n"
        + "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        + "        assert pool.map(work, [0]) == [2]\n"
        + "    found = []\n"
        + "    threads = [threading.Thread(target=lambda: found.append(work())) for _ in '1234']\n"
        + "    [t.start() for t in threads]\n    [t.join() for t in threads]\n"
        + "    assert found == [2] * 4\n"
    )
    result = run_python(program, PYTHONPATH=str(fake_copy))
    assert result.returncode == 0, result.stderr


def test_failure_to_register_is_one_line_and_paddleclas_works(fake_copy):
    code = (
        "from paddleclas_octconv import autoload\n"
        "def register(backbone):\n    raise RuntimeError('broken')\n"
        "autoload._register = register\n"
        "from ppcls.arch import Old\n"
    )
    result = run_python("-c", code, PYTHONPATH=str(fake_copy))
    assert result.returncode == 0
    assert result.stderr == (
        "paddleclas-octconv: warning: ppcls.arch.backbone runs without OctConv: "
        "RuntimeError: broken\n"
    )


NETWORKS_OF_PADDLEX = "paddlex.modules.image_classification.model_list"
CLASSES_OF_PADDLEX = "paddlex.inference.models.image_classification.processors"


def fake_paddlex(folder: Path, name: str, text: str) -> None:
    """Write one module of a PaddleX, and the packages that it is in."""
    *packages, module = name.split(".")
    for package in packages:
        folder /= package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    (folder / f"{module}.py").write_text(text)


def test_paddlex_knows_the_networks_and_their_twins_once(tmp_path):
    fake_paddlex(tmp_path, NETWORKS_OF_PADDLEX, "MODELS = ['ResNet50', 'OctResNet50']\n")
    code = (
        f"from {NETWORKS_OF_PADDLEX} import MODELS\n"
        "import sys\nassert 'paddle' not in sys.modules\nprint(*MODELS)"
    )
    result = run_python("-c", code, PYTHONPATH=str(tmp_path))
    names = result.stdout.split()
    assert names[:2] == ["ResNet50", "OctResNet50"], result.stderr
    assert {*CATALOGUE, "Octave", "MobileNetV1"} < set(names)
    assert len(set(names)) == len(names)


def test_each_image_has_its_own_classes_in_paddlex(tmp_path):
    topk = (
        "class Topk:\n    def __call__(self, preds, topk=5):\n        return preds, [topk], [0]\n"
    )
    fake_paddlex(tmp_path, CLASSES_OF_PADDLEX, topk)
    code = (
        f"from {CLASSES_OF_PADDLEX} import Topk\nimport numpy as np\n"
        "ids, *others = Topk()(np.array([[1, 2], [3, 4]]), topk=2)\n"
        "assert isinstance(ids, list) and [list(row) for row in ids] == [[1, 2], [3, 4]]\n"
        "assert others == [[2], [0]]"
    )
    result = run_python("-c", code, PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [NETWORKS_OF_PADDLEX, CLASSES_OF_PADDLEX])
def test_a_paddlex_that_has_changed_works_without_them(tmp_path, name):
    fake_paddlex(tmp_path, name, "Old = 1\n")
    result = run_python("-c", f"from {name} import Old", PYTHONPATH=str(tmp_path))
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"paddleclas-octconv: warning: {name} runs without OctConv: Attribute")


def test_switched_off_by_the_environment():
    code = "import sys; print([type(f).__module__ for f in sys.meta_path])"
    assert "paddleclas_octconv.autoload" in run_python("-c", code).stdout
    off = run_python("-c", code, PADDLECLAS_OCTCONV_AUTOLOAD="0").stdout
    assert "paddleclas_octconv.autoload" not in off


def test_start_up_imports_nothing_but_the_hook():
    code = "import sys; print(*sorted(sys.modules))"
    on = set(run_python("-c", code).stdout.split())
    off = set(run_python("-c", code, PADDLECLAS_OCTCONV_AUTOLOAD="0").stdout.split())
    assert on - off <= {"paddleclas_octconv", "paddleclas_octconv.autoload"}
    assert {name for name in on if name.startswith("paddleclas_octconv")} == {
        "paddleclas_octconv",
        "paddleclas_octconv.autoload",
    }


def test_switched_off_it_costs_nothing():
    code = f"import os, sys; exec(open({str(HOOK)!r}).read()); print(*sys.modules)"
    off = run_python("-S", "-c", code, cwd=REPOSITORY, PADDLECLAS_OCTCONV_AUTOLOAD="0").stdout
    assert "os" in off.split() and "paddleclas_octconv" not in off.split()
    assert "paddleclas_octconv.autoload" in run_python("-S", "-c", code, cwd=REPOSITORY).stdout


@pytest.mark.parametrize("left", ["nothing", "an empty package", "a broken autoload"])
def test_interpreter_starts_when_the_package_is_half_removed(tmp_path, left):
    shutil.copy(HOOK, tmp_path)
    package = tmp_path / "paddleclas_octconv"
    if left != "nothing":
        package.mkdir()
        (package / "__init__.py").touch()
    if left == "a broken autoload":
        (package / "autoload.py").write_text("import no_such_module\n")
    code = f"import site; site.addsitedir({str(tmp_path)!r}); print('alive')"
    result = run_python("-S", "-c", code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "alive\n", "")


def test_wheel_brings_hook_and_configs_and_uninstall_takes_them(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPYCACHEPREFIX")  # pip compiles beside the files, as for users
    source = tmp_path / "source"
    source.mkdir()
    parts = ("setup.py", "pyproject.toml", "MANIFEST.in", "paddleclas_octconv", "ppcls_configs")
    compiled = shutil.ignore_patterns("__pycache__")  # other tests may be writing it
    for name in parts:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=compiled)
        else:
            shutil.copy(path, source / name)
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"

    def pip(*args):
        subprocess.run([sys.executable, "-m", "pip", *args], check=True, capture_output=True)

    def names(code):
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.split()

    pip("wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    pip("--python", python, "install", "--no-deps", next(tmp_path.glob("*.whl")))
    hooks = "import sys; print(*(type(finder).__module__ for finder in sys.meta_path))"
    site = Path(names("import sysconfig; print(sysconfig.get_path('purelib'))")[0])
    assert "paddleclas_octconv.autoload" in names(hooks)
    installed = {p.name for p in (site / "paddleclas_octconv" / "ppcls_configs").rglob("*.yaml")}
    assert installed == {p.name for p in (REPOSITORY / "ppcls_configs").rglob("*.yaml")}
    pip("--python", python, "uninstall", "-y", "paddleclas-octconv")
    assert not list(site.glob("*octconv*"))
    assert "paddleclas_octconv.autoload" not in names(hooks)


def run_command(*args, **environ) -> subprocess.CompletedProcess:
    """Run PaddleClas's own console script."""
    env = {**os.environ, **environ}
    return subprocess.run([PADDLECLAS, *args], capture_output=True, text=True, env=env)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_of_paddleclas_lists_the_commands_first_then_its_own_options(arguments):
    result = run_command(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    commands, _, options = result.stdout.partition("PaddleClas's predictor")
    assert re.findall(r"^  ([a-z-]+) ", commands, re.M) == [*COMMANDS]
    own = run_command("--help", PADDLECLAS_OCTCONV_AUTOLOAD="0").stdout
    listed = (set(re.findall(r"^  (--\w+)", text, re.M)) for text in (own, options))
    assert next(listed) == next(listed)


def test_version_is_ours():
    assert run_command("--version").stdout.startswith(f"paddleclas-octconv {__version__} (")


def test_unknown_word_is_one_line():
    result = run_command("trian")
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: unknown command 'trian'; did you mean train?" in result.stderr
    assert result.stderr.count("\n") == 1


def test_sub_command_starts_without_paddle_and_leaves_the_real_paddleclas():
    code = """
import importlib.util, sys
sys.argv = ["/usr/bin/paddleclas", "configs"]
from paddleclas.paddleclas import main
assert main() == 0
assert "paddle" not in sys.modules and "paddleclas" not in sys.modules
assert importlib.util.find_spec("paddleclas.paddleclas").origin.endswith("paddleclas.py")
"""
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr
    assert "Digits/OctMobileNetV1.yaml" in result.stdout.splitlines()


def test_other_programs_of_that_name_are_left_alone(tmp_path):
    """PaddleClas's repository has a ``paddleclas.py`` at its top."""
    program = tmp_path / "paddleclas.py"
    program.write_text(
        "import importlib.util; print(importlib.util.find_spec('paddleclas').origin)"
    )
    result = run_python(program, "train")
    assert result.stdout.strip() == str(program)


def test_without_the_hook_one_call_serves_what_is_imported_later(fake_copy):
    code = (
        "import paddleclas_octconv, sys\n"
        "assert not any('octconv' in type(f).__module__ for f in sys.meta_path)\n"
        "paddleclas_octconv.register()\n" + ADD_NEW + "from ppcls.arch import New\n"
    )
    result = run_python("-c", code, PYTHONPATH=str(fake_copy), PADDLECLAS_OCTCONV_AUTOLOAD="0")
    assert result.returncode == 0, result.stderr


def test_near_names_are_offered_by_the_copy_itself():
    """As tools/train.py of a checkout asks for a network."""
    code = """
import paddleclas
from paddleclas.ppcls.arch import build_model
try:
    build_model({"Arch": {"name": "OctResNet5"}})
except AttributeError as error:
    assert "has no attribute 'OctResNet5'; did you mean OctResNet50" in str(error), error
from paddleclas.ppcls import arch
assert not hasattr(arch, "OctResNet5") and not hasattr(arch, "ResNet5")
"""
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "arguments", [["--infer_imgs=x.png"], ["eval", "-c", "Digits/OctMobileNetV1"]]
)
def test_without_paddle_one_line_names_the_extra(arguments, tmp_path):
    code = f"""
import importlib.util, sys
sys.argv = ["/usr/bin/paddleclas", *{arguments!r}]
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "paddle" else find_spec(name, *a)
from paddleclas.paddleclas import main
sys.exit(main())
"""
    result = run_python("-c", code, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "pip install 'paddleclas-octconv[cpu]'" in result.stderr
    assert result.stderr.count("\n") == 1
