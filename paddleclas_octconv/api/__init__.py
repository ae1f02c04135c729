"""What the commands do, as functions: ``paddleclas_octconv`` offers them by their names.

A function and its command take the same options and do the same: the command reads a line, prints
what the function gives, and ends with an exit code where the function raises ``OctConvError``.
"""
