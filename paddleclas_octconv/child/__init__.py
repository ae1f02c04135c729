"""The child's side of a run: the process in which PaddleClas's trainer works.

``main``         its program: reads the hand-over, prepares, gives way to PaddleClas's own code
``launcher``     the program that starts one such process for each rank
``telling``      tells the process that has started it how it fares
``endings``      how it ends: with its parent, and with the thread that reads its data
``model_check``  before the trainer: the network and its weights
``results``      tells what an evaluation or an inference finds
``confusion``    counts what is taken for what, for the picture of a training
``quiet``        what of all that it says is for the terminal
``setup``        an engine that cannot be made is told of in one line
``epochs``       where training starts, and what chance an epoch has
``loss``         stops at a loss that is no number
``images``       counts the images that cannot be read
"""
