"""From a trained vanilla network to an octave network without training, by least squares."""

from .network import calibrate
from .octavize import octavize

__all__ = ["calibrate", "octavize"]
