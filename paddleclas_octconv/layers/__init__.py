"""Octave-aware layers: the only code that knows that there are two frequencies."""

from .conv import OctConv2D
from .conv_bn import ConvBNLayer, OctConvBNLayer
from .norm import OctBatchNorm2D
from .octave import Octave, join

__all__ = ["ConvBNLayer", "OctBatchNorm2D", "OctConv2D", "OctConvBNLayer", "Octave", "join"]
