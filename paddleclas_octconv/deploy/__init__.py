"""From a trained network to a running one: export and prediction.

``export``      runs PaddleClas's exporter and puts a complete inference folder in place
``metadata``    what the folder says about itself: preprocessing and label names
``network``     a network by its name, and its exported form, without a trainer
``predictor``   opens the folder in Paddle Inference, in its faster format
``images``      reads and preprocesses images as the folder says
``to_onnx``     adds the model as ONNX
``agreement``   whether another engine computes the same network
"""
