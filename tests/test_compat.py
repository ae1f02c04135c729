"""What is said of versions of Paddle."""

from __future__ import annotations

import pytest

from paddleclas_octconv.common.machine import TESTED, paddle_warning


@pytest.fixture(autouse=True)
def scikit_learn(monkeypatch):
    """One that Paddle 2 stands."""
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.4.2")


@pytest.mark.parametrize("version", TESTED)
def test_tested_version_is_passed_over_in_silence(version):
    assert paddle_warning(version) is None


@pytest.mark.parametrize("version", ["3.3.0", "3.3.1"])
def test_broken_version_is_told_with_what_breaks_and_what_to_take(version):
    warning = paddle_warning(version)
    assert warning.startswith(f"Paddle {version}: CPU inference with oneDNN fails")
    assert "take 3.2.2" in warning and "\n" not in warning


@pytest.mark.parametrize("version", ["2.5.0", "3.4.0", "0.0.0"])
def test_other_version_is_untested(version):
    assert "not tested" in paddle_warning(version)


def test_scikit_learn_beside_paddle_2_is_told(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.5.2")
    assert "pip install 'scikit-learn<1.5'" in paddle_warning("2.6.2")
    assert paddle_warning("3.2.2") is None
