"""Every kind of network in the registry can be exported in every format, with its outputs."""

from __future__ import annotations

import sys

import pytest
from backbones import OPERATORS
from conftest import run_python

from paddleclas_octconv.common import machine

FORMATS = {"pir": "1", "pdmodel": "0"} if machine.paddle_writes_pir() else {"pdmodel": "0"}
SUFFIX = {"pir": ".json", "pdmodel": ".pdmodel"}
THEIRS = (
    "SE_ResNet18_vd",  # PaddleClas's own, with squeeze and excitation
    "Octave:PPHGNetV2_B0",  # parameters times a pair
    "Octave:GhostNet_x0_5",
)
# Those of the registry's that have all operators of the others between them.
FEW = ("OctPreSE_ResNet50", "OctMobileNetV2_x0_5", "OctDenseNet121")
# In a process for each format, as the exporter runs: the flag is read when Paddle is imported.
EXPORT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, paddle
from backbones import few_blocks, images, zoo
from paddleclas_octconv.deploy import inference_form

x = images(1, 3, 32, 32)
for name in sys.argv[3:]:
    kind, _, backbone = name.partition(":")
    options = {"backbone": {"name": backbone}} if backbone else {}
    if "Oct" in name and not backbone:
        options = {option: [1, 1, 1, 1] for option in few_blocks(name)}
    net = getattr(zoo, kind)(class_num=10, **options)
    net.eval()
    inference_form.re_parameterize(net)
    with paddle.no_grad():
        expected = paddle.nn.functional.softmax(net(x)).numpy()
    folder = f"{sys.argv[2]}/{name}"
    inference_form.save(net, folder, [3, 32, 32])
    exported = paddle.jit.load(f"{folder}/inference")
    exported.eval()
    print("exported", name, float(np.abs(exported(x).numpy() - expected).max()))
"""


@pytest.mark.parametrize("form", FORMATS)
def test_every_network_is_exported(form, tmp_path):
    flags = {"FLAGS_enable_pir_api": FORMATS[form]} if len(FORMATS) > 1 else {}
    # Programs of both formats are built by the same lines.
    names = [*(OPERATORS if form == list(FORMATS)[0] else FEW), *THEIRS]
    done = run_python("-c", EXPORT, sys.path[0], tmp_path, *names, timeout=600, **flags)
    rows = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("exported ")]
    assert [name for name, _ in rows] == names, done.stderr
    for name, difference in rows:
        assert float(difference) < 1e-5, name
        assert (tmp_path / name / "inference").with_suffix(SUFFIX[form]).exists()
