"""From a trained network to a running one: export and prediction.

``export``      runs PaddleClas's exporter and puts a complete inference folder in place
``metadata``    what the folder says about itself: preprocessing and label names
``predictor``   opens the folder, in the engine that is wanted or the fastest
``engines``     what runs it: OpenVINO, ONNX Runtime, Paddle Inference
``images``      reads and preprocesses images as the folder says
``classify``    the likeliest classes of images
``to_onnx``     adds the model as ONNX
``to_openvino`` adds the model as OpenVINO's own
``conversion``  what these two have in common
``int8``        quantises either, with images to calibrate on
``inference_form``  the form in which a network is exported, without a trainer
``agreement``   whether another engine computes the same network
"""
