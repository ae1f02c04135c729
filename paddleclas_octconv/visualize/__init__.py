"""Look into an octave network: its layers, its branches, and what they hold of an image."""
