"""TensorFlow Lite: ``onnx2tf`` makes ``.tflite`` of the ONNX model, which takes (N, H, W, C).

What is wrong below has a map of 16 channels and 16x16 pixels, behind which onnx2tf transposes maps
that it should not: to its rules such a map looks the same in either order.

title: TensorFlow Lite (onnx2tf)
installs: onnx2tf==1.29.24 tensorflow==2.19.0
wrong: Octave:ResNet18_vd at 32x32
"""

import subprocess
import sys
from pathlib import Path

import tensorflow as tf
from harness import main


def open_model(model, shape):
    folder = model.with_name("tflite")
    sides = ",".join(str(side) for side in shape)
    convert = [str(Path(sys.executable).with_name("onnx2tf")), "-i", str(model), "-o", str(folder)]
    convert += ["-ois", f"input:{sides}", "-n"]
    done = subprocess.run(convert, capture_output=True, text=True)
    if done.returncode:
        raise OSError((done.stdout + done.stderr)[-2000:])
    interpreter = tf.lite.Interpreter(str(folder / "inference_float32.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images):
        interpreter.set_tensor(source["index"], images.transpose(0, 2, 3, 1))
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return run


main(open_model)
