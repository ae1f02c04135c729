"""INT8 after training: calibrated on a config's own images, measured on its evaluation list.

``quantize_openvino``, ``quantize_onnx``   one file an engine: a float model to one in INT8
``accuracy``   top-1 of a predictor on a list of images
``add``        both, for the engines asked for; refuses what loses too much
"""

CALIBRATION_IMAGES = 300
MAX_DROP = 0.5  # percentage points of top-1
