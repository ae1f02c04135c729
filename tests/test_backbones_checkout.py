"""Every config of a PaddleClas checkout whose network has an octave twin builds with the twin."""

from __future__ import annotations

import pytest
from conftest import run_python

# In a process of its own: the checkout's PaddleClas is another one than the installed.
BUILD = """
import copy, pathlib, sys
sys.path.insert(0, sys.argv[1])
import yaml
from paddleclas_octconv import autoload
autoload.install(force=True)
from ppcls import arch
from ppcls.utils import logger
from paddleclas_octconv.backbones.catalogue import CATALOGUE

logger.init_logger()
octave = {entry.twin: name for name, entry in CATALOGUE.items() if entry.twin}

def swap(node):
    "How many networks were swapped; their weights are not fetched."
    count = 0
    if isinstance(node, dict):
        if "pretrained" in node:
            node["pretrained"] = False
        if node.get("name") in octave:
            node["name"] = octave[node["name"]]
            count = 1
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return count + sum(map(swap, children))

seen = []
for path in sorted(pathlib.Path(sys.argv[1], "ppcls", "configs").rglob("*.yaml")):
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        continue
    section = config.get("Arch") if isinstance(config, dict) else None
    if not swap(section) or section in seen:
        continue
    seen.append(copy.deepcopy(section))
    try:
        arch.build_model(config)
        print("built", path)
    except Exception as error:
        print("failed", path, type(error).__name__, " ".join(str(error).split())[:200])
"""


@pytest.mark.slow
@pytest.mark.process
def test_every_config_builds_with_the_name_swapped(checkout):
    done = run_python("-c", BUILD, checkout)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("built ", "failed "))]
    assert [line for line in lines if line.startswith("failed ")] == []
    assert len(lines) >= 15, done.stderr
