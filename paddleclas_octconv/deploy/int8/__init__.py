"""INT8 after training: calibrated on a config's own images, measured on its evaluation list.

``accuracy``   top-1 of a predictor on a list of images
``add``        quantises for the engines asked for; refuses what loses too much, or is not steady
"""

CALIBRATION_IMAGES = 300
MAX_DROP = 0.5  # percentage points of top-1
