"""PyTorch: ``onnx2torch`` makes a module of the ONNX model, to be trained further or exported.

title: PyTorch (onnx2torch)
installs: torch==2.14.1 torchvision==0.29.1 onnx2torch==1.5.15
"""

import onnx2torch
import torch
from harness import main


def open_model(model, shape):
    torch.set_num_threads(1)
    network = onnx2torch.convert(str(model)).eval()

    def run(images):
        with torch.no_grad():
            return network(torch.from_numpy(images)).numpy()

    return run


main(open_model)
