"""Train, evaluate and export several networks on the same data, and report on them.

``plan`` says what is to be run, ``runs`` runs it with PaddleClas's trainer, ``report`` shows what
came out. Everything lives in one folder, which a later call of the same comparison goes on with.
"""
