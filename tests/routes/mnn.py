"""MNN: its converter makes ``.mnn`` of the ONNX model, which a phone's program loads.

Its command ``mnnconvert`` does no more, but installs a package by pip, into whichever environment
comes first in PATH, and tells MNN's makers of each use.

title: MNN
installs: MNN==3.6.1 numpy
"""

import subprocess
import sys

import MNN
import numpy as np
from harness import main


def open_model(model, shape):
    converted = model.with_suffix(".mnn")
    convert = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"]
    convert += ["-f", "ONNX"]
    convert += ["--modelFile", str(model), "--MNNModel", str(converted), "--bizCode", "routes"]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
    interpreter = MNN.Interpreter(str(converted))
    session = interpreter.createSession({"numThread": 1, "backend": "CPU", "precision": "high"})
    source = interpreter.getSessionInput(session)
    interpreter.resizeTensor(source, shape)
    interpreter.resizeSession(session)

    def run(images):
        given = MNN.Tensor(shape, MNN.Halide_Type_Float, images, MNN.Tensor_DimensionType_Caffe)
        source.copyFrom(given)
        interpreter.runSession(session)
        output = interpreter.getSessionOutput(session)
        host = MNN.Tensor(
            output.getShape(),
            MNN.Halide_Type_Float,
            np.zeros(output.getShape(), np.float32),
            MNN.Tensor_DimensionType_Caffe,
        )
        output.copyToHostTensor(host)
        return np.array(host.getData())

    return run


main(open_model)
