"""PaddleClas's own trainer: found or fetched, and run unchanged in a process of its own.

``locate``       which trainer: a checkout, an installed one, or the pinned wheel
``fetch``        the pinned wheel: downloaded once, verified at every use
``launch``       the command and environment of a run, on one process or many
``process``      runs it; nothing is left behind when it is interrupted
``run``          the program that runs in that process: registers the backbones, calls the trainer
``model_check``  in that process, before the trainer: the network and its weights
``resume``       where a run starts: with ``checkpoints``, which are whole and which is the newest
``saving``       has checkpoints appear as a whole, each with its ``manifest``
``engine``       gives the engine what resuming needs, and an eye on the loss
``report``       what the processes tell their starter: how they ended, unreadable ``images``
``endings``      no process goes on without the one it works for
``compat``       the one thing the pinned trainer needs on today's Paddle
``outputs``      the weights a run has left in its output folder
"""
