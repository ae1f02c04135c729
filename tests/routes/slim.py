"""ONNX Runtime on what ``onnxslim`` makes of the ONNX model.

title: onnxslim
installs: onnxslim==0.1.98 onnxruntime==1.32.0
"""

import onnxruntime
import onnxslim
from harness import main


def open_model(model, shape):
    slim = model.with_name("slim.onnx")
    onnxslim.slim(str(model), str(slim))
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(slim), settings, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


main(open_model)
