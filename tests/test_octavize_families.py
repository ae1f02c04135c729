"""``octavize`` on PaddleClas's own networks, by family."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import paddle
import pytest

_path = Path(__file__).parents[1] / "benchmarks" / "octavize" / "coverage.py"
_spec = importlib.util.spec_from_file_location("octavize_coverage", _path)
coverage = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(coverage)
FAMILIES = coverage.families()
# A small network of each family, but of those whose small ones take half a minute; the environment
# asks for every one, some 250.
ALL = os.environ.get("OCTCONV_ALL_NETWORKS") == "1"
LONG = ("hrnet", "resnext101_wsl", "inception_v4", "efficientnet_v2")
# Families whose pairs meet no function, and whose convolutions have no geometry, that those of the
# others do not have: they are exported alike.
ALIKE = """
    darknet dpn efficientnet efficientnet_variant esnet mobilefacenet mobilenet_v1 mobilenet_v2
    mobilenext peleenet pp_lcnet pp_lcnet_v2 pp_lcnet_variant pp_lcnetv2_variant rednet res2net_vd
    resnet_variant resnet_vc resnext resnext_vd se_resnext se_resnext_vd starnet tinynet vgg
    vgg_variant xception xception_deeplab
    """.split()  # noqa: SIM905
NETWORKS = [
    (name, family)
    for family, names in FAMILIES.items()
    for name in (names if ALL else [coverage.small(names)])
    if ALL or family not in LONG
]


@pytest.mark.slow
@pytest.mark.parametrize("name, family", NETWORKS)
def test_every_network_runs_forward_and_backward_and_is_exported(name, family):
    export = ALL or family not in ALIKE
    with paddle.utils.unique_name.guard():
        found = coverage.attempt(name, family, export)
    assert found["octave"] > 0 and found["without_gradient"] == 0
    if export:
        assert found["export_difference"] < max(1e-4, 10 * found["rounding"])


def test_four_of_five_families_are_octave_for_the_most_part():
    rows = json.loads(coverage.DATA.read_text(encoding="utf-8"))
    stand = {row["family"]: row for row in rows}
    assert set(stand) == set(FAMILIES)
    assert not any("error" in row for row in rows)
    assert sum(row["share"] > 0.5 for row in stand.values()) >= 0.8 * len(stand)
