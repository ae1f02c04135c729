"""From a trained network to a running one: export, prediction, measurement.

``export``      runs PaddleClas's exporter and puts a complete inference folder in place
``metadata``    what the folder says about itself: preprocessing and label names
``predictor``   opens the folder in Paddle Inference, in its faster format
``paddleclas_predictor``  lets PaddleClas's own predictor read the folder
"""
