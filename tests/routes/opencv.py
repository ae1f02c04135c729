"""OpenCV's DNN module.

title: OpenCV DNN
installs: opencv-python-headless==4.11.0.86 numpy<2.4
"""

import cv2
from harness import main


def open_model(model, shape):
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(model))

    def run(images):
        network.setInput(images)
        return network.forward().copy()

    return run


main(open_model)
