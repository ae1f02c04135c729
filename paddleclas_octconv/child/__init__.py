"""The child's side of a run: the process in which PaddleClas's trainer works."""
