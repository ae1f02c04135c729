"""What a folder of anybody's says of itself is read within bounds, and never waited for."""

from __future__ import annotations

import os

import pytest
from test_config_load import BOMB, MERGES

from paddleclas_octconv.checkpoints import manifest
from paddleclas_octconv.common.documents import read_json, read_yaml
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.files import digest
from paddleclas_octconv.deploy import classify, metadata
from paddleclas_octconv.patches.paddleclas_predictor import _describe

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    "content", [BOMB, MERGES, "[" * 3000, "a: 1\na: 2", "a: 1:30", "a: *b", "\0", b"\xff"]
)
def test_inference_yml(tmp_path, content):
    (tmp_path / "inference.yml").write_bytes(
        content if type(content) is bytes else content.encode()
    )
    with pytest.raises(OctConvError, match="inference.yml"):
        classify.read_description(tmp_path)
    assert metadata.read(tmp_path) is None and _describe(str(tmp_path)) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file(tmp_path, make):
    path = tmp_path / "inference.yml"
    make(path)
    for read in (lambda: read_yaml(path, ""), lambda: read_json(path, "")):
        with pytest.raises(OctConvError, match="inference.yml: is a"):
            read()
    with pytest.raises(OctConvError, match="inference.yml: is a"):
        classify.read_description(tmp_path)
    assert metadata.read(tmp_path) is None and _describe(str(tmp_path)) is None
    assert manifest.read(path) == {} and manifest.read(tmp_path / "none") is None
    with pytest.raises(OSError):
        digest(path)


@pytest.mark.parametrize(
    "content, told",
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is given twice"),
        ("{", "is not JSON"),
        ("9" * 5000, "is not JSON"),
    ],
)
def test_json(tmp_path, content, told):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(OctConvError, match=told):
        read_json(path, "--output")
