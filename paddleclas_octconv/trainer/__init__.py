"""PaddleClas's own trainer: found or fetched, and run unchanged in a process of its own.

``locate``       which trainer: a checkout, an installed one, or the pinned wheel
``fetch``        the pinned wheel: downloaded once, verified at every use
``launch``       the command and environment of a run, on one process or many
``process``      runs it; nothing is left behind when it is interrupted
``run``          the program that runs in that process: registers the backbones, calls the trainer
``model_check``  in that process, before the trainer: the network and its weights
``compat``       the one thing the pinned trainer needs on today's Paddle
``outputs``      the weights a run has left in its output folder
"""
