"""A trained vanilla network becomes an octave one without training."""
