"""Weights from files: read safely, cut from a vanilla twin's, checked against the network."""
