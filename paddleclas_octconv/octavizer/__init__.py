"""Octave networks out of vanilla ones: any network of convolutions, its code unchanged."""
