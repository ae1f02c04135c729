"""Checkpoints that are whole, and the newest of them."""
