"""How far long work is, where there is a terminal and where there is none."""

from __future__ import annotations

import pytest

from paddleclas_octconv.common import progress


def test_without_a_terminal_there_are_lines_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    with progress.bar(3, "CIFAR-10") as bar:
        for _ in range(3):
            bar.update()
    said = capsys.readouterr().err
    assert "\r" not in said and "\x1b" not in said
    lines = said.splitlines()
    assert all(line.startswith("CIFAR-10: ") and len(line) < 80 for line in lines)
    assert "1/3" in said and "3/3" in lines[-1]


def test_what_is_done_at_once_has_none(capsys):
    assert list(progress.bar(3, items="abc")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("count", [1, 5])
def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys, count):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert len(list(progress.bar(count, "photos", items=range(count)))) == count
    assert f"{count}/{count}" in capsys.readouterr().err.split("\r")[-1]
