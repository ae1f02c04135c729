"""The parent's side of a run: what a command starts, and what it tells of its end."""
