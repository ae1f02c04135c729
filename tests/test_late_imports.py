"""PaddleClas's slow libraries are imported when they are used, and not before."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from conftest import run_python

from paddleclas_octconv.patches import late_imports
from paddleclas_octconv.patches.late_imports import late_imports as late

LIBRARIES = "sklearn", "scipy", "matplotlib"
IMPORTED = f"""
import sys
{{}}
assert not set({LIBRARIES}) & set(sys.modules), set({LIBRARIES}) & set(sys.modules)
import numpy as np
from {{}}.utils import metrics
given, wanted = np.array([[1, 0, 1]]), np.array([[1, 1, 0]])
assert metrics.hamming_loss(given, wanted) == 2 / 3
assert metrics.binarize(np.array([[0.2, 0.7]]), threshold=0.5).tolist() == [[0, 1]]
import sklearn.metrics
assert sklearn.metrics.__file__ and callable(sklearn.metrics.f1_score)
"""


def test_a_process_that_builds_networks_imports_none_until_it_is_used():
    build = (
        "from paddleclas_octconv.measure.operations import Operations\n"
        "Operations().describe('ResNet18', {}, 32)"
    )
    result = run_python("-c", IMPORTED.format(build, "paddleclas.ppcls"))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("trainer", ["fetched_trainer", "checkout"])
def test_a_trainer_imports_none_until_it_is_used(trainer, request):
    root = request.getfixturevalue(trainer)
    start = (
        "from paddleclas_octconv.patches import late_imports\n"
        "late_imports.install()\n"
        "import ppcls.engine.engine"
    )
    code = IMPORTED.format(start, "ppcls") + (
        "from ppcls.engine.evaluation import adaface\n"
        "unit = adaface.sklearn.preprocessing.normalize(np.array([[3.0, 4.0]]))\n"
        "np.testing.assert_allclose(unit, [[0.6, 0.8]])\n"
        "assert adaface.KFold(n_splits=2).get_n_splits() == 2\n"
        "from ppcls.data.preprocess.ops import fmix\n"
        "assert 0 < fmix.beta.rvs(2, 1) < 1\n"
    )
    result = run_python("-B", "-c", code, PYTHONPATH=str(root))
    assert result.returncode == 0, result.stderr


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The name of a package that is not loaded, with a function ``f`` in its module ``part``."""
    name = "slow_library"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "part.py").write_text("def f(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(late_imports, "_LATE", (name, f"{name}.part", "no_such_library"))
    yield name
    for loaded in (name, f"{name}.part"):
        sys.modules.pop(loaded, None)


def test_what_is_imported_is_loaded_when_it_is_called(library):
    with late():
        import slow_library
        import slow_library.part as module
        from slow_library.part import f
    assert library not in sys.modules
    assert f(3) == 6
    assert slow_library.part.f(4) == module.f(4) == 8
    assert isinstance(sys.modules[f"{library}.part"], ModuleType)
    assert sys.modules[f"{library}.part"].f is f._real()


def test_it_can_be_used_while_the_module_runs(library):
    with late():
        from slow_library.part import f

        assert f(3) == 6
        from slow_library.part import f as real
    assert real is f._real()


def test_one_that_is_loaded_is_taken_as_it_is(library):
    import slow_library.part

    with late():
        from slow_library.part import f
    assert f is slow_library.part.f


def test_one_that_is_not_installed_is_missed_at_once(library):
    with late(), pytest.raises(ModuleNotFoundError):
        import no_such_library  # noqa: F401


def test_they_come_back_after_an_error(library):
    with pytest.raises(KeyError), late():
        raise KeyError
    assert library not in sys.modules
