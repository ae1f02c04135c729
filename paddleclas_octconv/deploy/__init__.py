"""From a trained network to a running one: export and prediction.

``export``      runs PaddleClas's exporter and puts a complete inference folder in place
``metadata``    what the folder says about itself: preprocessing and label names
``predictor``   opens the folder, in the engine that is wanted or the fastest
``engines``     what runs it, one a file: OpenVINO, ONNX Runtime, Paddle Inference
``images``      reads and preprocesses images as the folder says
``classify``    the likeliest classes of images
``conversion``  adds the model of another engine
``int8``        quantises either, with images to calibrate on
``inference_form``  the form in which a network is exported, without a trainer
``agreement``   whether another engine computes the same network
"""
