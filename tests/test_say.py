"""What others have named is shown on one line, and without their passwords."""

from __future__ import annotations

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.say import escaped, say
from paddleclas_octconv.deploy import metadata

FORGED = "cat\npaddleclas: error: no\r\x1b[2K\x9b31m\u2028\u202e\x00dog"


@pytest.mark.parametrize(
    "address, is_shown",
    [
        ("https://me:secret@mirror.example/a.pdparams", "https://***@mirror.example/a.pdparams"),
        ("http://secret@mirror.example", "http://***@mirror.example"),
        ("ftp://me:secret%40x@mirror.example:21/x y", "ftp://***@mirror.example:21/x y"),
        ("me:secret@mirror.example/a", "***@mirror.example/a"),
        ("(https://m.example/a?token=secret&b=secret): no", "(https://m.example/a?***): no"),
        ("https://m.example/a@b/c", "https://m.example/a@b/c"),
        ("a@b.c, 7 of 8?", "a@b.c, 7 of 8?"),
    ],
)
def test_addresses(address, is_shown):
    assert escaped(address) == is_shown
    assert str(OctConvError(address)) == is_shown


def test_control_characters(capsys):
    say(f"labels: {FORGED}")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable() and line.startswith("paddleclas: labels: cat\\npaddleclas: error")
    assert str(OctConvError(f"{FORGED}: is no label")).isprintable()
    assert escaped("é 模型 “x”") == "é 模型 “x”"


def test_label_names():
    described = {"PostProcess": {"Topk": {"label_list": [FORGED, "tiger  cat", "犬"]}}}
    first, *rest = metadata.label_list(described)
    assert first.isprintable() and rest == ["tiger  cat", "犬"]
