"""PaddleClas's own trainer.

``locate``  which one: a checkout, an installed one, or the pinned wheel
``source``  what it reads of a config
``fetch``   the pinned wheel: downloaded once, verified at every use
"""
