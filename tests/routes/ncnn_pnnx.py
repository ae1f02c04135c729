"""ncnn: ``pnnx`` makes ``.ncnn.param`` and ``.ncnn.bin`` of the ONNX model.

title: ncnn (pnnx)
installs: torch==2.13.0 ncnn==1.0.20261020 pnnx==20261020 numpy
"""

import subprocess
import sys
from pathlib import Path

import ncnn
import numpy as np
from harness import main


def open_model(model, shape):
    sides = ",".join(str(side) for side in shape)
    # fp16=0: the weights stay what they are.
    convert = [str(Path(sys.executable).with_name("pnnx")), model.name]
    convert += [f"inputshape=[{sides}]", "fp16=0"]
    subprocess.run(
        convert, check=True, cwd=model.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    network = ncnn.Net()
    network.opt.num_threads = 1
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = False
    network.opt.use_fp16_arithmetic = network.opt.use_bf16_storage = False
    stem = str(model.with_suffix(""))
    if network.load_param(stem + ".ncnn.param") or network.load_model(stem + ".ncnn.bin"):
        raise OSError("ncnn cannot read what pnnx wrote")
    (source,), (target,) = network.input_names(), network.output_names()

    def run(images):
        extractor = network.create_extractor()
        extractor.input(source, ncnn.Mat(images[0]).clone())
        return np.array(extractor.extract(target)[1])

    return run


main(open_model)
